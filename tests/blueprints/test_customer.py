"""The customer's home: latest orders, and what to do next."""

from datetime import timedelta
from typing import Any

import pytest

import clock
from models import Customer
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.queries import count_queries

pytestmark = pytest.mark.databases("sqlite")  # What the page says.
HOME = "/espace-client"
UNDERWAY = "/espace-client/factures-en-cours"


def a_visitor(client: LintingClient, **facts: Any) -> Customer:
    return sign_in(client, a_customer(**facts))


def test_who_is_not_signed_in_is_led_to_sign_in(client: LintingClient) -> None:
    answer = client.get(HOME)
    assert answer.status_code == 303
    assert "/connexion" in answer.location


@pytest.mark.databases("sqlite", "postgresql")
def test_the_home_shows_the_latest_orders_and_leads_to_all(client: LintingClient) -> None:
    claire = a_visitor(client)
    for index in range(5):
        an_order(customer=claire, number=f"T-{index}", placed_at=PLACED + timedelta(days=index))
    page = client.get(HOME).text
    assert page.index("T-4") < page.index("T-3") < page.index("T-2")
    assert "T-1<" not in page
    assert "Toutes mes commandes" in page


def test_an_account_without_orders_learns_where_they_come_from(client: LintingClient) -> None:
    claire = a_visitor(client)
    page = client.get(HOME).text
    assert "Aucune commande pour le moment" in page
    assert claire.email in page


@pytest.mark.parametrize(
    ("billing", "words"),
    [
        (None, "Renseigner mes données"),
        (billing_details(city=""), "Compléter mes données"),
        (billing_details(), "Complètes, au nom de Claire Martin"),
    ],
)
def test_the_home_says_whether_billing_details_are_complete(client: LintingClient, billing: object, words: str) -> None:
    a_visitor(client, billing=billing)
    assert words in client.get(HOME).text


def test_an_unproven_mailbox_is_asked_for_its_code(client: LintingClient) -> None:
    a_visitor(client, confirmed=False)
    assert 'name="code"' in client.get(HOME).text


def test_a_proven_mailbox_is_asked_for_nothing(client: LintingClient) -> None:
    a_visitor(client)
    assert 'name="code"' not in client.get(HOME).text


@pytest.mark.databases("sqlite", "postgresql")
def test_the_home_says_where_an_invoice_stands(client: LintingClient) -> None:
    claire = a_visitor(client)
    a_request(an_order(customer=claire), waiting_for="details")
    assert "Données de facturation à compléter" in client.get(HOME).text


def test_the_home_asks_little_of_the_database(client: LintingClient) -> None:
    claire = a_visitor(client, billing=billing_details())
    for _order in range(9):
        an_order(customer=claire)
    with count_queries() as queries:
        client.get(HOME)
    assert queries.count <= 8, str(queries)


def test_what_is_asked_for_is_asked_for_from_the_home_by_one_press(client: LintingClient) -> None:
    order = an_order(customer=a_visitor(client, billing=billing_details()))
    page = client.get(HOME).text
    assert f'action="/espace-client/commandes/{order.number}/facture"' in page
    answer = client.post(f"/espace-client/commandes/{order.number}/facture")
    assert answer.location == f"/espace-client/commandes/{order.number}#request"
    assert "Nous avons bien reçu votre demande." in client.get(HOME).text


def test_the_home_says_where_the_invoices_are_and_what_is_next_first(client: LintingClient) -> None:
    claire, now = a_visitor(client), clock.now()
    soon, later = now + timedelta(hours=3), now + timedelta(hours=9)
    for number, at in (("LATER", later), ("SOON", soon)):
        dates = {"earliest_at": at, "due_at": at, "deadline_at": at + timedelta(days=1)}
        a_request(an_order(customer=claire, number=number), state="scheduled", **dates)
    a_request(an_order(customer=claire, number="SENT"), state="sent", sent_at=now)
    a_request(an_order(customer=claire, number="LONG-AGO"), state="sent", sent_at=now - timedelta(days=2))
    page = client.get(HOME).text
    section = page[page.index('id="underway"') : page.index('id="latest"')]
    assert section.index("SOON") < section.index("LATER") < section.index("SENT")
    assert "LONG-AGO" not in section
    assert "Vous recevrez la facture par e-mail entre le" in section
    assert "hx-trigger" not in section  # Nothing changes within ten minutes.


def test_the_home_looks_again_while_something_is_about_to_change(client: LintingClient) -> None:
    claire = a_visitor(client)
    a_request(an_order(customer=claire), state="issued")
    assert f'hx-get="{UNDERWAY}" hx-trigger="every 4s"' in client.get(HOME).text
    fragment = client.htmx("GET", UNDERWAY).text
    assert fragment.lstrip().startswith('<section id="underway"')
    assert client.get(UNDERWAY).location == HOME


def test_the_home_is_silent_about_invoices_that_nobody_asked_for(client: LintingClient) -> None:
    an_order(customer=a_visitor(client))
    assert "Où en est" not in client.get(HOME).text
