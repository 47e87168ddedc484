"""One mail from the outbox to a real SMTP server, and every way in which that can end."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

import clock
import jobs
import storage
from extensions import db, transaction
from mail.smtp import Outcome
from models import Delivery, Invoice, InvoiceRequest
from services import delivery, outbox, production
from services.leases import LEASE
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


def mail_of(invoice: Invoice) -> Delivery:
    return db.session.scalars(select(Delivery).where(Delivery.document_id == invoice.id)).one()


def request_of(invoice: Invoice) -> InvoiceRequest:
    return db.session.get_one(InvoiceRequest, invoice.request_id)


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
    assert (mail.state, mail.due_at, mail.attempts) == ("pending", clock.now() + 5 * MINUTE, 1)
    assert mail.last_error
    jobs.deliver(delivery_id)
    smtp_server.modes.clear()
    assert smtp_server.messages == []
    frozen_clock.shift(5 * MINUTE)
    jobs.deliver(delivery_id)
    assert len(smtp_server.messages) == 1


def test_refused_for_good_is_never_tried_again_and_shown_to_admins(smtp_server: Mailbox, invoice: Invoice) -> None:
    smtp_server.modes["RCPT"] = "550 5.1.1 no such mailbox"
    invoice_id, delivery_id = invoice.id, mail_of(invoice).id
    jobs.deliver(delivery_id)
    invoice = db.session.get_one(Invoice, invoice_id)
    assert (mail_of(invoice).state, mail_of(invoice).due_at) == ("failed", None)
    assert (request_of(invoice).state, request_of(invoice).reason) == (
        "needs_attention",
        "L'adresse e-mail a refusé le message.",
    )


def test_a_server_that_never_takes_it_is_not_said_to_be_a_wrong_address(
    invoice: Invoice, frozen_clock: Traveller
) -> None:
    delivery_id = mail_of(invoice).id
    for _ in range(7):
        lease = delivery.claim(delivery_id)
        assert lease is not None
        delivery.mark(lease, Outcome("refused_for_now", "nobody answers"))
        frozen_clock.shift(24 * 60 * MINUTE)
    assert delivery.claim(delivery_id) is None
    assert (mail_of(invoice).state, request_of(invoice).state) == ("failed", "needs_attention")
    assert request_of(invoice).reason == "Le message n'a pas pu être remis."


def test_a_mail_that_may_have_arrived_is_sent_once_more_and_then_a_person_decides(
    invoice: Invoice, frozen_clock: Traveller
) -> None:
    delivery_id, message_id = mail_of(invoice).id, mail_of(invoice).message_id
    for state in ("pending", "unknown"):
        lease = delivery.claim(delivery_id)
        assert lease is not None
        assert delivery.content(delivery_id)["Message-ID"] == message_id
        delivery.mark(lease, Outcome("unknown", "connection lost"))
        assert db.session.get_one(Delivery, delivery_id).state == state
        frozen_clock.shift(24 * 60 * MINUTE)
    assert delivery.claim(delivery_id) is None
    assert request_of(invoice).state == "needs_attention"


def test_a_mail_left_in_sending_by_a_killed_worker_is_sent_once_more_only(
    invoice: Invoice, frozen_clock: Traveller
) -> None:
    delivery_id = mail_of(invoice).id
    assert delivery.claim(delivery_id) is not None
    frozen_clock.shift(LEASE + MINUTE)
    assert delivery.claim(delivery_id) is not None
    frozen_clock.shift(LEASE + MINUTE)
    assert delivery.claim(delivery_id) is None


def test_a_worker_that_lost_its_lease_marks_nothing(invoice: Invoice, frozen_clock: Traveller) -> None:
    delivery_id = mail_of(invoice).id
    lost = delivery.claim(delivery_id)
    assert lost is not None
    frozen_clock.shift(LEASE + MINUTE)
    assert delivery.claim(delivery_id) is not None
    delivery.mark(lost, Outcome("sent"))
    assert db.session.get_one(Delivery, delivery_id).state == "sending"


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


def test_a_mail_that_two_workers_died_over_is_put_before_an_admin(invoice: Invoice, frozen_clock: Traveller) -> None:
    delivery_id = mail_of(invoice).id
    for _ in range(2):
        assert delivery.claim(delivery_id) is not None
        delivery.conclude_doubtful()
        assert mail_of(invoice).state == "sending"
        frozen_clock.shift(LEASE + MINUTE)
    delivery.conclude_doubtful()
    mail = mail_of(invoice)
    assert (mail.state, mail.due_at, mail.lease_token) == ("unknown", None, None)
    assert (request_of(invoice).state, request_of(invoice).reason) == (
        "needs_attention",
        "On ne sait pas si le message est arrivé.",
    )
