"""Shops and files in a real browser: every state is accessible, and a file needs neither a mouse nor a script."""

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, expect

from services.demo import ADMIN_EMAIL
from tests.e2e.shop import NUMBERS, PATIENCE, Shop
from tests.e2e.visitors import Opener, Visitors
from tests.e2e.walks import tab_to, walk
from tests.shops.messages import a_message

pytestmark = pytest.mark.e2e
FILES = "/admin/fichiers"
TRIED, TAKEN_IN = "Voici ce que ce fichier ferait", "Voici ce que ce fichier a fait"


def a_file(content: str, name: str = "commandes-2025.json") -> FilePayload:
    return {"name": name, "mimeType": "application/json", "buffer": content.encode()}


def a_good_and_a_bad_order() -> str:
    good, bad = (a_message(number=f"E2E-F-{next(NUMBERS)}") for _ in range(2))
    return json.dumps([good, bad | {"total": "1.00"}])


@pytest.mark.visits("shops.index", "uploads.index", "uploads.show")
def test_shops_and_files_have_no_faults_in_any_state(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    page = open_page(state=visitors.state(ADMIN_EMAIL))
    chosen, press = page.get_by_label("Fichier"), page.get_by_role("button", name="Essayer ce fichier")

    def hand_in(file: FilePayload) -> None:
        chosen.set_input_files(file)
        page.get_by_label("Ce qu'il contient").select_option("contract-json")
        press.click()
        page.wait_for_url(re.compile(r"\d+$"))
        shop.works_on_the_file(page.url)
        page.reload()

    def shops() -> None:
        shop.has_a_message_to_check()
        page.goto("/admin/boutiques")
        expect(page.get_by_text("total : illisible.")).to_be_visible()

    def refused() -> None:
        page.get_by_role("link", name="Reprendre un fichier").click()
        press.click()
        expect(chosen).to_be_focused()
        expect(chosen).to_have_accessible_description(re.compile("Choisissez un fichier."))

    def tried() -> None:
        hand_in(a_file(a_good_and_a_bad_order()))
        expect(page.get_by_text(TRIED)).to_be_visible()

    def taken_in() -> None:
        page.get_by_role("button", name="Reprendre ce fichier").click()
        expect(page.get_by_text("La reprise commence.")).to_be_visible()
        shop.works_on_the_file(page.url)
        expect(page.get_by_text(TAKEN_IN)).to_be_visible()  # By itself.
        expect(page.locator("[hx-trigger]")).to_have_count(0)

    def under_way() -> None:
        page.goto(f"{FILES}/{shop.is_reading_a_file()}")
        expect(page.get_by_text("40 % lus.")).to_be_visible()

    def unreadable() -> None:
        page.goto(FILES)
        hand_in(a_file("Bonjour", name=f"{'commandes' * 20}.json"))
        expect(page.get_by_text("Le fichier doit commencer par")).to_be_visible()

    states: list[tuple[str, Callable[[], object]]] = [
        ("shops", shops),
        ("refused", refused),
        ("tried", tried),
        ("taken in", taken_in),
    ]
    states += [("under way", under_way), ("unreadable", unreadable), ("list", lambda: page.goto(FILES))]
    assert walk(page, states) == {}


def test_a_file_is_taken_in_without_a_script_by_the_keyboard_alone(
    open_page: Opener, visitors: Visitors, shop: Shop
) -> None:
    page = open_page(javascript=False, width=390, state=visitors.state(ADMIN_EMAIL))
    page.goto(FILES)
    press(page, "Essayer ce fichier")
    chosen = page.get_by_label("Fichier")
    expect(chosen).to_be_focused()  # What is missing; nobody has to look for it.
    chosen.set_input_files(a_file(a_good_and_a_bad_order()))  # How it is chosen is between the browser and its person.
    tab_to(page, "shape")
    page.keyboard.type("Commandes, JSON")
    expect(page.get_by_label("Ce qu'il contient")).to_have_value("contract-json")
    press(page, "Essayer ce fichier")
    shop.works_on_the_file(page.url)
    wait(page, TRIED)
    tab_to(page, "Ce qui est refusé, et pourquoi (CSV)")
    with page.expect_download() as report:
        page.keyboard.press("Enter")
    assert "total" in report.value.path().read_text()
    press(page, "Reprendre ce fichier")
    shop.works_on_the_file(page.url)
    wait(page, TAKEN_IN)
    expect(page.locator("dt:text-is('Nouvelles') + dd")).to_have_text("1")


def wait(page: Page, words: str) -> None:
    """Press « Actualiser », which is there where no script does it, until the page says so."""
    end = time.monotonic() + PATIENCE
    while not page.get_by_text(words).count():
        assert time.monotonic() < end, words
        press(page, "Actualiser")


def press(page: Page, name: str) -> None:
    """Press what bears that name by the keyboard; a new page follows."""
    tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")
