"""Requests for invoices: asked for, opened by themselves, reconsidered when the world changes."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, time

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

import clock
import config
import failpoints
import task_queue
from documents import cases
from extensions import DomainError, NotTheirs, db, transaction
from models import Customer, Delivery, InvoiceRequest, Milestone, Order
from parties import rules
from parties.details import Details
from services import history, issuing, leases, notices, outbox
from services.orders import sale_of
from services.schedule import Facts, schedule

OPEN = ("requested", "waiting", "scheduled")
THEIRS = ("invoice", "credit_note", notices.RECEIVED, notices.PROBLEM)
"""The mails that go to whom an order belongs to when they are sent."""


def ask(order: Order, customer: Customer, purchase_order: str = "") -> InvoiceRequest:
    """Afterwards the order has exactly one request; asking again returns the same one.

    A request whose billing details are incomplete, or whose account is unconfirmed, is recorded all the same and says
    what it waits for (`waiting_for`). Raises DomainError when the order cannot be invoiced, NotTheirs when it has
    left the account meanwhile.
    """
    order_id, customer_id = order.id, customer.id
    try:
        with transaction():
            order = lock_order_of(customer_id, order_id)
            order.require_invoiceable()
            if order.needs_review:
                raise DomainError(_("Les montants de cette commande sont en cours de vérification."))
            if order.request is None or order.request.state == "cancelled":
                _open(order, "customer", customer, purchase_order)
            failpoints.reach("ask.before_commit")
    except IntegrityError:
        db.session.rollback()  # The other press won; its request is ours too.
    request = of_order(order_id)
    failpoints.reach("ask.before_ring")
    ring_if_due(request)
    notices.ring(order_id)
    return request


def ask_for_several(orders: Sequence[Order], customer: Customer) -> list[InvoiceRequest]:
    """Afterwards each of these orders that gives an invoice has its request, as after `ask`; return those.

    Each is asked for by itself: what is refused or has left the account keeps none of the others back.
    """
    ids, customer_id = [order.id for order in orders], customer.id
    asked = []
    for order_id in ids:
        with suppress(DomainError, NotTheirs):
            asked.append(ask(db.session.get_one(Order, order_id), db.session.get_one(Customer, customer_id)))
    return asked


def open_automatic(order: Order) -> None:
    """Afterwards an order that was to be invoiced from the start has its request; inside the caller's transaction.

    That is: asked for at checkout, or billed to a company with a valid SIREN or VAT id, to which an invoice is due
    without asking (CGI art. 289 I-1-a). Never before `INVOICE_FROM`, nor for what another system has invoiced.
    """
    # What a customer typed by « Modifier » opens nothing by itself: they are about to press the button, or not.
    sent = order.billing if order.billing and not order.billing.edited_by_customer else None
    company = sent is not None and rules.names_a_registered_company(sent.details())
    if not (order.invoice_requested or company) or order.placed_at < invoice_from():
        return
    if order.request is not None and order.request.state != "cancelled":
        return  # A cancelled one opens again once the shop takes back what cancelled it.
    try:
        order.require_invoiceable()
    except DomainError:
        return
    _open(order, "company" if company else "checkout", None, "")


def reconsider(order: Order) -> None:
    """Afterwards the order's open request says what it waits for or when it is due; inside the caller's transaction.

    An order that was cancelled, refunded or invoiced elsewhere cancels its request, with the reason; also one that
    stopped before its invoice, which a person need no longer look at.
    """
    request = lock_request(order)
    stopped = request is not None and request.state == "needs_attention" and issuing.current_invoice(order) is None
    if request is None or not (stopped or request.state in OPEN):
        return
    try:
        order.require_invoiceable()
    except DomainError as refusal:
        _cancel(request, order, str(refusal))
    else:
        if not stopped:
            _reschedule(request, order)


def reconsider_customer(customer: Customer) -> None:
    """Reconsider every open request that depends on this account; inside the caller's transaction."""
    waiting = select(Order).join(InvoiceRequest).where(Order.customer_id == customer.id, InvoiceRequest.state.in_(OPEN))
    for order in db.session.scalars(waiting):
        reconsider(order)


def details_for(request: InvoiceRequest, order: Order) -> Details | None:
    """Return who the invoice is made out to, as things stand.

    A request that the shop opened waits for no proof of a mailbox: the account of whoever knows the order's number
    and address has no say in it before that proof.
    """
    owner = order.customer
    if order.billing is None and request.customer is None and owner is not None and not owner.is_confirmed:
        return None
    return order.effective_details()


def hand_over(order: Order, customer: Customer | None) -> None:
    """Afterwards the order is this account's, or nobody's; what another account typed into it counts as the shop's.

    Inside the caller's transaction.
    """
    if order.billing and order.customer is not None and order.customer is not customer:
        order.billing.edited_by_customer = False
    order.customer = customer


def readdress(order: Order) -> None:
    """Afterwards the order's request, and its mails that wait, go to whom the order belongs to now.

    What was sent already can be sent again; a worker that has written to the former address finds its lease gone.
    Inside the caller's transaction, which holds the order.
    """
    request = order.request
    if request is None:
        return
    if request.customer:
        request.customer = order.customer
    db.session.flush()
    waiting = update(Delivery).where(
        Delivery.order_id == order.id, Delivery.state == "pending", Delivery.kind.in_(THEIRS)
    )
    whose = {"recipient": request.recipient, "customer_id": request.customer_id}
    db.session.execute(waiting.values(whose | leases.NOBODYS))


def ring_if_due(request: InvoiceRequest | None) -> None:
    """Tell a worker about a request that is due now; after the commit. The sweep finds what nobody hears."""
    if request and request.state == "scheduled" and request.is_due:
        task_queue.ring("produce", request.id)


