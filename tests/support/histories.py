"""Whole histories of orders as shops tell them, delivered in any order and as often as one likes, and their outcome."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import select

from extensions import db
from models import Order, Shop
from services import intake, reports
from shops.arrivals import Arrival
from shops.numbers import order_key
from shops.schema import OrderMessage, RefundMessage, ShipmentReport
from tests.shops.messages import a_company, a_line, a_message, a_refund, a_shipment

BEGAN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
PERSON = a_company(kind="individual", company_name="", siret="", vat_number="", first_name="Claire", last_name="Martin")
DELIVERY = a_message()["lines"][1]
MUG = a_line(sku="MUG", description="Mug", quantity="1", unit_price="12.00", discount="0", vat_rate="5.50")
SOLD: tuple[dict[str, Any], ...] = (
    {},
    {"lines": [a_line(), DELIVERY, MUG], "total": "43.72"},
    {"lines": [a_line(quantity="3", discount="0"), DELIVERY], "total": "44.60", "order_discount": "5.00"},
)
DOUBTFUL = (
    *SOLD,
    {"total": "99.00"},
    {"lines": [a_line(vat_rate="0"), DELIVERY]},
)


@dataclass(frozen=True, slots=True)
class Put:
    """A version of the order."""

    version: int
    said: dict[str, Any]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Ship:
    """A report of the shipment."""

    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refund:
    """A report of a refund."""

    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The shop has deleted the order."""

    at: datetime


Message = Put | Ship | Refund | Withdraw


def _some(choices: Sequence[Any], most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(choices), max_size=most, unique_by=lambda each: each["id"])


def _moment(hour: int) -> str:
    return (BEGAN + timedelta(hours=hour)).isoformat()


_PARCELS = [a_shipment(id=name, shipped_at=_moment(hour), carrier=by) for name, hour, by in
            (("S1", 4, "Colissimo"), ("S1", 4, "Chronopost"), ("S1", 9, ""), ("S2", 6, "Colissimo"))]  # fmt: skip
_REFUNDS = [a_refund(id=name, amount=amount, lines=[]) for name, amount in
            (("R1", "5.00"), ("R1", "6.00"), ("R2", "13.41"), ("R2", "31.72"))]  # fmt: skip
_REPORTED = [a_refund(), a_refund(id="R2", amount="2.00", lines=[]), a_refund(id="R3", amount="29.00", lines=[])]


