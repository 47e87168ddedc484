"""One mail from the outbox to a real SMTP server, and every way in which that can end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
import jobs
import storage
from extensions import db, transaction
from mail.smtp import Outcome
from models import AuditEntry, Delivery, Invoice, Order
from services import delivery, limits, outages, outbox, repair
from tests.support.factories import a_customer
from tests.support.mailbox import Mailbox
from tests.support.outbox import MINUTE, a_mail, an_invoice_to_mail, mail_of, minutes_until, request_of, state_of


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Retries are counted from the stopped clock."""


@pytest.fixture
def invoice(app: Flask) -> Invoice:
    """Give an invoice that is drawn, with its mail in the outbox."""
    return an_invoice_to_mail()


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


def test_no_limit_that_is_full_holds_a_document_back(
    smtp_server: Mailbox, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in [each for each in vars(limits).items() if isinstance(each[1], limits.Limit)]:
        monkeypatch.setattr(limits, name, replace(limit, most=0))
    jobs.deliver(mail_of(an_invoice_to_mail()).id)
    assert [message["To"] for message in smtp_server.messages] == ["claire@example.org"]


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


def test_mails_that_are_due_go_over_one_connection_each_once(smtp_server: Mailbox, app: Flask) -> None:
    first, *_others, last = [a_mail(number) for number in range(4)]
    held = delivery.claim(last)
    smtp_server.modes["RCPT cliente1@example.org"] = "550 5.1.1 no such mailbox"
    jobs.deliver(first)
    assert held is not None
    assert smtp_server.recipients == [["cliente0@example.org"], ["cliente2@example.org"]]
    assert smtp_server.connections == 1


def test_workers_side_by_side_share_the_mails_and_send_each_once(smtp_server: Mailbox, app: Flask) -> None:
    mails = [a_mail(number) for number in range(12)]

    def work(first: int) -> None:
        with app.app_context():
            jobs.deliver(first)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, mails[:4]))
    db.session.rollback()  # To see what the others have written.
    assert sorted(smtp_server.recipients) == sorted([f"cliente{number}@example.org"] for number in range(12))
    assert {state_of(one)[0] for one in mails} == {"sent"}


@pytest.mark.databases("sqlite")
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
    for tried, step in enumerate((5, 15, 60, 240, 720, 1440, 1440), start=1):
        jobs.deliver(first)
        due_at = db.session.get_one(Delivery, first).due_at
        assert 0.8 * step <= minutes_until(due_at) <= 1.2 * step
        assert [state_of(one) for one in (first, second)] == [("pending", "smtp", 0)] * 2
        assert smtp_server.connections == tried
        frozen_clock.shift(1.2 * step * MINUTE)
    smtp_server.modes.clear()
    jobs.deliver(first)
    assert smtp_server.recipients == [["cliente1@example.org"], ["cliente2@example.org"]]


@pytest.mark.databases("sqlite")
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


@pytest.mark.databases("sqlite")
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


@pytest.mark.databases("sqlite")
def test_a_document_that_was_altered_on_disk_is_not_sent(smtp_server: Mailbox, app: Flask, invoice: Invoice) -> None:
    assert invoice.file is not None
    folder = app.extensions["settings"].documents_dir
    (folder / invoice.file.name).write_bytes(b"altered")
    delivery_id = mail_of(invoice).id
    jobs.deliver(delivery_id)
    mail = db.session.get_one(Delivery, delivery_id)
    assert smtp_server.messages == []
    assert (mail.state, "Corrupt" in (mail.last_error or "")) == ("pending", True)


@pytest.mark.databases("sqlite")
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
        for _ in range(len(delivery.BACKOFF) + 2):
            jobs.deliver(delivery_id)
            assert state_of(delivery_id) == ("pending", "documents", 0)
            assert minutes_until(mail_of(invoice).due_at) <= 18
            frozen_clock.shift(20 * MINUTE)
    jobs.deliver(delivery_id)
    assert state_of(delivery_id)[:2] == ("sent", None)


def _no_disk(*_arguments: object) -> bytes:
    raise OSError(5, "Input/output error")


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
