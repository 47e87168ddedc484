"""« Vérifier une commande »: the difference at one look, three ways to decide, and what the customer reads then."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

import clock
from models import Customer, Order
from services import intake, invoicing, issuing, orders, production
from shops.schema import OrderMessage
from tests.shops.messages import a_company, a_line, a_message
from tests.support.client import LintingClient
from tests.support.taken_in import the_order

SHIPPING = a_message()["lines"][1]
PAGE = "/admin/commandes/T-100234"
REVIEW = f"{PAGE}/verification"


def receive(**changes: Any) -> Order:
    intake.receive(OrderMessage.checked(a_message(**changes)), source="tests", strict=False)
    return the_order()


def cells(page: str) -> list[list[str]]:
    """Return the rows of the table of differences, as they are read."""
    table = page[page.index('<table class="cards">') :]
    rows = re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")], re.DOTALL)
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def typed(order: Order, **changes: str) -> dict[str, str]:
    """Return what the form « Corriger » holds as the page shows it, with these changes."""
    fields = {"shown": orders.fingerprint(order), "total_tax": ""}
    for place, line in enumerate(order.lines):
        fields |= {
            f"lines-{place}-unit_price": f"{line.unit_price:.2f}".replace(".", ","),
            f"lines-{place}-discount": f"{line.discount:.2f}",
            f"lines-{place}-vat_rate": f"{line.vat_rate:.2f}",
            f"lines-{place}-tax": "",
            f"lines-{place}-vat_category": line.vat_category or "",
            f"lines-{place}-exemption": line.exemption or "",
        }
    return fields | changes


def test_an_accountant_reads_the_difference_at_once(merchant: LintingClient) -> None:
    receive(lines=[a_line(tax="5.00"), SHIPPING], total="35.00", total_tax="5.83")
    page = merchant.get(PAGE).text
    assert cells(page)[1:] == [
        ["TVA par ligne"],
        ["T-shirt personnalisé 2 × 14,90 − 2,98 = 26,82 TTC, TVA 20 %", "5,00 €", "4,47 €", "+0,53 € (à expliquer)"],
        ["Livraison standard 1 × 4,90 = 4,90 TTC, TVA 20 %", "–", "0,82 €", "–"],
        ["TVA par taux"],
        ["TVA 20 % base HT 26,43", "5,82 €", "5,29 €", "+0,53 € (à expliquer)"],
        ["Totaux"],
        ["TVA", "5,83 €", "5,29 €", "+0,54 € (à expliquer)"],
        ["Total TTC", "35,00 €", "31,72 €", "+3,28 € (à expliquer)"],
    ]
    assert REVIEW in page


def test_an_order_that_adds_up_has_nothing_to_verify(merchant: LintingClient) -> None:
    receive()
    assert 'id="review"' not in merchant.get(PAGE).text
    assert merchant.get(REVIEW).headers["Location"] == PAGE
    assert merchant.get("/admin/commandes/T-0/verification").status_code == 404


def test_accepting_adds_a_line_that_the_customer_reads(
    client: LintingClient, claire: Customer, merchant: LintingClient
) -> None:
    order = receive(total="35.00")
    page = merchant.get(REVIEW).text
    assert "3,28" in page
    data = {"shown": orders.fingerprint(order), "rate": "0"}
    assert merchant.post(f"{REVIEW}/accepter", data=data).headers["Location"] == PAGE
    shown = merchant.get(PAGE).text
    assert "acceptée telle qu'elle a été encaissée" in shown
    assert "était déjà fait" not in shown
    merchant.post(f"{REVIEW}/accepter", data=data)
    assert "était déjà fait" in merchant.get(PAGE).text
    hers = client.get("/espace-client/commandes/T-100234").text
    assert "Ajustement" in hers
    assert "Demander une facture" in hers


def test_what_is_accepted_in_another_currency_has_its_exchange_rate(merchant: LintingClient) -> None:
    order = receive(currency="CHF")
    assert 'id="accept-exchange-rate"' in merchant.get(REVIEW).text
    form = {"shown": orders.fingerprint(order)}
    assert (
        "Un taux de change est positif" in merchant.post(f"{REVIEW}/accepter", data=form | {"exchange_rate": "0"}).text
    )
    assert "taux de change" in merchant.post(f"{REVIEW}/accepter", data=form).text
    assert merchant.post(f"{REVIEW}/accepter", data=form | {"exchange_rate": "1,05"}).status_code == 303

    assert (orders.exchange_rate_of(the_order()), the_order().needs_review) == (Decimal("1.05"), False)


def test_a_rate_has_to_be_chosen(merchant: LintingClient) -> None:
    order = receive(total="35.00")
    answer = merchant.post(f"{REVIEW}/accepter", data={"shown": orders.fingerprint(order), "rate": "99"})
    assert answer.status_code == 422
    assert the_order().amendment is None


def test_what_is_typed_is_what_counts(client: LintingClient, claire: Customer, merchant: LintingClient) -> None:
    order = receive(lines=[a_line(vat_rate="0.00"), SHIPPING])
    answer = merchant.post(f"{REVIEW}/corriger", data=typed(order, **{"lines-0-vat_rate": "5,5"}))
    assert answer.status_code == 303
    rates = {row.rate for row in (orders.amounts(the_order()) or pytest.fail("does not add up")).rates}
    assert rates == {Decimal("20.00"), Decimal("5.50")}
    page = merchant.get(REVIEW).text
    assert 'value="5,50"' in page
    assert "ligne 1\u00a0: vat_rate 0.00 → 5.50" in merchant.get(PAGE).text
    hers = client.get("/espace-client/commandes/T-100234").text
    assert "5,5" in hers


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lines-0-unit_price", "", "Indiquez ce chiffre."),
        ("lines-0-unit_price", "douze", "Écrivez un montant"),
        ("lines-0-vat_rate", "120", "Un taux va de 0 à 99,99"),
        ("lines-0-exemption", "x" * 201, "200 caractères au plus."),
        ("lines-0-unit_price", "15,00", "écart"),
        ("lines-0-vat_rate", "0", "un taux de 0 sans le code"),
    ],
)
def test_what_cannot_be_is_said_and_kept_in_the_form(merchant: LintingClient, name: str, value: str, said: str) -> None:
    order = receive(total="35.00")
    answer = merchant.post(f"{REVIEW}/corriger", data=typed(order, **{name: value}))
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{value}"' in answer.text or not value
    assert the_order().amendment is None


def test_figures_that_changed_meanwhile_are_shown_before_they_are_decided(merchant: LintingClient) -> None:
    order = receive(total="35.00")
    seen = typed(order)
    receive(total="36.00", version=4, lines=[a_line()])
    for act, data in (
        ("corriger", seen),
        ("accepter", {"shown": seen["shown"], "rate": "0"}),
        ("ignorer", {"shown": seen["shown"], "reason": "Rien"}),
    ):
        answer = merchant.post(f"{REVIEW}/{act}", data=data)
        assert answer.status_code == 422
        assert "entre-temps" in answer.text
        assert orders.fingerprint(the_order()) in answer.text
    assert the_order().amendment is None


def test_what_is_left_out_says_why_to_the_customer_until_it_is_undone(
    client: LintingClient, claire: Customer, merchant: LintingClient
) -> None:
    order = receive(total="35.00")
    page = "/espace-client/commandes/T-100234"
    assert "Montants à vérifier" in client.get(page).text
    data = {"shown": orders.fingerprint(order), "reason": "Facturée par la place de marché."}
    assert merchant.post(f"{REVIEW}/ignorer", data=data | {"reason": ""}).status_code == 422
    assert merchant.post(f"{REVIEW}/ignorer", data=data).status_code == 303
    shown = client.get(page).text
    assert "Facturée par la place de marché." in shown
    assert "Demander une facture" not in shown
    assert "Montants à vérifier" not in shown
    assert "Pas de facture" in client.get("/espace-client/commandes").text
    assert "a-verifier" in merchant.get("/admin/").text
    assert "T-100234" not in merchant.get("/admin/?etat=a-verifier").text
    assert merchant.post(f"{REVIEW}/annuler", data={"shown": data["shown"]}).status_code == 303
    assert "Montants à vérifier" in client.get(page).text


@pytest.fixture
def changed(app: Flask) -> Callable[..., Order]:
    """Give what sends the next version of an order that is invoiced."""
    shop = {"billing": a_company(), "shipped_at": (clock.now() - timedelta(days=3)).isoformat()}
    lease = production.claim(invoicing.of_order(receive(**shop).id).id)
    assert lease is not None
    assert production.issue(lease)
    return lambda **changes: receive(version=4, **(shop | changes))


def test_one_press_brings_invoice_and_order_together(changed: Callable[..., Order], merchant: LintingClient) -> None:
    changed(lines=[a_line(quantity="3", discount="0.00"), SHIPPING], total="49.60")
    page = merchant.get(PAGE).text
    assert "Établir l'avoir et la nouvelle facture" in page
    assert cells(page) == [
        ["Désignation", "Commande", "Facture", "Écart"],
        ["TVA 20 % base HT 26,43 → 41,33", "8,27 €", "5,29 €", "+2,98 € (à expliquer)"],
        ["Total HT", "41,33 €", "26,43 €", "+14,90 € (à expliquer)"],
        ["TVA", "8,27 €", "5,29 €", "+2,98 € (à expliquer)"],
        ["Total TTC", "49,60 €", "31,72 €", "+17,88 € (à expliquer)"],
    ]
    found = re.search(r'refacturer.*?name="shown" value="(\d+)"', page, re.DOTALL)
    assert found
    for _press in range(2):
        assert merchant.post(f"{REVIEW}/refacturer", data={"shown": found[1]}).status_code == 303
    page = merchant.get(PAGE).text
    assert page.count("FA-2026-000002") > 0
    assert "FA-2026-000003" not in page
    assert "Établir l'avoir et la nouvelle facture" not in page
    assert merchant.post(f"{REVIEW}/refacturer", data={"shown": "x"}).status_code == 422
    current = issuing.current_invoice(the_order())
    assert current is not None
    assert current.gross == Decimal("49.60")


def test_a_change_may_be_left_and_the_invoice_stays(changed: Callable[..., Order], merchant: LintingClient) -> None:
    order = changed(lines=[a_line()], total="26.82")
    assert "laisser la facture telle quelle" in merchant.get(REVIEW).text
    data = {"shown": orders.fingerprint(order), "reason": "Geste commercial."}
    assert merchant.post(f"{REVIEW}/ignorer", data=data).status_code == 303
    page = merchant.get(PAGE).text
    assert "L'écart est laissé" in page
    assert "Geste commercial." in page
