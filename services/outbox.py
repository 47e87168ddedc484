"""The outbox: e-mails that are to be sent, written down in the transaction that wants them."""

import secrets
from urllib.parse import urlsplit

from sqlalchemy import select

import clock
import config
import task_queue
from extensions import db
from models import Customer, Delivery


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


def add_about(customer: Customer, kind: str, *, recipient: str = "") -> Delivery:
    """Add a mail about an account, to its own address unless another one is named; each time is an occasion of its own.

    Inside the caller's transaction.
    """
    delivery = Delivery(kind=kind, recipient=recipient or customer.email, customer=customer)
    return add(delivery, occasion=f"account:{customer.id}:{kind}:{secrets.token_hex(8)}")


def ring(delivery: Delivery) -> None:
    """Tell a worker about the mail; after the commit."""
    task_queue.ring("deliver", delivery.id)


def ring_documents(*order_ids: int, but: int | None = None) -> None:
    """Tell a worker about the documents of these orders whose mails are due, `but` one; after the commit."""
    waits = (Delivery.state == "pending", Delivery.due_at <= clock.now(), Delivery.document_id.is_not(None))
    for delivery in db.session.scalars(select(Delivery).where(Delivery.order_id.in_(order_ids), *waits)).all():
        if delivery.id != but:
            ring(delivery)
