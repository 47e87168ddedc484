"""The tables, their constraints and the transitions of each state.

Every invariant stands twice: as a readable method here, and as a constraint that the database enforces.
Amounts are `Decimal` with two places, moments are aware UTC (see `columns.py`).
"""

from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from flask_babel import gettext as _
from flask_login import UserMixin
from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Select, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

import clock
from columns import Exact, Moment, one_of
from extensions import DomainError, Model
from parties.details import Details

ADDRESS_FIELDS = tuple(field.name for field in fields(Details))


class BillingDetails(Model):
    """Who an invoice is made out to (« Données de facturation »); belongs to one account or to one order."""

    __tablename__ = "billing_details"
    __table_args__ = (one_of("kind", ("individual", "company")),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    first_name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    company_name: Mapped[str] = mapped_column(String(200), default="")
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    siret: Mapped[str] = mapped_column(String(14), default="")
    vat_number: Mapped[str] = mapped_column(String(20), default="")
    line1: Mapped[str] = mapped_column(String(200), default="")
    line2: Mapped[str] = mapped_column(String(200), default="")
    postal_code: Mapped[str] = mapped_column(String(20), default="")
    city: Mapped[str] = mapped_column(String(200), default="")
    country: Mapped[str] = mapped_column(String(2), default="FR")
    edited_by_customer: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime] = mapped_column(Moment, default=clock.now, onupdate=clock.now)

    def details(self) -> Details:
        """Return the pure value that rules, forms and documents work with."""
        return Details(**{name: getattr(self, name) for name in ADDRESS_FIELDS})

    def take(self, details: Details) -> Self:
        """Afterwards this row says what the details say."""
        for name in ADDRESS_FIELDS:
            setattr(self, name, getattr(details, name))
        return self


class Customer(UserMixin, Model):
    """An account: somebody who signs in. Admins are accounts with a right more."""

    __tablename__ = "customers"
    __allow_unmapped__ = True  # For session_token, which is of the request and has no column.

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    is_admin: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str] = mapped_column(String(10), default="fr")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    billing_id: Mapped[int | None] = mapped_column(ForeignKey("billing_details.id"), unique=True)

    billing: Mapped[BillingDetails | None] = relationship(lazy="joined")

    __eq__ = object.__eq__  # One row is itself, as everywhere: UserMixin would compare the session tokens.
    __hash__ = object.__hash__

    session_token: str | None = None  # The raw token of the session that loaded this account; never stored.
    session_seen_at: datetime | None = None  # When that session was last noted as seen.

    @property
    def is_confirmed(self) -> bool:
        """Whether the person has shown that the mailbox is theirs."""
        return self.confirmed_at is not None

    def get_id(self) -> str:
        """Return what the cookie carries: the session's token, so that ending the row ends the session."""
        if self.session_token is None:
            raise RuntimeError("an account signs in by a session row: see services.sessions.open")
        return self.session_token


class SignInSession(Model):
    """One signed-in device; the cookie carries a token whose hash stands here."""

    __tablename__ = "sign_in_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer] = relationship(lazy="joined")


class Token(Model):
    """A one-time proof sent by mail: a link and, for a confirmation, a 6-digit code; only hashes are kept."""

    __tablename__ = "tokens"
    __table_args__ = (one_of("purpose", ("confirmation", "password_reset")),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    code_hash: Mapped[str | None] = mapped_column(String(64))
    code_tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer] = relationship()


