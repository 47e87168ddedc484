"""From a due request to a document in the outbox: claim, issue, render. Each step can be run again."""

import logging
from datetime import timedelta

from sqlalchemy import select

import clock
import config
from extensions import db, transaction
from models import Delivery, Invoice, InvoiceRequest
from services import crediting, files, history, invoicing, issuing, leases, outbox
from services.leases import Lease, LeaseLost

MOST_ATTEMPTS = 5
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))

log = logging.getLogger(__name__)


def claim(request_id: int) -> Lease | None:
    """Return the right to work on a due request, or None when it is not due or another worker holds it."""
    with transaction():
        return leases.take(InvoiceRequest, request_id, InvoiceRequest.state.in_(leases.UNDER_WAY[InvoiceRequest]))


def issue(lease: Lease) -> int | None:
    """Afterwards the request has its invoice, numbered and frozen; return its id, or None when nothing is due any more.

    Number and content are written in one transaction: there is no number without a document, nor the reverse
    (CGI ann. II art. 242 nonies A). What was refunded before is credited at once. Running it again returns the same
    invoice.
    """
    with transaction():
        request = _held(lease)
        if request.state == "scheduled":
            order = invoicing.lock_order(request.order_id)
            invoicing.reconsider(order)
            details = invoicing.details_for(request, order)
            if details is None or request.state != "scheduled" or not request.is_due:
                leases.release(request)
                return None
            issuing.invoice(request, order, details)
            request.become("issued", due_at=request.due_at)
            crediting.settle_refunds(order)
        elif request.state != "issued":  # Cancelled, or waiting again, between the claim and now.
            leases.release(request)
            return None
        return _first_invoice(request).id


def render(lease: Lease, invoice_id: int) -> int:
    """Afterwards the document is on disk and its mail in the outbox, beside those of its credit notes; return its id.

    No transaction is open while the page is drawn. Raises whatever the renderer or the disk raises; the number stays.
    """
    files.ensure(invoice_id)
    with transaction():
        request = _held(lease)
        delivery = db.session.scalar(select(Delivery).where(Delivery.occasion == f"document:{invoice_id}"))
        if delivery is None:
            delivery = issuing.mail(db.session.get_one(Invoice, invoice_id))
        request.become("rendered")
        leases.release(request)
        delivery_id, order_id = delivery.id, request.order_id
    outbox.ring_documents(order_id, but=delivery_id)
    return delivery_id


def give_up_for_now(lease: Lease, error: Exception) -> None:
    """Afterwards the request will be tried again later; after the fifth time it is put in front of an admin."""
    log.error("invoice not produced", extra={"request": lease.id, "error": type(error).__name__})
    try:
        with transaction():
            request = _held(lease)
            leases.release(request)
            if request.state not in leases.UNDER_WAY[InvoiceRequest]:
                return  # Cancelled, or waiting again, since the claim: nothing is to be tried again.
            attempts, said = request.attempts + 1, f"{type(error).__name__}: {error}"[:500]
            if attempts >= MOST_ATTEMPTS:
                request.become("needs_attention", reason="La facture n'a pas pu être produite.")
                history.record("request.parked", order=request.order, detail=said)
            else:
                request.due_at = clock.now() + BACKOFF[attempts - 1]
            request.attempts, request.last_error = attempts, said
    except LeaseLost:
        pass  # Somebody else works on it now and will say how it ended.


def _held(lease: Lease) -> InvoiceRequest:
    """Return the request, locked, and its order before it; raise LeaseLost when the lease is no longer ours."""
    request = db.session.get_one(InvoiceRequest, lease.id)
    invoicing.lock_order(request.order_id)
    db.session.refresh(request, with_for_update=True)
    if request.lease_token != lease.token:
        raise LeaseLost
    return request


def _first_invoice(request: InvoiceRequest) -> Invoice:
    trial = not config.current().live
    first = (Invoice.request_id == request.id, Invoice.replaces_id.is_(None))
    found = select(Invoice).where(*first, Invoice.trial.is_(trial))
    return db.session.scalars(found).one()
