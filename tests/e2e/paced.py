"""`bin/test --paced`: what a person waits for and how long both journeys take them, measured in the browser.

A person types forty words a minute and needs a second to find what comes next. A swap is measured from the press to
the frame that shows what it brings. Timed, so no part of `bin/test`; its figures are in docs/performance.md.
"""

import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from dev.check import find_browser
from tests.e2e.by_hand import DETAILS, Hand, as_a_guest, as_registered, code_of, known
from tests.e2e.conftest import NO_BACKGROUND
from tests.e2e.shop import Shop, running
from tests.e2e.visitors import BILLING, ORDERS, come_in, fill_in_individual

LETTER, FINDING = 60 / (40 * 5), 1.0
"""Seconds: a word is five letters."""

MOST_SECONDS, MOST_MILLISECONDS = 60, 100
WATCH = """
    let pressed, presses = [];
    addEventListener("click", (event) => { pressed = event.timeStamp; }, { capture: true });
    document.addEventListener("htmx:after:settle", ({ detail: { task } }) => {
        const since = pressed;
        if (task.type !== "main" || since === undefined) return;
        pressed = undefined;
        requestAnimationFrame(() => setTimeout(() => presses.push(performance.now() - since))); // Painted by then.
    });
    globalThis.taken = () => presses.splice(0);
"""


def main() -> int:
    """Measure and say; 0 when both promises hold."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (
        tempfile.TemporaryDirectory(prefix="ec-", dir="/tmp") as folder,
        running(Path(folder) / "var", port) as shop,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_browser(), args=NO_BACKGROUND)
        held = [journeys(browser, shop), swaps(browser, shop)]
        browser.close()
    return int(not all(held))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def opened(browser: Browser, shop: Shop) -> Page:
    """Return a page as most people's: fades are on."""
    page = browser.new_context(base_url=shop.url, locale="fr-FR").new_page()
    page.add_init_script(WATCH)
    return page


def journeys(browser: Browser, shop: Shop) -> bool:
    """Walk both at a person's pace; return whether the guest's fits the promise."""
    page = opened(browser, shop)
    address, number = known(page, shop)
    hand = Hand(page, LETTER, FINDING)
    begun = time.monotonic()
    as_registered(hand, address, number)
    say(f"registered, details known: {hand.presses} presses, {time.monotonic() - begun:.0f} s")
    order = shop.sells(number=f"T-{shop.port}", email=f"paul.lefevre.{shop.port}@example.org")
    hand = Hand(opened(browser, shop), LETTER, FINDING)
    begun = time.monotonic()
    as_a_guest(hand, order["email"], order["number"])
    taken = time.monotonic() - begun
    code = code_of(shop, order["email"])
    hand.fill_in("code", code)
    hand.press()
    beyond = [name for name in hand.fields if name not in DETAILS]
    say(f"guest: {taken:.0f} s to the confirmation, {time.monotonic() - begun:.0f} s with the code of the mail;")
    say(f"    {hand.presses} presses, {len(beyond)} fields beyond the billing details")
    return taken < MOST_SECONDS


def swaps(browser: Browser, shop: Shop) -> bool:
    """Press what swaps a part of a page, often; return whether 95 of a hundred are on the screen in time."""
    page = opened(browser, shop)
    order = shop.sells()
    numbers = [order["number"]] + [shop.sells(email=order["email"])["number"] for _ in range(9)]
    come_in(page, shop, order["email"])
    found: dict[str, list[float]] = {"filters": [], "forms": [], "details saved": [], "invoice asked for": []}

    def swap(kind: str, role: Literal["button", "link"], name: str) -> None:
        time.sleep(FINDING)  # Nobody asks for ten invoices a second, and the worker would be at the last one.
        page.get_by_role(role, name=name).first.click()
        while not (taken := page.evaluate("taken()")):
            page.wait_for_timeout(20)
        found[kind] += taken

    page.goto(ORDERS)
    for _round in range(6):
        for name in ("Sans facture", "Facture en cours", "Facturées", "Toutes"):
            swap("filters", "link", name)
    page.goto(f"{ORDERS}/{numbers[0]}")
    for _round in range(10):
        swap("forms", "link", "Modifier")
        swap("forms", "link", "Annuler")
    page.goto(BILLING)
    fill_in_individual(page)
    page.evaluate("taken()")
    for _round in range(6):
        swap("details saved", "button", "Enregistrer")
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    for number in numbers:
        page.goto(f"{ORDERS}/{number}")
        swap("invoice asked for", "button", "Demander une facture")
    for kind, each in found.items():
        say(f"{kind}: {len(each)} swaps, p50 {part(each, 50):.0f} ms, p95 {part(each, 95):.0f} ms")
    every = [one for each in found.values() for one in each]
    say(f"all: {len(every)} swaps, p50 {part(every, 50):.0f} ms, p95 {part(every, 95):.0f} ms")
    return part(every, 95) <= MOST_MILLISECONDS


def part(times: list[float], percent: int) -> float:
    """Return what so many of a hundred do not exceed."""
    ranked = sorted(times)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


if __name__ == "__main__":
    sys.exit(main())
