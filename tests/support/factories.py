"""Keyword factories: a test says what matters to it, the rest is an ordinary French customer and order.

Rows are committed, so that requests, jobs and other processes see them. All need an application context.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any, TypeVar

from extensions import db
from mail.addresses import email_key
from models import BillingDetails, Customer, InvoiceRequest, Order, OrderLine, Refund, Shipment
from parties.details import Details
from services import passwords
from shops.numbers import order_key

PASSWORD = "une longue phrase de passe"
PLACED = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
_numbers = count(100_001)
Row = TypeVar("Row", Customer, Order, InvoiceRequest)


def billing_details(**changes: Any) -> Details:
    """Return the complete details of a private person in Lyon."""
    person = {
        "kind": "individual", "first_name": "Claire", "last_name": "Martin",
        "line1": "12 rue Mercière", "postal_code": "69002", "city": "Lyon", "country": "FR",
    }  # fmt: skip
    return Details(**(person | changes))


def company_details(**changes: Any) -> Details:
    """Return the complete details of a French company."""
    company = {
        "kind": "company", "company_name": "Imprimerie Martin SARL", "siret": "73282932000074",
        "vat_number": "FR44732829320", "line1": "3 quai Perrache", "postal_code": "69002",
        "city": "Lyon", "country": "FR",
    }  # fmt: skip
    return Details(**(company | changes))


def a_customer(
    *,
    email: str = "claire@example.org",
    confirmed: bool = True,
    admin: bool = False,
    admin_role: str | None = None,
    billing: Details | None = None,
    **changes: Any,
) -> Customer:
    """Return an account with the password PASSWORD, confirmed unless said otherwise."""
    customer = Customer(
        email=email,
        email_key=email_key(email),
        password_hash=_password_hash(),
        confirmed_at=PLACED if confirmed else None,
        admin_role="managing" if admin else admin_role,
        billing=BillingDetails().take(billing) if billing else None,
        **changes,
    )
    return _kept(customer)


def a_line(**changes: Any) -> OrderLine:
    """Return a line of T-shirts for 26,82 € TTC, not yet in any order."""
    shirts = {
        "sku": "TS-M-BLEU", "description": "T-shirt personnalisé", "kind": "goods", "quantity": Decimal(2),
        "unit_price": Decimal("14.90"), "discount": Decimal("2.98"), "vat_rate": Decimal("20.00"),
    }  # fmt: skip
    return OrderLine(**(shirts | changes))


def shipping(**changes: Any) -> OrderLine:
    """Return a line for delivery at 4,90 € TTC, not yet in any order."""
    delivery = {
        "sku": "", "description": "Livraison standard", "kind": "shipping", "quantity": Decimal(1),
        "unit_price": Decimal("4.90"), "discount": Decimal("0.00"),
    }  # fmt: skip
    return a_line(**(delivery | changes))


def an_order(
    *,
    customer: Customer | None = None,
    email: str | None = None,
    number: str | None = None,
    lines: Sequence[OrderLine] | None = None,
    billing: Details | None = None,
    refunds: Sequence[Refund] = (),
    shipments: Sequence[Shipment] = (),
    **changes: Any,
) -> Order:
    """Return a paid order of 31,72 € TTC that is not shipped yet; it belongs to the customer given, else to a guest.

    `total` is the sum of the lines less `order_discount`, unless given.
    """
    number = number or f"T-{next(_numbers)}"
    address = email or (customer.email if customer else "claire@example.org")
    rows = [a_line(), shipping()] if lines is None else list(lines)
    for position, line in enumerate(rows):
        line.position = position
    facts: dict[str, Any] = {
        "version": 1, "content_hash": "0" * 64, "source": "tests", "placed_at": PLACED, "paid_at": PLACED,
        "payment_method": "card", "currency": "EUR", "prices_include_tax": True, "order_discount": Decimal("0.00"),
        "shipping_address": {
            "name": "Claire Martin", "line1": "12 rue Mercière", "line2": "", "postal_code": "69002",
            "city": "Lyon", "country": "FR",
        },
    }  # fmt: skip
    facts |= changes
    facts.setdefault("sent_shipped_at", facts.get("shipped_at"))
    facts.setdefault("own_key", order_key(number))
    charged = sum((line.quantity * line.unit_price - line.discount for line in rows), Decimal(0))
    facts.setdefault("total", (charged - facts["order_discount"]).quantize(Decimal("0.01")))
    facts.setdefault("paid_amount", facts["total"])
    order = Order(
        number=number,
        number_key=order_key(number),
        shop_email=address,
        email=address,
        email_key=email_key(address),
        customer=customer,
        billing=BillingDetails().take(billing) if billing else None,
        lines=rows,
        refunds=list(refunds),
        shipments=list(shipments),
        **facts,
    )
    return _kept(order)


def a_refund(amount: str | Decimal, *, ref: str = "R1", at: datetime = PLACED, **changes: Any) -> Refund:
    """Return money that went back, not yet in any order."""
    return Refund(ref=ref, at=at, amount=Decimal(amount), lines=changes.pop("lines", []), **changes)


def a_request(order: Order, *, state: str = "waiting", **changes: Any) -> InvoiceRequest:
    """Return the request of that order, made by its customer; a waiting one waits for shipment unless told else."""
    facts: dict[str, Any] = {"origin": "customer", "customer": order.customer, "requested_at": PLACED}
    if state == "waiting":
        facts["waiting_for"] = "shipment"
    return _kept(InvoiceRequest(order=order, state=state, **(facts | changes)))


@cache
def _password_hash() -> str:
    """Hash once a worker: argon2 is slow by design."""
    return passwords.hash(PASSWORD)


def _kept(row: Row) -> Row:
    db.session.add(row)
    db.session.commit()
    return row
