"""The outbox: e-mails that are to be sent, written down in the transaction that wants them."""

import secrets
from urllib.parse import urlsplit

from sqlalchemy import func, select

import clock
import config
import task_queue
from extensions import db
from models import Customer, Delivery, Order


def add(delivery: Delivery, *, occasion: str) -> Delivery:
    """Afterwards the mail is on its list, inside the caller's transaction; the worker or the sweep sends it.

    `occasion` names why it is sent; a second one of the same name is refused by the database. The Message-ID is
    fixed here, so that a message sent twice for want of an answer is known as one (RFC 5322, 3.6.4).
    """
    domain = urlsplit(config.current().public_url).hostname
    delivery.occasion = occasion
    delivery.message_id = f"<{secrets.token_hex(16)}@{domain}>"
    db.session.add(delivery)
    db.session.flush()
    return delivery


def add_about(customer: Customer, kind: str, *, recipient: str = "", order: Order | None = None) -> Delivery:
    """Add a mail about an account, to its own address unless another one is named; each time is an occasion of its own.

    Inside the caller's transaction.
    """
    delivery = Delivery(kind=kind, recipient=recipient or customer.email, customer=customer, order=order)
    return add(delivery, occasion=f"account:{customer.id}:{kind}:{secrets.token_hex(8)}")


def last(customer: Customer, kind: str) -> int | None:
    """Return the last mail of this kind about the account; looked up again once it is held, it tells two presses apart.

    A second press that waited for the first to let the account go finds another one than before.
    """
    found = select(func.max(Delivery.id)).where(Delivery.customer_id == customer.id, Delivery.kind == kind)
    return db.session.scalar(found)


def add_if(wanted: bool, customer: Customer | None, kind: str) -> int:
    """Add a mail about an account and return its id, or write it, take it back, and return 0, which no mail has.

    Either costs the same: how long an answer takes must not tell whether there is an account. What is rung for 0 is
    rung in vain. Inside the caller's transaction.
    """
    attempt = db.session.begin_nested()
    delivery = Delivery(kind=kind, recipient=customer.email if customer else "", customer=customer)
    number = add(delivery, occasion=f"account:{customer.id if customer else 0}:{kind}:{secrets.token_hex(8)}").id
    if not wanted:
        attempt.rollback()
        return 0
    attempt.commit()
    return number


def ring(delivery: Delivery) -> None:
    """Tell a worker about the mail; after the commit."""
    task_queue.ring("deliver", delivery.id)


def ring_documents(*order_ids: int, but: int | None = None) -> None:
    """Tell a worker about the documents of these orders whose mails are due, `but` one; after the commit."""
    waits = (Delivery.state == "pending", Delivery.due_at <= clock.now(), Delivery.document_id.is_not(None))
    for delivery in db.session.scalars(select(Delivery).where(Delivery.order_id.in_(order_ids), *waits)).all():
        if delivery.id != but:
            ring(delivery)
