"""« À vérifier » in a real browser: every state an admin and a customer see is accessible, and one press is enough."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from services import intake
from services.demo import ADMIN_EMAIL, CUSTOMER_EMAIL
from shops.schema import OrderMessage
from tests.e2e.shop import Shop
from tests.e2e.visitors import ORDERS, Opener, Visitors
from tests.e2e.walks import walk
from tests.shops.messages import a_company, a_line, a_message

pytestmark = pytest.mark.e2e
SHIPPING = a_message()["lines"][1]


def connects(shop: Shop, sent: dict[str, Any]) -> None:
    """Let a connector bring an order, which keeps what does not add up."""
    with shop.app.app_context():
        intake.receive(OrderMessage.checked(sent), source="e2e", strict=False)


@pytest.mark.visits("review.show", "admin.order", "orders.show")
def test_what_is_to_be_verified_has_no_faults_in_any_state(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    sent = shop.sells(email=CUSTOMER_EMAIL)
    connects(shop, sent | {"version": 4, "total": "35.00", "lines": [a_line(tax="5.00"), SHIPPING]})
    page, hers = open_page(state=visitors.state(ADMIN_EMAIL)), open_page(state=visitors.state(CUSTOMER_EMAIL))
    order = f"/admin/commandes/{sent['number']}"

    def review() -> None:
        page.goto(order)
        page.get_by_role("link", name="Corriger, accepter ou ignorer").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Vérifier la commande")

    def refused() -> None:
        page.get_by_label("Prix unitaire").first.fill("douze")
        page.get_by_role("button", name="Corriger").click()
        expect(page.get_by_label("Prix unitaire").first).to_be_focused()

    def contradicted() -> None:
        page.get_by_label("Prix unitaire").first.fill("15,00")
        page.get_by_role("button", name="Corriger").click()
        expect(page.get_by_text("Rien n'est enregistré")).to_be_visible()

    def accepted() -> None:
        page.get_by_role("button", name="Accepter").click()
        expect(page.get_by_role("rowheader", name="Ajustement")).to_be_visible()

    def undone() -> None:
        page.get_by_role("button", name="Annuler la décision").click()
        expect(page.get_by_text("Commande à vérifier")).to_be_visible()

    def ignored() -> None:
        review()
        page.get_by_label("Motif", exact=True).fill("Facturée par la place de marché.")
        page.get_by_role("button", name="Ignorer").click()
        expect(page.get_by_text("n'est pas facturée ici")).to_be_visible()

    theirs = f"{ORDERS}/{sent['number']}"
    states: list[tuple[str, Callable[[], object]]] = [("order", lambda: page.goto(order)), ("review", review)]
    states += [("refused", refused), ("contradicted", contradicted), ("accepted", accepted), ("undone", undone)]
    assert walk(page, states) == {}
    assert walk(hers, [("to be verified", lambda: hers.goto(theirs))]) == {}
    assert walk(page, [("ignored", ignored)]) == {}
    assert walk(hers, [("left out", lambda: hers.goto(theirs))]) == {}
    expect(hers.get_by_text("Facturée par la place de marché.")).to_be_visible()
    expect(hers.get_by_role("button", name="Demander une facture")).to_have_count(0)


def test_one_press_replaces_the_invoice_of_a_changed_order(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    sent = shop.sells(billing=a_company())
    shop.mail(sent["email"], "Votre facture")
    connects(shop, sent | {"version": 4, "total": "49.60", "lines": [a_line(quantity="3", discount="0.00"), SHIPPING]})
    page: Page = open_page(state=visitors.state(ADMIN_EMAIL))
    press = page.get_by_role("button", name="Établir l'avoir et la nouvelle facture")

    def proposed() -> None:
        page.goto(f"/admin/commandes/{sent['number']}")
        expect(press).to_be_visible()

    def replaced() -> None:
        press.click()
        expect(page.get_by_text("L'avoir et la nouvelle facture sont établis")).to_be_visible()

    assert walk(page, [("proposed", proposed), ("replaced", replaced)]) == {}
    newest = max(re.findall(r"FA-\d{4}-\d{6}", page.inner_text("main")))
    assert "49,60" in shop.document(sent["email"], newest)
