"""The issued documents as people read them: each with what it refers to and what became of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from extensions import db
from models import Correction, Customer, Delivery, Document, Invoice

ZERO = Decimal("0.00")
MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A document among the others of its order.

    `about` is the invoice that it credits or replaces. `left` is what of an invoice is not credited yet, TTC, `notes`
    how many credit notes it has; `correction` is the last one that was asked of it. `unsent` is its last mail when that
    failed, or may have.
    """

    document: Document
    about: Document | None = None
    replaced_by: Document | None = None
    left: Decimal = ZERO
    notes: int = 0
    correction: Correction | None = None
    unsent: Delivery | None = None

    @property
    def is_live(self) -> bool:
        """Whether this is the invoice that counts, with something left to credit."""
        invoice = isinstance(self.document, Invoice) and not self.document.trial
        return invoice and self.replaced_by is None and self.left > 0

    @property
    def waits_for_decision(self) -> bool:
        """Whether an admin has to decide a correction of it."""
        return self.correction is not None and self.correction.state == "requested"

    @property
    def refused_by(self) -> str:
        """The address that refused its last mail, or nothing."""
        return self.unsent.recipient if self.unsent and self.unsent.trouble == "recipient" else ""

    @property
    def is_correctable(self) -> bool:
        """Whether « Corriger » has a meaning for it; `corrections.require_correctable` has the last word."""
        return self.is_live and not self.waits_for_decision


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest documents of a customer, and how many older ones are not among them."""

    entries: list[Entry]
    more: int


def latest(customer: Customer) -> Latest:
    """Return the customer's last hundred invoices and credit notes, newest first, each with its order and its file."""
    found = Document.visible_to(customer).order_by(Document.issued_at.desc(), Document.id.desc())
    newest = found.with_only_columns(Document.order_id).limit(MOST_LISTED)
    # All of an order's documents, or what became of one on the list would be unknown (`entries`).
    whole_orders = found.where(Document.order_id.in_(newest))
    listed = whole_orders.options(contains_eager(Document.order), joinedload(Document.file))
    shown = entries(db.session.scalars(listed).all())[:MOST_LISTED]
    if len(shown) < MOST_LISTED:
        return Latest(shown, more=0)
    in_all = db.session.scalar(found.with_only_columns(func.count(), maintain_column_froms=True).order_by(None))
    return Latest(shown, (in_all or 0) - len(shown))


def entries(documents: Sequence[Document]) -> list[Entry]:
    """Return the documents in their order, each with what became of it; one query, whatever their number.

    The documents that they name are found among them: whoever lists an order's documents lists them all. A correction
    comes with what its invoice says, so that both can be compared.
    """
    by_id = {document.id: document for document in documents}
    replacements = {document.replaces_id: document for document in documents}
    notes: dict[int, list[Document]] = defaultdict(list)
    for document in documents:
        if document.credits_id:
            notes[document.credits_id].append(document)
    corrections, unsent = _what_became_of(list(by_id))
    return [
        Entry(
            document=document,
            about=by_id.get(document.credits_id or document.replaces_id or 0),
            replaced_by=replacements.get(document.id),
            left=document.gross - sum((note.gross for note in notes[document.id]), ZERO),
            notes=len(notes[document.id]),
            correction=corrections.get(document.id),
            unsent=unsent.get(document.id),
        )
        for document in documents
    ]


def is_unsent() -> ColumnElement[bool]:
    """Say in SQL that a document's mail failed, or may have, and that none was sent after it."""
    newer = aliased(Delivery)
    followed = exists().where(newer.document_id == Delivery.document_id, newer.id > Delivery.id)
    return and_(Delivery.state.in_(("failed", "unknown")), Delivery.document_id.is_not(None), ~followed)


def was_refused() -> ColumnElement[bool]:
    """Say in SQL that this is a document's last mail, and that its address refused it."""
    return and_(is_unsent(), Delivery.trouble == "recipient", Delivery.kind != "specimen")


def _what_became_of(document_ids: list[int]) -> tuple[dict[int, Correction], dict[int, Delivery]]:
    """Return the last correction asked of each of these documents, and the last mail where it may not have arrived."""
    if not document_ids:
        return {}, {}
    found = select(Document.id, Delivery, Correction).outerjoin(Correction, Correction.invoice_id == Document.id)
    found = found.outerjoin(Delivery, and_(Delivery.document_id == Document.id, is_unsent()))
    said = joinedload(Correction.invoice).undefer(Invoice.snapshot)
    listed = found.where(Document.id.in_(document_ids)).order_by(Correction.id).options(said)
    rows = db.session.execute(listed).all()
    return {row[0]: row[2] for row in rows if row[2]}, {row[0]: row[1] for row in rows if row[1]}
