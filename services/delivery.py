"""One e-mail from the outbox to the mail server: claim, write, send, mark."""

import logging
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

from flask import current_app, url_for
from sqlalchemy import and_, or_, select

import clock
import config
from documents import formatting
from documents.snapshot import Snapshot
from extensions import db, transaction
from mail import messages, smtp
from mail.messages import Heading
from mail.smtp import Outcome
from models import CreditNote, Customer, Delivery, Document, Invoice, Order
from services import corrections, files, history, invoicing, issuing, leases, tokens
from services.leases import Lease

BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 720, 1440))

log = logging.getLogger(__name__)


def claim(delivery_id: int) -> Lease | None:
    """Return the right to send a mail, or None when it is not due, sent already, or in another worker's hands.

    A mail found in `sending` after its lease ran out was in the hands of a worker that died: nobody knows whether it
    arrived. It is sent once more with the same Message-ID, and after that only a person decides.
    """
    pending = Delivery.state == "pending"
    orphaned = and_(Delivery.state == "sending", Delivery.doubts == 0)
    with transaction():
        lease = leases.take(Delivery, delivery_id, or_(pending, orphaned))
        if lease:
            delivery = db.session.get_one(Delivery, delivery_id, populate_existing=True)
            delivery.doubts += delivery.state == "sending"
            delivery.become("sending", due_at=delivery.due_at)
    return lease


def conclude_doubtful() -> None:
    """Afterwards no mail lies in `sending` that a worker died over after it had been in doubt already.

    It is `unknown`, which only a person ends, and its invoice's request stands in front of an admin.
    """
    in_doubt = and_(Delivery.state == "sending", Delivery.doubts > 0, Delivery.due_at <= clock.now())
    doubtful = select(Delivery).where(in_doubt, leases.is_free(Delivery))
    if db.session.scalar(doubtful.limit(1)) is None:
        return
    with transaction():
        for delivery in db.session.scalars(doubtful.with_for_update(skip_locked=True, of=Delivery)):
            leases.release(delivery)
            delivery.become("unknown", error=delivery.last_error)
            _conclude(delivery)
            log.error("mail in doubt", extra={"delivery": delivery.id})


def content(delivery_id: int) -> EmailMessage:
    """Return the message of a delivery; for a confirmation or a new password with a fresh one-time token.

    A document that nobody has drawn yet is drawn now. Raises OSError or storage.Corrupt when the one it carries cannot
    be read as it was written, and whatever the renderer raises.
    """
    document_id = db.session.get_one(Delivery, delivery_id).document_id
    if document_id:
        files.ensure(document_id)
    delivery = db.session.get_one(Delivery, delivery_id)
    settings = config.current()
    heading = messages.Heading(
        sender=settings.mail_from,
        reply_to=settings.support_email,
        to=delivery.recipient,
        message_id=delivery.message_id,
        date=delivery.created_at,
        shop_name=current_app.extensions["sellers"].shop.name,
    )
    return WRITERS[delivery.kind](heading, delivery)


def send(message: EmailMessage) -> Outcome:
    """Hand the message to the mail server; no database connection is held meanwhile."""
    db.session.close()
    return smtp.send(message, config.current().smtp_url)


def mark(lease: Lease, outcome: Outcome) -> None:
    """Afterwards the delivery says how it ended, and its invoice's request too; nothing when the lease was lost."""
    with transaction():
        delivery = db.session.get_one(Delivery, lease.id, with_for_update=True, populate_existing=True)
        if delivery.lease_token != lease.token:
            log.warning("lease lost after sending", extra={"delivery": lease.id})
            return
        leases.release(delivery)
        if outcome.kind == "sent":
            delivery.become("sent")
        elif outcome.kind == "refused_for_good":
            delivery.become("failed", error=outcome.detail)
        else:
            _try_again_or_stop(delivery, outcome)
        if delivery.state != "pending":
            _conclude(delivery)
    if outcome.kind != "sent":
        log.error("mail not sent", extra={"delivery": lease.id, "outcome": outcome.kind, "state": delivery.state})


def ends_a_request(document: Document) -> bool:
    """Whether this is the invoice that was asked for: credit notes and what replaces it say nothing about its request.

    Nor does a specimen, once live.
    """
    first = isinstance(document, Invoice) and document.replaces_id is None
    return first and issuing.is_of_this_mode(document)


def _try_again_or_stop(delivery: Delivery, outcome: Outcome) -> None:
    unknown = outcome.kind == "unknown"
    delivery.doubts += unknown
    if delivery.doubts > 1 or delivery.attempts > len(BACKOFF):
        delivery.become("unknown" if delivery.doubts > 1 else "failed", error=outcome.detail)
    else:
        delivery.become("pending", due_at=clock.now() + BACKOFF[delivery.attempts - 1], error=outcome.detail)