def ring_what_is_due(customer_id: int) -> None:
    """Tell a worker what a change of this account has set free: of all its orders; after the commit."""
    due = (
        select(InvoiceRequest)
        .join(Order)
        .where(
            Order.customer_id == customer_id, InvoiceRequest.state == "scheduled", InvoiceRequest.due_at <= clock.now()
        )
    )
    for request in db.session.scalars(due):
        ring_if_due(request)


def of_order(order_id: int) -> InvoiceRequest:
    """Return the request of an order that has one."""
    return db.session.scalars(select(InvoiceRequest).where(InvoiceRequest.order_id == order_id)).one()


def lock_order(order_id: int) -> Order:
    """Return the order as it is now, held until the end of the transaction; always locked before its request."""
    # Details are read after the lock: a row joined to one that was waited for is as it was before the wait.
    found = select(Order).where(Order.id == order_id).options(selectinload(Order.billing))
    # The key stays as it is: whoever notes something about the order, holding its account, does not wait for this.
    held = found.with_for_update(of=Order, key_share=True)
    return db.session.scalars(held.execution_options(populate_existing=True)).one()


def lock_order_of(customer_id: int | None, order_id: int) -> Order:
    """Return the order as `lock_order` does; raise NotTheirs when it has left that account since it was loaded."""
    order = lock_order(order_id)
    if order.customer_id != customer_id:
        raise NotTheirs
    return order


def lock_request(order: Order) -> InvoiceRequest | None:
    """Return the request of an order that is held, as it is now, held as well until the end of the transaction."""
    found = select(InvoiceRequest).where(InvoiceRequest.order_id == order.id).with_for_update()
    return db.session.scalar(found.execution_options(populate_existing=True))


def lock_account(customer_id: int) -> Customer:
    """Return the account as it is now, held until the end of the transaction: of two who change it one comes second.

    Its open requests are held first, as whoever issues holds a request and then writes about its account. Raises
    NotTheirs when the account was deleted meanwhile.
    """
    own = select(InvoiceRequest.id).join(Order).where(Order.customer_id == customer_id)
    still_open = own.where(InvoiceRequest.state.in_(OPEN)).order_by(InvoiceRequest.id)
    db.session.scalars(still_open.with_for_update(of=InvoiceRequest)).all()
    # Read after the lock: a row joined to one that was waited for is as it was before the wait (PostgreSQL).
    found = select(Customer).where(Customer.id == customer_id).options(selectinload(Customer.billing))
    held = found.with_for_update(of=Customer, key_share=True).execution_options(populate_existing=True)
    account = db.session.scalars(held).one()
    if account.erased_at:
        raise NotTheirs
    return account


def buyer_problems(order: Order, details: Details) -> dict[str, str]:
    """Return what these details lack for the way in which this order was sold: a French sentence by field."""
    place = order.shipping_address or {}
    return cases.buyer_problems(
        sale_of(order),
        issuing.seller_of(order),
        details,
        country=place.get("country", ""),
        postal_code=place.get("postal_code", ""),
    )


def invoice_from() -> datetime:
    """Return the moment before which no order opens a request by itself: `INVOICE_FROM`, else the first start's day."""
    day = config.current().invoice_from
    if day is None:
        started = db.session.get(Milestone, "first_start")
        day = clock.paris_date(started.at if started else clock.now())
    return datetime.combine(day, time(), clock.PARIS)


def _open(order: Order, origin: str, customer: Customer | None, purchase_order: str) -> None:
    """Write the request down, new or reopened after a cancellation, and set its clock."""
    request = order.request
    if request is None:
        request = InvoiceRequest(order=order, state="requested")
        db.session.add(request)
    request.become("requested")
    request.origin = origin
    request.customer = customer
    request.purchase_order = purchase_order or order.purchase_order
    request.requested_at = clock.now()
    db.session.flush()  # Each step is one of its own: the database looks at them too.
    _reschedule(request, order)
    db.session.flush()
    history.record("request.opened", order=order, customer=customer, detail=origin)


def _reschedule(request: InvoiceRequest, order: Order) -> None:
    settings = config.current()
    now = clock.now()
    not_told = request.state == "requested" or request.waiting_for == "confirmation"
    details = details_for(request, order)
    enough = details is not None and rules.enough_for_invoice(details, settings.tax_id_required)
    complete = enough and details is not None and not buyer_problems(order, details)
    request.details_complete_at = (request.details_complete_at or now) if complete else None
    request.reconciled_at = None if order.needs_review else (request.reconciled_at or now)
    plan = schedule(
        Facts(
            requested_at=request.requested_at,
            confirmed_at=request.customer.confirmed_at if request.customer else request.requested_at,
            details_complete_at=request.details_complete_at,
            reconciled_at=request.reconciled_at,
            shipped_at=order.fulfilled_at,
        ),
        delay_hours=settings.invoice_delay_hours,
        deadline_hours=settings.invoice_deadline_hours,
    )
    request.become("waiting" if plan.waiting_for else "scheduled", waiting_for=plan.waiting_for, due_at=plan.earliest)
    request.earliest_at, request.deadline_at = plan.earliest, plan.deadline
    if not_told:
        notices.received(request, order)


def _cancel(request: InvoiceRequest, order: Order, reason: str) -> None:
    request.become("cancelled", reason=reason)
    request.earliest_at = request.deadline_at = None
    history.record("request.cancelled", order=order, customer=request.customer, detail=reason)
    if request.origin == "customer" and request.customer and request.customer.is_confirmed:
        outbox.add(
            Delivery(
                kind="request_cancelled", recipient=request.customer.email, customer=request.customer, order=order
            ),
            occasion=f"request:{request.id}:cancelled:{clock.now():%Y%m%d%H%M%S}",
        )
