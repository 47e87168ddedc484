"""What a customer is told of their request beside the invoice: that it was received, or that something holds it up."""

from datetime import timedelta

from sqlalchemy import select

import clock
import config
from extensions import db
from models import Delivery, InvoiceRequest, Order
from services import outbox

SOON = timedelta(minutes=10)
RECEIVED, PROBLEM = "request_received", "request_problem"
OVERTAKEN = "Sans objet\u00a0: la demande a changé avant l'envoi."
"""What an admin reads of a mail that was dropped."""


def received(request: InvoiceRequest, order: Order) -> None:
    """Afterwards a mail confirms what a customer's own press has asked for, once for each time they ask.

    Inside the caller's transaction, which holds the order and the request. There is no such mail
    - to a mailbox that is not proven: it says whose the order is, and the mail that proves it speaks for the request.
      The moment it is proven this is looked at again (`invoicing.reconsider`);
    - of an invoice that is due within ten minutes: two mails at once would say one thing, and it says it better;
    - while documents go to the merchant only: it would promise what does not come.
    """
    if config.current().live and _is_worth_telling(request):
        _tell(RECEIVED, request, order, f"request:{request.id}:received:{int(request.requested_at.timestamp())}")


def problem(request: InvoiceRequest, order: Order) -> None:
    """Afterwards the customer knows that their invoice is late and that the merchant looks after it; once a request.

    Inside the caller's transaction, which holds both. Nobody is told while documents go to the merchant only, nor who
    had their data erased.
    """
    erased = order.erased_at or (order.customer is not None and order.customer.erased_at)
    if config.current().live and not erased:
        _tell(PROBLEM, request, order, f"request:{request.id}:problem")


def is_overtaken(delivery: Delivery) -> bool:
    """Whether a mail that waits to be sent says what is true no longer: what came of it meanwhile is told by itself."""
    if delivery.kind not in (RECEIVED, PROBLEM):
        return False
    request = db.session.scalars(select(InvoiceRequest).where(InvoiceRequest.order_id == delivery.order_id)).one()
    if delivery.kind == PROBLEM:
        return request.state != "needs_attention"
    return not _is_worth_telling(request)


def ring(order_id: int) -> None:
    """Tell a worker about the mail that confirms the request of this order; after the commit."""
    waits = (Delivery.order_id == order_id, Delivery.kind == RECEIVED, Delivery.state == "pending")
    for delivery in db.session.scalars(select(Delivery).where(*waits)):
        outbox.ring(delivery)


def _is_worth_telling(request: InvoiceRequest) -> bool:
    if request.customer is None or not request.customer.is_confirmed:  # None asked where the shop did.
        return False
    later = request.due_at is not None and request.due_at > clock.now() + SOON
    return request.state == "waiting" or (request.state == "scheduled" and later)


def _tell(kind: str, request: InvoiceRequest, order: Order, occasion: str) -> None:
    if db.session.scalar(select(Delivery.id).where(Delivery.occasion == occasion)) is None:
        mail = Delivery(kind=kind, recipient=request.recipient, customer=request.customer, order=order)
        outbox.add(mail, occasion=occasion)
