"""What admins read: one list of requests with their clock, the orders to look into, and everything about one order."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import contains_eager, joinedload, lazyload, selectinload

import clock
from extensions import db
from models import AuditEntry, Correction, Delivery, Document, InvoiceRequest, Order, ShopMessage
from services import history, invoices, lateness, orders
from services.lateness import NOT_FINAL, Lateness, is_late
from services.orders import EPOCH, LARGEST_ID, MICROSECOND

PAGE_SIZE = 30
MOST_ENTRIES = 200
FOR_LIST = (contains_eager(Order.request), lazyload(Order.billing))

# What the filters of the page (`?etat=`) mean in states of requests.
STATES = {
    "a-traiter": ("needs_attention",),
    "en-cours": ("issued", "rendered"),
    "programmees": ("scheduled",),
    "en-attente": ("requested", "waiting"),
    "envoyees": ("sent",),
    "annulees": ("cancelled",),
}
LATE, SLOW, BEGUN, UNSHIPPED = "en-retard", "bientot-en-retard", "delai-entame", "expedition-attendue"
CLOCKS = {LATE: is_late, SLOW: lateness.is_slow, BEGUN: lateness.has_begun, UNSHIPPED: lateness.is_unshipped}
"""The filters that ask a request's clock, beside or across its state."""

TO_CHECK, UNSENT, TO_DECIDE = "a-verifier", "envois-en-echec", "corrections-a-decider"
MESSAGES = "messages"
"""What is counted beside the filters: the messages of shops that wait for a person, on a page of their own."""
URGENT = (LATE, "a-traiter", SLOW, UNSENT, TO_CHECK, TO_DECIDE, UNSHIPPED)
FILTERS = (*URGENT, BEGUN, "en-cours", "programmees", "en-attente", "envoyees", "annulees")


@dataclass(frozen=True, slots=True)
class Page:
    """A run of orders, each with its request where it has one; `next` leads to the following run, empty at the end."""

    orders: list[Order]
    next: str = ""


def counts() -> dict[str, int]:
    """Return how many there are behind each filter of states and reviews, in two queries."""
    rows = db.session.execute(select(InvoiceRequest.state, func.count()).group_by(InvoiceRequest.state))
    by_state = {row[0]: row[1] for row in rows}
    to_check = select(func.count()).select_from(Order).where(_needs_review()).scalar_subquery()
    unsent = select(func.count()).select_from(Delivery).where(invoices.is_unsent()).scalar_subquery()
    to_decide = select(func.count()).select_from(Correction).where(_is_to_decide()).scalar_subquery()
    messages = select(func.count()).select_from(ShopMessage).where(ShopMessage.state == "failed").scalar_subquery()
    others = db.session.execute(select(to_check, unsent, to_decide, messages)).one()
    return {
        TO_CHECK: others[0],
        UNSENT: others[1],
        TO_DECIDE: others[2],
        MESSAGES: others[3],
        **{name: sum(by_state.get(state, 0) for state in states) for name, states in STATES.items()},
    }


def by_clock(late: Lateness) -> dict[str, int]:
    """Return how many there are behind each filter of clocks."""
    return {LATE: late.late, SLOW: late.slow, BEGUN: late.begun, UNSHIPPED: late.unshipped}


def page(state: str = "", search: str = "", after: str = "") -> Page:
    """Return the orders behind the cursor `after`: those of a filter, and those whose number or e-mail has `search`.

    What is late comes first, then what is stopped, what is being made, what is scheduled and what waits, each by its
    deadline; then what is over, the newest first. Keyset pagination; a cursor that is no cursor begins at the start.
    Orders that were searched for, are to be checked or have a correction to decide, are listed with or without a
    request, the newest first.
    """
    if search or state in (TO_CHECK, UNSENT, TO_DECIDE):
        return _orders_page(state, search, after)
    wanted = _wanted(state)
    place = _numbers(after)
    found: list[tuple[Order, str]] = []
    if len(place) != 1:
        found = _still_open(wanted, place)
    if len(found) <= PAGE_SIZE:
        found += _over(wanted, place[0] if len(place) == 1 else None, PAGE_SIZE + 1 - len(found))
    return _cut(found)


def order(number: str) -> Order | None:
    """Return the order of that number, whosever it is, with all that its page shows."""
    found = select(Order).where(Order.number == number)
    whose = (joinedload(Order.customer), joinedload(Order.request).joinedload(InvoiceRequest.customer))
    what = (selectinload(Order.lines), joinedload(Order.shipments), *orders.with_request())
    return db.session.scalars(found.options(*what, *whose)).unique().one_or_none()


def deliveries(order: Order) -> Sequence[Delivery]:
    """Return the mails about an order, in the order in which they were wanted."""
    return db.session.scalars(select(Delivery).where(Delivery.order_id == order.id).order_by(Delivery.id)).all()


