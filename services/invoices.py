"""The issued documents as their owner reads them."""

from sqlalchemy.orm import contains_eager, defer, joinedload

import storage
from extensions import db
from models import Customer, Invoice


def of(customer: Customer) -> list[Invoice]:
    """Return the customer's invoices, newest first, each with its order and its file."""
    found = Invoice.visible_to(customer).options(
        contains_eager(Invoice.order), joinedload(Invoice.file), defer(Invoice.snapshot)
    )
    return list(db.session.scalars(found.order_by(Invoice.issued_at.desc(), Invoice.id.desc())))


def document(invoice: Invoice) -> bytes | None:
    """Return the PDF as it was written, None while it is not drawn yet.

    Raises OSError or storage.Corrupt when the disk no longer gives what was written.
    """
    return storage.read(invoice.file.name, invoice.file.sha256) if invoice.file else None
