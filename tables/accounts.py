"""Accounts, their sessions and proofs, and who an invoice is made out to."""

from dataclasses import fields
from datetime import datetime
from typing import Self

from flask_login import UserMixin
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

import clock
from columns import Moment, one_of
from extensions import Model
from parties.details import Details
from tables import transitions

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
    """An account: somebody who signs in. Admins are accounts with a role more.

    `opening_hash` is of the secret of the browser that opened the account, `invited_role` what an invitation offers.
    An account that was deleted stays as an empty row, `erased_at`: what the law keeps refers to it.
    """

    __tablename__ = "customers"
    ROLES = ("reading", "managing")
    __table_args__ = (one_of("admin_role", ROLES), one_of("invited_role", ROLES))
    __allow_unmapped__ = True  # For session_token, which is of the request and has no column.

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    admin_role: Mapped[str | None] = mapped_column(String(10))
    invited_role: Mapped[str | None] = mapped_column(String(10))
    opening_hash: Mapped[str | None] = mapped_column(String(64))
    locale: Mapped[str] = mapped_column(String(10), default="fr")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    signed_in_at: Mapped[datetime | None] = mapped_column(Moment)  # The last time; sessions are forgotten.
    erased_at: Mapped[datetime | None] = mapped_column(Moment)
    billing_id: Mapped[int | None] = mapped_column(ForeignKey("billing_details.id"), unique=True)

    billing: Mapped[BillingDetails | None] = relationship(lazy="joined")

    __eq__ = object.__eq__  # One row is itself, as everywhere: UserMixin would compare the session tokens.
    __hash__ = object.__hash__

    known_by: str | None = None  # A digest of what the password that was given was matched with, in this request.
    session_token: str | None = None  # The raw token of the session that loaded this account; never stored.
    session_seen_at: datetime | None = None  # When that session was last noted as seen.
    session_proven_at: datetime | None = None  # When its person last showed who they are.
    session_has_second_factor: bool = False  # Whether this account has one.

    @property
    def is_admin(self) -> bool:
        """Whether the merchant's pages are theirs to see."""
        return self.admin_role is not None

    @property
    def is_manager(self) -> bool:
        """Whether they may also change what they see there."""
        return self.admin_role == "managing"

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
    """One signed-in device; the cookie carries a token whose hash stands here.

    `proven_at` is when its person last showed who they are: at sign-in, or before a dangerous act.
    """

    __tablename__ = "sign_in_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    proven_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer] = relationship(lazy="joined")


class Token(Model):
    """A one-time proof, mailed or given to a shop: a link and, for mailboxes, a 6-digit code; only hashes are kept.

    `email` is the address that an account is to have in future, `order_id` the order that it is to have.
    """

    __tablename__ = "tokens"
    PURPOSES = ("confirmation", "password_reset", "email_change", "shop_sign_in", "order_claim", "invitation")
    __table_args__ = (
        one_of("purpose", PURPOSES),
        CheckConstraint("(purpose = 'email_change') = (email IS NOT NULL)", name="email_iff_it_changes"),
        CheckConstraint("(purpose = 'order_claim') = (order_id IS NOT NULL)", name="order_iff_it_is_claimed"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(320))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    code_hash: Mapped[str | None] = mapped_column(String(64))
    code_tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer] = relationship()


class SignInCode(Model):
    """That a browser has asked for a code by mail to sign in with; its six digits are made of this row and SECRET_KEY.

    There is one for each ask, also for an address without an account, which has neither customer nor mail. `asked_by`
    is a hash of the browser's secret together with the address.
    """

    __tablename__ = "sign_in_codes"
    __table_args__ = (CheckConstraint("delivery_id IS NULL OR customer_id IS NOT NULL", name="mailed_to_an_account"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"), unique=True)
    asked_by: Mapped[str] = mapped_column(String(64), index=True)
    salt: Mapped[str] = mapped_column(String(32))
    tries: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class RateCounter(Model):
    """How often something was tried within one window; kept here so that it holds while Redis is away."""

    __tablename__ = "rate_counters"
    __table_args__ = (UniqueConstraint("action", "key", "window_start"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(64))
    window_start: Mapped[datetime] = mapped_column(Moment, index=True)
    count: Mapped[int] = mapped_column(default=1)


class SecondFactor(Model):
    """The authenticator application of an admin (TOTP, RFC 6238).

    The secret is sealed with `KEYS_SECRET`. It counts once a first code was given (`confirmed_at`); `last_step` is the
    time step of the last code that was taken, so that no code is taken twice (RFC 6238, 5.2).
    """

    __tablename__ = "second_factors"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), unique=True)
    secret: Mapped[str] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    recovery_codes: Mapped[list["RecoveryCode"]] = relationship(
        order_by="RecoveryCode.id", cascade="all, delete-orphan", passive_deletes=True
    )


class RecoveryCode(Model):
    """What opens the account once when the authenticator is lost; only a hash is kept."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    factor_id: Mapped[int] = mapped_column(ForeignKey("second_factors.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class DataExport(Model):
    """What an account asked for by « Télécharger mes données »: a ZIP that a worker makes, kept for a few days.

    requested → made; `failed` when it has ended its workers (`tables.transitions`). With a `year` it is the pack of
    its documents: `done` of `total` are in it, `documents` are their ids once it is made, its bytes are `ExportPart`.
    """

    __tablename__ = "data_exports"
    STATES = transitions.states("data_exports")
    UNDERWAY = text("state = 'requested' AND year IS NOT NULL")
    __table_args__ = (
        one_of("state", STATES),
        CheckConstraint("done >= 0 AND done <= total", name="done_within_total"),
        CheckConstraint(
            "(documents IS NOT NULL) = (year IS NOT NULL AND state = 'made')", name="documents_iff_made_pack"
        ),
        Index("ix_data_exports_due", "state", "due_at"),
        # One pack of a year at a time is being made, however often somebody presses.
        Index(
            "uq_data_exports_underway",
            "customer_id",
            "year",
            unique=True,
            sqlite_where=UNDERWAY,
            postgresql_where=UNDERWAY,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="requested")
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    year: Mapped[int | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    documents: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    size: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    made_at: Mapped[datetime | None] = mapped_column(Moment)
    due_at: Mapped[datetime | None] = mapped_column(Moment, default=clock.now)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer] = relationship()

    def become(self, state: str, *, due_at: datetime | None = None) -> None:
        """Afterwards the export is in that state; the lease stays.

        Raises transitions.IllegalTransition where no step leads from its state.
        """
        transitions.require(self.__tablename__, self.state, state)
        self.state, self.due_at = state, due_at


class ExportPart(Model):
    """A piece of the ZIP of a year's documents, which is never in memory as a whole; it goes with its export."""

    __tablename__ = "export_parts"

    export_id: Mapped[int] = mapped_column(ForeignKey("data_exports.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Erasure(Model):
    """That somebody of this address had their data erased, by a keyed hash of it: what is sent again stays erased."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(primary_key=True)
    email_hash: Mapped[str] = mapped_column(String(64), unique=True)
    erased_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
