"""Leases: how one worker holds one row, and how it knows later that it still does."""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.engine import CursorResult

import clock
from extensions import db
from models import DataExport, Delivery, InvoiceRequest, Shop, ShopMessage, Upload

LEASE = timedelta(seconds=90)  # What dead workers held goes on within two minutes; who is slower writes nothing.
MOST_AT_ONCE = 200  # Rows that a chore of the sweep takes: the next one takes the others.
MOST_ATTEMPTS = 5  # Then the row is for an admin.
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))  # Between attempts.

Document = type[InvoiceRequest] | type[Delivery]
"""The tables whose rows lead to a document in somebody's mailbox."""
Work = Document | type[ShopMessage] | type[Shop] | type[Upload] | type[DataExport]
"""The tables whose rows wait for a worker."""

Row = InvoiceRequest | Delivery | ShopMessage | Shop | Upload | DataExport
Held = TypeVar("Held", bound=Row)

UNDER_WAY: dict[Work, tuple[str, ...]] = {
    InvoiceRequest: ("scheduled", "issued"),
    Delivery: ("pending", "sending"),
    ShopMessage: ("received",),
    Shop: ("open",),
    Upload: ("uploaded", "confirmed"),
    DataExport: ("requested",),
}
"""The states in which a row waits for a worker: those that are rung for and held."""

NOBODYS = {"lease_token": None, "lease_until": None}  # nosec B105  # No password, but nobody's.
"""What an UPDATE writes over rows that whoever holds them is to lose."""


class LeaseLost(Exception):
    """Another worker holds the row now; whoever meets this writes nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one row until it expires."""

    id: int
    token: str


def take(model: Work, row_id: int, condition: ColumnElement[bool]) -> Lease | None:
    """Return the right to work on a row, or None when it is not free or not due; inside the caller's transaction.

    One conditional UPDATE decides, so that of two workers one gets the row and the other nothing. The attempt is
    counted here, so that what kills its worker is counted too.
    """
    now, token = clock.now(), secrets.token_hex(16)
    statement = update(model).where(model.id == row_id, is_ready(model), condition)
    held = statement.values(lease_token=token, lease_until=now + LEASE, attempts=model.attempts + 1)
    result = cast("CursorResult[Any]", db.session.execute(held))
    return Lease(row_id, token) if result.rowcount == 1 else None


def is_ready(model: Work) -> ColumnElement[bool]:
    """Say in SQL that the row is due and nobody holds it."""
    return and_(model.due_at <= clock.now(), is_free(model))


def is_free(model: Work) -> ColumnElement[bool]:
    """Say in SQL that nobody holds the row, or nobody any more."""
    return or_(model.lease_until.is_(None), model.lease_until < clock.now())


def to_work_on(model: Work) -> ColumnElement[bool]:
    """Say in SQL that the row waits for a worker, and has not ended one each of five times."""
    return and_(model.state.in_(UNDER_WAY[model]), model.attempts < MOST_ATTEMPTS)


def is_killer(model: Work) -> ColumnElement[bool]:
    """Say in SQL that the row has ended its worker each of five times: it is for an admin."""
    return and_(model.state.in_(UNDER_WAY[model]), model.attempts >= MOST_ATTEMPTS, is_free(model))


def held(model: type[Held], lease: Lease) -> Held:
    """Return the row of this lease as it is now, locked; inside the caller's transaction. Raises LeaseLost."""
    mine = select(model).where(model.id == lease.id, model.lease_token == lease.token)
    row = db.session.scalar(mine.with_for_update(of=model).execution_options(populate_existing=True))
    if row is None:
        raise LeaseLost
    return row


def keep(model: type[Held], lease: Lease) -> Held:
    """Return the row, locked, after which the lease lasts as long as a new one. Raises LeaseLost.

    For work that takes longer than a lease, between its portions; inside the caller's transaction.
    """
    row = held(model, lease)
    row.lease_until = clock.now() + LEASE
    return row


def release(row: Row) -> None:
    """Afterwards the row is free again; inside the caller's transaction."""
    row.lease_token = row.lease_until = None


def hand_back(row: Row) -> None:
    """Afterwards the row is free as if nobody had taken it: the attempt does not count, since it says nothing of it."""
    release(row)
    row.attempts = max(row.attempts - 1, 0)


def next_try(steps: Sequence[timedelta], attempts: int) -> datetime:
    """Return when to try again after so many attempts: a fifth sooner or later, so that a crowd comes back spread."""
    step = steps[min(max(attempts, 1), len(steps)) - 1]
    return clock.now() + step * random.uniform(0.8, 1.2)  # nosec B311  # noqa: S311 - Nothing secret.
