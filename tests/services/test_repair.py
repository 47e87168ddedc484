"""What an admin puts right: sent again, corrected, let go on; each once, however often it is pressed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import clock
import jobs
from extensions import DomainError, db
from models import AuditEntry, Delivery, InvoiceRequest, Order
from services import corrections, crediting, dashboard, leases, repair
from tests.support.factories import a_customer, a_request, an_order, billing_details
from tests.support.mailbox import Mailbox

RIGHT = "jean@example.org"


def an_automatic_request(**facts: Any) -> Order:
    """Return a guest's order whose invoice was asked for at checkout, sent off ten days ago, and due."""
    now = clock.now()
    order = an_order(
        email="jaen@example.org", billing=billing_details(), invoice_requested=True, shipped_at=now - timedelta(days=10)
    )
    due: dict[str, Any] = {
        "origin": "checkout", "state": "scheduled", "details_complete_at": now, "reconciled_at": now,
        "earliest_at": now - timedelta(days=9), "deadline_at": now - timedelta(days=8), "due_at": now,
    }  # fmt: skip
    a_request(order, **(due | facts))
    return order


def produced(app: Flask, order: Order) -> None:
    """Let the worker do what is due for this order now."""
    assert order.request
    worked(app, jobs.produce, order.request.id)


def delivered(app: Flask, order: Order) -> None:
    """Let the worker send the last mail."""
    worked(app, jobs.deliver, dashboard.deliveries(order)[-1].id)


def worked(app: Flask, job: Callable[[int], None], identifier: int) -> None:
    """Run a job as a worker does, in a context of its own, and see afterwards what it committed."""
    db.session.commit()
    with app.app_context():
        job(identifier)
    db.session.expire_all()


def mails(order: Order) -> list[tuple[str, str]]:
    return [(mail.recipient, mail.state) for mail in dashboard.deliveries(order)]


def acts(order: Order) -> set[str]:
    return set(db.session.scalars(select(AuditEntry.action).where(AuditEntry.order_id == order.id)))


def test_a_press_sends_the_same_document_once_more(app: Flask, smtp_server: Mailbox) -> None:
    order = an_automatic_request()
    produced(app, order)
    assert repair.resend(order, order.documents[0].id, 1)
    assert not repair.resend(order, order.documents[0].id, 1)
    delivered(app, order)
    assert mails(order) == [("jaen@example.org", "sent")] * 2
    first, second = smtp_server.messages
    assert first["Message-ID"] != second["Message-ID"]
    assert [part.get_content() for part in first.iter_attachments()] == [
        part.get_content() for part in second.iter_attachments()
    ]
    assert "invoice.resent" in acts(order)
    assert len(order.documents) == 1


def test_a_specimen_is_sent_again_to_the_merchant_only(make_app: Callable[..., Flask], smtp_server: Mailbox) -> None:
    app = make_app(ISSUE_MODE="trial")
    with app.app_context():
        order = an_automatic_request()
        produced(app, order)
        repair.correct_email(order, RIGHT)
        assert repair.resend(order, order.documents[0].id, 1)
        delivered(app, order)
        assert mails(order) == [("alertes@boutique.example", "sent")] * 2


def test_every_document_of_an_order_is_sent_again_by_itself(app: Flask, smtp_server: Mailbox) -> None:
    order = an_automatic_request()
    produced(app, order)
    first = order.issued_invoice
    assert first
    corrections.submit(first, billing_details(line1="14 rue Mercière"), "", a_customer())
    db.session.expire_all()
    assert [(each.kind, each.number) for each in order.documents] == [
        ("invoice", "FA-2026-000001"), ("invoice", "FA-2026-000002"), ("credit_note", "AV-2026-000001")
    ]  # fmt: skip
    for mail in dashboard.deliveries(order)[1:]:
        worked(app, jobs.deliver, mail.id)
    for document in order.documents:
        assert repair.resend(order, document.id, 1)
        assert not repair.resend(order, document.id, 1)
        delivered(app, order)
        last = smtp_server.messages[-1]
        assert [part.get_filename() for part in last.iter_attachments()] == [f"{document.number}.pdf"]
    assert len(smtp_server.messages) == 6


def test_sending_a_credit_note_again_does_not_speak_for_the_invoice(app: Flask, smtp_server: Mailbox) -> None:
    order = an_automatic_request()
    smtp_server.modes["RCPT"] = "550 5.1.1 no such mailbox"
    produced(app, order)
    invoice = order.issued_invoice
    assert invoice
    note = crediting.credit(invoice, amount=None, reason="Retour", refund=True, shown=0)
    assert note
    note_id = note.id
    delivered(app, order)
    smtp_server.modes.clear()
    assert repair.resend(order, note_id, 1)
    delivered(app, order)
    assert order.request
    assert order.request.state == "needs_attention"
    assert [found.number for found in dashboard.page("envois-en-echec").orders] == [order.number]
    assert dashboard.counts()["envois-en-echec"] == 1  # The invoice's own.


def test_the_waiting_mail_of_a_credit_note_follows_the_corrected_address(app: Flask) -> None:
    order = an_automatic_request()
    produced(app, order)
    assert order.issued_invoice
    crediting.credit(order.issued_invoice, amount=None, reason="Retour", refund=True, shown=0)
    repair.correct_email(order, RIGHT)
    assert mails(order) == [(RIGHT, "pending")] * 2


def test_nothing_is_sent_again_before_there_is_a_document(app: Flask) -> None:
    order = an_automatic_request()
    with pytest.raises(DomainError):
        repair.resend(order, 1, 0)
    with pytest.raises(DomainError):
        repair.resend(an_order(), 1, 0)


