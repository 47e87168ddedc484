"""What a shop says of an order beside the order itself."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

from extensions import db
from models import AuditEntry, CreditNote, Order, Shop
from services import intake, reports
from services.intake import Receipt, Refused
from shops.schema import InvalidMessage, OrderMessage, RefundMessage, ShipmentReport
from tests.shops.messages import a_company, a_message, a_refund, a_shipment
from tests.support.customers import an_issued_invoice
from tests.support.factories import an_order
from tests.support.shops import a_shop

LEFT = "2026-11-03T16:00:00+01:00"


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(number_prefix="W-")


def put(shop: Shop, **changes: Any) -> Receipt:
    message = OrderMessage.checked(a_message(number="100") | changes)
    return intake.receive(message, source="api", strict=True, shop=shop)


def ship(shop: Shop, number: str = "100", **sent: Any) -> Receipt:
    return reports.ship(shop, number, ShipmentReport.checked(sent or {"shipped_at": LEFT}))


def refund(shop: Shop, number: str = "100", **changes: Any) -> Receipt:
    return reports.refund(shop, number, RefundMessage.checked(a_refund(**changes)))


def the_order(number: str = "W-100") -> Order:
    db.session.expire_all()
    return db.session.scalars(select(Order).where(Order.number == number)).unique().one()


@pytest.mark.parametrize("number", ["100", "#100", "W-100", "w-100"])
def test_an_order_is_found_by_its_own_and_by_its_whole_number(shop: Shop, number: str) -> None:
    put(shop)
    found = reports.find(shop, number)
    assert found is not None
    assert found.number == "W-100"


def test_the_own_number_comes_before_the_whole_one_of_another_order(shop: Shop) -> None:
    put(shop, number="100")
    put(shop, number="W-100")
    found = reports.find(shop, "W-100")
    assert found is not None
    assert found.number == "W-W-100"


def test_an_order_of_another_shop_does_not_exist_and_one_of_nobody_does(shop: Shop) -> None:
    other = a_shop()
    put(other, number="100")
    put(other, number="W-200")
    an_order(number="W-300")
    assert reports.find(shop, "100") is None
    assert reports.find(shop, "200") is None
    assert reports.find(shop, "300") is not None
    with pytest.raises(reports.UnknownOrder):
        ship(shop)
    with pytest.raises(reports.UnknownOrder):
        refund(shop)


def test_a_shipment_starts_the_clock_of_the_invoice(shop: Shop) -> None:
    put(shop, billing=a_company())
    assert ship(shop).outcome == "updated"
    order = the_order()
    assert order.shipped_at == datetime(2026, 11, 3, 15, tzinfo=UTC)
    assert order.request is not None
    assert order.request.state == "scheduled"


def test_what_a_version_says_of_the_shipment_comes_before_a_report(shop: Shop) -> None:
    put(shop, version=1, shipped_at="2026-11-02T12:00:00Z")
    ship(shop)
    assert the_order().shipped_at == datetime(2026, 11, 2, 12, tzinfo=UTC)
    put(shop, version=2, shipped_at=None)
    assert the_order().shipped_at == datetime(2026, 11, 3, 15, tzinfo=UTC)


def test_of_two_reports_the_later_counts_and_saying_it_twice_is_saying_it_once(shop: Shop) -> None:
    put(shop)
    ship(shop, shipped_at="2026-11-05T12:00:00Z")
    assert ship(shop, shipped_at="2026-11-04T12:00:00Z").outcome == "unchanged"
    assert ship(shop, shipped_at="2026-11-05T12:00:00Z").outcome == "unchanged"
    assert the_order().shipped_at == datetime(2026, 11, 5, 12, tzinfo=UTC)


def test_a_parcel_alone_does_not_mean_that_all_has_left(shop: Shop) -> None:
    put(shop)
    assert ship(shop, shipments=[a_shipment()]).outcome == "updated"
    assert [parcel.ref for parcel in the_order().shipments] == ["S1"]
    assert the_order().shipped_at is None
    ship(shop, shipped_at="2026-11-02T12:00:00Z")
    assert the_order().shipped_at == datetime(2026, 11, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize("sent", [{}, {"shipped_at": None}, {"shipments": []}, {"shipments": [a_shipment()] * 2}])
def test_a_report_says_something_and_nothing_twice(sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        ShipmentReport.checked(sent)


def test_a_refund_is_known_once(shop: Shop) -> None:
    put(shop)
    assert refund(shop).outcome == "updated"
    entries = db.session.scalar(select(func.count(AuditEntry.id)))
    assert refund(shop, amount="13.410").outcome == "unchanged"
    assert [each.amount for each in the_order().refunds] == [Decimal("13.41")]
    assert db.session.scalar(select(func.count(AuditEntry.id))) == entries


def test_a_refund_with_other_content_is_a_contradiction_and_changes_nothing(shop: Shop) -> None:
    put(shop)
    refund(shop)
    with pytest.raises(reports.Contradiction) as conflict:
        refund(shop, amount="14.00")
    assert conflict.value.problems[0].path == "id"
    assert the_order().refunds[0].amount == Decimal("13.41")


def test_a_refund_of_a_line_that_is_not_there_is_refused(shop: Shop) -> None:
    put(shop)
    with pytest.raises(Refused, match="ligne"):
        refund(shop, lines=[{"line": 2, "quantity": "1", "amount": "1.00"}])
    assert the_order().refunds == []


def test_a_version_of_the_order_corrects_a_refund_that_was_reported(shop: Shop) -> None:
    put(shop, version=1)
    refund(shop)
    put(shop, version=2, refunds=[a_refund(amount="20.00")])
    assert the_order().refunds[0].amount == Decimal("20.00")


def test_even_the_first_version_corrects_it_when_it_comes_last(shop: Shop) -> None:
    put(shop, version=1)
    refund(shop)
    put(shop, version=0, refunds=[a_refund(amount="5.00", lines=[])])
    assert the_order().refunds[0].amount == Decimal("5.00")


def test_a_refund_of_an_invoiced_order_becomes_a_credit_note(shop: Shop) -> None:
    put(shop)
    an_issued_invoice(the_order(), drawn=False)
    refund(shop)
    note = db.session.scalars(select(CreditNote)).one()
    assert (note.gross, note.order_id) == (Decimal("13.41"), the_order().id)
