"""The demo shop's data: loaded once, through the same doors as a real shop's."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, select

import clock
import config
from extensions import DomainError, db, transaction
from mail.addresses import clean, email_key
from models import AuditEntry, BillingDetails, Customer, Order
from services import accounts, history, intake, invoicing, passwords
from shops.demo import orders as demo_orders
from shops.demo.people import CLAIRE, PAUL, Person, everybody_else
from shops.schema import OrderMessage

# What `bin/dev` prints: these accounts exist on demo data only, which production refuses to load.
CUSTOMER_EMAIL = CLAIRE.email
CUSTOMER_PASSWORD = "claire-demo-2026"  # nosec B105  # noqa: S105 - Shown by bin/dev; refused in production.
ADMIN_EMAIL = "admin@fil-et-encre.example.com"
ADMIN_PASSWORD = "admin-demo-2026"  # nosec B105  # noqa: S105 - As above.
GUEST_ORDER = "T-100393"
GUEST_EMAIL = PAUL.email

SOURCE = "demo"
Progress = Callable[[Iterable[OrderMessage], int], Iterable[OrderMessage]]


def load(show: Progress = lambda messages, _count: messages) -> bool:
    """Afterwards the demo shop's accounts, orders and first requests are here; return whether anything was to do.

    A second load changes nothing; one that was interrupted goes on, with the orders of its first moment. Passwords
    of all the demo's customers are Claire's. Raises DomainError in production.
    """
    if not config.current().development:
        raise DomainError(_("Les données de démonstration ne se chargent pas en production."))
    if _moment_of("demo.loaded"):
        return False
    anchor = _moment_of("demo.begun") or _begin()
    everybody = (CLAIRE, PAUL, *everybody_else())
    password_hash = passwords.hash(CUSTOMER_PASSWORD)
    if accounts.find(ADMIN_EMAIL) is None:
        accounts.create_admin(ADMIN_EMAIL, ADMIN_PASSWORD)
    _open_accounts([person for person in everybody if person.account in ("complete", "bare")], password_hash, anchor)
    messages = demo_orders.messages(anchor)
    for _result in intake.receive_many(show(messages, len(messages)), source=SOURCE, strict=False):
        pass
    _open_unconfirmed([person for person in everybody if person.account == "unconfirmed"], password_hash)
    _ask(everybody)
    _cancel_after_asking("zoe.noel@example.com", messages, anchor)
    with transaction():
        history.record("demo.loaded", detail=anchor.isoformat())
    return True


def _moment_of(action: str) -> datetime | None:
    detail = db.session.scalar(select(AuditEntry.detail).where(AuditEntry.action == action).limit(1))
    return datetime.fromisoformat(detail) if detail else None


def _begin() -> datetime:
    """Write down the moment that all dates of the demo count from."""
    anchor = clock.now().replace(second=0, microsecond=0)
    with transaction():
        history.record("demo.begun", detail=anchor.isoformat())
    return anchor


def _open_accounts(people: list[Person], password_hash: str, anchor: datetime) -> None:
    """Write the confirmed accounts, before the orders, which find their owners on arrival."""
    keys = [email_key(person.email) for person in people]
    with transaction():
        known = set(db.session.scalars(select(Customer.email_key).where(Customer.email_key.in_(keys))))
        for person, key in zip(people, keys, strict=True):
            if key in known:
                continue
            opened_at = anchor - timedelta(days=demo_orders.DAYS)
            customer = Customer(
                email=clean(person.email),
                email_key=key,
                password_hash=password_hash,
                created_at=opened_at,
                confirmed_at=opened_at + timedelta(minutes=4),
            )
            if person.account == "complete":
                customer.billing = BillingDetails(edited_by_customer=True).take(person.details())
            db.session.add(customer)


def _open_unconfirmed(people: list[Person], password_hash: str) -> None:
    """Open accounts as guests do from their order: with a confirmation that is still to be answered."""
    for person in people:
        order = db.session.scalar(select(Order).where(Order.email_key == email_key(person.email)).limit(1))
        accounts.create(person.email, password_hash, order)


def _ask(people: Iterable[Person]) -> None:
    """Let some customers ask, by the button's own path: for what has left, and for what is still being made."""
    for person in people:
        if person.is_company or person is CLAIRE:
            continue
        if person.account == "complete":
            _ask_for_newest(person, Order.existing_invoice.is_(None), Order.shipped_at.is_not(None))
        if person.email in ("hugo.bernard@example.com", "zoe.noel@example.com"):
            _ask_for_newest(person, Order.shipped_at.is_(None))
        if person.email in ("emma.rousseau@example.com", "theo.marchand@example.com"):
            _ask_for_newest(person)


def _ask_for_newest(person: Person, *which: ColumnElement[bool]) -> None:
    customer = accounts.find(person.email)
    if customer is None:
        return
    found = select(Order).where(Order.customer_id == customer.id, *which)
    order = db.session.scalar(found.order_by(Order.placed_at.desc(), Order.id.desc()).limit(1))
    if order is not None:
        with suppress(DomainError):  # The newest may be one that gives no invoice; so it is for a real customer.
            invoicing.ask(order, customer)


def _cancel_after_asking(email: str, messages: list[OrderMessage], anchor: datetime) -> None:
    """Let the shop cancel an order whose invoice was asked for: the request ends, and a mail says why."""
    message = next(one for one in reversed(messages) if one.email == email and one.shipped_at is None)
    intake.receive(demo_orders.cancelled(message, anchor - timedelta(minutes=5)), source=SOURCE, strict=False)
