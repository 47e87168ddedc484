"""Leases: how one worker holds one row, and how it knows later that it still does."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.engine import CursorResult

import clock
from extensions import db
from models import Delivery, InvoiceRequest

LEASE = timedelta(minutes=5)  # Longer than a job may run, so that a living worker never loses its lease.

UNDER_WAY: dict[type[InvoiceRequest] | type[Delivery], tuple[str, ...]] = {
    InvoiceRequest: ("scheduled", "issued"),
    Delivery: ("pending", "sending"),
}
"""The states in which a row waits for a worker: those that are rung for and held."""


class LeaseLost(Exception):
    """Another worker holds the row now; whoever meets this writes nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one row until it expires."""

    id: int
    token: str


def take(model: type[InvoiceRequest] | type[Delivery], row_id: int, condition: ColumnElement[bool]) -> Lease | None:
    """Return the right to work on a row, or None when it is not free or not due; inside the caller's transaction.

    One conditional UPDATE decides, so that of two workers one gets the row and the other nothing.
    """
    now, token = clock.now(), secrets.token_hex(16)
    statement = update(model).where(model.id == row_id, model.due_at <= now, is_free(model), condition)
    held = statement.values(lease_token=token, lease_until=now + LEASE)
    result = cast("CursorResult[Any]", db.session.execute(held))
    return Lease(row_id, token) if result.rowcount == 1 else None


def is_free(model: type[InvoiceRequest] | type[Delivery]) -> ColumnElement[bool]:
    """Say in SQL that nobody holds the row, or nobody any more."""
    return or_(model.lease_until.is_(None), model.lease_until < clock.now())


def release(row: InvoiceRequest | Delivery) -> None:
    """Afterwards the row is free again; inside the caller's transaction."""
    row.lease_token = row.lease_until = None
