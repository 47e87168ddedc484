"""Who administers the shop: invited by mail, reading or managing, and never without somebody who manages."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError

from extensions import DomainError, db, transaction
from mail.addresses import clean, email_key
from models import Customer, SecondFactor
from services import accounts, history, invoicing, limits, outbox, ownership, passwords, sessions, tokens


class LastManager(DomainError):
    """Nobody would be left who may change anything."""

    def __init__(self) -> None:
        super().__init__(_("Il faut au moins une personne en gestion. Donnez d'abord ce rôle à quelqu'un d'autre."))


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who administers the shop, or is invited to (`role` is then what they are offered)."""

    id: int
    email: str
    role: str
    invited: bool
    signed_in_at: datetime | None
    has_second_factor: bool


def members() -> Sequence[Member]:
    """Return who administers the shop, then who is invited, each by address."""
    wanted = or_(Customer.admin_role.is_not(None), Customer.invited_role.is_not(None))
    factor = select(SecondFactor.id).where(
        SecondFactor.customer_id == Customer.id, SecondFactor.confirmed_at.is_not(None)
    )
    found = select(
        Customer.id, Customer.email, Customer.admin_role, Customer.invited_role, Customer.signed_in_at, factor.exists()
    ).where(wanted)
    return [
        Member(number, email, role or offered or "", role is None, seen, has_factor)
        for number, email, role, offered, seen, has_factor in db.session.execute(
            found.order_by(Customer.admin_role.is_(None), Customer.email_key)
        )
    ]


def invite(email: str, role: str) -> None:
    """Afterwards a mail offers this role to the address, whether or not it has an account, for seven days.

    Inviting again offers the role of the last time. Raises DomainError for who administers the shop already,
    limits.TooMany after five mails to one address in a day, ValueError when it is malformed.
    """
    present = accounts.find(email)
    if present is not None and present.is_admin:
        raise DomainError(_("Cette personne administre déjà la boutique."))
    sent = outbox.last(present, "invitation") if present is not None else None
    limits.hit(limits.INVITATIONS_BY_DAY, accounts.limit_key(email))
    account = {"email": clean(email), "email_key": email_key(email)}
    nobodys = passwords.hash(secrets.token_urlsafe())
    try:
        with transaction():
            customer = accounts.find(email) or Customer(**account, password_hash=nobodys)
            db.session.add(customer)
            db.session.flush()
            invoicing.lock_account(customer.id)
            if outbox.last(customer, "invitation") != sent:
                return  # The other press of a double click invites.
            customer.invited_role = role
            told = outbox.add_about(customer, "invitation")
            history.record("admin.invited", customer=customer, detail=role)
    except IntegrityError:
        return  # The other press of a double click has opened the account, and invites.
    outbox.ring(told)


def withdraw(customer_id: int) -> None:
    """Afterwards the invitation of this account offers nothing; withdrawing twice changes nothing."""
    with transaction():
        customer = _held(customer_id)
        if customer is not None and customer.invited_role:
            _end_invitation(customer)
            history.record("admin.invitation_withdrawn", customer=customer)


def invited(link: str) -> Customer | None:
    """Return whom the link invites, without using it: mail scanners open it ahead of anybody's press."""
    proof = tokens.find(link, "invitation")
    return proof.customer if proof and proof.used_at is None and proof.customer.invited_role else None


def accept(link: str, password: str = "") -> Customer:  # nosec B107  # None is chosen, none is set.
    """Afterwards who was invited has the role, and of their sessions only the present one is left; return them.

    With a password the account is one whose mailbox was never proven: it begins anew with it (`services.ownership`).
    Without one only whoever is signed in to the account may accept. Raises accounts.InvalidLink.
    """
    password_hash = passwords.hash(password) if password else ""
    with transaction():
        customer = accounts.use_link(link, "invitation")
        role = customer.invited_role
        if role is None or bool(password_hash) == customer.is_confirmed:
            raise accounts.InvalidLink
        if password_hash:
            ownership.begin_anew(customer, password_hash)
            accounts.confirm_mailbox(customer)
        customer.admin_role = role
        _end_invitation(customer)
        sessions.end_all(customer, except_raw=customer.session_token)
        history.record("admin.joined", customer=customer, detail=role)
    invoicing.ring_what_is_due(customer.id)
    return customer


def change_role(customer_id: int, role: str) -> None:
    """Afterwards the admin has this role. Raises LastManager; who is no admin stays none."""
    with transaction():
        customer = _the_admin(customer_id, still_manages=role == "managing")
        if customer is not None and customer.admin_role != role:
            customer.admin_role = role
            history.record("admin.role_changed", customer=customer, detail=role)


def remove(customer_id: int) -> None:
    """Afterwards the account is a customer's, signed in nowhere and without second factor. Raises LastManager."""
    with transaction():
        customer = _the_admin(customer_id, still_manages=False)
        if customer is not None:
            customer.admin_role = None
            db.session.execute(delete(SecondFactor).where(SecondFactor.customer_id == customer.id))
            sessions.end_all(customer)
            history.record("admin.removed", customer=customer)


def _the_admin(customer_id: int, *, still_manages: bool) -> Customer | None:
    """Return the admin; all of them are held, so that of two who take the right from each other one keeps it."""
    admins = select(Customer).where(Customer.admin_role.is_not(None)).order_by(Customer.id)
    held = db.session.scalars(
        admins.with_for_update(of=Customer, key_share=True).execution_options(populate_existing=True)
    ).all()
    found = next((one for one in held if one.id == customer_id), None)
    others = [one for one in held if one.is_manager and one.id != customer_id]
    if found is not None and not still_manages and not others:
        raise LastManager
    return found


def _held(customer_id: int) -> Customer | None:
    return invoicing.lock_account(customer_id) if db.session.get(Customer, customer_id) else None


def _end_invitation(customer: Customer) -> None:
    customer.invited_role = None
    tokens.use_up(customer, "invitation")
