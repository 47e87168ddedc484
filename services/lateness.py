"""How late the requests are: how much of what was promised is used up, and what waits for its parcel too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, case, extract, func, not_, select
from sqlalchemy.orm import joinedload

import clock
from extensions import db
from models import Delivery, InvoiceRequest
from services import leases

LONGEST_WAIT = timedelta(days=10)
"""A parcel that is not announced by then was probably shipped without a word to us."""

NOT_FINAL = tuple(state for state in InvoiceRequest.STATES if state not in InvoiceRequest.FINAL)


@dataclass(frozen=True, slots=True)
class Lateness:
    """How many requests that are not over are past `earliest`, of those past half of their window, of those late.

    `unshipped` are those that have been waiting for a parcel for more than ten days.
    """

    begun: int
    half: int
    late: int
    unshipped: int


def count() -> Lateness:
    """Count them, in one query that looks at what is not over only."""
    conditions = (has_begun(), _is_past_half(), is_late(), is_unshipped())
    sums = (func.coalesce(func.sum(case((condition, 1), else_=0)), 0) for condition in conditions)
    return Lateness(*db.session.execute(select(*sums).where(InvoiceRequest.state.in_(NOT_FINAL))).one())


def late() -> Sequence[InvoiceRequest]:
    """Return the requests past the deadline that was promised, the oldest promise first, each with its order."""
    found = select(InvoiceRequest).where(is_late()).options(joinedload(InvoiceRequest.order))
    return db.session.scalars(found.order_by(InvoiceRequest.deadline_at, InvoiceRequest.id)).all()


def queue_age() -> timedelta:
    """Return how long the oldest work that is due has been waiting for a worker, requests and mails alike."""
    oldest = (
        select(func.min(model.due_at)).where(model.state.in_(leases.UNDER_WAY[model])).scalar_subquery()
        for model in (InvoiceRequest, Delivery)
    )
    now = clock.now()
    found = [moment for moment in db.session.execute(select(*oldest)).one() if moment]
    return max(timedelta(), now - min(found, default=now))


def has_begun() -> ColumnElement[bool]:
    """Say in SQL that the mail may go out since some time, and has not."""
    return and_(InvoiceRequest.state.in_(NOT_FINAL), InvoiceRequest.earliest_at < clock.now())


def is_late() -> ColumnElement[bool]:
    """Say in SQL that the deadline which was promised has passed while something is still to be done."""
    return and_(InvoiceRequest.state.in_(NOT_FINAL), InvoiceRequest.deadline_at < clock.now())


def is_slow() -> ColumnElement[bool]:
    """Say in SQL that more than half of the time between `earliest` and `deadline` has passed, but not all of it."""
    return and_(_is_past_half(), not_(is_late()))


def is_unshipped() -> ColumnElement[bool]:
    """Say in SQL that a request has been waiting for its parcel for more than ten days."""
    waits = (InvoiceRequest.state == "waiting", InvoiceRequest.waiting_for == "shipment")
    return and_(*waits, InvoiceRequest.requested_at < clock.now() - LONGEST_WAIT)


def _is_past_half() -> ColumnElement[bool]:
    # Seconds since 1970: the two databases agree on no other arithmetic of moments.
    ends = extract("epoch", InvoiceRequest.earliest_at) + extract("epoch", InvoiceRequest.deadline_at)
    return and_(InvoiceRequest.state.in_(NOT_FINAL), ends < 2 * clock.now().timestamp())
