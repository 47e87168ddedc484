"""The issued documents as their owner reads them."""

from sqlalchemy.orm import contains_eager, joinedload

from extensions import db
from models import Customer, Document


def of(customer: Customer) -> list[Document]:
    """Return the customer's invoices and credit notes, newest first, each with its order and its file."""
    found = Document.visible_to(customer).options(contains_eager(Document.order), joinedload(Document.file))
    return list(db.session.scalars(found.order_by(Document.issued_at.desc(), Document.id.desc())))