class RateCounter(Model):
    """How often something was tried within one window; kept here so that it holds while Redis is away."""

    __tablename__ = "rate_counters"
    __table_args__ = (UniqueConstraint("action", "key", "window_start"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(64))
    window_start: Mapped[datetime] = mapped_column(Moment, index=True)
    count: Mapped[int] = mapped_column(default=1)


class Order(Model):
    """What the shop sold. The shop is the authority; we mirror it."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_customer_newest", "customer_id", "placed_at", "id"),
        CheckConstraint("total >= 0", name="total_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(64), unique=True)
    number_key: Mapped[str] = mapped_column(String(64), unique=True)
    version: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(40))
    shop_email: Mapped[str] = mapped_column(String(320))  # As the shop says it; `email` may have been corrected here.
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), index=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    locale: Mapped[str] = mapped_column(String(10), default="fr")
    placed_at: Mapped[datetime] = mapped_column(Moment)
    paid_at: Mapped[datetime | None] = mapped_column(Moment)
    payment_method: Mapped[str] = mapped_column(String(60), default="")
    shipped_at: Mapped[datetime | None] = mapped_column(Moment)
    delivered_at: Mapped[datetime | None] = mapped_column(Moment)
    cancelled_at: Mapped[datetime | None] = mapped_column(Moment)
    existing_invoice: Mapped[str | None] = mapped_column(String(64))
    purchase_order: Mapped[str | None] = mapped_column(String(100))
    currency: Mapped[str] = mapped_column(String(3))
    exchange_rate: Mapped[Decimal | None] = mapped_column(Exact(8))
    prices_include_tax: Mapped[bool]
    invoice_requested: Mapped[bool] = mapped_column(default=False)
    order_discount: Mapped[Decimal] = mapped_column(Exact(), default=Decimal("0.00"))
    total_tax: Mapped[Decimal | None] = mapped_column(Exact())
    total: Mapped[Decimal] = mapped_column(Exact())
    paid_amount: Mapped[Decimal | None] = mapped_column(Exact())
    shipping_address: Mapped[dict[str, str] | None] = mapped_column(JSON)
    review: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    received_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    billing_id: Mapped[int | None] = mapped_column(ForeignKey("billing_details.id"), unique=True)

    customer: Mapped[Customer | None] = relationship()
    billing: Mapped[BillingDetails | None] = relationship(lazy="joined")
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.position", cascade="all, delete-orphan")
    shipments: Mapped[list["Shipment"]] = relationship(order_by="Shipment.shipped_at", cascade="all, delete-orphan")
    refunds: Mapped[list["Refund"]] = relationship(order_by="Refund.at", cascade="all, delete-orphan")
    request: Mapped["InvoiceRequest | None"] = relationship(back_populates="order")
    invoices: Mapped[list["Invoice"]] = relationship(order_by="Invoice.id", back_populates="order")

    @classmethod
    def visible_to(cls, customer: Customer) -> Select[Self]:
        """Select the orders that this customer may see; everybody else's do not exist for them."""
        return select(cls).where(cls.customer_id == customer.id)

    def personal_data_visible_to(self, customer: Customer) -> bool:
        """Whether addresses may be shown: only once the customer has shown that the mailbox is theirs."""
        return self.customer_id == customer.id and customer.is_confirmed

    def effective_details(self) -> Details | None:
        """Return who the invoice is made out to: the order's own details, else the account's, else nobody."""
        row = self.billing or (self.customer.billing if self.customer else None)
        return row.details() if row else None

    @property
    def fulfilled_at(self) -> datetime | None:
        """When the last parcel left; for services and what is fetched at the shop, when it was handed over."""
        return self.shipped_at or self.delivered_at

    @property
    def needs_review(self) -> bool:
        """Whether its amounts do not add up or lack a reason (« à vérifier »); it is not invoiced meanwhile."""
        return bool(self.review)

    @property
    def refunded_amount(self) -> Decimal:
        """What was paid back so far, in the order's currency."""
        return sum((refund.amount for refund in self.refunds), Decimal("0.00"))

    @property
    def is_fully_refunded(self) -> bool:
        """Whether nothing of what was charged is left with the seller."""
        return self.total > 0 and self.refunded_amount >= self.total

    @property
    def issued_invoice(self) -> "Invoice | None":
        """The invoice that counts, trial documents left aside."""
        return next((invoice for invoice in self.invoices if not invoice.trial), None)

    @property
    def status(self) -> str:
        """One word for where the order stands, for people: see `templates/macros/status.html`."""
        if self.cancelled_at:
            return "cancelled"
        if self.is_fully_refunded:
            return "refunded"
        steps = {"delivered": self.delivered_at, "shipped": self.shipped_at, "preparing": self.paid_at}
        return next((word for word, moment in steps.items() if moment), "placed")

    def require_invoiceable(self) -> None:
        """Raise DomainError, with the reason in French, when this order gives no invoice."""
        if self.existing_invoice:
            raise DomainError(_("Déjà facturée : n° %(number)s", number=self.existing_invoice))
        if self.cancelled_at:
            raise DomainError(_("Cette commande a été annulée : elle ne donne pas lieu à facture."))
        if self.is_fully_refunded:
            raise DomainError(_("Cette commande a été entièrement remboursée : elle ne donne pas lieu à facture."))
        if self.total <= 0:
            raise DomainError(_("Rien n'a été facturé pour cette commande : elle ne donne pas lieu à facture."))


class OrderLine(Model):
    """One line as charged, in the price's own tax basis."""

    __tablename__ = "order_lines"
    __table_args__ = (
        UniqueConstraint("order_id", "position"),
        one_of("kind", ("goods", "service", "shipping", "fee", "voucher")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    position: Mapped[int]
    sku: Mapped[str] = mapped_column(String(100), default="")
    description: Mapped[str] = mapped_column(String(1000))
    kind: Mapped[str] = mapped_column(String(10))
    quantity: Mapped[Decimal] = mapped_column(Exact(4))
    unit_price: Mapped[Decimal] = mapped_column(Exact(6))
    discount: Mapped[Decimal] = mapped_column(Exact(), default=Decimal("0.00"))
    vat_rate: Mapped[Decimal] = mapped_column(Exact())
    vat_category: Mapped[str | None] = mapped_column(String(2))
    exemption: Mapped[str | None] = mapped_column(String(200))
    tax: Mapped[Decimal | None] = mapped_column(Exact())


class Shipment(Model):
    """A parcel on its way; the last one starts the clock of the invoice."""

    __tablename__ = "shipments"
    __table_args__ = (UniqueConstraint("order_id", "ref"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    ref: Mapped[str] = mapped_column(String(64))
    shipped_at: Mapped[datetime] = mapped_column(Moment)
    carrier: Mapped[str] = mapped_column(String(100), default="")
    tracking_number: Mapped[str] = mapped_column(String(100), default="")
    tracking_url: Mapped[str] = mapped_column(String(500), default="")


class Refund(Model):
    """Money that went back to the customer; merged by the shop's own id."""

    __tablename__ = "refunds"
    __table_args__ = (UniqueConstraint("order_id", "ref"), CheckConstraint("amount > 0", name="amount_positive"))

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    ref: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Moment)
    amount: Mapped[Decimal] = mapped_column(Exact())
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)


class InvoiceRequest(Model):
    """The wish for an invoice, with its clock. One an order.

    waiting → scheduled → issued → rendered → sent; cancelled and needs_attention on the side. A worker takes its lease
    by one conditional UPDATE (`services.leases`) and writes a step only while the lease is still its own.
    """

    __tablename__ = "invoice_requests"
    STATES = ("waiting", "scheduled", "issued", "rendered", "sent", "cancelled", "needs_attention")
    FINAL = ("sent", "cancelled")
    WAITS = ("shipment", "confirmation", "details", "reconciliation")
    __table_args__ = (
        UniqueConstraint("order_id", name="uq_invoice_requests_order"),
        one_of("state", STATES),
        one_of("origin", ("customer", "checkout", "company")),
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
    last_error: Mapped[str | None] = mapped_column(String(500))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)

    order: Mapped[Order] = relationship(back_populates="request")
    customer: Mapped[Customer | None] = relationship()
    invoices: Mapped[list["Invoice"]] = relationship(order_by="Invoice.id", back_populates="request")

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


class NumberSeries(Model):
    """The counter of one series and year; updated in the transaction that issues, so that no gap can open."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    last_number: Mapped[int]
    last_date: Mapped[date]


class Invoice(Model):
    """An issued document: its number and the frozen content it was issued with. Never updated, never deleted."""

    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("series", "sequence"),
        Index("uq_invoices_request_and_mode", "request_id", "trial", unique=True),
        CheckConstraint("sequence > 0", name="sequence_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("invoice_requests.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
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
    snapshot: Mapped[str] = mapped_column(String())
    snapshot_sha256: Mapped[str] = mapped_column(String(64))

    order: Mapped[Order] = relationship(back_populates="invoices")
    request: Mapped[InvoiceRequest] = relationship(back_populates="invoices")
    file: Mapped["StoredFile | None"] = relationship(back_populates="invoice")

    @classmethod
    def visible_to(cls, customer: Customer) -> Select[Self]:
        """Select the documents of this customer's orders; none before the mailbox is proven, none of a trial."""
        proven = (Customer.id == customer.id, Customer.confirmed_at.is_not(None))
        return select(cls).join(Order).join(Customer).where(*proven, cls.trial.is_(False))


class StoredFile(Model):
    """The bytes of a document as they were written to the documents folder, once."""

    __tablename__ = "stored_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoices.id"), unique=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    stored_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    invoice: Mapped[Invoice] = relationship(back_populates="file")


class Delivery(Model):
    """One e-mail to send: the outbox. The worker writes the message at the moment of sending.

    `occasion` names why it exists and is unique, so that the same reason never makes two mails.
    """

    __tablename__ = "deliveries"
    KINDS = (
        "invoice", "invoice_trial", "confirmation", "confirmation_reminder", "password_reset", "account_exists",
        "request_cancelled",
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
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), index=True)
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
    invoice: Mapped[Invoice | None] = relationship()


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
