"""The way in for a shop's own signed-in customers: a link of 60 seconds, behind which one press signs in."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

import clock
from extensions import DomainError, db, transaction
from mail.addresses import clean, email_key
from models import Customer
from services import accounts, history, invoicing, ownership, passwords, tokens

PURPOSE: tokens.Purpose = "shop_sign_in"


@dataclass(frozen=True, slots=True)
class Issued:
    """A way in: the token of its address (`/entrer/<token>`), and until when it is good."""

    token: str = field(repr=False)
    expires_at: datetime


def issue(email: str) -> Issued:
    """Afterwards the address has an account, and a link leads into it for 60 seconds, once.

    The shop that asks has signed this person in, and vouches for the mailbox. Raises DomainError for an admin's
    account, which no shop opens, and ValueError when the address is malformed.
    """
    customer = accounts.find(email) or _opened(email)
    if customer.is_admin:
        raise DomainError(_("Ce compte ne s'ouvre pas depuis une boutique."))
    expires_at = clock.now() + tokens.LINK_LIVES[PURPOSE]
    token, _code = tokens.fresh(customer, PURPOSE)
    return Issued(token, expires_at)


def owner(link: str) -> Customer | None:
    """Return whom the link would sign in, without using it: browsers open it ahead of anybody's press."""
    proof = tokens.find(link, PURPOSE)
    return proof.customer if proof and proof.used_at is None and not proof.customer.is_admin else None


def enter(link: str, present: Customer | None = None) -> Customer:
    """Afterwards the link is used up and its account confirmed; return it, to be signed in.

    Whoever had opened the account without proving the mailbox is out, unless it is who is signed in here (`present`):
    their sessions are over, their password opens nothing, and the billing details and requests they made are gone.
    Raises accounts.InvalidLink.
    """
    customer = owner(link)
    if customer is None:
        raise accounts.InvalidLink
    customer_id, here = customer.id, present is not None and present.id == customer.id
    nobodys = "" if here or customer.is_confirmed else passwords.hash(secrets.token_urlsafe())
    with transaction():
        customer = accounts.use_link(link, PURPOSE)
        if customer.is_admin:
            raise accounts.InvalidLink
        if nobodys and not customer.is_confirmed:
            ownership.begin_anew(customer, nobodys)
        if not customer.is_confirmed:
            accounts.confirm_mailbox(customer)
        history.record("session.opened_by_shop", customer=customer)
    invoicing.ring_what_is_due(customer_id)
    return customer


def _opened(email: str) -> Customer:
    """Open an account whose password nobody knows; its owner chooses one by « Mot de passe oublié »."""
    customer = Customer(email=clean(email), email_key=email_key(email))
    customer.password_hash = passwords.hash(secrets.token_urlsafe())
    try:
        with transaction():
            db.session.add(customer)
            db.session.flush()
            history.record("account.opened", customer=customer)
            accounts.confirm_mailbox(customer)
    except IntegrityError:
        found = accounts.find(email)  # The other call won; its account is the one that exists.
        if found is None:
            raise
        return found
    return customer
