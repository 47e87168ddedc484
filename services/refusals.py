"""Documents that an address refused: what their customer is told, and how they get them by mail after all."""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager, joinedload

from extensions import db, transaction
from mail.addresses import email_key
from models import Customer, Delivery, Document, Order
from services import delivery, invoices, invoicing, issuing, limits, outbox


def of(customer: Customer) -> Sequence[Delivery]:
    """Return the last mails of the customer's documents that an address refused, newest first; each with its order."""
    if not customer.is_confirmed:
        return []
    found = select(Delivery).join(Delivery.order).where(Order.customer_id == customer.id, invoices.was_refused())
    shown = found.options(contains_eager(Delivery.order), joinedload(Delivery.document))
    return db.session.scalars(shown.order_by(Delivery.id.desc())).all()


def is_present_address(customer: Customer, refused: Sequence[Delivery]) -> bool:
    """Whether the account's present address refused one of these: what a former one refused may be told days later."""
    return any(email_key(mail.recipient) == customer.email_key for mail in refused)


def send_again(order: Order) -> bool:
    """Afterwards what was refused of this order is on its way once more, to the address that counts now.

    A second press finds nothing refused any more and does nothing (False); nor is anything done for who was not told
    of it. Raises limits.TooMany after three a day, NotTheirs when the order has left the account meanwhile.
    """
    order_id, customer_id = order.id, order.customer_id
    limits.hit(limits.RESENDS_BY_ORDER, str(order_id))
    with transaction():
        order = invoicing.lock_order_of(customer_id, order_id)
        invoicing.lock_request(order)
        mails = resend([order_id]) if order.customer and order.customer.is_confirmed else []
    if not mails:
        limits.forgive(limits.RESENDS_BY_ORDER, str(order_id))
    for mail in mails:
        outbox.ring(mail)
    return bool(mails)


def resend(order_ids: Collection[int]) -> list[Delivery]:
    """Return one new mail for each document of these orders that was refused.

    Inside the caller's transaction, which holds the orders and their requests.
    """
    refused = select(Document).join(Delivery, Delivery.document_id == Document.id).where(invoices.was_refused())
    of_these = refused.where(Delivery.order_id.in_(order_ids)).order_by(Delivery.id)
    return [_mail_again(document) for document in db.session.scalars(of_these).all()]


def _mail_again(document: Document) -> Delivery:
    so_far = db.session.scalar(select(func.count()).where(Delivery.document_id == document.id))
    mail = issuing.mail(document, again=so_far or 0)
    delivery.goes_out_again(document, mail)
    return mail
