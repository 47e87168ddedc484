"""The shops that are connected: their keys, what they sent and what is read from them, and their lists and files."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

import clock
from columns import Moment, one_of
from extensions import Model
from tables import transitions


class Shop(Model):
    """A shop that sends orders, or from which they are read. `name` stands in addresses.

    What it holds of secrets is sealed with `KEYS_SECRET` (`sealing`). `due_at` is when it is to be read next, nothing
    where it sends by itself; `pull_cursor` says where that reading goes on, in the words of the shop's system.
    """

    __tablename__ = "shops"
    SYSTEMS = ("contract", "woocommerce", "shopify", "prestashop")
    STATES = transitions.states("shops")
    __table_args__ = (one_of("system", SYSTEMS), one_of("state", STATES), Index("ix_shops_due", "state", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    system: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10), default="open")
    number_prefix: Mapped[str] = mapped_column(String(20), default="")
    base_url: Mapped[str] = mapped_column(String(200), default="")
    webhook_secret: Mapped[str | None] = mapped_column(Text)
    pull_key: Mapped[str | None] = mapped_column(Text)
    pull_cursor: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    pulled_until: Mapped[datetime | None] = mapped_column(Moment)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(500))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    last_message_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    keys: Mapped[list["ApiKey"]] = relationship(back_populates="shop", order_by="ApiKey.id")

    def become(self, state: str) -> None:
        """Afterwards the shop is in that state. Raises transitions.IllegalTransition where no step leads there."""
        transitions.require(self.__tablename__, self.state, state)
        self.state = state


class ApiKey(Model):
    """A key of a shop; two are good at once at most (`slot`), so that a new one comes in before the old one goes."""

    __tablename__ = "api_keys"
    SCOPES = ("orders:read", "orders:write", "sign-in")
    __table_args__ = (
        CheckConstraint("slot IN (1, 2)", name="two_live_keys"),
        Index(
            "uq_api_keys_live",
            "shop_id",
            "slot",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    slot: Mapped[int] = mapped_column(SmallInteger)
    key_id: Mapped[str] = mapped_column(String(40), unique=True)
    secret: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    shop: Mapped[Shop] = relationship(back_populates="keys", lazy="joined")

    @property
    def is_live(self) -> bool:
        """Whether the key opens the door: it is not revoked, and its shop is connected."""
        return self.revoked_at is None and self.shop.state == "open"


class ApiCall(Model):
    """A signed call that was answered, kept while its signature is good, so that the equal call gets the same answer.

    The answer is compressed and sealed; there is none while the call is being answered.
    """

    __tablename__ = "api_calls"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    mimetype: Mapped[str] = mapped_column(String(60), default="")
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now, index=True)


class ShopMessage(Model):
    """What a shop sent by webhook, or what of a reading could not be taken in: the inbox.

    received → applied or ignored; `failed` waits for an admin (`tables.transitions`). `ref` is the shop's own id of
    the order. The payload is emptied once it is of no further use.
    """

    __tablename__ = "shop_messages"
    STATES = transitions.states("shop_messages")
    __table_args__ = (
        one_of("state", STATES),
        UniqueConstraint("shop_id", "delivery_id"),
        Index("ix_shop_messages_due", "state", "due_at"),
        Index("ix_shop_messages_ref", "shop_id", "ref"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    topic: Mapped[str] = mapped_column(String(40))
    delivery_id: Mapped[str | None] = mapped_column(String(100))
    ref: Mapped[str] = mapped_column(String(64), default="")
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10), default="received")
    problem: Mapped[str | None] = mapped_column(String(500))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    received_at: Mapped[datetime] = mapped_column(Moment, default=clock.now, index=True)
    due_at: Mapped[datetime | None] = mapped_column(Moment, default=clock.now)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)

    shop: Mapped[Shop] = relationship()

    def become(self, state: str, *, due_at: datetime | None = None, problem: str | None = None) -> None:
        """Afterwards the message is in that state; the lease stays.

        Raises transitions.IllegalTransition where no step leads from its state.
        """
        transitions.require(self.__tablename__, self.state, state)
        self.state, self.due_at, self.problem = state, due_at, problem


class EarlierInvoice(Model):
    """An invoice that the system before this one has issued: its order is never invoiced again."""

    __tablename__ = "earlier_invoices"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_key: Mapped[str] = mapped_column(String(64), unique=True)
    number: Mapped[str] = mapped_column(String(64))
    issued_on: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Upload(Model):
    """A file of orders that an admin handed in: shown first (what would change), and taken in once they say so.

    uploaded → previewed → confirmed → imported; `failed` says why (`tables.transitions`). `report` is what became of
    each document, as CSV; `counts` sums it up.
    """

    __tablename__ = "uploads"
    STATES = transitions.states("uploads")
    __table_args__ = (one_of("state", STATES), Index("ix_uploads_due", "state", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    filename: Mapped[str] = mapped_column(String(200))
    shape: Mapped[str] = mapped_column(String(30))
    options: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    state: Mapped[str] = mapped_column(String(10), default="uploaded")
    problem: Mapped[str | None] = mapped_column(String(500))
    counts: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    report: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    size: Mapped[int] = mapped_column(default=0)
    done_bytes: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    due_at: Mapped[datetime | None] = mapped_column(Moment, default=clock.now)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)

    shop: Mapped[Shop | None] = relationship()

    def become(self, state: str, *, due_at: datetime | None = None, problem: str | None = None) -> None:
        """Afterwards the file is in that state; the lease stays.

        Raises transitions.IllegalTransition where no step leads from its state.
        """
        transitions.require(self.__tablename__, self.state, state)
        self.state, self.due_at, self.problem = state, due_at, problem
