"""What a customer waits for: « Mes commandes » and one order, beside a page that says one word."""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from benchmarks.measuring import Report, medians
from benchmarks.shop import a_shop
from services import accounts, demo, orders, sessions

ROUNDS = 60
STATIC, LIST, ORDER = "/healthz", "« Mes commandes »", "one order"


def measure() -> Report:
    """Medians of whole requests inside one process, from routing to the last byte, on the demo shop's data."""
    with a_shop() as app:
        demo.load()
        customer = accounts.find(demo.CUSTOMER_EMAIL)
        if customer is None:
            raise LookupError(demo.CUSTOMER_EMAIL)
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie.update({"_user_id": sessions.open(customer, "bench"), "_fresh": True})
        number = orders.latest(customer, 1)[0].number
        found = medians(
            {
                STATIC: _get(client, "/healthz"),
                LIST: _get(client, "/espace-client/commandes"),
                ORDER: _get(client, f"/espace-client/commandes/{number}"),
            },
            ROUNDS,
        )
    return Report(f"pages: medians of {ROUNDS} requests on SQLite", found)


def _get(client: FlaskClient, path: str) -> Callable[[], None]:
    def get() -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise ValueError(f"{path} answered {answer.status_code}")

    return get
