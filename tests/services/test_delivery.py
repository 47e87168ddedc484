"""One mail from the outbox to a real SMTP server, and every way in which that can end."""

import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import OperationalError
from time_machine import Traveller

import clock
import failpoints
import jobs
import storage
from extensions import db, transaction
from mail.smtp import Outcome
from models import AuditEntry, Delivery, Invoice, InvoiceRequest, Order
from services import delivery, leases, outages, outbox, production, repair
from services.leases import LEASE, Lease
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.mailbox import Mailbox

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Retries are counted from the stopped clock."""


@pytest.fixture
def invoice(app: Flask) -> Invoice:
    """Give an invoice that is drawn, with its mail in the outbox."""
    customer = a_customer(billing=billing_details())
    order = an_order(customer=customer, shipped_at=PLACED, number="T-100234")
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    lease = production.claim(a_request(order, state="scheduled", **met).id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    production.render(lease, invoice_id)
    return db.session.get_one(Invoice, invoice_id)


def id_of(invoice: Invoice) -> int:
    """Its id, also when a job has closed the session that it came from."""
    (identity,) = inspect(invoice, raiseerr=True).identity or (0,)
    return int(identity)


def mail_of(invoice: Invoice) -> Delivery:
    return db.session.scalars(select(Delivery).where(Delivery.document_id == id_of(invoice))).one()


def a_mail(number: int = 1, *, kind: str = "account_exists") -> int:
    """A mail of no document, to an address of its own; returns its id."""
    with transaction():
        mail = Delivery(kind=kind, recipient=f"cliente{number}@example.org")
        return outbox.add(mail, occasion=f"test:{number}").id


def now_sending(delivery_id: int) -> Lease:
    """Bring a mail to where the server has agreed to everything but the message."""
    lease = delivery.claim(delivery_id)
    assert lease is not None
    delivery._begin(lease)
    return lease


def state_of(delivery_id: int) -> tuple[str, str | None, int]:
    mail = db.session.get_one(Delivery, delivery_id, populate_existing=True)
    return mail.state, mail.trouble, mail.attempts


def minutes_until(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - clock.now()) / MINUTE


def request_of(invoice: Invoice) -> InvoiceRequest:
    request_id = db.session.get_one(Invoice, id_of(invoice)).request_id
    return db.session.get_one(InvoiceRequest, request_id)


def test_the_invoice_arrives_with_its_document(smtp_server: Mailbox, invoice: Invoice) -> None:
    assert invoice.file is not None
    name, sha256, message_id = invoice.file.name, invoice.file.sha256, mail_of(invoice).message_id
    jobs.deliver(mail_of(invoice).id)
    (message,) = smtp_server.messages
    assert message["To"] == "claire@example.org"
    assert message["Message-ID"] == message_id
    assert message["Reply-To"] == "aide@boutique.example"
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "FA-2026-000001.pdf"
    assert attachment.get_content() == storage.read(name, sha256)
    invoice = db.session.get_one(Invoice, invoice.id)
    assert (mail_of(invoice).state, request_of(invoice).state) == ("sent", "sent")
    assert request_of(invoice).sent_at == clock.now()


def test_running_the_job_again_sends_nothing(smtp_server: Mailbox, invoice: Invoice) -> None:
    delivery_id = mail_of(invoice).id
    jobs.deliver(delivery_id)
    jobs.deliver(delivery_id)
    assert len(smtp_server.messages) == 1


def test_two_workers_never_send_the_same_mail(smtp_server: Mailbox, invoice: Invoice) -> None:
    held = delivery.claim(mail_of(invoice).id)
    assert held is not None
    jobs.deliver(mail_of(invoice).id)
    assert smtp_server.messages == []


def test_refused_for_now_is_tried_again_later(smtp_server: Mailbox, invoice: Invoice, frozen_clock: Traveller) -> None:
    smtp_server.modes["RCPT"] = "451 4.7.1 later"
    delivery_id = mail_of(invoice).id
    jobs.deliver(delivery_id)
    mail = db.session.get_one(Delivery, delivery_id)
    assert (mail.state, mail.attempts) == ("pending", 1)
    assert 4 <= minutes_until(mail.due_at) <= 6
    assert mail.last_error
    jobs.deliver(delivery_id)
    smtp_server.modes.clear()
    assert smtp_server.messages == []
    frozen_clock.shift(6 * MINUTE)
    jobs.deliver(delivery_id)
    assert len(smtp_server.messages) == 1


@pytest.mark.parametrize(
    ("step", "reply", "trouble", "reason"),
    [
        ("RCPT", "550 5.1.1 no such mailbox", "recipient", "L'adresse e-mail a refusé le message."),
        ("message", "554 5.7.1 spam", "message", "Le message n'a pas pu être remis."),
    ],
)
def test_refused_for_good_is_never_tried_again_and_shown_to_admins(
    smtp_server: Mailbox, invoice: Invoice, step: str, reply: str, trouble: str, reason: str
) -> None:
    smtp_server.modes[step] = reply
    invoice_id, delivery_id = invoice.id, mail_of(invoice).id
    jobs.deliver(delivery_id)
    invoice = db.session.get_one(Invoice, invoice_id)
    assert (mail_of(invoice).state, mail_of(invoice).trouble, mail_of(invoice).due_at) == ("failed", trouble, None)
    assert (request_of(invoice).state, request_of(invoice).reason) == ("needs_attention", reason)


def test_a_server_that_never_takes_it_is_not_said_to_be_a_wrong_address(
    invoice: Invoice, frozen_clock: Traveller
) -> None:
    delivery_id = mail_of(invoice).id
    for step in (5, 15, 60, 240, 720, 1440):
        lease = delivery.claim(delivery_id)
        assert lease is not None
        delivery.mark(lease, Outcome("refused_for_now", "451 later", "message"))
        assert 0.8 * step <= minutes_until(mail_of(invoice).due_at) <= 1.2 * step
        frozen_clock.shift(30 * 60 * MINUTE)
    lease = delivery.claim(delivery_id)
    assert lease is not None
    delivery.mark(lease, Outcome("refused_for_now", "451 later", "message"))
    assert (mail_of(invoice).state, request_of(invoice).state) == ("failed", "needs_attention")
    assert request_of(invoice).reason == "Le message n'a pas pu être remis."


def test_a_mail_whose_answer_was_lost_is_sent_once_more_the_same_and_then_a_person_decides(
    smtp_server: Mailbox, invoice: Invoice, frozen_clock: Traveller
) -> None:
    smtp_server.modes["message"] = "keep, drop"
    delivery_id = mail_of(invoice).id
    for state in ("pending", "unknown", "unknown"):
        jobs.deliver(delivery_id)
        assert state_of(delivery_id)[0] == state
        frozen_clock.shift(24 * 60 * MINUTE)
    first, second = smtp_server.raw
    assert first == second
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
    delivery._begin(lease)
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
    message = delivery.content(first)
    frozen_clock.shift(LEASE + MINUTE)
    held = delivery.claim(first)
    with delivery.connection() as connection:
        with pytest.raises(leases.LeaseLost):
            delivery.send(lost, message, connection)
        other = delivery.claim(second)
        assert other is not None
        delivery.mark(other, delivery.send(other, delivery.content(second), connection))
    assert smtp_server.recipients == [["cliente2@example.org"]]
    assert held == Lease(first, db.session.get_one(Delivery, first).lease_token or "")


def test_a_mail_whose_address_changes_while_the_server_is_called_does_not_go_to_the_former_one(
    smtp_server: Mailbox, invoice: Invoice
) -> None:
    delivery_id, order_id = mail_of(invoice).id, invoice.order_id
    lease = delivery.claim(delivery_id)
    assert lease is not None
    message = delivery.content(delivery_id)
    repair.correct_email(db.session.get_one(Order, order_id), "juste@example.org")
    with delivery.connection() as connection, pytest.raises(leases.LeaseLost):
        delivery.send(lease, message, connection)
    assert smtp_server.messages == []
    jobs.deliver(delivery_id)
    assert smtp_server.recipients == [["juste@example.org"]]


def test_mails_that_are_due_go_over_one_connection_each_once(smtp_server: Mailbox, app: Flask) -> None:
    first, *_others, last = [a_mail(number) for number in range(4)]
    held = delivery.claim(last)
    smtp_server.modes["RCPT cliente1@example.org"] = "550 5.1.1 no such mailbox"
    jobs.deliver(first)
    assert held is not None
    assert smtp_server.recipients == [["cliente0@example.org"], ["cliente2@example.org"]]
    assert smtp_server.connections == 1


def test_a_batch_ends_while_there_is_more_to_do(
    smtp_server: Mailbox, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [a_mail(number) for number in range(4)]
    monkeypatch.setattr(delivery, "BATCH", 3)
    jobs.deliver(mails[0])
    assert len(smtp_server.messages) == 3
    monkeypatch.setattr(delivery, "BATCH_SECONDS", 0)
    a_mail(5)
    jobs.deliver(mails[3])
    assert len(smtp_server.messages) == 4


def test_while_the_mail_server_is_away_one_mail_finds_out_for_all_and_none_is_given_up(
    smtp_server: Mailbox, app: Flask, frozen_clock: Traveller
) -> None:
    first, second = a_mail(1), a_mail(2)
    smtp_server.modes["connect"] = "421 4.3.2 shutting down"
    for tried, step in enumerate((5, 15, 60, 240, 720, 1440, 1440, 1440), start=1):
        jobs.deliver(first)
        due_at = db.session.get_one(Delivery, first).due_at
        assert 0.8 * step <= minutes_until(due_at) <= 1.2 * step
        assert [state_of(one) for one in (first, second)] == [("pending", "smtp", 0)] * 2
        assert smtp_server.connections == tried
        frozen_clock.shift(1.2 * step * MINUTE)
    smtp_server.modes.clear()
    jobs.deliver(first)
    assert smtp_server.recipients == [["cliente1@example.org"], ["cliente2@example.org"]]


def test_a_trial_mail_asks_the_server_although_it_is_said_to_be_away(smtp_server: Mailbox, app: Flask) -> None:
    smtp_server.modes["AUTH"] = smtp_server.modes["connect"] = "421 4.3.2 shutting down"
    jobs.deliver(a_mail(1))
    smtp_server.modes.clear()
    jobs.deliver(a_mail(2, kind="test"))
    assert smtp_server.recipients == [["cliente2@example.org"]]


def test_once_the_mail_server_answers_again_all_that_waited_is_due_within_one_sweep(
    smtp_server: Mailbox, invoice: Invoice
) -> None:
    delivery_id = mail_of(invoice).id
    smtp_server.modes["MAIL"] = "550 5.7.1 you are not welcome"
    jobs.deliver(delivery_id)
    outages.resume()
    jobs.deliver(delivery_id)
    assert (smtp_server.messages, state_of(delivery_id)[1]) == ([], "smtp")
    smtp_server.modes.clear()
    outages.resume()
    assert state_of(delivery_id)[:2] == ("pending", None)
    jobs.deliver(delivery_id)
    assert (state_of(delivery_id)[0], request_of(invoice).state) == ("sent", "sent")


def test_a_wrong_password_is_one_clear_line_in_the_log_without_the_password(
    make_app: Callable[..., Flask], smtp_server: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(SMTP_URL=smtp_server.url.replace("//", "//shop:hunter2@"))
    with app.app_context():
        jobs.deliver(a_mail(1))
        jobs.deliver(a_mail(2))
        (line,) = [record for record in caplog.records if record.name == "services.delivery"]
        assert "SMTP_URL" in line.__dict__["detail"]
        assert "hunter2" not in str(line.__dict__)


def test_a_document_that_was_altered_on_disk_is_not_sent(smtp_server: Mailbox, app: Flask, invoice: Invoice) -> None:
    assert invoice.file is not None
    folder = app.extensions["settings"].documents_dir
    (folder / invoice.file.name).write_bytes(b"altered")
    delivery_id = mail_of(invoice).id
    jobs.deliver(delivery_id)
    mail = db.session.get_one(Delivery, delivery_id)
    assert smtp_server.messages == []
    assert (mail.state, "Corrupt" in (mail.last_error or "")) == ("pending", True)


def test_the_raw_token_of_a_confirmation_is_in_the_mail_only(
    smtp_server: Mailbox, app: Flask, make_app: Callable[..., Flask]
) -> None:
    customer = a_customer(confirmed=False)
    with transaction():
        mail = outbox.add(
            Delivery(kind="confirmation", recipient=customer.email, customer_id=customer.id), occasion="test"
        )
    jobs.deliver(mail.id)
    body = smtp_server.last().get_body(("plain",))
    assert body is not None
    link = next(word for word in body.get_content().split() if "/confirmer/" in word)
    assert link.startswith("http://localhost/confirmer/")
    raw = link.rsplit("/", 1)[1]
    for table in db.metadata.sorted_tables:
        assert raw not in repr(db.session.execute(select(table)).all())


def test_a_documents_folder_that_is_away_is_waited_for(
    smtp_server: Mailbox, app: Flask, invoice: Invoice, monkeypatch: pytest.MonkeyPatch, frozen_clock: Traveller
) -> None:
    delivery_id = mail_of(invoice).id
    with monkeypatch.context() as patch:
        patch.setattr("storage.read", _no_disk)
        for _ in range(9):
            jobs.deliver(delivery_id)
            assert state_of(delivery_id) == ("pending", "documents", 0)
            assert minutes_until(mail_of(invoice).due_at) <= 18
            frozen_clock.shift(20 * MINUTE)
    jobs.deliver(delivery_id)
    assert state_of(delivery_id)[:2] == ("sent", None)


def _no_disk(*_arguments: object) -> bytes:
    raise OSError(5, "Input/output error")


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


def test_a_mail_that_came_back_is_failed_and_its_invoice_put_before_an_admin_once(
    smtp_server: Mailbox, invoice: Invoice
) -> None:
    delivery_id = mail_of(invoice).id
    assert delivery.came_back(delivery_id, "recipient", "5.1.1 no such mailbox") is False
    jobs.deliver(delivery_id)
    assert [delivery.came_back(delivery_id, "recipient", "5.1.1 no such mailbox") for _ in range(2)] == [True, False]
    assert state_of(delivery_id)[:2] == ("failed", "recipient")
    assert (request_of(invoice).state, request_of(invoice).reason) == (
        "needs_attention",
        "L'adresse e-mail a refusé le message.",
    )
    bounced = select(func.count()).where(AuditEntry.action == "mail.bounced")
    assert db.session.scalar(bounced) == 1


def test_a_mail_that_came_back_after_its_document_was_mailed_again_stops_nothing(
    smtp_server: Mailbox, invoice: Invoice
) -> None:
    first = mail_of(invoice).id
    jobs.deliver(first)
    order = db.session.get_one(Order, invoice.order_id)
    assert repair.resend(order, invoice.id, 1)
    second = db.session.scalars(select(Delivery.id).where(Delivery.id > first)).one()
    jobs.deliver(second)
    assert delivery.came_back(first, "recipient", "5.1.1 no such mailbox")
    assert request_of(invoice).state == "sent"


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
