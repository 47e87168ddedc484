"""The wish for an invoice, and the wish for a corrected one."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

import clock
from columns import Moment, one_of
from extensions import Model
from parties.details import Details
from tables import transitions
from tables.accounts import Customer
from tables.orders import Order

if TYPE_CHECKING:
    from tables.documents import Invoice


class InvoiceRequest(Model):
    """The wish for an invoice, with its clock. One an order.

    requested → waiting → scheduled → issued → rendered → sent; cancelled and needs_attention on the side
    (`tables.transitions`). A worker takes its lease by one conditional UPDATE (`services.leases`) and writes a step
    only while the lease is still its own. `trouble` is what is out of order here and is no fault of the request: it
    goes on once that is over.
    """

    __tablename__ = "invoice_requests"
    STATES = transitions.states("invoice_requests")
    FINAL = ("sent", "cancelled")
    WAITS = ("shipment", "confirmation", "details", "reconciliation")
    TROUBLES = ("documents",)
    __table_args__ = (
        UniqueConstraint("order_id", name="uq_invoice_requests_order"),
        one_of("state", STATES),
        one_of("origin", ("customer", "checkout", "company")),
        one_of("trouble", TROUBLES),
        CheckConstraint("(state = 'waiting') = (waiting_for IS NOT NULL)", name="waiting_iff_for_something"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_iff_dated"),
        CheckConstraint(
            "(state IN ('cancelled', 'needs_attention')) = (reason IS NOT NULL)", name="reason_iff_stopped"
        ),
        Index("ix_invoice_requests_due", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    origin: Mapped[str] = mapped_column(String(10))
    purchase_order: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20))
    waiting_for: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(500))
    requested_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    details_complete_at: Mapped[datetime | None] = mapped_column(Moment)
    reconciled_at: Mapped[datetime | None] = mapped_column(Moment)
    earliest_at: Mapped[datetime | None] = mapped_column(Moment)
    deadline_at: Mapped[datetime | None] = mapped_column(Moment)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    trouble: Mapped[str | None] = mapped_column(String(12))
    last_error: Mapped[str | None] = mapped_column(String(500))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)

    order: Mapped[Order] = relationship(back_populates="request")
    customer: Mapped[Customer | None] = relationship()

    def become(
        self,
        state: str,
        *,
        due_at: datetime | None = None,
        waiting_for: str | None = None,
        reason: str | None = None,
        sent_at: datetime | None = None,
    ) -> None:
        """Afterwards the request is in that state, with what belongs to it and nothing that belonged to the former.

        The lease stays. Raises transitions.IllegalTransition where no step leads from its state.
        """
        transitions.require(self.__tablename__, self.state, state)
        if state != self.state:
            self.attempts, self.trouble, self.last_error = 0, None, None
        self.state, self.due_at, self.waiting_for, self.reason, self.sent_at = (
            state,
            due_at,
            waiting_for,
            reason,
            sent_at,
        )

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in self.FINAL

    @property
    def is_due(self) -> bool:
        """Whether its moment has come."""
        return self.due_at is not None and self.due_at <= clock.now()

    @property
    def change_is_near(self) -> bool:
        """Whether something is expected within ten minutes, so that looking again is worth it."""
        near = clock.now() + timedelta(minutes=10)
        return self.state in ("issued", "rendered") or (self.due_at is not None and self.due_at <= near)

    @property
    def recipient(self) -> str:
        """The address the invoice goes to: the account's, or the order's when the request opened by itself."""
        return self.customer.email if self.customer else self.order.email


class Correction(Model):
    """The wish for a corrected invoice: what it should say instead, and what became of the wish.

    Address and own reference are accepted at once; whose invoice it is, an admin decides. An accepted one has led to a
    credit note and to an invoice in its place.
    """

    __tablename__ = "corrections"
    __table_args__ = (
        one_of("state", transitions.states("corrections")),
        CheckConstraint("(state = 'requested') = (decided_at IS NULL)", name="decided_iff_dated"),
        CheckConstraint("state <> 'declined' OR reason IS NOT NULL", name="declined_with_reason"),
        # Once an invoice, unless it was declined.
        Index(
            "uq_corrections_invoice",
            "invoice_id",
            unique=True,
            sqlite_where=text("state <> 'declined'"),
            postgresql_where=text("state <> 'declined'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("documents.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    state: Mapped[str] = mapped_column(String(10))
    details: Mapped[dict[str, str]] = mapped_column(JSON)
    purchase_order: Mapped[str] = mapped_column(String(100), default="")
    reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    decided_at: Mapped[datetime | None] = mapped_column(Moment)

    invoice: Mapped["Invoice"] = relationship(back_populates="corrections")
    customer: Mapped[Customer] = relationship()

    def become(self, state: str, *, reason: str | None = None) -> None:
        """Afterwards the wish is decided, for the reason given.

        Raises transitions.IllegalTransition where it was decided already.
        """
        transitions.require(self.__tablename__, self.state, state)
        self.state, self.reason, self.decided_at = state, reason, clock.now()

    @property
    def wanted(self) -> Details:
        """Who the invoice should have been made out to."""
        return Details(**self.details)  # type: ignore[arg-type]  # Written from Details, kind included.
