"""Whose an account is: what was done on it before its mailbox was proven counts for nothing to who proves it.

Anybody can open an account on somebody else's address. Such an account shows no personal data, and whoever proves the
mailbox elsewhere than where it was opened takes it over empty.
"""

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import delete, select

from extensions import db
from models import Customer, DataExport, Delivery, InvoiceRequest, Order
from services import history, invoicing, sessions, tokens


def hold(customer_id: int) -> Sequence[Order]:
    """Return the account's orders, held until the end of the transaction with requests, waiting mails and the account.

    In this order and by id, as everywhere: a worker that marks a mail writes about the account. Of two proofs at once
    the second finds the account as the first has left it.
    """
    own = select(Order).where(Order.customer_id == customer_id).order_by(Order.id)
    fresh = {"populate_existing": True}
    orders = db.session.scalars(own.with_for_update(of=Order, key_share=True).execution_options(**fresh)).all()
    requests = select(InvoiceRequest).join(Order).where(Order.customer_id == customer_id).order_by(InvoiceRequest.id)
    db.session.scalars(requests.with_for_update(of=InvoiceRequest).execution_options(**fresh)).all()
    mails = select(Delivery.id).where(Delivery.customer_id == customer_id, Delivery.state == "pending")
    db.session.scalars(mails.order_by(Delivery.id).with_for_update()).all()
    invoicing.lock_account(customer_id)
    return orders


def begin_anew(customer: Customer, password_hash: str) -> None:
    """Afterwards the account has this password and nothing else of who opened it; no session of theirs is left.

    Gone are the billing details they typed, also into orders, and the requests they made; what is invoiced stays.
    Inside the caller's transaction, which holds the account and its orders.
    """
    customer.password_hash = password_hash
    sessions.end_all(customer)
    tokens.use_up(customer, "password_reset", "email_change", "order_claim")
    db.session.execute(delete(DataExport).where(DataExport.customer_id == customer.id))
    take_back(customer)
    history.record("account.begun_anew", customer=customer)
    db.session.flush()


def take_back(customer: Customer) -> None:
    """Afterwards nothing is left of the billing details that were typed and the requests that were made on the account.

    What is invoiced stays. Inside the caller's transaction, which holds the account and its orders.
    """
    orders = db.session.scalars(select(Order).where(Order.customer_id == customer.id).order_by(Order.id)).all()
    typed = [order for order in orders if order.billing and order.billing.edited_by_customer]
    theirs: list[Customer | Order] = [customer, *(order for order in typed if not order.issued_invoice)]
    for row in theirs:
        former, row.billing = row.billing, None
        if former is not None:
            db.session.delete(former)
    for order in orders:
        request = order.request
        if request is not None and request.origin == "customer" and request.state in invoicing.OPEN:
            request.become("cancelled", reason=_("Demandée avant que l'adresse e-mail ne soit confirmée."))
            request.earliest_at = request.deadline_at = None
            history.record("request.cancelled", order=order, customer=customer, detail=request.reason or "")
    db.session.flush()