def _contents(sold: Sequence[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    facts = {
        "email": st.sampled_from(["claire@example.org", "paul@example.org"]),
        "billing": st.sampled_from([None, PERSON, a_company(), a_company(siret="", vat_number="")]),
        "invoice_requested": st.booleans(),
        "shipped_at": st.sampled_from([None, _moment(5), _moment(8)]),
        "cancelled_at": st.sampled_from([None, None, _moment(7)]),
        "existing_invoice": st.sampled_from([None, None, None, "F-2025-7"]),
        "shipments": _some(_PARCELS),
        "refunds": _some(_REFUNDS),
    }
    both = st.tuples(st.fixed_dictionaries(facts), st.sampled_from(sold))
    return both.map(lambda parts: parts[0] | parts[1])


_reports = st.one_of(
    st.sampled_from([_moment(3), _moment(6), _moment(10)]).map(lambda at: Ship({"shipped_at": at})),
    st.sampled_from(_PARCELS).map(lambda parcel: Ship({"shipments": [parcel]})),
)


def of_an_own_shop() -> st.SearchStrategy[list[Message]]:
    """Return histories by the API: each version has one content, and each refund that is reported as well."""
    versions = st.dictionaries(st.integers(0, 5), _contents(SOLD), min_size=1, max_size=4)
    refunds = _some(_REPORTED).map(lambda sent: [Refund(each) for each in sent])
    parts = st.tuples(
        versions.map(lambda said: [Put(*each) for each in said.items()]), st.lists(_reports, max_size=3), refunds
    )
    return parts.map(lambda lists: [each for part in lists for each in part])


def of_a_connector() -> st.SearchStrategy[list[Message]]:
    """Return histories by a connector: of one second there may be two contents, sums may not add up, orders vanish."""
    moments = st.integers(1, 3).map(lambda hour: BEGAN + timedelta(hours=hour))
    versions = st.tuples(moments, st.integers(0, 2)).map(lambda each: int(each[0].timestamp()) * 1000 + each[1])
    puts = st.lists(st.builds(Put, versions, _contents(DOUBTFUL), st.sampled_from(["", "-B"])), min_size=1, max_size=4)
    parts = st.tuples(puts, st.lists(moments.map(Withdraw), max_size=2))
    return parts.map(lambda lists: [each for part in lists for each in part])


def a_busy_one() -> list[Message]:
    """Return one history with something of everything that the API takes."""
    contents: list[dict[str, Any]] = [
        {"billing": a_company(), "shipments": [_PARCELS[0]]},
        {"email": "paul@example.org", "billing": PERSON, "shipped_at": _moment(5)} | SOLD[1],
        {"refunds": [_REFUNDS[0]], "cancelled_at": _moment(7)},
        {"billing": PERSON, "refunds": [_REFUNDS[1]], "shipments": [_PARCELS[3]]} | SOLD[2],
    ]
    puts = [Put(version, said) for version, said in enumerate(contents, 1)]
    return [*puts, Ship({"shipped_at": _moment(6)}), Ship({"shipments": [_PARCELS[2]]}), *map(Refund, _REPORTED[:2])]


def deliver(shop: Shop, number: str, messages: Sequence[Message]) -> None:
    """Afterwards all messages have arrived; what came before its order was known came again, as shops do."""
    waiting = list(messages)
    while waiting:
        unknown = [each for each in waiting if not arrived(shop, number, each)]
        assert len(unknown) < len(waiting), "a history without any order"
        waiting = unknown


def arrived(shop: Shop, number: str, message: Message) -> bool:
    """Deliver one message; False while its order is unknown."""
    if isinstance(message, Put):
        own = shop.system == "contract"
        sent = OrderMessage.checked(a_message(number=number + message.suffix, version=message.version) | message.said)
        arrival = Arrival(sent, ref=None if own else number)
        intake.receive(arrival, source="tests", strict=own, shop=shop)
    elif isinstance(message, Withdraw):
        return intake.withdraw(number, at=message.at, source="tests", shop=shop) is not None
    else:
        try:
            if isinstance(message, Ship):
                reports.ship(shop, number, ShipmentReport.checked(message.said))
            else:
                with suppress(reports.Contradiction):  # A version that names it has said otherwise, and counts.
                    reports.refund(shop, number, RefundMessage.checked(message.said))
        except reports.UnknownOrder:
            return False
    return True


def outcome(shop: Shop, number: str) -> dict[str, Any]:
    """Return all that is known of the order, but for what tells two shops apart."""
    db.session.expire_all()
    keys = {order_key(number), order_key(number + "-B")}
    order = db.session.scalars(select(Order).where(Order.shop_id == shop.id, Order.own_key.in_(keys))).unique().one()
    told_apart = {"id", "number", "number_key", "shop_id", "billing_id"}
    assert order.number == shop.number_prefix + order.own_key
    request = order.request
    live = request is not None and request.state != "cancelled"
    return _columns(order, told_apart) | {
        "lines": [_columns(line, {"id", "order_id"}) for line in order.lines],
        "refunds": sorted((_columns(each, {"id", "order_id"}) for each in order.refunds), key=lambda row: row["ref"]),
        "parcels": sorted((_columns(each, {"id", "order_id"}) for each in order.shipments), key=lambda row: row["ref"]),
        "billing": order.billing and order.billing.details(),
        # One that was cancelled and one that never opened say the same: nothing will be invoiced, for the same reason.
        "request": _columns(request, {"id", "order_id", "origin", "purchase_order"}) if live else None,
    }


def _columns(row: Any, but: set[str]) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns if column.name not in but}
