"""What the shop sold, as it said it."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from flask_babel import gettext as _
from sqlalchemy import (
    JSON,
    BigInteger,
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
from extensions import DomainError, Model
from parties import rules
from parties.details import Details
from tables.accounts import BillingDetails, Customer

if TYPE_CHECKING:
    from tables.documents import CreditNote, Document, Invoice
    from tables.requests import InvoiceRequest


class Order(Model):
    """What the shop sold. The shop is the authority; we mirror it."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_customer_newest", "customer_id", "placed_at", "id"),
        UniqueConstraint("shop_id", "shop_ref"),
        CheckConstraint("total >= 0", name="total_not_negative"),
        # Those whose time of being kept may be over.
        Index(
            "ix_orders_guests",
            "placed_at",
            sqlite_where=text("customer_id IS NULL AND erased_at IS NULL"),
            postgresql_where=text("customer_id IS NULL AND erased_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(64), unique=True)
    number_key: Mapped[str] = mapped_column(String(64), unique=True)
    own_key: Mapped[str] = mapped_column(String(64), index=True)  # As `number_key`, without the prefix of its shop.
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    shop_ref: Mapped[str | None] = mapped_column(String(64))  # What the shop itself calls it, where that is no number.
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
    sent_shipped_at: Mapped[datetime | None] = mapped_column(Moment)  # As the newest version of the order says it,
    reported_shipped_at: Mapped[datetime | None] = mapped_column(Moment)  # and as a report of the shipment does.
    delivered_at: Mapped[datetime | None] = mapped_column(Moment)
    cancelled_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Moment)  # When its shop deleted it; it may be back since.
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
    doubts: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))  # What the shop's own words left open.
    amendment: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # What an admin decided of it.
    received_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    erased_at: Mapped[datetime | None] = mapped_column(Moment)  # Since then it says of nobody that it is theirs.
    billing_id: Mapped[int | None] = mapped_column(ForeignKey("billing_details.id"), unique=True)

    customer: Mapped[Customer | None] = relationship()
    billing: Mapped[BillingDetails | None] = relationship(lazy="joined")
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.position", cascade="all, delete-orphan")
    shipments: Mapped[list["Shipment"]] = relationship(order_by="Shipment.shipped_at", cascade="all, delete-orphan")
    refunds: Mapped[list["Refund"]] = relationship(order_by="Refund.at", cascade="all, delete-orphan")
    request: Mapped["InvoiceRequest | None"] = relationship(back_populates="order")
    documents: Mapped[list["Document"]] = relationship(order_by="Document.id", back_populates="order")

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
    def ignored_because(self) -> str:
        """Why an admin decided not to invoice it here, as the customer reads it; nothing unless one did."""
        return str(self.amendment["reason"]) if self.amendment and self.amendment["decision"] == "ignored" else ""

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
        """The invoice that counts: the latest, trial documents left aside."""
        return next((one for one in reversed(self._issued("invoice")) if not one.trial), None)

    @property
    def credit_notes(self) -> "list[CreditNote]":
        """The credit notes of this order, oldest first, trial documents left aside."""
        return [one for one in self._issued("credit_note") if not one.trial]

    def _issued(self, kind: str) -> "list[Any]":
        return [document for document in self.documents if document.kind == kind]

    @property
    def status(self) -> str:
        """One word for where the order stands, for people: see `templates/macros/status.html`."""
        if self.cancelled_at:
            return "cancelled"
        if self.is_fully_refunded:
            return "refunded"
        steps = {"delivered": self.delivered_at, "shipped": self.shipped_at, "preparing": self.paid_at}
        return next((word for word, moment in steps.items() if moment), "placed")

    def _was_returned_by_a_company(self) -> bool:
        """Whether invoice and credit note are due all the same.

        Between taxable persons what was delivered is invoiced (CGI art. 289, I-1-a); its return corrects that (I-5).
        """
        details = self.effective_details()
        return bool(self.fulfilled_at and details and rules.names_a_registered_company(details))

    @property
    def may_be_asked_for(self) -> bool:
        """Whether « Demander une facture » has a meaning: none is under way or issued, and the order gives one."""
        if self.needs_review or (self.request and self.request.state != "cancelled"):
            return False
        try:
            self.require_invoiceable()
        except DomainError:
            return False
        return True

    def require_invoiceable(self) -> None:
        """Raise DomainError, with the reason in French, when this order gives no invoice."""
        if self.erased_at:
            raise DomainError(
                _("Les données personnelles de cette commande sont effacées : elle ne donne plus lieu à facture.")
            )
        if self.existing_invoice:
            raise DomainError(_("Déjà facturée : n° %(number)s", number=self.existing_invoice))
        if self.cancelled_at:
            raise DomainError(_("Cette commande a été annulée : elle ne donne pas lieu à facture."))
        if self.is_fully_refunded and not self._was_returned_by_a_company():
            raise DomainError(_("Cette commande a été entièrement remboursée : elle ne donne pas lieu à facture."))
        if self.ignored_because:
            raise DomainError(_("Cette commande n'est pas facturée ici : %(reason)s", reason=self.ignored_because))
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
    version: Mapped[int] = mapped_column(BigInteger, default=0)  # Of the order that said so; -1: a report by itself.


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
    version: Mapped[int] = mapped_column(BigInteger, default=0)  # Of the order that said so; -1: a report by itself.
