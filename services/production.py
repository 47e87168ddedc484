"""From a due request to a document in the outbox: claim, issue, render. Each step can be run again."""

import logging
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

import config
import failpoints
import storage
from extensions import db, transaction
from models import Delivery, Invoice, InvoiceRequest
from services import clocks, crediting, cutover, files, history, invoicing, issuing, leases, notices, outbox
from services.leases import Lease, LeaseLost

OUTAGE = (timedelta(minutes=12),)  # As long as nobody has found out sooner that it is over: see `services.outages`.
UNDER_WAY = leases.UNDER_WAY[InvoiceRequest]
TO_PRODUCE = leases.to_work_on(InvoiceRequest)

log = logging.getLogger(__name__)


def claim(request_id: int) -> Lease | None:
    """Return the right to work on a due request, or None when it is not due or another worker holds it.

    Nor does a machine get it whose clock is wrong, since documents bear its date.
    """
    if not clocks.agree():
        return None
    with transaction():
        lease = leases.take(InvoiceRequest, request_id, TO_PRODUCE)
    if lease:
        failpoints.reach("produce.claimed")
    return lease


def issue(lease: Lease) -> int | None:
    """Afterwards the request has its invoice, numbered and frozen; return its id, or None when nothing is due any more.

    Number and content are written in one transaction: there is no number without a document, nor the reverse
    (CGI ann. II art. 242 nonies A). What was refunded before is credited at once. Running it again returns the same
    invoice.
    """
    with transaction():
        request = _held(lease)
        if request.state == "scheduled":
            _issue(request)
        invoice_id = _first_invoice(request).id if request.state == "issued" else None
        if invoice_id is None:  # Cancelled, or waiting again, between the claim and now.
            leases.hand_back(request)
        failpoints.reach("issue.before_commit")
    failpoints.reach("issue.committed")
    return invoice_id


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
        failpoints.reach("render.before_commit")
    failpoints.reach("render.committed")
    outbox.ring_documents(order_id, but=delivery_id)
    return delivery_id


def give_up_for_now(lease: Lease, error: Exception) -> None:
    """Afterwards the request will be tried again later; after the fifth time it is put in front of an admin.

    What is out of order at our own place, the documents folder, the database or a setting, is no fault of the request:
    that is waited for, however long it takes.
    """
    outage, kind = storage.is_outage(error), type(error).__name__
    what, said = ("documents unusable", f"{kind}: {error}") if outage else ("invoice not produced", kind)
    log.error(what, extra={"request": lease.id, "error": said})
    try:
        with transaction():
            request = _held(lease)
            if request.state in UNDER_WAY:
                _try_again_or_park(request, error)
            leases.release(request)
    except LeaseLost:
        pass  # Somebody else works on it now and will say how it ended.


def park_killers() -> bool:
    """Afterwards requests whose worker died each of five times are shown to an admin; return whether more may wait."""
    found = select(InvoiceRequest.id).where(leases.is_killer(InvoiceRequest)).order_by(InvoiceRequest.id)
    taken = db.session.scalars(found.limit(leases.MOST_AT_ONCE)).all()
    for request_id in taken:
        with transaction():
            request = _locked(request_id)
            if db.session.scalar(found.where(InvoiceRequest.id == request_id)):
                _park(request, "The worker ended each time before the request did.")
    return len(taken) == leases.MOST_AT_ONCE


def _issue(request: InvoiceRequest) -> None:
    """Issue what is still due as things stand now; the request is locked, and its order."""
    order = request.order
    cutover.look_again(order)
    invoicing.reconsider(order)
    details = invoicing.details_for(request, order)
    if details is None or request.state != "scheduled" or not request.is_due:
        return
    issuing.invoice(request, order, details)
    request.become("issued", due_at=request.due_at)
    request.attempts = 1  # The one that is under way draws the document as well.
    crediting.settle_refunds(order)


def _try_again_or_park(request: InvoiceRequest, error: Exception) -> None:
    said, outage = f"{type(error).__name__}: {error}"[:500], storage.is_outage(error)
    request.last_error, request.trouble = said, "documents" if outage else None
    if outage or isinstance(error, OperationalError | issuing.WrongMode):
        leases.hand_back(request)
        request.due_at = leases.next_try(OUTAGE if outage else leases.BACKOFF, 1)
    elif request.attempts < leases.MOST_ATTEMPTS:
        request.due_at = leases.next_try(leases.BACKOFF, request.attempts)
    else:
        _park(request, said)


def _park(request: InvoiceRequest, said: str) -> None:
    request.become("needs_attention", reason="La facture n'a pas pu être produite.")
    request.attempts, request.last_error = leases.MOST_ATTEMPTS, said
    leases.release(request)
    history.record("request.parked", order=request.order, detail=said)
    notices.problem(request, request.order)
    log.error("request parked", extra={"request": request.id})


def _held(lease: Lease) -> InvoiceRequest:
    """Return the request, locked; raise LeaseLost when the lease is no longer ours."""
    request = _locked(lease.id)
    if request.lease_token != lease.token:
        raise LeaseLost
    return request


def _locked(request_id: int) -> InvoiceRequest:
    """Return the request as it is now, held until the end of the transaction, and its order before it."""
    request = db.session.get_one(InvoiceRequest, request_id)
    invoicing.lock_order(request.order_id)
    db.session.refresh(request, with_for_update=True)
    return request


def _first_invoice(request: InvoiceRequest) -> Invoice:
    trial = not config.current().live
    first = (Invoice.request_id == request.id, Invoice.replaces_id.is_(None))
    found = select(Invoice).where(*first, Invoice.trial.is_(trial))
    return db.session.scalars(found).one()
