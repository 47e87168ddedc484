"""A mail whose worker, address, answer or database is lost on the way: in doubt only where nobody could know."""

import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from time_machine import Traveller

import clock
import failpoints
import jobs
from extensions import db
from mail.smtp import Outcome
from models import Delivery, Invoice, Order
from services import delivery, leases, letters, repair
from services.leases import LEASE, Lease
from tests.support.mailbox import Mailbox
from tests.support.outbox import (
    MINUTE,
    a_mail,
    an_invoice_to_mail,
    mail_of,
    now_sending,
    request_of,
    state_of,
)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Retries are counted from the stopped clock."""


@pytest.fixture
def invoice(app: Flask) -> Invoice:
    """Give an invoice that is drawn, with its mail in the outbox."""
    return an_invoice_to_mail()


def test_a_mail_whose_answer_was_lost_is_sent_once_more_the_same_and_then_a_person_decides(
    smtp_server: Mailbox, invoice: Invoice, frozen_clock: Traveller
) -> None:
    smtp_server.modes["message"] = "keep, drop"
    delivery_id = mail_of(invoice).id
    for state in ("pending", "unknown", "unknown"):
        jobs.deliver(delivery_id)
        assert state_of(delivery_id)[0] == state
        frozen_clock.shift(24 * 60 * MINUTE)
    first, second, *told = smtp_server.raw
    assert first == second
    assert all(b"a du retard" in each for each in told)  # Which its customer hears of in a mail of its own.
    assert (request_of(invoice).state, request_of(invoice).reason) == (
        "needs_attention",
        "On ne sait pas si le message est arrivé.",
    )


def test_a_mail_that_may_have_arrived_once_is_never_said_to_have_failed(
    invoice: Invoice, frozen_clock: Traveller
) -> None:
    delivery_id = mail_of(invoice).id
    for outcome in [Outcome("unknown")] + 6 * [Outcome("refused_for_now", trouble="message")]:
        delivery.mark(now_sending(delivery_id), outcome)
        frozen_clock.shift(30 * 60 * MINUTE)
    assert state_of(delivery_id)[0] == "unknown"


def test_a_worker_killed_before_the_message_leaves_no_doubt(invoice: Invoice, frozen_clock: Traveller) -> None:
    delivery_id = mail_of(invoice).id
    for _ in range(3):
        assert delivery.claim(delivery_id) is not None
        frozen_clock.shift(LEASE + MINUTE)
    mail = db.session.get_one(Delivery, delivery_id)
    assert (mail.state, mail.doubts, mail.attempts) == ("pending", 0, 3)


def test_a_mail_left_in_sending_by_a_killed_worker_is_sent_once_more_only(
    smtp_server: Mailbox, invoice: Invoice, frozen_clock: Traveller
) -> None:
    delivery_id = mail_of(invoice).id
    now_sending(delivery_id)
    jobs.deliver(delivery_id)
    assert smtp_server.messages == []
    frozen_clock.shift(LEASE + MINUTE)
    now_sending(delivery_id)
    frozen_clock.shift(LEASE + MINUTE)
    jobs.deliver(delivery_id)
    assert smtp_server.messages == []


def test_the_lease_begins_anew_when_the_message_is_handed_over(invoice: Invoice, frozen_clock: Traveller) -> None:
    lease = delivery.claim(mail_of(invoice).id)
    assert lease is not None
    frozen_clock.shift(LEASE - timedelta(seconds=1))
    delivery.begin(lease)
    assert mail_of(invoice).lease_until == clock.now() + LEASE


def test_a_worker_that_lost_its_lease_marks_nothing(invoice: Invoice, frozen_clock: Traveller) -> None:
    delivery_id = mail_of(invoice).id
    lost = now_sending(delivery_id)
    frozen_clock.shift(LEASE + MINUTE)
    now_sending(delivery_id)
    delivery.mark(lost, Outcome("sent"))
    assert state_of(delivery_id)[0] == "sending"


def test_a_worker_that_lost_its_lease_before_the_message_sends_nothing(
    smtp_server: Mailbox, app: Flask, frozen_clock: Traveller
) -> None:
    first, second = a_mail(1), a_mail(2)
    lost = delivery.claim(first)
    assert lost is not None
    message = letters.write(first)
    frozen_clock.shift(LEASE + MINUTE)
    held = delivery.claim(first)
    with delivery.connection() as connection:
        with pytest.raises(leases.LeaseLost):
            delivery.send(lost, message, connection)
        other = delivery.claim(second)
        assert other is not None
        delivery.mark(other, delivery.send(other, letters.write(second), connection))
    assert smtp_server.recipients == [["cliente2@example.org"]]
    assert held == Lease(first, db.session.get_one(Delivery, first).lease_token or "")


def test_a_mail_whose_address_changes_while_the_server_is_called_does_not_go_to_the_former_one(
    smtp_server: Mailbox, invoice: Invoice
) -> None:
    delivery_id, order_id = mail_of(invoice).id, invoice.order_id
    lease = delivery.claim(delivery_id)
    assert lease is not None
    message = letters.write(delivery_id)
    repair.correct_email(db.session.get_one(Order, order_id), "juste@example.org")
    with delivery.connection() as connection, pytest.raises(leases.LeaseLost):
        delivery.send(lease, message, connection)
    assert smtp_server.messages == []
    jobs.deliver(delivery_id)
    assert smtp_server.recipients == [["juste@example.org"]]


def test_a_mail_that_two_workers_died_over_is_put_before_an_admin(invoice: Invoice, frozen_clock: Traveller) -> None:
    delivery_id = mail_of(invoice).id
    for _ in range(2):
        now_sending(delivery_id)
        delivery.conclude_doubtful()
        assert state_of(delivery_id)[0] == "sending"
        frozen_clock.shift(LEASE + MINUTE)
    delivery.conclude_doubtful()
    mail = mail_of(invoice)
    assert (mail.state, mail.due_at, mail.lease_token) == ("unknown", None, None)
    assert (request_of(invoice).state, request_of(invoice).reason) == (
        "needs_attention",
        "On ne sait pas si le message est arrivé.",
    )


def test_a_mail_that_ends_its_worker_each_time_is_put_before_an_admin(
    invoice: Invoice, frozen_clock: Traveller
) -> None:
    delivery_id = mail_of(invoice).id
    for _ in range(7):
        assert delivery.claim(delivery_id) is not None
        delivery.conclude_doubtful()
        frozen_clock.shift(LEASE + MINUTE)
    assert delivery.claim(delivery_id) is None
    delivery.conclude_doubtful()
    assert state_of(delivery_id)[:2] == ("failed", "message")
    assert request_of(invoice).state == "needs_attention"


@pytest.mark.parametrize("name", [name for name in failpoints.NAMES if name.startswith("deliver.")])
def test_whatever_fails_at_a_step_the_mail_arrives_and_twice_only_where_nobody_could_know(
    name: str, smtp_server: Mailbox, make_app: Callable[..., Flask], tmp_path: Path, frozen_clock: Traveller
) -> None:
    (tmp_path / "failpoints").mkdir()
    with make_app(FAILPOINTS_DIR=str(tmp_path / "failpoints")).app_context():
        delivery_id = a_mail()
        (tmp_path / "failpoints" / name).write_text("error")
        with pytest.raises(failpoints.Failed):
            jobs.deliver(delivery_id)
        frozen_clock.shift(LEASE + MINUTE)
        jobs.deliver(delivery_id)
        mail = db.session.get_one(Delivery, delivery_id)
        in_doubt = name in ("deliver.sending", "deliver.handed_over", "deliver.before_mark")
        twice = name in ("deliver.handed_over", "deliver.before_mark")
        assert (mail.state, mail.doubts, len(smtp_server.messages)) == ("sent", int(in_doubt), 1 + twice)
        assert len({message["Message-ID"] for message in smtp_server.messages}) == 1


@pytest.mark.databases("sqlite")
def test_what_was_sent_is_written_down_although_the_database_is_away_for_a_while(
    app: Flask, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = now_sending(a_mail())
    writer = _hold(database)
    monkeypatch.setattr(time, "sleep", lambda _seconds: writer.execute("ROLLBACK"))
    delivery.mark(lease, Outcome("sent"))
    writer.close()
    assert state_of(lease.id)[0] == "sent"


@pytest.mark.databases("sqlite")
def test_a_database_that_stays_away_ends_the_job_and_leaves_the_mail_in_doubt(
    app: Flask, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = now_sending(a_mail())
    monkeypatch.setattr(leases, "LEASE", timedelta(0))
    writer = _hold(database)
    with pytest.raises(OperationalError):
        delivery.mark(lease, Outcome("sent"))
    writer.close()
    assert state_of(lease.id)[0] == "sending"


def _hold(database: str) -> sqlite3.Connection:
    """Hold the database as another writer does; ours waits for a moment only."""
    db.session.close()
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    writer = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    return writer
