"""The way in for a shop's own signed-in customers: a link of 60 seconds, behind which one press signs in."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

import clock
from extensions import DomainError, db, transaction
from mail.addresses import clean, email_key
from models import Customer
from services import accounts, history, invoicing, passwords, sessions, tokens

PROOFS: tuple[tokens.Purpose, ...] = ("confirmation", "password_reset", "email_change")


@dataclass(frozen=True, slots=True)
class Issued:
    """A way in: the token of its address, and until when it is good."""

    token: str
    expires_at: datetime


def issue(email: str) -> Issued:
    """Afterwards the address has an account, and a link leads into it for 60 seconds, once.

    The shop that asks has signed this person in, and vouches for the mailbox. Raises DomainError for an admin's
    account, which no shop opens, and ValueError when the address is malformed.
    """
    customer = accounts.find(email) or _opened(email)
    if customer.is_admin:
        raise DomainError(_("Ce compte ne s'ouvre pas depuis une boutique."))
    expires_at = clock.now() + tokens.LINK_LIVES["shop_sign_in"]
    token, _code = tokens.fresh(customer, "shop_sign_in")
    return Issued(token, expires_at)


def enter(link: str) -> Customer:
    """Afterwards the link is used up and its account confirmed; return it, to be signed in.

    Whoever had opened the account without proving the mailbox is out: their sessions are over, their password opens
    nothing, and what they typed is gone. Raises accounts.InvalidLink.
    """
    unknown_to_all = passwords.hash(secrets.token_urlsafe())
    with transaction():
        customer = accounts.use_link(link, "shop_sign_in")
        if customer.is_admin:
            raise accounts.InvalidLink
        if not customer.is_confirmed:
            customer.password_hash = unknown_to_all
            sessions.end_all(customer)
            tokens.use_up(customer, *PROOFS)
            former, customer.billing = customer.billing, None
            if former is not None:
                db.session.delete(former)
            accounts.confirm_mailbox(customer)
        history.record("session.opened_by_shop", customer=customer)
    invoicing.ring_what_is_due(customer.id)
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
