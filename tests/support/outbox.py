"""Mails as they lie in the outbox: plain ones, and that of an invoice which is drawn; and how far they are."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import inspect, select

import clock
from extensions import db
from models import Delivery, Invoice, InvoiceRequest
from services import delivery, production
from services.leases import Lease
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details

MINUTE = timedelta(minutes=1)
_numbers = count(1)


def a_delivery(*, kind: str = "password_reset", state: str = "pending", **changes: Any) -> Delivery:
    """Return a mail to Claire in that state; it is due at once unless told else."""
    number = next(_numbers)
    facts: dict[str, Any] = {"recipient": "claire@example.org", "sent_at": clock.now() if state == "sent" else None}
    facts |= {"occasion": f"tests:{number}", "message_id": f"<{number}@tests.example>"}
    mail = Delivery(kind=kind, state=state, **(facts | changes))
    db.session.add(mail)
    db.session.commit()
    return mail


def an_invoice_to_mail() -> Invoice:
    """Return an invoice that is drawn, with its mail in the outbox."""
    customer = a_customer(billing=billing_details())
    order = an_order(customer=customer, shipped_at=PLACED, number="T-100234")
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    lease = production.claim(a_request(order, state="scheduled", **met).id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    production.render(lease, invoice_id)
    return db.session.get_one(Invoice, invoice_id)


def id_of(invoice: Invoice) -> int:
    """Its id, also when a job has closed the session that it came from."""
    (identity,) = inspect(invoice, raiseerr=True).identity or (0,)
    return int(identity)


def mail_of(invoice: Invoice) -> Delivery:
    return db.session.scalars(select(Delivery).where(Delivery.document_id == id_of(invoice))).one()


def a_mail(number: int = 1, *, kind: str = "account_exists") -> int:
    """A mail of no document, due at once, to an address of its own; returns its id."""
    return a_delivery(kind=kind, recipient=f"cliente{number}@example.org").id


def now_sending(delivery_id: int) -> Lease:
    """Bring a mail to where the server has agreed to everything but the message."""
    lease = delivery.claim(delivery_id)
    assert lease is not None
    delivery.begin(lease)
    return lease


def state_of(delivery_id: int) -> tuple[str, str | None, int]:
    mail = db.session.get_one(Delivery, delivery_id, populate_existing=True)
    return mail.state, mail.trouble, mail.attempts


def minutes_until(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - clock.now()) / MINUTE


def request_of(invoice: Invoice) -> InvoiceRequest:
    request_id = db.session.get_one(Invoice, id_of(invoice)).request_id
    return db.session.get_one(InvoiceRequest, request_id)
