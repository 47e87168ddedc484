"""Issued documents: numbers, frozen content, bytes. What stands here is never updated and never deleted."""

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Self

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Select,
    String,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

import clock
from columns import Exact, Moment, one_of
from extensions import Model
from tables.accounts import Customer
from tables.orders import Order
from tables.requests import Correction, InvoiceRequest


class NumberSeries(Model):
    """The counter of one series and year; updated in the transaction that issues, so that no gap can open."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    last_number: Mapped[int]
    last_date: Mapped[date]


class Document(Model):
    """An issued invoice or credit note: its number and the frozen content it was issued with.

    `occasion` names why it exists and is unique, so that the same reason never makes two documents.
    `previous_sha256` is the `link` of the document before it in its series: what is altered later no longer fits.
    """

    __tablename__ = "documents"
    __table_args__ = (
        one_of("kind", ("invoice", "credit_note")),
        UniqueConstraint("series", "sequence"),
        CheckConstraint("sequence > 0", name="sequence_positive"),
        CheckConstraint("(kind = 'credit_note') = (credits_id IS NOT NULL)", name="credit_iff_it_credits"),
        CheckConstraint("kind = 'invoice' OR replaces_id IS NULL", name="only_invoices_replace"),
        # One live invoice an order, and one that takes its place after a correction.
        Index(
            "uq_documents_first_invoice",
            "order_id",
            "trial",
            unique=True,
            sqlite_where=text("kind = 'invoice' AND replaces_id IS NULL"),
            postgresql_where=text("kind = 'invoice' AND replaces_id IS NULL"),
        ),
    )
    __mapper_args__ = {"polymorphic_on": "kind"}

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    occasion: Mapped[str] = mapped_column(String(100), unique=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("invoice_requests.id"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    credits_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), index=True)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), unique=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    series: Mapped[str] = mapped_column(ForeignKey("number_series.name"))
    sequence: Mapped[int]
    trial: Mapped[bool]
    issue_date: Mapped[date]
    issued_at: Mapped[datetime] = mapped_column(Moment)
    currency: Mapped[str] = mapped_column(String(3))
    net: Mapped[Decimal] = mapped_column(Exact())
    vat: Mapped[Decimal] = mapped_column(Exact())
    gross: Mapped[Decimal] = mapped_column(Exact())
    snapshot: Mapped[str] = mapped_column(String(), deferred=True)
    snapshot_sha256: Mapped[str] = mapped_column(String(64))
    previous_sha256: Mapped[str] = mapped_column(String(64))

    order: Mapped[Order] = relationship(back_populates="documents")
    request: Mapped[InvoiceRequest] = relationship()
    file: Mapped["StoredFile | None"] = relationship(back_populates="document")

    @property
    def link(self) -> str:
        """The SHA-256 over this document's content and all before it in its series."""
        return hashlib.sha256(f"{self.previous_sha256}{self.snapshot_sha256}".encode()).hexdigest()

    @classmethod
    def visible_to(cls, customer: Customer) -> Select[Self]:
        """Select the documents of this customer's orders; none before the mailbox is proven, none of a trial."""
        proven = (Customer.id == customer.id, Customer.confirmed_at.is_not(None))
        return select(cls).join(Order, Order.id == cls.order_id).join(Customer).where(*proven, cls.trial.is_(False))


class Invoice(Document):
    """What was sold, to whom, with its VAT. Corrected only by a credit note and another invoice."""

    __mapper_args__ = {"polymorphic_identity": "invoice"}

    corrections: Mapped[list[Correction]] = relationship(order_by=Correction.id, back_populates="invoice")
    credit_notes: Mapped[list["CreditNote"]] = relationship(
        foreign_keys="Document.credits_id", order_by="CreditNote.id", back_populates="invoice"
    )
    replaced_by: Mapped["Invoice | None"] = relationship(
        foreign_keys="Document.replaces_id", remote_side="Document.replaces_id", back_populates="replaces"
    )
    replaces: Mapped["Invoice | None"] = relationship(
        foreign_keys="Document.replaces_id", remote_side="Document.id", back_populates="replaced_by"
    )


class CreditNote(Document):
    """What takes an invoice back, in full or in part (avoir); in a series of its own, with positive amounts."""

    __mapper_args__ = {"polymorphic_identity": "credit_note"}

    invoice: Mapped[Invoice] = relationship(
        foreign_keys="Document.credits_id", remote_side="Document.id", back_populates="credit_notes"
    )


class StoredFile(Model):
    """The bytes of a document as they were written to the documents folder, once; they carry its XML."""

    __tablename__ = "stored_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), unique=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    xml_sha256: Mapped[str | None] = mapped_column(String(64))  # None: drawn before documents carried their XML.
    size: Mapped[int]
    stored_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    document: Mapped[Document] = relationship(back_populates="file")


FIRST_LINK = "0" * 64
"""What the first document of a series has for the link before it."""
