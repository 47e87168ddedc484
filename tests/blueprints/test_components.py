"""« /dev/composants » shows each component that the style sheet knows."""

import re

import pytest

from tests.architecture.test_styles import classes_of
from tests.support.client import LintingClient

pytestmark = pytest.mark.databases("sqlite")
ELSEWHERE = {
    "skip", "trial", "menu", "without-script", "with-script", "htmx-request",  # Around every page, or unseen.
    "narrow", "prose", "address", "last", "more", "parties", "document", "said",  # In the one place that has it.
}  # fmt: skip


def test_every_component_of_the_style_sheet_is_shown(client: LintingClient) -> None:
    page = client.get("/dev/composants").text
    shown = {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}
    assert classes_of("app.css") - shown <= ELSEWHERE
