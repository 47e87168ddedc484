"""Many orders at once: a hundred a transaction, written together, each as if it had come alone."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
from extensions import db
from models import Customer, Order, OrderLine
from services import billing, intake, invoicing, production, review
from services.intake import Receipt, Refused, VersionConflict
from shops.arrivals import Arrival
from shops.schema import OrderMessage
from tests.shops.messages import a_company, a_message, a_refund
from tests.support.factories import a_customer, billing_details
from tests.support.queries import count_queries
from tests.support.shops import a_shop


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


def receive(**changes: Any) -> Receipt:
    return intake.receive(OrderMessage.checked(a_message(**changes)), source="tests", strict=True)


def the_order(number: str = "T-100234") -> Order:
    db.session.expire_all()
    return db.session.scalars(select(Order).where(Order.number == number)).unique().one()


def rows(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_many_are_received_in_order_and_a_refused_one_leaves_the_others_alone(app: Flask) -> None:
    receive(number="A-3", version=1)
    messages = [
        OrderMessage.checked(a_message(**changes))
        for changes in (
            {"number": "A-1"},
            {"number": "A-2", "total": "31.73"},
            {"number": "A-3", "version": 1, "email": "other@example.org"},
            {"number": "A-1", "version": 4},
            {"number": "A-1", "version": 4},
            {"number": "A-4"},
        )
    ]
    results = list(intake.receive_many(messages, source="tests", strict=True))

    assert [result.outcome if isinstance(result, Receipt) else type(result) for result in results] == [
        "new", Refused, VersionConflict, "updated", "unchanged", "new",
    ]  # fmt: skip
    assert rows(Order) == 3


def test_a_chunk_that_the_database_refuses_is_taken_one_by_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process brings one order of the chunk between the look and the commit."""
    look = intake._known_orders
    looks: list[int] = []

    def blind_once(arrivals: list[Arrival], sender: intake._Sender) -> intake._Known:
        looks.append(len(arrivals))
        return intake._Known([]) if len(looks) == 1 else look(arrivals, sender)

    receive(number="A-2")
    monkeypatch.setattr(intake, "_known_orders", blind_once)
    messages = [OrderMessage.checked(a_message(number=f"A-{number}")) for number in (1, 2, 3)]
    results = list(intake.receive_many(messages, source="tests", strict=True))

    assert [result.outcome for result in results if isinstance(result, Receipt)] == ["new", "unchanged", "new"]
    assert looks == [3, 1, 1, 1]
    assert rows(Order) == 3


def test_the_same_new_order_from_many_sides_at_once_is_one_order(app: Flask) -> None:
    message = OrderMessage.checked(a_message())
    outcomes: list[str] = []
    gate = threading.Barrier(8)

    def side() -> None:
        with app.app_context():
            gate.wait()
            outcomes.append(intake.receive(message, source="tests", strict=True).outcome)

    sides = [threading.Thread(target=side) for _ in range(8)]
    for each in sides:
        each.start()
    for each in sides:
        each.join()

    assert sorted(outcomes) == ["new"] + ["unchanged"] * 7
    assert (rows(Order), rows(OrderLine)) == (1, 2)


def test_an_import_and_the_saving_of_an_account_do_not_wait_for_each_other(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import credits a refund, which is noted of the account, and then turns to another of its requests."""
    customer_id = a_customer(billing=billing_details()).id
    shipped = (clock.now() - timedelta(days=3)).isoformat()
    receive(number="A-1", version=1, billing=a_company(), shipped_at=shipped)
    receive(number="B-1", version=1, billing=a_company())
    lease = production.claim(invoicing.of_order(the_order("A-1").id).id)
    assert lease is not None
    assert production.issue(lease)
    failures: list[Exception] = []
    credited, renew = threading.Event(), review.renew

    def slowly(order: Order) -> None:
        renew(order)
        credited.set()
        time.sleep(0.3)

    def save() -> None:
        with app.app_context():
            credited.wait()
            try:
                billing.record_for_customer(db.session.get_one(Customer, customer_id), billing_details(line1="1 quai"))
            except Exception as error:
                failures.append(error)

    monkeypatch.setattr(review, "renew", slowly)
    saving = threading.Thread(target=save)
    saving.start()
    sent = [
        a_message(number="A-1", version=2, billing=a_company(), shipped_at=shipped, refunds=[a_refund()]),
        a_message(number="B-1", version=2, billing=a_company()),
    ]
    receipts = list(intake.receive_many(map(OrderMessage.checked, sent), source="tests", strict=True))
    saving.join()
    assert failures == []
    assert [isinstance(receipt, Receipt) and receipt.outcome for receipt in receipts] == ["updated", "updated"]


def many(*sent: dict[str, Any]) -> list[Receipt | Refused]:
    messages = [OrderMessage.checked(a_message(**each)) for each in sent]
    return list(intake.receive_many(messages, source="tests", strict=True))


def test_an_order_that_comes_twice_at_once_is_what_its_newest_version_says(app: Flask) -> None:
    results = many(
        {"version": 1, "billing": a_company()},
        {"number": "T-2"},
        {"version": 3, "email": "other@example.org", "cancelled_at": clock.now().isoformat()},
        {"version": 2, "refunds": [a_refund()]},
    )
    assert [each.outcome if isinstance(each, Receipt) else "" for each in results] == [
        "new",
        "new",
        "updated",
        "updated",
    ]
    order = the_order()
    assert (order.version, order.email, [each.ref for each in order.refunds]) == (3, "other@example.org", ["R1"])
    assert order.request is not None
    assert order.request.state == "cancelled"
    assert rows(OrderLine) == 4


def test_a_refused_order_leaves_the_others_of_its_chunk_alone(app: Flask) -> None:
    results = many({"number": "T-1"}, {"number": "T-2", "total": "99.00"}, {"number": "T-3"})
    assert [isinstance(each, Refused) for each in results] == [False, True, False]
    assert list(db.session.scalars(select(Order.number).order_by(Order.id))) == ["T-1", "T-3"]


def test_a_number_that_one_order_gives_up_can_be_anothers_at_once(app: Flask) -> None:
    first = {"number": "T-1", "purchase_order": "id-1", "version": 1}
    shop = a_shop(system="woocommerce")

    def arrived(*sent: dict[str, Any]) -> list[Receipt | Refused]:
        arrivals = [Arrival(OrderMessage.checked(a_message(**each)), ref=each["purchase_order"]) for each in sent]
        return list(intake.receive_many(arrivals, source="tests", strict=False, shop=shop))

    arrived(first)
    results = arrived(
        first | {"number": "T-2", "version": 2}, {"number": "T-1", "purchase_order": "id-2", "version": 2}
    )
    assert [isinstance(each, Receipt) for each in results] == [True, True]
    found = {order.shop_ref: order.number for order in db.session.scalars(select(Order)).unique()}
    assert found == {"id-1": "T-2", "id-2": "T-1"}


@pytest.mark.databases("postgresql")  # SQLite has no way to say which of many new rows is which.
def test_a_hundred_orders_cost_no_more_statements_than_ten(app: Flask) -> None:
    def statements(first: int, count: int) -> int:
        with count_queries() as queries:
            many(*({"number": f"N-{first + each}"} for each in range(count)))
        return len(queries.statements)

    statements(0, 10)
    assert statements(100, 100) <= statements(10, 10)
