"""« Mes commandes » in the browser: narrowed, searched and asked for in place, its address always right."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.shop import Shop
from tests.e2e.visitors import BILLING, ORDERS, Opener, come_in, fill_in_individual

pytestmark = pytest.mark.e2e


def shown(page: Page) -> list[str]:
    return page.locator("#orders tbody th").all_inner_texts()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_the_list_is_narrowed_searched_and_asked_for(shop: Shop, open_page: Opener, javascript: bool) -> None:
    first = shop.sells(shipped_at=None)
    address, numbers = first["email"], [first["number"]]
    numbers += [shop.sells(email=address, shipped_at=None)["number"] for _ in range(2)]
    page = open_page(javascript=javascript, width=390)
    come_in(page, shop, address)
    page.goto(BILLING)
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    page.goto(ORDERS)
    page.evaluate("window.whole = 'the same page'") if javascript else None

    page.get_by_role("checkbox", name=re.compile(numbers[0])).check()
    page.get_by_role("checkbox", name=re.compile(numbers[1])).check()
    page.get_by_role("button", name="Demander les factures cochées").click()
    expect(page.get_by_role("status").first).to_contain_text("2 factures sont demandées.")
    expect(page.get_by_role("checkbox")).to_have_count(1)

    page.get_by_role("link", name="Facture en cours").click()
    expect(page).to_have_url(re.compile(r"etat=en-cours"))
    expect(page.get_by_role("link", name="Facture en cours")).to_have_attribute("aria-current", "true")
    assert sorted(shown(page)) == sorted(numbers[:2])
    page.get_by_label("Rechercher par numéro de commande").fill(numbers[2])
    if not javascript:
        page.get_by_role("button", name="Rechercher").click()
    expect(page).to_have_url(re.compile(rf"q={numbers[2]}"))
    expect(page.locator("#orders")).to_contain_text("Aucune de vos commandes ne porte le numéro")
    if javascript:
        expect(page.get_by_label("Rechercher par numéro de commande")).to_be_focused()
        assert page.evaluate("window.whole") == "the same page"

    page.go_back()
    expect(page.locator("#orders tbody th")).to_have_count(2)
    page.reload()
    assert sorted(shown(page)) == sorted(numbers[:2])
    page.go_back()
    expect(page.locator("#orders tbody th")).to_have_count(3)