def test_a_mail_that_waits_is_tried_now_instead_of_doubled(app: Flask) -> None:
    order = an_automatic_request()
    produced(app, order)  # Nobody listens at SMTP_URL: the mail waits for its next try.
    mail = dashboard.deliveries(order)[0]
    assert mail.due_at
    assert mail.due_at > clock.now()
    assert repair.resend(order, order.documents[0].id, 1)
    assert len(dashboard.deliveries(order)) == 1
    assert mail.due_at <= clock.now()


def test_a_mail_in_a_workers_hands_is_not_doubled(app: Flask) -> None:
    order = an_automatic_request()
    produced(app, order)
    mail = dashboard.deliveries(order)[0]
    mail.lease_token, mail.lease_until = "x", clock.now() + timedelta(minutes=1)
    for state in ("pending", "sending"):
        mail.become(state, due_at=mail.due_at)
        db.session.commit()
        with pytest.raises(DomainError):
            repair.resend(order, order.documents[0].id, 1)
    mail.lease_until = clock.now() - timedelta(minutes=1)  # The worker is dead; whether the mail left is not known.
    db.session.commit()
    assert repair.resend(order, order.documents[0].id, 1)
    assert [state for _to, state in mails(order)] == ["unknown", "pending"]


def test_a_mistyped_address_is_corrected_and_the_invoice_arrives(app: Flask, smtp_server: Mailbox) -> None:
    owner = a_customer(email=RIGHT)
    order = an_automatic_request()
    smtp_server.modes["RCPT"] = "550 5.1.1 no such mailbox"
    produced(app, order)
    assert order.request
    assert order.request.state == "needs_attention"
    assert [found.number for found in dashboard.page("envois-en-echec").orders] == [order.number]
    smtp_server.modes.clear()
    repair.correct_email(order, "Jean@Example.ORG")
    assert (order.email, order.email_key, order.customer) == ("Jean@example.org", RIGHT, owner)
    assert repair.resend(order, order.documents[0].id, 1)
    assert order.request.state == "rendered"
    delivered(app, order)
    assert order.request.state == "sent"
    assert mails(order) == [("jaen@example.org", "failed"), ("Jean@example.org", "sent")]
    assert dashboard.counts()["envois-en-echec"] == 0
    assert "order.email_corrected" in acts(order)
    assert not any("@" in entry.detail for entry in dashboard.entries(order))


def test_a_mail_that_waits_follows_the_correction(app: Flask) -> None:
    order = an_automatic_request()
    produced(app, order)
    repair.correct_email(order, RIGHT)
    assert mails(order) == [(RIGHT, "pending")]


def test_a_corrected_order_leaves_the_account_of_the_wrong_mailbox(app: Flask) -> None:
    stranger = a_customer(email="jaen@example.org", billing=billing_details())
    order = an_order(customer=stranger)
    request = a_request(order)
    repair.correct_email(order, RIGHT)
    assert (order.customer, request.customer, request.recipient) == (None, None, RIGHT)


def test_an_unconfirmed_account_gets_nothing_by_a_correction(app: Flask) -> None:
    a_customer(email=RIGHT, confirmed=False)
    order = an_order(email="jaen@example.org")
    repair.correct_email(order, RIGHT)
    assert order.customer is None


def test_a_malformed_address_changes_nothing(app: Flask) -> None:
    order = an_order(email="jaen@example.org")
    with pytest.raises(ValueError, match="address"):
        repair.correct_email(order, "jean@")
    assert order.email == "jaen@example.org"


def test_a_stopped_request_goes_on_before_its_number(app: Flask, smtp_server: Mailbox) -> None:
    order = an_automatic_request(
        state="needs_attention", due_at=None, reason="La facture n'a pas pu être produite.", attempts=5, last_error="x"
    )
    assert repair.retry(order)
    assert not repair.retry(order)
    request = order.request
    assert request
    assert (request.state, request.attempts, request.reason, request.last_error) == ("scheduled", 0, None, None)
    produced(app, order)
    assert request.state == "sent"


def test_a_stopped_request_goes_on_after_its_number(
    app: Flask, smtp_server: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = an_automatic_request()
    assert order.request
    with monkeypatch.context() as patch:
        patch.setattr("documents.pdf.render", None)
        for _ in range(leases.MOST_ATTEMPTS):
            produced(app, order)
            order.request.due_at = clock.now()
            db.session.commit()
    assert order.request.state == "needs_attention"
    number = order.documents[0].number
    assert repair.retry(order)
    assert order.request.state == "issued"
    produced(app, order)
    assert order.request.state == "sent"
    assert [invoice.number for invoice in order.documents] == [number]


def test_a_request_whose_document_is_there_is_resent_not_retried(app: Flask, smtp_server: Mailbox) -> None:
    order = an_automatic_request()
    smtp_server.modes["RCPT"] = "550 5.1.1 no such mailbox"
    produced(app, order)
    with pytest.raises(DomainError):
        repair.retry(order)


def test_a_request_that_is_not_stopped_is_left_alone(app: Flask) -> None:
    assert not repair.retry(an_automatic_request())
    assert not repair.retry(an_order())


def test_mails_of_other_kinds_are_no_failed_documents(app: Flask) -> None:
    order = an_order()
    db.session.add(
        Delivery(
            kind="request_cancelled", occasion="c", message_id="<c@x>", recipient=RIGHT, order=order, state="failed"
        )
    )
    db.session.commit()
    assert dashboard.counts()["envois-en-echec"] == 0
    assert db.session.scalars(select(InvoiceRequest)).all() == []