def _conclude(delivery: Delivery) -> None:
    """Write what the end of a delivery means for the invoice request that it belongs to."""
    history.record(f"mail.{delivery.state}", order=delivery.order, customer=delivery.customer, detail=delivery.kind)
    if delivery.document is None or not ends_a_request(delivery.document):
        return
    request = delivery.document.request
    if delivery.state == "sent":
        if request.state in ("rendered", "needs_attention"):
            request.become("sent", sent_at=delivery.sent_at)
    elif request.state == "rendered":
        tried_in_vain = delivery.attempts > len(BACKOFF)
        failed = "Le message n'a pas pu être remis." if tried_in_vain else "L'adresse e-mail a refusé le message."
        reasons = {"failed": failed, "unknown": "On ne sait pas si le message est arrivé."}
        request.become("needs_attention", reason=reasons[delivery.state])


def _invoice(heading: Heading, delivery: Delivery) -> EmailMessage:
    return messages.invoice(heading, _document(delivery), area_url=_documents_url(delivery))


def _credit_note(heading: Heading, delivery: Delivery) -> EmailMessage:
    return messages.credit_note(heading, _document(delivery), area_url=_documents_url(delivery))


def _specimen(heading: Heading, delivery: Delivery) -> EmailMessage:
    return messages.specimen(heading, _document(delivery))


def _correction_declined(heading: Heading, delivery: Delivery) -> EmailMessage:
    correction = corrections.told_by(delivery)
    number, reason = correction.invoice.number, correction.reason or ""
    return messages.correction_declined(heading, number=number, reason=reason, area_url=_url("invoices.index"))


def _confirmation(heading: Heading, delivery: Delivery) -> EmailMessage:
    token, code = tokens.fresh(db.session.get_one(Customer, delivery.customer_id), "confirmation")
    write = messages.confirmation if delivery.kind == "confirmation" else messages.confirmation_reminder
    return write(heading, link=_url("auth.confirm", token=token), code=code)


def _password_reset(heading: Heading, delivery: Delivery) -> EmailMessage:
    token, _code = tokens.fresh(db.session.get_one(Customer, delivery.customer_id), "password_reset")
    return messages.password_reset(heading, link=_url("auth.reset", token=token))


def _account_exists(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.account_exists(heading, sign_in_url=_url("auth.sign_in"), reset_url=_url("auth.forgot"))


def _request_cancelled(heading: Heading, delivery: Delivery) -> EmailMessage:
    order = db.session.get_one(Order, delivery.order_id)
    reason = invoicing.of_order(order.id).reason or ""
    url = _url("orders.show", number=order.number)
    return messages.request_cancelled(heading, order_number=order.number, reason=reason, order_url=url)


def _document(delivery: Delivery) -> messages.Document:
    document = db.session.get_one(Document, delivery.document_id)
    said = issuing.frozen(document)
    return messages.Document(
        number=document.number,
        kind=said.kind,
        order_number=document.order.number,
        amount=formatting.money(document.gross, document.currency),
        file_name=f"{document.number}.pdf",
        pdf=files.read(document) or b"",
        refers_to=said.refers_to.number if said.refers_to else "",
        reason=said.reason,
        repayment=_repayment(said),
        replaced_by=_replacement_of(document.invoice if isinstance(document, CreditNote) else document),
        for_company=said.buyer.kind == "company",
    )


def _repayment(said: Snapshot) -> messages.Repayment:
    """What a credit note does with the money; nothing for an invoice."""
    if said.settlement == "refund":
        return "due" if said.payment.left else "made"
    return "none" if said.settlement == "set_off" else ""


def _replacement_of(invoice: Document) -> str:
    replaced = isinstance(invoice, Invoice) and invoice.replaced_by
    return replaced.number if replaced else ""


def _documents_url(delivery: Delivery) -> str | None:
    return _url("invoices.index") if delivery.customer_id else None


def _url(endpoint: str, **values: str) -> str:
    return url_for(endpoint, _external=True, **values)


WRITERS: dict[str, Callable[[Heading, Delivery], EmailMessage]] = {
    "invoice": _invoice,
    "credit_note": _credit_note,
    "specimen": _specimen,
    "correction_declined": _correction_declined,
    "confirmation": _confirmation,
    "confirmation_reminder": _confirmation,
    "password_reset": _password_reset,
    "account_exists": _account_exists,
    "request_cancelled": _request_cancelled,
}
