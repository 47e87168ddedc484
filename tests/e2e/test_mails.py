"""Each mail as a picture: what axe finds in it, in both schemes, as wide as a desk and as a telephone."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from mail.messages import Heading
from mail.samples import SAMPLES
from tests.e2e import walks

HEADING = Heading(
    sender="factures@boutique.example",
    reply_to="aide@boutique.example",
    to="claire@example.org",
    message_id="<1@boutique.example>",
    date=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    shop_name="Atelier Fil & Encre",
    accent="#767676",  # The lightest that `documents.seller` takes: white text on it has a contrast of 4.54.
    imprint=("Atelier SAS · 14 rue de la Navette, 69004 Lyon", "RCS Lyon 123 456 782"),
)

OF_PAGES = ("landmark-one-main: ", "region: ")
"""What axe wants of a page, and a mail is a part of: the program that shows it has its own main landmark around it."""


@pytest.fixture
def page(browser: Browser) -> Page:
    """Give a page as wide as a desk, without an address."""
    return browser.new_page(viewport=walks.DESK, color_scheme="light")


def test_no_mail_has_faults(page: Page) -> None:
    found = {}
    for sample in SAMPLES:
        shown = sample.build(HEADING, "https://client.boutique.example").get_body(("html",))
        assert shown is not None
        page.set_content(shown.get_content())
        if wrong := [each for each in walks.faults(page) if not each.startswith(OF_PAGES)]:
            found[sample.name] = wrong
    page.close()
    assert found == {}
