"""From a due request to a document in the outbox: claim, issue, render. Each step can be run again."""

import logging
from datetime import timedelta

from flask import current_app
from sqlalchemy import select

import clock
import config
import storage
from documents import pdf, snapshot
from documents.snapshot import DeliveryAddress, OrderFacts
from extensions import db, transaction
from models import Delivery, Invoice, InvoiceRequest, Milestone, Order, StoredFile
from parties.details import Details
from services import history, invoicing, leases, numbering, outbox
from services.leases import Lease, LeaseLost
from services.orders import sale_of

MOST_ATTEMPTS = 5
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))

log = logging.getLogger(__name__)


class WrongMode(Exception):
    """The installation has issued live invoices and is now started in trial mode, or with another prefix."""


def require_mode() -> None:
    """Raise WrongMode when invoices exist that `ISSUE_MODE` or `INVOICE_PREFIX` would not have issued."""
    settings = config.current()
    if db.session.get(Milestone, "live") is None:
        return
    if not settings.live:
        raise WrongMode("ISSUE_MODE is trial, but live invoices have been issued: the switch to live is one-way.")
    latest = db.session.scalar(
        select(Invoice.series).where(Invoice.trial.is_(False)).order_by(Invoice.id.desc()).limit(1)
    )
    if latest is not None and latest.rpartition("-")[0] != settings.invoice_prefix:
        raise WrongMode(
            f"INVOICE_PREFIX is {settings.invoice_prefix}, but invoices have been issued in the series {latest}: "
            "the first issue has locked it."
        )


def claim(request_id: int) -> Lease | None:
    """Return the right to work on a due request, or None when it is not due or another worker holds it."""
    with transaction():
        return leases.take(InvoiceRequest, request_id, InvoiceRequest.state.in_(leases.UNDER_WAY[InvoiceRequest]))


def issue(lease: Lease) -> int | None:
    """Afterwards the request has its invoice, numbered and frozen; return its id, or None when nothing is due any more.

    Number and content are written in one transaction: there is no number without a document, nor the reverse
    (CGI ann. II art. 242 nonies A). Running it again returns the same invoice.
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
            _write_invoice(request, order, details)
            request.state = "issued"
        elif request.state != "issued":  # Cancelled, or waiting again, between the claim and now.
            leases.release(request)
            return None
        return _current_invoice(request).id


def render(lease: Lease, invoice_id: int) -> int:
    """Afterwards the document is on disk and its mail in the outbox; return the id of that delivery.

    No transaction is open while the page is drawn. Raises whatever the renderer or the disk raises; the number stays.
    """
    invoice = db.session.get_one(Invoice, invoice_id)
    number, text = invoice.number, invoice.snapshot
    db.session.close()
    data = pdf.render(snapshot.from_json(text))
    digest = storage.digest(data)
    name = f"{number}.{digest[:12]}.pdf"
    stored = storage.write_once(name, data)
    with transaction():
        request = _held(lease)
        if db.session.scalar(select(StoredFile).where(StoredFile.invoice_id == invoice_id)) is None:
            db.session.add(StoredFile(invoice_id=invoice_id, name=name, sha256=stored.sha256, size=stored.size))
        delivery = db.session.scalar(select(Delivery).where(Delivery.occasion == f"invoice:{invoice_id}"))
        if delivery is None:
            delivery = _first_delivery(request, invoice_id)
        request.state, request.due_at, request.attempts, request.last_error = "rendered", None, 0, None
        leases.release(request)
        return delivery.id


def give_up_for_now(lease: Lease, error: Exception) -> None:
    """Afterwards the request will be tried again later; after the fifth time it is put in front of an admin."""
    log.error("invoice not produced", extra={"request": lease.id, "error": type(error).__name__})
    try:
        with transaction():
            request = _held(lease)
            leases.release(request)
            if request.state not in leases.UNDER_WAY[InvoiceRequest]:
                return  # Cancelled, or waiting again, since the claim: nothing is to be tried again.
            request.attempts += 1
            request.last_error = f"{type(error).__name__}: {error}"[:500]
            if request.attempts >= MOST_ATTEMPTS:
                request.state, request.due_at = "needs_attention", None
                request.reason = "La facture n'a pas pu être produite."
                history.record("request.parked", order=request.order, detail=request.last_error)
            else:
                request.due_at = clock.now() + BACKOFF[request.attempts - 1]
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


def _current_invoice(request: InvoiceRequest) -> Invoice:
    trial = not config.current().live
    found = select(Invoice).where(Invoice.request_id == request.id, Invoice.trial.is_(trial))
    return db.session.scalars(found).one()


def _write_invoice(request: InvoiceRequest, order: Order, details: Details) -> None:
    require_mode()
    settings, now = config.current(), clock.now()
    number = numbering.take(settings.invoice_prefix, now, trial=not settings.live)
    if settings.live and db.session.get(Milestone, "live") is None:
        db.session.add(Milestone(name="live"))
    content = snapshot.build(
        number=number.text,
        issue_date=number.date,
        trial=not settings.live,
        language="fr",
        seller=current_app.extensions["sellers"].at(number.date, regime_on=clock.paris_date(order.placed_at)),
        buyer=details,
        order=_facts(order),
        purchase_order=request.purchase_order or "",
    )
    text = snapshot.to_json(content)
    invoice = Invoice(
        request_id=request.id,
        order_id=order.id,
        number=number.text,
        series=number.series,
        sequence=number.sequence,
        trial=not settings.live,
        issue_date=number.date,
        issued_at=now,
        currency=order.currency,
        net=content.totals.net,
        vat=content.totals.vat,
        gross=content.totals.gross,
        snapshot=text,
        snapshot_sha256=storage.digest(text.encode()),
    )
    db.session.add(invoice)
    history.record("invoice.issued", order=order, customer=request.customer, detail=number.text)
    db.session.flush()


def _facts(order: Order) -> OrderFacts:
    """Return what the document says about the order, as a value that no later change can reach."""
    address = order.shipping_address
    return OrderFacts(
        number=order.number,
        placed_at=order.placed_at,
        sale=sale_of(order),
        currency=order.currency,
        exchange_rate=order.exchange_rate,
        paid_at=order.paid_at,
        paid_amount=order.paid_amount,
        payment_method=order.payment_method,
        shipped_at=order.shipped_at,
        delivered_at=order.delivered_at,
        shipping_address=DeliveryAddress(**address) if address else None,
    )


def _first_delivery(request: InvoiceRequest, invoice_id: int) -> Delivery:
    """Put the document's mail into the outbox; a trial document goes to the merchant only."""
    settings = config.current()
    kind, recipient = ("invoice", request.recipient) if settings.live else ("invoice_trial", settings.alert_emails[0])
    delivery = Delivery(
        kind=kind,
        recipient=recipient,
        customer_id=request.customer_id,
        order_id=request.order_id,
        invoice_id=invoice_id,
    )
    return outbox.add(delivery, occasion=f"invoice:{invoice_id}")
