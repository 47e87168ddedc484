"""Things that tests talk about, complete and valid unless the test says otherwise; each is committed.

Every factory takes keywords for what the test is about and fills in the rest: `an_order(shipped_at=None)`.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

import clock
from extensions import db
from mail.addresses import email_key
from models import BillingDetails, Customer, InvoiceRequest, Order, OrderLine
from services import passwords
from shops.numbers import order_key

T = TypeVar("T", bound=Any)

PASSWORD = "correct horse battery staple"
COUNT = count(1)

_hash: list[str] = []  # One hash for all accounts: argon2 is slow on purpose.

INDIVIDUAL = {
    "kind": "individual",
    "first_name": "Claire",
    "last_name": "Martin",
    "line1": "8 rue du Port",
    "postal_code": "69007",
    "city": "Lyon",
    "country": "FR",
}
COMPANY = {
    "kind": "company",
    "company_name": "Les Cousettes SARL",
    "siret": "73282932000074",
    "vat_number": "FR44732829320",
    "line1": "2 place Bellecour",
    "postal_code": "69002",
    "city": "Lyon",
    "country": "FR",
}


def billing_details(**changes: Any) -> BillingDetails:
    """Return complete details of an individual in France, or of a company with `kind="company"`; not yet saved."""
    complete = COMPANY if changes.get("kind") == "company" else INDIVIDUAL
    return BillingDetails(**(complete | changes))


def a_customer(**changes: Any) -> Customer:
    """Return a confirmed account without billing details; its password is `PASSWORD`."""
    if not _hash:
        _hash.append(passwords.hash(PASSWORD))
    address = changes.pop("email", f"cliente{next(COUNT)}@example.org")
    given = {"confirmed_at": clock.now() - timedelta(days=30), "password_hash": _hash[0]} | changes
    return saved(Customer(email=address, email_key=email_key(address), **given))


def an_admin(**changes: Any) -> Customer:
    """Return a confirmed account that may see the dashboard."""
    return a_customer(is_admin=True, **changes)


def a_line(**changes: Any) -> OrderLine:
    """Return two T-shirts at 14,90 € less 2,98 €: 26,82 € TTC at 20 %."""
    given = {
        "sku": "TS-M-BLEU",
        "description": "T-shirt personnalisé",
        "kind": "goods",
        "quantity": Decimal(2),
        "unit_price": Decimal("14.90"),
        "discount": Decimal("2.98"),
        "vat_rate": Decimal("20.00"),
    }
    return OrderLine(**(given | changes))


def a_shipping_line(**changes: Any) -> OrderLine:
    """Return a delivery at 4,90 € TTC."""
    given = {
        "sku": "",
        "description": "Livraison standard",
        "kind": "shipping",
        "quantity": Decimal(1),
        "unit_price": Decimal("4.90"),
        "discount": Decimal("0.00"),
    }
    return a_line(**(given | changes))


def an_order(*, customer: Customer | None = None, **changes: Any) -> Order:
    """Return an order of 31,72 € TTC, paid and shipped two days ago, without billing details of its own.

    Its address is the customer's unless `email` says otherwise.
    """
    number = changes.pop("number", f"T-{100000 + next(COUNT)}")
    address = changes.pop("email", customer.email if customer else f"invitee{next(COUNT)}@example.org")
    placed_at: datetime = changes.pop("placed_at", clock.now() - timedelta(days=3))
    lines = changes.pop("lines", None) or [a_line(), a_shipping_line()]
    for position, line in enumerate(lines):
        line.position = position
    given = {
        "version": 1,
        "content_hash": "0" * 64,
        "source": "tests",
        "placed_at": placed_at,
        "paid_at": placed_at,
        "payment_method": "card",
        "shipped_at": placed_at + timedelta(days=1),
        "currency": "EUR",
        "prices_include_tax": True,
        "order_discount": Decimal("0.00"),
        "total": Decimal("31.72"),
        "paid_amount": Decimal("31.72"),
        "shipping_address": {
            "name": "Claire Martin",
            "line1": "8 rue du Port",
            "line2": "",
            "postal_code": "69007",
            "city": "Lyon",
            "country": "FR",
        },
        "lines": lines,
    }
    order = Order(
        number=number,
        number_key=order_key(number),
        email=address,
        email_key=email_key(address),
        customer=customer,
        **(given | changes),
    )
    return saved(order)


def a_request(order: Order, **changes: Any) -> InvoiceRequest:
    """Return a request that is due now."""
    now = clock.now()
    given = {
        "origin": "customer" if order.customer else "checkout",
        "customer": order.customer,
        "state": "scheduled",
        "requested_at": now - timedelta(hours=1),
        "details_complete_at": now - timedelta(hours=1),
        "reconciled_at": now - timedelta(hours=1),
        "earliest_at": now,
        "deadline_at": now + timedelta(hours=24),
        "due_at": now,
    }
    return saved(InvoiceRequest(order=order, **(given | changes)))


def saved(row: T) -> T:
    """Return the row as it stands in the database now."""
    db.session.add(row)
    db.session.commit()
    return row
