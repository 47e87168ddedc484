"""The list narrowed to a case, and « Demander les factures cochées »."""

from typing import Any

import pytest
from sqlalchemy import select

import clock
from extensions import db
from models import Customer, InvoiceRequest
from tests.support.client import LintingClient
from tests.support.customers import LIST, an_issued_invoice, listed, sign_in
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details

SEVERAL = LIST + "/factures"


def asked_for() -> set[str]:
    db.session.expire_all()
    return {request.order.number for request in db.session.scalars(select(InvoiceRequest))}


@pytest.mark.parametrize(
    ("shown", "numbers"),
    [
        ("", ["BILLED", "CANCELLED", "FREE", "INVOICED", "REFUSED", "SENT", "WAITING"]),
        ("a-demander", ["FREE", "REFUSED"]),
        ("en-cours", ["WAITING"]),
        ("facturees", ["BILLED", "INVOICED"]),
        ("n-importe-quoi", ["BILLED", "CANCELLED", "FREE", "INVOICED", "REFUSED", "SENT", "WAITING"]),
    ],
)
def test_the_list_is_narrowed_to_what_the_address_says(
    client: LintingClient, claire: Customer, shown: str, numbers: list[str]
) -> None:
    an_order(customer=claire, number="FREE")
    an_order(customer=claire, number="CANCELLED", cancelled_at=PLACED)
    an_order(customer=claire, number="BILLED", existing_invoice="F-9")
    a_request(an_order(customer=claire, number="WAITING"))
    a_request(an_order(customer=claire, number="REFUSED"), state="cancelled", reason="Annulée.")
    a_request(an_order(customer=claire, number="SENT", cancelled_at=PLACED), state="sent", sent_at=clock.now())
    an_issued_invoice(an_order(customer=claire, number="INVOICED", shipped_at=PLACED))
    page = client.get(LIST, query_string={"etat": shown})
    assert sorted(listed(page.text)) == numbers


@pytest.mark.databases("sqlite")
def test_a_case_without_orders_says_so_and_leads_back(client: LintingClient, claire: Customer) -> None:
    an_order(customer=claire)
    page = client.get(LIST, query_string={"etat": "facturees"}).text
    assert "Aucune de vos commandes n'est dans ce cas." in page
    assert "Voir toutes mes commandes" in page


@pytest.mark.databases("sqlite")
def test_htmx_gets_the_narrowed_list_alone(client: LintingClient, claire: Customer) -> None:
    an_order(customer=claire)
    fragment = client.htmx("GET", LIST + "?etat=a-demander").text
    assert fragment.lstrip().startswith('<div id="orders">')
    assert 'aria-current="true" data-focus>Sans facture' in fragment


def test_the_invoices_of_all_ticked_orders_are_asked_for(client: LintingClient, claire: Customer) -> None:
    for number in ("ONE", "TWO", "THREE"):
        an_order(customer=claire, number=number, shipped_at=PLACED)
    answer = client.post(SEVERAL + "?etat=a-demander", data={"number": ["ONE", "THREE"]})
    assert (answer.status_code, answer.location) == (303, LIST + "?etat=a-demander")
    assert asked_for() == {"ONE", "THREE"}
    assert "2 factures sont demandées. Vous les recevrez par e-mail" in client.get(LIST).text


@pytest.mark.databases("sqlite")
def test_what_gives_no_invoice_or_is_a_strangers_keeps_nothing_else_back(
    client: LintingClient, claire: Customer
) -> None:
    an_order(customer=claire, number="GOOD")
    an_order(customer=claire, number="CANCELLED", cancelled_at=PLACED)
    an_order(customer=a_customer(email="voisin@example.org"), number="VOISIN")
    fragment = client.htmx("POST", SEVERAL, data={"number": ["CANCELLED", "VOISIN", "GOOD", "NONE"]}).text
    assert asked_for() == {"GOOD"}
    assert "1 facture est demandée." in fragment


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("ticked", [[], ["NONE"]])
def test_nothing_ticked_says_what_to_do(client: LintingClient, claire: Customer, ticked: list[str]) -> None:
    an_order(customer=claire)
    assert "Cochez au moins une commande" in client.htmx("POST", SEVERAL, data={"number": ticked}).text
    assert asked_for() == set()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("account", "page", "words"),
    [
        ({"billing": None}, "/espace-client/donnees-de-facturation", "Complétez vos données de facturation"),
        ({"confirmed": False}, "/espace-client", "Confirmez votre adresse e-mail"),
    ],
)
def test_who_has_to_say_more_is_led_there(
    client: LintingClient, account: dict[str, Any], page: str, words: str
) -> None:
    customer = sign_in(client, a_customer(**({"billing": billing_details()} | account)))
    an_order(customer=customer, number="T-1")
    answer = client.post(SEVERAL, data={"number": "T-1"})
    assert answer.location == page
    assert words in client.get(page).text
    assert asked_for() == {"T-1"}
