"""« Mes factures » in the browser: by year, searched in place, and a year of them in one file that is watched."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zipfile import ZipFile

import pytest
import time_machine
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

import clock
from extensions import db, transaction
from models import Customer, DataExport
from services import accounts, numbering
from tests.e2e.shop import Shop
from tests.e2e.visitors import INVOICES, Opener, come_in
from tests.e2e.walks import walk
from tests.support.customers import an_issued_invoice, draw
from tests.support.factories import a_line, an_order, billing_details

pytestmark = pytest.mark.e2e


def invoiced(shop: Shop, address: str, *sold: tuple[int, str]) -> list[str]:
    """Let the account have an invoice of each of these years and articles; return their numbers."""
    numbers = []
    for year, article in sold:
        at = time_machine.travel(datetime(year, 11, 10, 9, tzinfo=UTC))
        with shop.app.app_context(), at, pytest.MonkeyPatch.context() as patched:
            patched.setattr(numbering, "take", _of_that_year)
            # Who reads and then writes beside the running product begins as a writer (`extensions.transaction`).
            db.engine.update_execution_options(immediate=True)
            lines = [a_line(description=article)]
            number = f"Y{year}-{time.monotonic_ns()}"
            order = an_order(
                customer=_account(address), number=number, billing=billing_details(), lines=lines, placed_at=clock.now()
            )
            numbers.append(draw(an_issued_invoice(order, drawn=False)).number)
            db.engine.update_execution_options(immediate=False)
    return numbers


def _of_that_year(prefix: str, moment: datetime, **_rules: object) -> numbering.Number:
    """Give the number that the year would have given then, though later ones are given already."""
    day = clock.paris_date(moment)
    name = f"{prefix}-{day.year}"
    series = numbering._locked(name) or numbering._created(name, day, before=0)
    series.last_number += 1
    db.session.flush()
    return numbering.Number(f"{name}-{series.last_number:06d}", name, series.last_number, day)


def _account(address: str) -> Customer:
    return accounts.find(address) or pytest.fail("there is no such account")


def changes_the_pack(shop: Shop, address: str, **values: object) -> None:
    """Let the pack of the account be in this state, where no worker touches it."""
    own = select(Customer.id).where(Customer.email == address).scalar_subquery()
    with shop.app.app_context(), transaction():
        db.session.execute(update(DataExport).where(DataExport.customer_id == own).values(**values))


def a_pack(shop: Shop, address: str, **values: object) -> None:
    """Let the account have asked for a pack that a worker holds, and goes on holding."""
    held = {"lease_token": "e2e", "lease_until": clock.now() + timedelta(days=1), "state": "requested"}
    with shop.app.app_context(), transaction():
        db.session.add(DataExport(customer_id=_account(address).id, year=2026, **(held | values)))


def listed(page: Page) -> list[str]:
    return page.locator("#invoices tbody th .number").all_inner_texts()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_invoices_are_narrowed_and_searched_in_place(shop: Shop, open_page: Opener, javascript: bool) -> None:
    address = f"liste-{javascript}@example.org".lower()
    page = open_page(javascript=javascript, width=390)
    come_in(page, shop, address)
    old, shirts, cards = invoiced(shop, address, (2025, "Étiquettes"), (2026, "Affiches"), (2026, "Cartes de visite"))
    page.goto(INVOICES)
    expect(page.get_by_role("heading", level=2)).to_have_text(["2026", "2025"])
    assert listed(page) == [cards, shirts, old]
    page.evaluate("window.whole = 'the same page'") if javascript else None

    page.get_by_role("navigation", name="Filtrer les factures par année").get_by_role("link", name="2025").click()
    expect(page).to_have_url(re.compile(r"annee=2025"))
    expect(page.get_by_role("link", name="2025", exact=True)).to_have_attribute("aria-current", "true")
    assert listed(page) == [old]
    field = page.get_by_label("Rechercher un numéro, un article ou un nom")
    field.fill("affiches")
    if not javascript:
        page.get_by_role("button", name="Rechercher").click()
    expect(page).to_have_url(re.compile(r"(?=.*annee=2025).*q=affiches"))
    expect(page.locator("#invoices")).to_contain_text("Aucune facture ne correspond")
    if javascript:
        expect(field).to_be_focused()
        assert page.evaluate("window.whole") == "the same page"

    page.go_back()
    expect(page.locator("#invoices tbody th")).to_have_count(1)
    page.go_forward()
    page.get_by_role("link", name="Voir toutes mes factures").click()
    expect(page.locator("#invoices tbody th")).to_have_count(3)
    field.fill("etiquettes")
    if not javascript:
        page.get_by_role("button", name="Rechercher").click()
    expect(page).to_have_url(re.compile(r"q=etiquettes"))
    expect(page.locator("#invoices tbody th")).to_have_count(1)
    page.reload()
    assert listed(page) == [old]
    page.get_by_role("link", name=re.compile("^Voir FA-")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(old)


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_a_year_is_packed_watched_and_downloaded(shop: Shop, open_page: Opener, javascript: bool) -> None:
    address = f"lot-{javascript}@example.org".lower()
    page = open_page(javascript=javascript)
    come_in(page, shop, address)
    numbers = invoiced(shop, address, (2026, "Affiches"), (2026, "Cartes"))
    page.goto(INVOICES)
    page.get_by_role("button", name="Télécharger toutes les factures de 2026").click()
    ready = page.get_by_role("link", name=re.compile(r"^Télécharger \(ZIP, "))
    end = time.monotonic() + 60
    while not javascript and not ready.count():
        assert time.monotonic() < end, page.locator("#invoices").inner_text()
        page.wait_for_timeout(500)
        page.reload()
    expect(ready).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        ready.click()
    assert download.value.suggested_filename == "factures-2026.zip"
    with ZipFile(download.value.path()) as pack:
        assert pack.testzip() is None
        assert {f"{number}.pdf" for number in numbers} | {"factures-2026.csv"} <= set(pack.namelist())


def test_the_figures_change_in_silence_and_the_end_is_announced(shop: Shop, open_page: Opener) -> None:
    address = "silence@example.org"
    page = open_page()
    come_in(page, shop, address)
    invoiced(shop, address, (2026, "Affiches"))
    a_pack(shop, address, total=40, done=12)
    page.goto(INVOICES)
    bar = page.get_by_role("progressbar", name="Préparation de toutes les factures de 2026")
    expect(bar).to_have_js_property("value", 12)
    page.evaluate("""() => {
        window.said = [];
        const status = document.querySelector("[id^=pack-] [role=status]");
        const note = () => window.said.push(status.textContent.trim());
        new MutationObserver(note).observe(status, {childList: true, characterData: true, subtree: true});
    }""")
    for done in (13, 30):
        changes_the_pack(shop, address, done=done)
        expect(bar).to_have_js_property("value", done)
        expect(page.locator("#pack-2026")).to_contain_text(f"{done} documents sur 40.")
    assert page.evaluate("window.said") == []
    changes_the_pack(shop, address, state="failed", due_at=None, lease_token=None, lease_until=None)
    expect(page.get_by_role("button", name="Réessayer")).to_be_visible()
    said = page.evaluate("window.said")
    assert len(said) == 1
    assert "n'a pas pu être établi" in said[0]
    page.get_by_role("button", name="Réessayer").click()
    expect(page.get_by_role("link", name=re.compile(r"^Télécharger \(ZIP, "))).to_be_visible(timeout=60_000)


@pytest.mark.visits("invoices.index")
def test_the_list_and_the_pack_have_no_faults_in_any_state(shop: Shop, open_page: Opener) -> None:
    address = "tous-les-etats@example.org"
    page = open_page()
    come_in(page, shop, address)

    def shows(path: str, words: str) -> Callable[[], None]:
        def go() -> None:
            page.goto(path)
            expect(page.locator("#invoices")).to_contain_text(words)

        return go

    def underway() -> None:
        a_pack(shop, address, total=40, done=12)
        shows(INVOICES, "12 documents sur 40.")()

    def failed() -> None:
        changes_the_pack(shop, address, state="failed", due_at=None)
        shows(INVOICES, "Réessayer")()

    def made() -> None:
        page.get_by_role("button", name="Réessayer").click()
        expect(page.get_by_role("link", name=re.compile(r"^Télécharger \(ZIP, "))).to_be_visible(timeout=60_000)

    assert walk(page, [("empty", shows(INVOICES, "Aucune facture pour le moment"))]) == {}
    invoiced(shop, address, (2025, "Étiquettes"), (2026, "Affiches"), (2026, "Cartes"))
    states = [("list", shows(INVOICES, "Télécharger toutes les factures de 2025"))]
    states += [("a year", shows(f"{INVOICES}?annee=2025", "1 document"))]
    states += [("nothing found", shows(f"{INVOICES}?q=nichts", "Aucune facture ne correspond"))]
    states += [("underway", underway), ("failed", failed), ("made", made)]
    assert walk(page, states) == {}
