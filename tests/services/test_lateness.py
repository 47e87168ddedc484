"""How late requests are, counted by the clock that was promised; the same on both databases."""

from datetime import timedelta

import pytest
from flask import Flask
from time_machine import Traveller

import clock
from models import InvoiceRequest
from services import lateness
from services.lateness import Lateness
from tests.support.factories import a_request, an_order
from tests.support.outbox import a_delivery

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """A promise is kept or broken to the second."""


def promised(state: str, *, begun: float, ends: float) -> InvoiceRequest:
    """A request whose mail may go out since `begun` hours, and must within `ends` hours."""
    now = clock.now()
    moments = {"earliest_at": now - begun * HOUR, "deadline_at": now + ends * HOUR, "due_at": None}
    return a_request(an_order(), state=state, reason="Panne." if state == "needs_attention" else None, **moments)


def test_what_is_late_is_no_longer_only_slow(app: Flask) -> None:
    promised("scheduled", begun=-1, ends=47)
    promised("issued", begun=11.99, ends=12.01)
    promised("rendered", begun=12.01, ends=11.99)
    promised("needs_attention", begun=25, ends=-1)
    assert lateness.measure() == Lateness(begun=3, slow=1, late=1, unshipped=0, queue_age=timedelta())


def test_what_is_over_or_has_no_clock_is_never_late(app: Flask) -> None:
    long_ago = clock.now() - 1000 * HOUR
    a_request(an_order(), state="sent", earliest_at=long_ago, deadline_at=long_ago, sent_at=clock.now())
    a_request(an_order(), state="waiting", waiting_for="details", requested_at=long_ago)
    assert lateness.measure() == Lateness(begun=0, slow=0, late=0, unshipped=0, queue_age=timedelta())
    assert lateness.late() == []


def test_a_parcel_is_waited_for_ten_days(app: Flask) -> None:
    a_request(an_order(), state="waiting", requested_at=clock.now() - timedelta(days=10))
    assert lateness.measure().unshipped == 0
    a_request(an_order(), state="waiting", requested_at=clock.now() - timedelta(days=10, seconds=1))
    assert lateness.measure().unshipped == 1


def test_the_queue_is_as_old_as_its_oldest_work(app: Flask) -> None:
    assert lateness.measure().queue_age == timedelta()
    a_request(an_order(), state="scheduled", due_at=clock.now() + HOUR)
    assert lateness.measure().queue_age == timedelta()
    a_request(an_order(), state="issued", due_at=clock.now() - 2 * HOUR)
    assert lateness.measure().queue_age == 2 * HOUR
    a_delivery(due_at=clock.now() - 3 * HOUR)
    a_delivery(due_at=clock.now() - 4 * HOUR, state="failed")
    assert lateness.measure().queue_age == 3 * HOUR
