"""The clock of a request: when its invoice may go out and by when it must. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """When each condition of an invoice was met; None where it is still open. Aware moments."""

    requested_at: datetime
    confirmed_at: datetime | None
    details_complete_at: datetime | None
    reconciled_at: datetime | None
    shipped_at: datetime | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Either what the request waits for, or the two ends of the promise; never both."""

    waiting_for: str | None
    earliest: datetime | None = None
    deadline: datetime | None = None


def schedule(facts: Facts, *, delay_hours: int, deadline_hours: int) -> Schedule:
    """Return when the invoice is due, or the first thing that it waits for.

    What the customer can do comes first (confirm, complete), then what the merchant can do, then the parcel:
    the page names the next step of the person who reads it.
    """
    ready_parts = {
        "confirmation": facts.confirmed_at,
        "details": facts.details_complete_at,
        "reconciliation": facts.reconciled_at,
        "shipment": facts.shipped_at,
    }
    missing = next((name for name, moment in ready_parts.items() if moment is None), None)
    if missing:
        return Schedule(missing)
    *ready_moments, shipped_at = (moment for moment in ready_parts.values() if moment)
    ready = max(facts.requested_at, *ready_moments)
    earliest = max(shipped_at + timedelta(hours=delay_hours), ready)
    return Schedule(None, earliest, max(shipped_at, ready) + timedelta(hours=deadline_hours))
