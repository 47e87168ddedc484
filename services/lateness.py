"""How late the requests are: how much of what was promised is used up, and what waits for its parcel too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, case, extract, func, select
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
    """How many requests that are not over are past `earliest`, how many past half of their window, how many late.

    `begun` counts the slow and the late too, `slow` not the late. `unshipped` have been waiting for a parcel for more
    than ten days. `queue_age` is how long the oldest work that is due has been waiting for a worker, requests and
    mails alike.
    """

    begun: int
    slow: int
    late: int
    unshipped: int
    queue_age: timedelta


def measure() -> Lateness:
    """Count them, in one query that looks at what is not over only."""
    sums = [
        func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
        for condition in (has_begun(), is_slow(), is_late(), is_unshipped())
    ]
    oldest = [
        select(func.min(model.due_at)).where(model.state.in_(leases.UNDER_WAY[model])).scalar_subquery()
        for model in (InvoiceRequest, Delivery)
    ]
    found = select(*sums, *oldest).where(InvoiceRequest.state.in_(NOT_FINAL))
    begun, slow, late, unshipped, *moments = db.session.execute(found).one()
    now = clock.now()
    since = min((moment for moment in moments if moment), default=now)
    return Lateness(begun, slow, late, unshipped, max(timedelta(), now - since))


def late() -> Sequence[InvoiceRequest]:
    """Return the requests past the deadline that was promised, the oldest promise first, each with its order."""
    found = select(InvoiceRequest).where(is_late()).options(joinedload(InvoiceRequest.order))
    return db.session.scalars(found.order_by(InvoiceRequest.deadline_at, InvoiceRequest.id)).all()


def has_begun() -> ColumnElement[bool]:
    """Say in SQL that the mail may go out since some time, and has not."""
    return and_(InvoiceRequest.state.in_(NOT_FINAL), InvoiceRequest.earliest_at < clock.now())


def is_late() -> ColumnElement[bool]:
    """Say in SQL that the deadline which was promised has passed while something is still to be done."""
    return and_(InvoiceRequest.state.in_(NOT_FINAL), InvoiceRequest.deadline_at < clock.now())


def is_slow() -> ColumnElement[bool]:
    """Say in SQL that more than half of the time between `earliest` and `deadline` has passed, but not all of it."""
    now = clock.now()
    # Seconds since 1970: the two databases agree on no other arithmetic of moments.
    ends = extract("epoch", InvoiceRequest.earliest_at) + extract("epoch", InvoiceRequest.deadline_at)
    open_still = and_(InvoiceRequest.state.in_(NOT_FINAL), InvoiceRequest.deadline_at >= now)
    return and_(open_still, ends < 2 * now.timestamp())


def is_unshipped() -> ColumnElement[bool]:
    """Say in SQL that a request has been waiting for its parcel for more than ten days."""
    waits = (InvoiceRequest.state == "waiting", InvoiceRequest.waiting_for == "shipment")
    return and_(*waits, InvoiceRequest.requested_at < clock.now() - LONGEST_WAIT)
