"""What the cells share: orders that wait for their button or their worker, and how their requests end."""

from sqlalchemy import select

import clock
from extensions import db
from models import Delivery, InvoiceRequest, Order
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details

LEASE = 5.0  # Seconds after which, in the laboratory, what the dead held is free: longer than the living need.
BEYOND_IT = f"pause {LEASE * 1.3}"
PATIENCE = 90.0  # Seconds for what takes one or two on a machine that has nothing else to do.


def an_order_to_ask_for(name: str) -> int:
    """Return the id of a shipped order, of an account of its own, whose invoice nobody has asked for."""
    _hold_the_database()
    customer = a_customer(email=address(name), billing=billing_details())
    _hold_the_database()
    return _let_go(an_order(number=name, customer=customer, shipped_at=PLACED))


def a_due_request(name: str) -> int:
    """Return the id of a request that is due now, and that nobody has rung for."""
    order = db.session.get_one(Order, an_order_to_ask_for(name))
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    _hold_the_database()
    return _let_go(a_request(order, state="scheduled", **met))


def address(name: str) -> str:
    """Return the address of that order's customer."""
    return f"{name.replace(' ', '-').replace(',', '')}@example.org".lower()


def is_asked_for(order_id: int) -> bool:
    """Whether the order has a request."""
    db.session.rollback()
    found = db.session.scalar(select(InvoiceRequest.id).where(InvoiceRequest.order_id == order_id))
    db.session.rollback()
    return found is not None


def states() -> dict[str, str]:
    """Return the state of each request, by the number of its order."""
    db.session.rollback()
    rows = db.session.execute(select(Order.number, InvoiceRequest.state).join(InvoiceRequest.order)).all()
    db.session.rollback()
    return {row[0]: row[1] for row in rows}


def doubts() -> dict[str, int]:
    """Return the orders whose invoice's mail was in doubt, and how often."""
    db.session.rollback()
    found = select(Order.number, Delivery.doubts).join(Order, Order.id == Delivery.order_id).where(Delivery.doubts > 0)
    rows = db.session.execute(found).all()
    db.session.rollback()
    return {row[0]: row[1] for row in rows}


def _hold_the_database() -> None:
    """Begin by writing, as `transaction()` does: the product is at work already, and SQLite has one writer."""
    db.session.commit()
    db.session.connection(execution_options={"immediate": True})


def _let_go(row: Order | InvoiceRequest) -> int:
    """Return the id of what was written; no transaction is left open over it."""
    row_id = row.id
    db.session.rollback()
    return row_id
