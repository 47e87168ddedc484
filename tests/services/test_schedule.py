"""The clock of a request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.schedule import Facts, Schedule, schedule

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
READY = Facts(
    requested_at=MONDAY,
    confirmed_at=MONDAY - 300 * HOUR,
    details_complete_at=MONDAY - 2 * HOUR,
    reconciled_at=MONDAY - 2 * HOUR,
    shipped_at=MONDAY - 5 * HOUR,
)


def planned(facts: Facts) -> Schedule:
    return schedule(facts, delay_hours=24, deadline_hours=48)


def test_the_invoice_goes_out_24_to_48_hours_after_a_shipment() -> None:
    plan = planned(replace(READY, shipped_at=MONDAY + HOUR))
    assert plan == Schedule(None, MONDAY + 25 * HOUR, MONDAY + 49 * HOUR)


def test_asked_for_long_after_the_shipment_it_is_due_at_once() -> None:
    plan = planned(replace(READY, shipped_at=MONDAY - 1000 * HOUR))
    assert plan == Schedule(None, MONDAY, MONDAY + 48 * HOUR)


def test_asked_for_soon_after_the_shipment_the_deadline_counts_from_the_request() -> None:
    assert planned(READY) == Schedule(None, MONDAY + 19 * HOUR, MONDAY + 48 * HOUR)


@pytest.mark.parametrize("late", ["confirmed_at", "details_complete_at", "reconciled_at"])
def test_whatever_came_last_starts_the_deadline(late: str) -> None:
    plan = planned(replace(READY, **{late: MONDAY + 30 * HOUR}))
    assert plan == Schedule(None, MONDAY + 30 * HOUR, MONDAY + 78 * HOUR)


@pytest.mark.parametrize(
    ("missing", "waits"),
    [
        ({"shipped_at"}, "shipment"),
        ({"reconciled_at"}, "reconciliation"),
        ({"details_complete_at"}, "details"),
        ({"confirmed_at"}, "confirmation"),
        ({"shipped_at", "details_complete_at"}, "details"),
        ({"shipped_at", "reconciled_at", "details_complete_at", "confirmed_at"}, "confirmation"),
    ],
)
def test_it_names_the_first_thing_that_the_reader_can_do(missing: set[str], waits: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(missing)
    assert planned(replace(READY, **nothing)) == Schedule(waits)


def test_without_a_delay_a_shipped_order_is_due_at_the_press() -> None:
    plan = schedule(READY, delay_hours=0, deadline_hours=48)
    assert plan.earliest == MONDAY
