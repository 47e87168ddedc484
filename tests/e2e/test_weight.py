"""What comes over the wire: little at first, and next to nothing later."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from services.demo import CUSTOMER_EMAIL
from tests.e2e.visitors import AREA, BILLING, INVOICES, ORDERS, Opener, Visitors

pytestmark = pytest.mark.e2e
FIRST, LATER, WITH_COUNTRIES = 35 * 1024, 6 * 1024, 7 * 1024
"""Bytes with their headers, as the browser counts them: a first visit with everything it needs, each step after it, and
one that brings the names of 249 countries along."""


class Scale:
    """Weighs what a page loads."""

    def __init__(self, page: Page) -> None:
        self.page, self.bytes = page, 0
        network = page.context.new_cdp_session(page)
        network.on("Network.loadingFinished", self.add)
        network.send("Network.enable")

    def add(self, loaded: dict[str, float]) -> None:
        self.bytes += int(loaded["encodedDataLength"])

    def read(self) -> int:
        """Return what was loaded since it was read last, which is something."""
        while not self.bytes:
            self.page.wait_for_timeout(20)
        weighed, self.bytes = self.bytes, 0
        return weighed


def test_the_orders_weigh_little_at_first_and_later_steps_next_to_nothing(
    open_page: Opener, visitors: Visitors
) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    scale = Scale(page)
    page.goto(ORDERS, wait_until="networkidle")
    expect(page.locator("tbody th")).to_have_count(20)
    first = scale.read()
    assert 10_000 < first <= FIRST
    steps: dict[str, Callable[[], object]] = {
        "narrowed": page.get_by_role("link", name="Sans facture").click,
        "one order": page.get_by_role("link", name="Voir les détails").first.click,
        "its form": page.get_by_role("link", name=re.compile("^Modifier")).click,
        "its form refused": page.get_by_role("button", name="Enregistrer").click,
        "its form left": page.get_by_role("link", name="Annuler").click,
        "invoices": lambda: page.goto(INVOICES),
        "home": lambda: page.goto(AREA),
        "details": lambda: page.goto(BILLING),
    }
    later = {}
    for name, step in steps.items():
        with page.expect_event("requestfinished"):
            step()
        page.wait_for_load_state("networkidle")
        later[name] = scale.read()
    heavy = {name for name, weighed in later.items() if weighed > LATER}
    assert heavy <= {"details", "its form", "its form refused"}, later
    assert max(later.values()) <= WITH_COUNTRIES, later