def entries(order: Order) -> Sequence[AuditEntry]:
    """Return what happened to an order, the latest first; the last 200 at most. Who looked at it changed nothing."""
    looks = (history.VIEWED, history.LOOKED_UP)
    found = select(AuditEntry).where(AuditEntry.order_id == order.id, AuditEntry.action.not_in(looks))
    return db.session.scalars(found.order_by(AuditEntry.id.desc()).limit(MOST_ENTRIES)).all()


def _orders_page(state: str, search: str, after: str) -> Page:
    found = select(Order).outerjoin(Order.request).options(*FOR_LIST)
    wanted = "".join(search.split()).lstrip("#")
    if wanted:
        by_number = Order.number_key.contains(wanted.upper(), autoescape=True)
        found = found.where(or_(by_number, Order.email_key.contains(wanted.lower(), autoescape=True)))
    if state == TO_CHECK:
        found = found.where(_needs_review())
    elif state == UNSENT:
        found = found.where(exists().where(Delivery.order_id == Order.id, invoices.is_unsent()))
    elif state == TO_DECIDE:
        wished = select(Document.order_id).join(Correction, Correction.invoice_id == Document.id)
        found = found.where(Order.id.in_(wished.where(_is_to_decide())))
    elif state in CLOCKS or state in STATES:
        found = found.where(_wanted(state))
    place = _numbers(after)
    if len(place) == 1:
        found = found.where(Order.id < place[0])
    newest_first = found.order_by(Order.id.desc()).limit(PAGE_SIZE + 1)
    return _cut([(each, str(each.id)) for each in db.session.scalars(newest_first)])


def _wanted(state: str) -> ColumnElement[bool]:
    """Say in SQL which requests a filter shows; all for one that is none."""
    return CLOCKS[state]() if state in CLOCKS else InvoiceRequest.state.in_(STATES.get(state, InvoiceRequest.STATES))


def _still_open(wanted: ColumnElement[bool], place: tuple[int, ...]) -> list[tuple[Order, str]]:
    rank, moment = _rank(), func.coalesce(InvoiceRequest.deadline_at, InvoiceRequest.requested_at)
    found = select(Order, rank, moment).join(Order.request).options(*FOR_LIST)
    found = found.where(InvoiceRequest.state.in_(NOT_FINAL), wanted)
    if len(place) == 3:
        position = (place[0], EPOCH + place[1] * MICROSECOND, place[2])
        found = found.where(tuple_(rank, moment, InvoiceRequest.id) > position)
    rows = db.session.execute(found.order_by(rank, moment, InvoiceRequest.id).limit(PAGE_SIZE + 1))
    return [
        (each, f"{its_rank}-{(its_moment - EPOCH) // MICROSECOND}-{each.request.id if each.request else 0}")
        for each, its_rank, its_moment in rows
    ]


def _over(wanted: ColumnElement[bool], before: int | None, most: int) -> list[tuple[Order, str]]:
    found = select(Order).join(Order.request).options(*FOR_LIST)
    found = found.where(InvoiceRequest.state.in_(InvoiceRequest.FINAL), wanted)
    if before is not None:
        found = found.where(InvoiceRequest.id < before)
    newest_first = found.order_by(InvoiceRequest.id.desc()).limit(most)
    return [(each, str(each.request.id if each.request else 0)) for each in db.session.scalars(newest_first)]


def _cut(found: list[tuple[Order, str]]) -> Page:
    """Keep one page; what came beyond it says that there is more."""
    shown = found[:PAGE_SIZE]
    return Page([each for each, _cursor in shown], shown[-1][1] if len(found) > PAGE_SIZE else "")


def _numbers(cursor: str) -> tuple[int, ...]:
    """Read a cursor back: one number, or three, or none for what is no cursor."""
    parts = cursor.split("-")
    if len(parts) not in (1, 3) or not all(part.isascii() and part.isdigit() and len(part) < 18 for part in parts):
        return ()
    numbers = tuple(int(part) for part in parts)
    return numbers if max(numbers[0], numbers[-1]) <= LARGEST_ID else ()


def _rank() -> ColumnElement[int]:
    """What a merchant must see first: broken promises, then what is stopped, then what moves, then what waits."""
    state = InvoiceRequest.state
    due = and_(state == "scheduled", InvoiceRequest.due_at <= clock.now())
    return case(
        (is_late(), 0),
        (state == "needs_attention", 1),
        (or_(due, state.in_(("issued", "rendered"))), 2),
        (state == "scheduled", 3),
        else_=4,
    )


def _needs_review() -> ColumnElement[bool]:
    return Order.review.is_not(None)


def _is_to_decide() -> ColumnElement[bool]:
    return Correction.state == "requested"
