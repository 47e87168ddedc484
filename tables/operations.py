"""What the machinery keeps: mails to send, who did what, and the milestones of an installation."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

import clock
from columns import Moment, one_of
from extensions import Model
from tables.accounts import Customer
from tables.documents import Document
from tables.orders import Order


class Delivery(Model):
    """One e-mail to send: the outbox. The worker writes the message at the moment of sending.

    `occasion` names why it exists and is unique, so that the same reason never makes two mails.
    """

    __tablename__ = "deliveries"
    KINDS = (
        "invoice", "credit_note", "specimen", "correction_declined", "request_cancelled", "confirmation",
        "confirmation_reminder", "password_reset", "account_exists",
    )  # fmt: skip
    STATES = ("pending", "sending", "sent", "failed", "unknown")
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("state", STATES),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_iff_dated"),
        Index("ix_deliveries_due", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    occasion: Mapped[str] = mapped_column(String(100), unique=True)
    recipient: Mapped[str] = mapped_column(String(320))
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    doubts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(Moment, default=clock.now)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    last_error: Mapped[str | None] = mapped_column(String(500))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer | None] = relationship()
    order: Mapped[Order | None] = relationship()
    document: Mapped[Document | None] = relationship()


class AuditEntry(Model):
    """Who did what to what, when: the history that admins read. Rows are only ever added."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    actor: Mapped[str] = mapped_column(String(60))
    action: Mapped[str] = mapped_column(String(60))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    detail: Mapped[str] = mapped_column(String(500), default="")
    http_request_id: Mapped[str] = mapped_column(String(40), default="")


class Milestone(Model):
    """A moment of this installation that later behaviour depends on: its first start, the first live invoice."""

    __tablename__ = "milestones"
    __table_args__ = (one_of("name", ("first_start", "live")),)

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
