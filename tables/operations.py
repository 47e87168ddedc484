"""What the machinery keeps: mails to send, who did what, what was out of order, milestones of an installation."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

import clock
from columns import Moment, one_of
from extensions import Model
from tables import transitions
from tables.accounts import Customer
from tables.documents import Document
from tables.orders import Order


class Delivery(Model):
    """One e-mail to send: the outbox. The worker writes the message at the moment of sending.

    pending → sending → sent; back to pending for another try; failed and unknown on the side (`tables.transitions`).
    `sending` is committed before the message is handed over: whoever is found in it may have arrived. `occasion` names
    why it exists and is unique, so that the same reason never makes two mails. `trouble` is what stands in the way:
    our own mail server or documents folder, which are waited for, or the recipient or the message that was refused.
    """

    __tablename__ = "deliveries"
    KINDS = (
        "invoice", "credit_note", "specimen", "correction_declined", "request_received", "request_problem",
        "request_cancelled", "confirmation",
        "confirmation_reminder", "password_reset", "password_changed", "account_exists", "email_change",
        "email_changed", "order_code", "sign_in_code", "data_export", "account_erased", "invitation",
        "second_factor_changed", "alert", "test",
    )  # fmt: skip
    STATES = transitions.states("deliveries")
    OUTAGES = ("smtp", "documents")
    TROUBLES = (*OUTAGES, "recipient", "message")
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("state", STATES),
        one_of("trouble", TROUBLES),
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
    trouble: Mapped[str | None] = mapped_column(String(12))
    last_error: Mapped[str | None] = mapped_column(String(500))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer | None] = relationship()
    order: Mapped[Order | None] = relationship()
    document: Mapped[Document | None] = relationship()

    def become(
        self, state: str, *, due_at: datetime | None = None, trouble: str | None = None, error: str | None = None
    ) -> None:
        """Afterwards the mail is in that state, for the reason given; the lease stays.

        Raises transitions.IllegalTransition where no step leads from its state.
        """
        transitions.require(self.__tablename__, self.state, state)
        self.state, self.due_at, self.trouble, self.last_error = state, due_at, trouble, error
        self.sent_at = clock.now() if state == "sent" else None


class AuditEntry(Model):
    """Who did what to what, when, and from where: the history that admins read. Rows are only ever added.

    `network` is the visitor's address without its end: the /24 of an IPv4 address, the /48 of an IPv6 one. What tells
    how a document came about is `lasting`: it is kept ten years as the document is, the rest for one.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_at", "lasting", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    actor: Mapped[str] = mapped_column(String(60))
    action: Mapped[str] = mapped_column(String(60))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    detail: Mapped[str] = mapped_column(String(500), default="")
    network: Mapped[str] = mapped_column(String(45), default="")
    lasting: Mapped[bool] = mapped_column(default=False)
    http_request_id: Mapped[str] = mapped_column(String(40), default="")


class Incident(Model):
    """Something out of order, from when it was noticed until it was over; admins are told of each once.

    `about` says which one of its kind: an order's number, a machine's name, or nothing.
    """

    __tablename__ = "incidents"
    KINDS = (
        "late", "slow", "attention", "mail", "shipment", "queue", "redis", "smtp", "documents", "clock", "shop",
        "export",
    )  # fmt: skip
    __table_args__ = (
        one_of("kind", KINDS),
        Index(
            "uq_incidents_open",
            "kind",
            "about",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    about: Mapped[str] = mapped_column(String(100), default="")
    opened_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("deliveries.id"), index=True)

    alert: Mapped[Delivery | None] = relationship()


class Milestone(Model):
    """A moment of this installation that later behaviour depends on: its first start, the first live invoice."""

    __tablename__ = "milestones"
    __table_args__ = (one_of("name", ("first_start", "live")),)

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
