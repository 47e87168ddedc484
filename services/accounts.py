"""Accounts: opened, proven, signed into, recovered. What a stranger sees never tells whether an address has one."""

import time

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

import clock
import task_queue
from extensions import DomainError, db, transaction
from mail import addresses
from mail.addresses import clean, email_key
from models import Customer, Delivery, Order
from services import history, invoicing, limits, outbox, passwords, sessions, tokens
from services.tokens import Purpose

RESET_TAKES_SECONDS = 0.15
"""What asking for a new password takes for every address: writing a mail down takes longer than writing none."""


class InvalidLink(DomainError):
    """The link was used, expired, or never was one."""

    def __init__(self) -> None:
        super().__init__(_("Ce lien n'est plus valable. Demandez-en un nouveau."))


class WrongCode(DomainError):
    """The six digits are not the ones that were sent, or may not be tried any more."""


class WrongPassword(DomainError):
    """The current password was not given."""


def is_address(text: str) -> bool:
    """Say whether this is a well-formed e-mail address."""
    return addresses.valid(text)


def find(email: str) -> Customer | None:
    """Return the account of an address, however it is spelt; None for what is no address."""
    try:
        key = email_key(email)
    except ValueError:
        return None
    return db.session.scalar(select(Customer).where(Customer.email_key == key))


def register(email: str, password: str, *, visitor: str | None = None) -> None:
    """Afterwards the address has an account, and its owner a mail: to confirm it, or saying that there was one already.

    The caller learns nothing about which it was, and both cost the same work. `visitor` is the network address that
    asks. Raises limits.TooMany, and ValueError when the address is malformed.
    """
    limits.hit(limits.REGISTER_BY_IP, limits.network(visitor))
    existing = find(email)
    password_hash = passwords.hash(password)
    if existing is None and create(email, password_hash) is not None:
        return
    existing = existing or find(email)  # The other press won; its account is the one that exists.
    if existing is not None:
        tell_it_exists(existing)


def create(email: str, password_hash: str, order: Order | None = None) -> Customer | None:
    """Afterwards there is one more account, unconfirmed, with a confirmation on its way; None when it existed.

    An `order` that was looked up belongs to it from now on, without addresses until the address is confirmed.
    Raises ValueError when the address is malformed.
    """
    customer = Customer(email=clean(email), email_key=email_key(email), password_hash=password_hash)
    limits.allows(limits.CONFIRMATIONS_BY_HOUR, customer.email_key)
    try:
        with transaction():
            db.session.add(customer)
            db.session.flush()
            if order is not None:
                mine = update(Order).where(Order.id == order.id, Order.customer_id.is_(None))
                db.session.execute(mine.values(customer_id=customer.id))
            delivery = outbox.add_about(customer, "confirmation")
            history.record("account.opened", customer=customer, order=order)
    except IntegrityError:
        return None
    outbox.ring(delivery)
    return customer


def tell_it_exists(customer: Customer) -> None:
    """Afterwards the owner of the account knows by mail that somebody wanted to open another; a few times a day."""
    allowed = limits.allows(limits.ACCOUNT_NOTICES_BY_DAY, customer.email_key)
    with transaction():
        delivery = outbox.add_about(customer, "account_exists") if allowed else None
        history.record("account.opened_again", customer=customer)
    _ring(delivery)


def authenticate(email: str, password: str, *, visitor: str | None = None) -> Customer | None:
    """Return the account whose address and password these are; nobody otherwise, after the same work.

    Raises limits.TooMany.
    """
    customer, key = find(email), _limit_key(email)
    limits.hit(limits.SIGN_IN_BY_IP, limits.network(visitor))
    limits.hit(limits.SIGN_IN_BY_EMAIL, key)
    if not passwords.matches(password, customer.password_hash if customer else None) or customer is None:
        with transaction():
            history.record("session.refused", customer=customer)
        return None
    limits.forgive(limits.SIGN_IN_BY_EMAIL, key)
    if passwords.is_outdated(customer.password_hash):
        stronger = passwords.hash(password)
        with transaction():
            customer.password_hash = stronger
    return customer


def request_reset(email: str, *, visitor: str | None = None) -> None:
    """Afterwards the owner of the address, if it has an account, gets a link for a new password.

    The caller learns nothing about which it was. Raises limits.TooMany for the network address that asks too
    often, never for the recipient.
    """
    limits.hit(limits.RESET_BY_IP, limits.network(visitor))
    begun = time.perf_counter()
    customer, key = find(email), _limit_key(email)
    allowed = limits.allows(limits.RESETS_BY_HOUR, key) and limits.allows(limits.RESETS_BY_DAY, key)
    with transaction():
        delivery = outbox.add_about(customer, "password_reset") if customer and allowed else None
        history.record("password.reset_requested", customer=customer)
    _ring(delivery)
    db.session.commit()  # Only reads are left: no connection is held while we wait.
    time.sleep(max(0.0, begun + RESET_TAKES_SECONDS - time.perf_counter()))


def reset_password(link: str, password: str) -> Customer:
    """Afterwards this is the password, every session is over and the address is confirmed: the mailbox was proven.

    Raises InvalidLink.
    """
    password_hash = passwords.hash(password)
    with transaction():
        customer = use_link(link, "password_reset")
        customer.password_hash = password_hash
        tokens.use_up(customer, "password_reset", "email_change")
        sessions.end_all(customer)
        history.record("password.reset", customer=customer)
        confirm_mailbox(customer)
    invoicing.ring_what_is_due(customer.id)
    return customer


