"""Documents issued for a test: by the services themselves, since nothing else may write them."""

from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any, Literal

from sqlalchemy import text

import clock
from documents.credits import Credit
from extensions import db, transaction
from models import CreditNote, Invoice
from parties.details import Details
from services import invoicing, issuing, production
from tables import guards
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details

_customers = count(1)


def an_invoice(
    *, email: str = "", billing: Details | None = None, purchase_order: str | None = None, **order: Any
) -> Invoice:
    """Return an invoice that was issued now, not drawn yet, of an order whose parcel left; keywords go to the order."""
    email = email or f"acheteuse{next(_customers)}@example.org"
    customer = a_customer(email=email, billing=billing or billing_details())
    placed = an_order(customer=customer, **({"shipped_at": PLACED} | order))
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    lease = production.claim(a_request(placed, state="scheduled", purchase_order=purchase_order, **met).id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    return db.session.get_one(Invoice, invoice_id)


def a_credit_note(
    invoice: Invoice,
    amount: str | None = None,
    *,
    settlement: Literal["refund", "set_off"] = "refund",
    refunded_on: date | None = date(2026, 11, 20),
) -> CreditNote:
    """Return a credit note of that amount, or of all that is left, issued now."""
    with transaction():
        invoicing.lock_order(invoice.order_id)
        return issuing.credit_note(
            invoice,
            Credit(Decimal(amount)) if amount else None,
            reason="Retour de la marchandise",
            settlement=settlement,
            refunded_on=refunded_on if settlement == "refund" else None,
            occasion=f"test:{invoice.id}:{len(issuing.earlier_credits(invoice))}",
        )


def a_replacement(invoice: Invoice, buyer: Details) -> Invoice:
    """Return the invoice to another buyer in that one's place, issued now."""
    with transaction():
        invoicing.lock_order(invoice.order_id)
        return issuing.replacement(
            invoice, buyer, "", reason="Correction des données de facturation", occasion=f"test:{invoice.id}:new"
        )


def tamper(statement: str, **values: Any) -> None:
    """Change what is issued behind everybody's back: by SQL, with the triggers and foreign keys out of the way."""
    db.session.rollback()
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.execute("PRAGMA foreign_keys=OFF")
        else:
            connection.execute(text("SET session_replication_role = replica"))
        guards.release(connection)
        connection.execute(text(statement), values)
        guards.protect(connection)
        connection.commit()
        connection.invalidate()  # What was switched off is so for this connection only.
