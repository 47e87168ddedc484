"""The four decisions that hold the rest: each test fails at once when one is given up."""

from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Delivery
from tests.faults.cells import PATIENCE, a_due_request, an_order_to_ask_for, doubts, is_asked_for, states
from tests.faults.laboratory import Laboratory


def test_who_hears_the_bell_finds_the_request(app: Flask, laboratory: Laboratory) -> None:
    """Enqueue after the commit: without a sweeper, a bell that is heard too early is never heard again.

    PostgreSQL alone can show it: on SQLite who hears it waits for the one who writes.
    """
    laboratory.start(workers=1)
    order_id = an_order_to_ask_for("bell")
    laboratory.arm("ask.before_commit", "pause 1.5")
    laboratory.call("ask", [order_id])
    assert is_asked_for(order_id)
    laboratory.settle(20)
    assert laboratory.findings() == []


def test_a_mail_in_the_hands_of_one_worker_is_not_sent_by_another(app: Flask, patient: Laboratory) -> None:
    """The lease: while one worker holds the mail, or the request, the bells of others do nothing."""
    patient.start(workers=2)
    for step in ("deliver.sending", "deliver.handed_over", "issue.committed"):
        armed = patient.arm(step, "pause 2")
        request_id = a_due_request(step)
        patient.ring("produce", request_id)
        patient.passed(armed)
        patient.ring("produce", request_id)
        for delivery_id in db.session.scalars(select(Delivery.id)).all():
            patient.ring("deliver", delivery_id)
        db.session.rollback()
    patient.settle(PATIENCE)
    assert patient.findings() == []
    assert doubts() == {}


def test_two_who_issue_at_the_same_time_take_one_number_each(app: Flask, patient: Laboratory) -> None:
    """The counter: who takes a number holds the row until the commit, and nobody takes the same one meanwhile.

    PostgreSQL alone can show it: on SQLite nobody else writes meanwhile anyway.
    """
    patient.start(workers=3, sweepers=1)
    a_due_request("the first of its series")
    patient.settle(PATIENCE)
    armed = patient.arm("issue.before_commit", "pause 2")
    for number in range(3):
        a_due_request(f"T-{number}")
    patient.passed(armed)
    patient.settle(PATIENCE)
    assert patient.findings() == []
    assert set(states().values()) == {"sent"}


def test_what_is_marked_as_sent_was_accepted(app: Flask, laboratory: Laboratory) -> None:
    """Mark after the answer: who dies before the message is handed over leaves a mail that is sent later."""
    laboratory.start(workers=1, sweepers=1)
    for step in ("deliver.connected", "deliver.sending"):
        armed = laboratory.arm(step, "kill")
        laboratory.ring("produce", a_due_request(step))
        laboratory.passed(armed)
    laboratory.settle(PATIENCE)
    assert laboratory.findings(doubtful=1) == []
    assert set(states().values()) == {"sent"}
