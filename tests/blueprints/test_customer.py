"""The customer's home: latest orders, and what to do next."""

from datetime import timedelta
from typing import Any

import pytest

from models import Customer
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.queries import count_queries

pytestmark = pytest.mark.databases("sqlite")  # What the page says.
HOME = "/espace-client"


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
