"""No page asks the database more than eight times, and none asks more because there is more to show."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from models import Customer, Order
from tests.support.client import LintingClient
from tests.support.customers import an_issued_invoice
from tests.support.factories import a_customer, a_line, a_request, an_order, billing_details
from tests.support.queries import count_queries

MOST = 8
RECORDED = 3
"""More than that where an admin sees a customer: whose order it is, that it was seen, and the account once more."""
SignIn = Callable[[Customer], LintingClient]


def pages(order: Order, invoiced: Order) -> Iterator[str]:
    """Every page with something of the database on it, by its address."""
    yield "/espace-client"
    yield "/espace-client/commandes"
    yield "/espace-client/commandes?q=T-1"
    yield f"/espace-client/commandes/{order.number}"
    yield f"/espace-client/commandes/{order.number}/facturation"
    yield f"/espace-client/commandes/{invoiced.number}"
    yield "/espace-client/donnees-de-facturation"
    yield "/espace-client/factures"
    number = invoiced.documents[0].number
    yield f"/espace-client/factures/{number}.html"
    yield f"/espace-client/factures/{number}/corriger"
    yield "/espace-client/mon-compte"
    yield "/admin/"
    yield "/admin/?etat=corrections-a-decider"
    yield "/admin/?etat=bientot-en-retard"
    yield "/admin/boutiques"
    yield "/admin/reglages?essai=x"
    yield f"/admin/commandes/{invoiced.number}"


def counted(browser: LintingClient, order: Order, invoiced: Order) -> dict[str, int]:
    """Return how often each page asks; raises AssertionError with the queries of one that asks too often."""
    counts = {}
    for number, url in enumerate(list(pages(order, invoiced))):
        with count_queries() as queries:
            response = browser.get(url)
        assert response.status_code == 200, url
        recorded = RECORDED * url.startswith("/admin/commandes/")
        assert queries.count <= MOST + recorded, f"{url}\n{queries}"
        counts[f"{number} {re.sub(r'(T|FA)-[0-9-]+', '', url)}"] = queries.count
    return counts


def some_orders(customer: Customer, count: int, lines: int) -> tuple[Order, Order]:
    """Return the last of that many orders, and one with an invoice."""
    for _ in range(count - 2):
        a_request(an_order(customer=customer, lines=[a_line() for _ in range(lines)]))
    invoiced = an_order(customer=customer, lines=[a_line() for _ in range(lines)])
    an_issued_invoice(invoiced)
    return an_order(customer=customer, lines=[a_line() for _ in range(lines)]), invoiced


@pytest.mark.databases("sqlite")  # The same statements go to both.
def test_pages_ask_at_most_eight_times_however_much_there_is(app: Flask, sign_in: SignIn) -> None:
    admin = a_customer(admin=True, billing=billing_details())
    browser = sign_in(admin)
    browser.get("/espace-client")  # Notes the session's activity, once an hour.
    few = counted(browser, *some_orders(admin, 3, 1))
    many = counted(browser, *some_orders(admin, 45, 12))
    assert {page: count for page, count in many.items() if count > few[page]} == {}
