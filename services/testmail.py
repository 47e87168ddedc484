"""The mail by which an admin tries whether mails arrive: it takes the way of the invoices."""

import secrets

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from extensions import db, transaction
from models import Customer, Delivery
from services import history, outbox


def press() -> str:
    """Return the name of a press that is to come: the same press twice is one mail."""
    return secrets.token_hex(8)


def send(customer: Customer, press: str) -> None:
    """Afterwards a mail to this account's own address is on its way; one a press."""
    recipient = customer.email
    try:
        with transaction():
            mail = outbox.add(
                Delivery(kind="test", recipient=recipient, customer=customer), occasion=_occasion(customer, press)
            )
            history.record("test.sent", customer=customer)
    except IntegrityError:
        db.session.rollback()  # The other press won.
        return
    outbox.ring(mail)


def find(customer: Customer, press: str) -> Delivery | None:
    """Return the mail of a press of this account, None when there was none."""
    return db.session.scalar(select(Delivery).where(Delivery.occasion == _occasion(customer, press)))


def _occasion(customer: Customer, press: str) -> str:
    return f"test:{customer.id}:{press}"
