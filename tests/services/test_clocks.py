"""A machine whose clock is wrong issues nothing, and says so once."""

import logging
import socket
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Incident, InvoiceRequest
from services import clocks, production
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details

MINUTE = timedelta(minutes=1)


def turned(by: timedelta) -> time_machine.travel:
    """Turn this machine's clock, and leave the database's alone."""
    return time_machine.travel(datetime.now(UTC) + by)


def a_due_request() -> InvoiceRequest:
    order = an_order(customer=a_customer(billing=billing_details()), shipped_at=PLACED)
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": PLACED}
    return a_request(order, state="scheduled", **met)


def incidents() -> list[Incident]:
    return list(db.session.scalars(select(Incident).order_by(Incident.id)))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("by", [6 * MINUTE, -6 * MINUTE], ids=["ahead", "behind"])
def test_a_wrong_clock_takes_no_request_until_it_is_right_again(app: Flask, by: timedelta) -> None:
    request_id = a_due_request().id
    with turned(by):
        assert production.claim(request_id) is None
    (incident,) = incidents()
    assert (incident.kind, incident.about, incident.closed_at) == ("clock", socket.gethostname()[:100], None)
    assert abs(incident.opened_at - datetime.now(UTC)) < MINUTE
    assert production.claim(request_id) is not None
    assert [one.closed_at is None for one in incidents()] == [False]


@pytest.mark.databases("postgresql")
def test_a_wrong_clock_is_said_once(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with turned(6 * MINUTE):
        assert [clocks.agree() for _ in range(3)] == [False] * 3
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "clock is wrong, nothing is issued here"
    ]
    assert len(incidents()) == 1


@pytest.mark.databases("postgresql")
def test_of_two_processes_that_see_it_at_once_neither_fails(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    note, seen = clocks._note, []

    def late(off: bool, there: datetime) -> None:
        seen.append(off)
        if len(seen) == 1:
            clocks.agree()  # The other process is quicker.
        note(off, there)

    monkeypatch.setattr(clocks, "_note", late)
    with turned(6 * MINUTE):
        assert not clocks.agree()
    assert len(incidents()) == 1


@pytest.mark.databases("postgresql")
def test_four_minutes_are_borne(app: Flask) -> None:
    with turned(4 * MINUTE):
        assert clocks.agree()
    assert incidents() == []


@pytest.mark.databases("sqlite")
def test_the_clock_of_sqlite_is_this_machine_s_own(app: Flask) -> None:
    with turned(60 * MINUTE):
        assert clocks.agree()
