"""What a customer reads about their orders: the list, page by page, and the amounts of one."""

import json
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, not_, or_, tuple_
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.sql.base import ExecutableOption

import clock
from documents import amendments, canonical, totals
from extensions import db
from models import Customer, Document, InvoiceRequest, Order
from shops.numbers import order_key

PAGE_SIZE = 20
UNDERWAY = Order.request.has(InvoiceRequest.state.not_in(InvoiceRequest.FINAL))
INVOICED = or_(
    Order.existing_invoice.is_not(None), Order.documents.any(and_(Document.kind == "invoice", not_(Document.trial)))
)
SHOWN: dict[str, ColumnElement[bool]] = {
    "a-demander": and_(not_(UNDERWAY), not_(INVOICED), Order.cancelled_at.is_(None), Order.erased_at.is_(None)),
    "en-cours": UNDERWAY,
    "facturees": INVOICED,
}
"""What the list may be narrowed to, by the word that the address says."""
LARGEST_ID = 2**31 - 1  # PostgreSQL refuses to compare an id with more.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LINE_FIELDS = tuple(field.name for field in fields(totals.Line))


@dataclass(frozen=True, slots=True)
class Page:
    """A run of orders, newest first; `next` leads to the following run, None at the end."""

    orders: list[Order]
    next: str | None


def page(customer: Customer, before: str = "", search: str = "", shown: str = "") -> Page:
    """Return the customer's orders after the cursor `before`, those whose number contains `search`.

    `shown` narrows the list to one of the cases in `SHOWN`; any other word does not.

    Keyset pagination on (placed_at, id): the hundredth page costs what the first does, and an order that arrives
    meanwhile neither doubles nor hides another. A cursor that is no cursor begins at the start.
    """
    found = Order.visible_to(customer).options(*_for_list())
    if wanted := order_key(search):
        found = found.where(Order.number_key.contains(wanted, autoescape=True))
    if shown in SHOWN:
        found = found.where(SHOWN[shown])
    position = _position(before)
    if position:
        found = found.where(tuple_(Order.placed_at, Order.id) < position)
    newest_first = found.order_by(Order.placed_at.desc(), Order.id.desc()).limit(PAGE_SIZE + 1)
    orders = list(db.session.scalars(newest_first))
    run = orders[:PAGE_SIZE]
    return Page(run, _cursor(run[-1]) if len(orders) > PAGE_SIZE else None)


def latest(customer: Customer, count: int) -> list[Order]:
    """Return the customer's newest orders."""
    found = Order.visible_to(customer).options(*_for_list())
    return list(db.session.scalars(found.order_by(Order.placed_at.desc(), Order.id.desc()).limit(count)))


def underway(customer: Customer, most: int) -> list[Order]:
    """Return the customer's orders whose invoice is under way, or was sent within the day; what is next comes first."""
    just_sent = InvoiceRequest.sent_at > clock.now() - timedelta(days=1)
    next_first = (InvoiceRequest.sent_at.is_not(None), InvoiceRequest.due_at.is_(None), InvoiceRequest.due_at)
    found = Order.visible_to(customer).join(Order.request).where(or_(UNDERWAY, just_sent)).options(*_for_list())
    return list(db.session.scalars(found.order_by(*next_first, InvoiceRequest.id.desc()).limit(most)))


def own(customer: Customer, numbers: Collection[str]) -> list[Order]:
    """Return those of the customer's orders that have one of these numbers, oldest first."""
    found = Order.visible_to(customer).where(Order.number.in_(numbers)).options(*_for_list())
    return list(db.session.scalars(found.order_by(Order.placed_at, Order.id)))


def with_everything() -> tuple[ExecutableOption, ...]:
    """Return the loading options for the page of one order: a fixed number of queries, whatever its size."""
    return (
        selectinload(Order.lines),
        selectinload(Order.shipments),
        *with_request(),
    )


def with_request() -> tuple[ExecutableOption, ...]:
    """Return the loading options for the progress of one order's invoice."""
    return (
        joinedload(Order.request),
        selectinload(Order.refunds),
        selectinload(Order.documents).joinedload(Document.file),
    )


def amounts(order: Order) -> totals.Totals | None:
    """Return what was charged, split by rate, or None when the figures contradict each other (« à vérifier »)."""
    try:
        return totals.compute(sale_of(order))
    except totals.DoesNotAddUp:
        return None


def sale_of(order: Order) -> totals.Sale:
    """Return what counts of the order as the pure value that `documents.totals` computes with.

    That is what the shop charged, unless an admin has corrected or balanced just that.
    """
    amendment, sent = amendment_of(order), sent_sale(order)
    return amendments.amended(sent, amendment) if amendment else sent


def exchange_rate_of(order: Order) -> Decimal | None:
    """Return what one unit of the order's currency is in euros: as an admin said, else as the shop does."""
    amendment = amendment_of(order)
    return (amendment and amendment.exchange_rate) or order.exchange_rate


def amendment_of(order: Order) -> amendments.Amendment | None:
    """Return what an admin decided of the order as it stands; None once the shop has charged anything else."""
    if order.amendment is None:
        return None
    amendment = canonical.loads(amendments.Amendment, json.dumps(order.amendment))
    return amendment if amendment.of == fingerprint(order) else None


def fingerprint(order: Order) -> str:
    """Name what the shop charged, so that a decision about it counts for nothing else."""
    return amendments.fingerprint(sent_sale(order), order.currency, order.exchange_rate)


def sent_sale(order: Order) -> totals.Sale:
    """Return what the shop charged, as it said it."""
    return totals.Sale(
        prices_include_tax=order.prices_include_tax,
        lines=tuple(totals.Line(**{name: getattr(line, name) for name in LINE_FIELDS}) for line in order.lines),
        total=order.total,
        order_discount=order.order_discount,
        total_tax=order.total_tax,
    )


def _for_list() -> tuple[ExecutableOption, ...]:
    return (
        joinedload(Order.request),
        selectinload(Order.refunds),
        selectinload(Order.documents).load_only(Document.number, Document.trial, Document.order_id),
    )


def _cursor(order: Order) -> str:
    """Write the place of an order in the list: microseconds since 1970, and its id for orders of the same moment."""
    return f"{(order.placed_at - EPOCH) // MICROSECOND}-{order.id}"


def _position(cursor: str) -> tuple[datetime, int] | None:
    """Read a cursor back; None for anything that is not one, since it comes from the address bar."""
    moment, _dash, order_id = cursor.partition("-")
    digits = moment + order_id
    if not (moment and order_id and digits.isascii() and digits.isdigit() and len(digits) < 36):
        return None
    try:
        return EPOCH + int(moment) * MICROSECOND, min(int(order_id), LARGEST_ID)
    except OverflowError:
        return None