def change_password(customer: Customer, current: str, new: str) -> None:
    """Afterwards this is the password, and every session but the present one is over.

    Raises WrongPassword, and limits.TooMany after ten wrong ones.
    """
    require_password(customer, current)
    password_hash = passwords.hash(new)
    with transaction():
        customer.password_hash = password_hash
        tokens.use_up(customer, "password_reset", "email_change")
        sessions.end_all(customer, except_raw=customer.session_token)
        history.record("password.changed", customer=customer)


def require_password(customer: Customer, password: str) -> None:
    """Raise WrongPassword unless this is the account's present one, and limits.TooMany after ten wrong ones."""
    limits.hit(limits.PASSWORD_BY_ACCOUNT, customer.email_key)
    if not passwords.matches(password, customer.password_hash):
        raise WrongPassword(_("Ce n'est pas votre mot de passe actuel."))
    limits.forgive(limits.PASSWORD_BY_ACCOUNT, customer.email_key)


def request_confirmation(customer: Customer) -> None:
    """Afterwards a mail with a new code and link is on its way, unless the address is confirmed.

    Raises limits.TooMany after five in an hour or ten in a day.
    """
    if customer.is_confirmed:
        return
    limits.hit(limits.CONFIRMATIONS_BY_HOUR, customer.email_key)
    limits.hit(limits.CONFIRMATIONS_BY_DAY, customer.email_key)
    with transaction():
        delivery = outbox.add_about(customer, "confirmation")
    outbox.ring(delivery)


def is_open(link: str, purpose: Purpose) -> bool:
    """Say whether a link can still be used; looking does not use it, since mail scanners look too."""
    token = tokens.find(link, purpose)
    return token is not None and token.used_at is None


def was_confirmed_by(link: str) -> bool:
    """Say whether this link belongs to an address that is confirmed by now, so that a second press is no error."""
    token = tokens.find(link, "confirmation")
    return token is not None and token.customer.is_confirmed


def confirm_by_link(link: str) -> Customer:
    """Afterwards the address is confirmed, its orders are attached and what waited for it is scheduled.

    Raises InvalidLink.
    """
    with transaction():
        customer = use_link(link, "confirmation")
        confirm_mailbox(customer)
    invoicing.ring_what_is_due(customer.id)
    return customer


def confirm_by_code(customer: Customer, code: str, *, visitor: str | None = None) -> None:
    """Afterwards the address is confirmed, as by the link; after five wrong tries a code is worth nothing.

    Raises WrongCode and limits.TooMany.
    """
    limits.hit(limits.CODE_BY_IP, limits.network(visitor))
    with transaction():
        invoicing.lock_account(customer.id)
        candidates = tokens.usable_codes(customer, "confirmation")
        right = tokens.try_code(candidates, code)
        if right is not None:
            confirm_mailbox(customer)
    if not candidates:
        raise WrongCode(_("Ce code n'est plus valable. Demandez un nouveau message."))
    if right is None:
        raise WrongCode(_("Ce n'est pas le code que nous vous avons envoyé."))
    invoicing.ring_what_is_due(customer.id)


def create_admin(email: str, password: str) -> Customer:
    """Afterwards the address has an account with the admin's right and this password, confirmed, signed in nowhere.

    Raises ValueError when the address is malformed.
    """
    password_hash = passwords.hash(password)
    with transaction():
        customer = find(email)
        if customer is None:
            customer = Customer(email=clean(email), email_key=email_key(email), password_hash=password_hash)
            db.session.add(customer)
            db.session.flush()
        invoicing.lock_account(customer.id)
        customer.password_hash = password_hash
        customer.is_admin = True
        sessions.end_all(customer)
        confirm_mailbox(customer)
        history.record("admin.created", customer=customer)
    return customer


def attach_orders(customer: Customer) -> None:
    """Afterwards every order of this address that is nobody's is the customer's; inside the caller's transaction.

    Only for a confirmed address. Orders that arrive later are attached on arrival (`services.intake`).
    """
    if not customer.is_confirmed:
        return
    unclaimed = update(Order).where(Order.email_key == customer.email_key, Order.customer_id.is_(None))
    db.session.execute(unclaimed.values(customer_id=customer.id))


def use_link(link: str, purpose: Purpose) -> Customer:
    """Use the link up and return its account, held before it; inside the caller's transaction. Raises InvalidLink."""
    proof = tokens.find(link, purpose)
    customer = invoicing.lock_account(proof.customer_id) if proof else None
    if customer is None or tokens.take(link, purpose) is None:
        raise InvalidLink
    return customer


def confirm_mailbox(customer: Customer) -> None:
    """Afterwards it is on record that the mailbox was proven, with all that follows from it.

    Inside the caller's transaction, which holds the account.
    """
    if customer.confirmed_at is None:
        customer.confirmed_at = clock.now()
        history.record("account.confirmed", customer=customer)
    tokens.use_up(customer, "confirmation")
    db.session.flush()
    attach_orders(customer)
    invoicing.reconsider_customer(customer)


def _limit_key(email: str) -> str:
    """Count all spellings of an address as one, whether it has an account or not: else the count would tell."""
    try:
        return email_key(email)
    except ValueError:
        return email.strip().lower()


def _ring(delivery: Delivery | None) -> None:
    """Ring in either case, for nothing if need be: the time it takes would tell who has an account."""
    task_queue.ring("deliver", delivery.id if delivery else 0)
