"""What has become of what a shop sent, where it is one order: its message, its documents, and their sums by rate."""

from sqlalchemy import select

from extensions import db
from models import CreditNote, Invoice, Order, ShopMessage
from services import inbox, issuing
from tests.support.customers import an_issued_invoice
from tests.support.factories import billing_details


def take_in() -> None:
    """Take in what waits, as the worker does."""
    for message_id in db.session.scalars(select(ShopMessage.id).where(ShopMessage.state == "received")).all():
        inbox.take_in(message_id)
    db.session.expire_all()


def the_order() -> Order:
    """Return the only order there is, as it is now."""
    db.session.expire_all()
    return db.session.scalars(select(Order)).unique().one()


def the_message() -> ShopMessage:
    """Return the last message that was written down."""
    return db.session.scalars(select(ShopMessage).order_by(ShopMessage.id.desc()).limit(1)).one()


def invoiced(order: Order) -> Invoice:
    """Return the order's invoice; a request that has opened by itself is the one it is for."""
    if order.request is None:
        return an_issued_invoice(order, drawn=False)
    invoice = issuing.invoice(order.request, order, order.effective_details() or billing_details())
    db.session.commit()
    return invoice


def notes() -> list[CreditNote]:
    """Return the credit notes in their order."""
    return list(db.session.scalars(select(CreditNote).order_by(CreditNote.id)))


def by_rate(document: Invoice | CreditNote) -> dict[str, tuple[str, str]]:
    """Return net and VAT of each rate, or of each reason for none."""
    rows = issuing.frozen(document).totals.rates
    return {row.category if not row.rate else f"{row.rate.normalize():f}": (str(row.net), str(row.vat)) for row in rows}
