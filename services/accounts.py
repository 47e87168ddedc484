"""Accounts: opened, proven, signed into, recovered. What a stranger sees never tells whether an address has one."""

import hmac
import secrets

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

import clock
import task_queue
from extensions import DomainError, db, transaction
from mail import addresses
from mail.addresses import clean, email_key
from models import Customer, Delivery, Order
from services import history, invoicing, limits, outbox, ownership, passwords, sessions, tokens
from services.tokens import Purpose


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


def is_guessable(password: str, email: str) -> bool:
    """Say whether a password is common, or no more than the address of its account or the shop's name."""
    return passwords.is_common(password, email, current_app.extensions["sellers"].shop.name)


def find(email: str) -> Customer | None:
    """Return the account of an address, however it is spelt; None for what is no address."""
    try:
        key = email_key(email)
    except ValueError:
        return None
    return db.session.scalar(select(Customer).where(Customer.email_key == key))


def register(email: str, password: str, *, visitor: str | None = None) -> str:
    """Afterwards the address has an account, and its owner a mail: to confirm it, or saying that there was one already.

    The caller learns nothing about which it was, and both cost the same work. Returned is a secret for the browser that
    has asked: by it, `was_opened_here` knows who has opened the account. `visitor` is the network address that asks.
    Raises limits.TooMany, and ValueError when the address is malformed.
    """
    limits.hit(limits.REGISTER_BY_IP, limits.network(visitor))
    opening = secrets.token_urlsafe(32)
    create(email, passwords.hash(password), opening=opening)
    return opening


def create(email: str, password_hash: str, order: Order | None = None, *, opening: str = "") -> Customer | None:
    """Afterwards there is one more account, unconfirmed, with a confirmation on its way; returned is that account.

    Where the address has one, nothing is changed, its owner gets a mail that says so, and None is returned; either asks
    the same of the database. An `order` that was looked up belongs to a new account, without addresses until its own is
    confirmed. `opening` is the secret of the browser that has asked. Raises ValueError when the address is malformed.
    """
    account = {"email": clean(email), "email_key": email_key(email), "password_hash": password_hash}
    known = find(email) is not None
    cap = limits.ACCOUNT_NOTICES_BY_DAY if known else limits.CONFIRMATIONS_BY_DAY
    wanted = limits.allows(cap, account["email_key"])
    with transaction():
        is_new = _insert(**account, opening_hash=tokens.digest(opening) if opening else None)
        customer = db.session.scalars(select(Customer).where(Customer.email_key == account["email_key"])).one()
        if is_new and order is not None:
            mine = update(Order).where(Order.id == order.id, Order.customer_id.is_(None))
            db.session.execute(mine.values(customer_id=customer.id))
        wanted = wanted and (is_new or known)  # Else the other press of a double click has opened it just now.
        mail = outbox.add_if(wanted, customer, "confirmation" if is_new else "account_exists")
        told = "account.opened" if is_new else "account.opened_again"
        history.record(told, customer=customer, order=order if is_new else None)
    task_queue.ring("deliver", mail)
    return customer if is_new else None


def tell_it_exists(customer: Customer) -> None:
    """Afterwards the owner of the account knows by mail that somebody wanted to open another; a few times a day."""
    wanted = limits.allows(limits.ACCOUNT_NOTICES_BY_DAY, customer.email_key)
    with transaction():
        mail = outbox.add_if(wanted, customer, "account_exists")
        history.record("account.opened_again", customer=customer)
    task_queue.ring("deliver", mail)


def authenticate(email: str, password: str, *, visitor: str | None = None) -> Customer | None:
    """Return the account whose address and password these are; nobody otherwise, after the same work.

    Raises limits.TooMany.
    """
    key = limit_key(email)
    limits.hit(limits.SIGN_IN_BY_IP, limits.network(visitor))
    limits.hit(limits.SIGN_IN_BY_EMAIL, key)
    customer = find(email)
    known = customer.password_hash if customer else None
    if not passwords.matches(password, known) or customer is None or known is None:
        with transaction():
            history.record("session.refused", customer=find(email))
        return None
    limits.forgive(limits.SIGN_IN_BY_EMAIL, key)
    if passwords.is_outdated(known):
        stronger = passwords.hash(password)
        with transaction():
            same = update(Customer).where(Customer.id == customer.id, Customer.password_hash == known)
            if db.session.execute(same.values(password_hash=stronger).returning(Customer.id)).all():
                known = stronger
    customer.known_by = tokens.digest(known)
    return customer


def request_reset(email: str, *, visitor: str | None = None) -> None:
    """Afterwards the owner of the address, if it has an account, gets a link for a new password.

    The caller learns nothing about which it was, and both ask the same of the database. Raises limits.TooMany for the
    network address that asks too often, never for the recipient.
    """
    limits.hit(limits.RESET_BY_IP, limits.network(visitor))
    key = limit_key(email)
    allowed = limits.allows(limits.RESETS_BY_HOUR, key) and limits.allows(limits.RESETS_BY_DAY, key)
    with transaction():
        customer = find(email)
        mail = outbox.add_if(allowed and customer is not None, customer, "password_reset")
        history.record("password.reset_requested", customer=customer)
    task_queue.ring("deliver", mail)


def reset_password(link: str, password: str) -> Customer:
    """Afterwards this is the password, every session is over and the address is confirmed: the mailbox was proven.

    An account that was not confirmed before begins anew (`services.ownership`). Raises InvalidLink.
    """
    password_hash = passwords.hash(password)
    with transaction():
        customer = use_link(link, "password_reset")
        told = _tell_of_password(customer) if customer.is_confirmed else None
        if told is None:
            ownership.begin_anew(customer, password_hash)
        customer.password_hash = password_hash
        tokens.use_up(customer, "password_reset", "email_change")
        sessions.end_all(customer)
        history.record("password.reset", customer=customer)
        confirm_mailbox(customer)
    if told is not None:
        outbox.ring(told)
    invoicing.ring_what_is_due(customer.id)
    return customer


def change_password(customer: Customer, current: str, new: str) -> None:
    """Afterwards this is the password, and every session but the present one is over.

    Raises WrongPassword, limits.TooMany after ten wrong ones, and sessions.PasswordChanged.
    """
    require_password(customer, current)
    password_hash = passwords.hash(new)
    try:
        with transaction():
            sessions.require_same_password(customer)
            customer.password_hash = password_hash
            tokens.use_up(customer, "password_reset", "email_change")
            sessions.end_all(customer, except_raw=customer.session_token)
            history.record("password.changed", customer=customer)
            told = _tell_of_password(customer)
    except sessions.PasswordChanged:
        if passwords.matches(new, customer.password_hash):
            return  # The other press of a double click has done it.
        raise
    outbox.ring(told)


def require_password(customer: Customer, password: str) -> None:
    """Raise WrongPassword unless this is the account's present one, and limits.TooMany after ten wrong ones."""
    limits.hit(limits.PASSWORD_BY_ACCOUNT, customer.email_key)
    known = customer.password_hash
    if not passwords.matches(password, known):
        history.once_an_hour("password.refused", customer=customer)
        raise WrongPassword(_("Ce n'est pas votre mot de passe actuel."))
    customer.known_by = tokens.digest(known)
    limits.forgive(limits.PASSWORD_BY_ACCOUNT, customer.email_key)


def request_confirmation(customer: Customer) -> None:
    """Afterwards a mail with a new code and link is on its way, unless the address is confirmed.

    Raises limits.TooMany after five in an hour or ten in a day.
    """
    if customer.is_confirmed:
        return
    sent = outbox.last(customer, "confirmation")
    limits.hit(limits.CONFIRMATIONS_BY_HOUR, customer.email_key)
    limits.hit(limits.CONFIRMATIONS_BY_DAY, customer.email_key)
    with transaction():
        invoicing.lock_account(customer.id)
        if outbox.last(customer, "confirmation") != sent:
            return  # The other press of a double click has sent it.
        delivery = outbox.add_about(customer, "confirmation")
    outbox.ring(delivery)


def is_open(link: str, purpose: Purpose) -> bool:
    """Say whether a link can still be used; looking does not use it, since mail scanners look too."""
    token = tokens.find(link, purpose)
    return token is not None and token.used_at is None


def address_of(link: str, purpose: Purpose) -> str:
    """Return the address of the account that a link belongs to; empty where there is no such link."""
    proof = tokens.find(link, purpose)
    return proof.customer.email if proof else ""


def was_confirmed_by(link: str) -> bool:
    """Say whether this link belongs to an address that is confirmed by now, so that a second press is no error."""
    token = tokens.find(link, "confirmation")
    return token is not None and token.customer.is_confirmed


def was_opened_here(link: str, *, present: Customer | None, opening: str) -> bool:
    """Say whether who follows this link has opened its account: they are signed in to it, or hold the opening's secret.

    Whoever else follows it has the mailbox, but does not know the password that somebody chose.
    """
    proof = tokens.find(link, "confirmation")
    if proof is None:
        return False
    signed_in = present is not None and present.id == proof.customer_id
    return signed_in or has_opened(proof.customer, opening)


def has_opened(customer: Customer, opening: str) -> bool:
    """Say whether this is the secret of the browser that has opened the account, and the account is not confirmed."""
    known = customer.opening_hash
    return bool(known and hmac.compare_digest(known, tokens.digest(opening)))


def confirm_by_link(link: str, password: str = "") -> Customer:  # nosec B107  # None is chosen, none is set.
    """Afterwards the address is confirmed, its orders are attached and what waited for it is scheduled.

    With a password the account begins anew with it (`services.ownership`): without one only who has opened the account
    may confirm it (`was_opened_here`). Raises InvalidLink.
    """
    password_hash = passwords.hash(password) if password else ""
    with transaction():
        customer = use_link(link, "confirmation")
        if customer.is_confirmed:
            raise InvalidLink  # It was sent before, and proves nothing that is not known.
        if password_hash:
            ownership.begin_anew(customer, password_hash)
        confirm_mailbox(customer)
    invoicing.ring_what_is_due(customer.id)
    return customer


def confirm_by_code(customer: Customer, code: str, *, visitor: str | None = None) -> None:
    """Afterwards the address is confirmed, as by the link; after five wrong tries a code is worth nothing.

    Raises WrongCode and limits.TooMany.
    """
    limits.hit(limits.CODE_BY_IP, limits.network(visitor))
    with transaction():
        if invoicing.lock_account(customer.id).is_confirmed:
            return  # The first press of a double click has done it.
        candidates = tokens.usable_codes(customer, "confirmation")
        right = tokens.try_code(candidates, code)
        if right is not None:
            confirm_mailbox(customer)
    if right is None:
        history.once_an_hour("code.refused", customer=customer)
    if not candidates:
        raise WrongCode(_("Ce code n'est plus valable. Demandez un nouveau message."))
    if right is None:
        raise WrongCode(_("Ce n'est pas le code que nous vous avons envoyé."))
    invoicing.ring_what_is_due(customer.id)


def create_admin(email: str, password: str, role: str = "managing") -> Customer:
    """Afterwards the address has an account with the admin's role and this password, confirmed, signed in nowhere.

    Raises ValueError when the address is malformed.
    """
    password_hash = passwords.hash(password)
    with transaction():
        customer = find(email)
        if customer is None:
            customer = Customer(email=clean(email), email_key=email_key(email), password_hash=password_hash)
            db.session.add(customer)
            db.session.flush()
        ownership.hold(customer.id)
        if not customer.is_confirmed:
            ownership.begin_anew(customer, password_hash)
        customer.password_hash = password_hash
        customer.admin_role, customer.invited_role = role, None
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
    """Use the link up and return its account, held before it with its orders; inside the caller's transaction.

    Raises InvalidLink.
    """
    proof = tokens.find(link, purpose)
    if proof is None:
        raise InvalidLink
    ownership.hold(proof.customer_id)
    if tokens.take(link, purpose) is None:
        raise InvalidLink
    return proof.customer


def confirm_mailbox(customer: Customer) -> None:
    """Afterwards it is on record that the mailbox was proven, with all that follows from it.

    Inside the caller's transaction, which holds the account.
    """
    customer.opening_hash = None
    if customer.confirmed_at is None:
        customer.confirmed_at = clock.now()
        history.record("account.confirmed", customer=customer)
    tokens.use_up(customer, "confirmation")
    db.session.flush()
    attach_orders(customer)
    invoicing.reconsider_customer(customer)


def limit_key(email: str) -> str:
    """Count all spellings of an address as one, whether it has an account or not: else the count would tell."""
    try:
        return email_key(email)
    except ValueError:
        return email.strip().lower()


def _tell_of_password(customer: Customer) -> Delivery:
    """Write to the account that its password has changed: its owner may not be who did it."""
    return outbox.add_about(customer, "password_changed")


def _insert(**account: str | None) -> bool:
    """Add the row of an account, unless the address has one; say whether it is new.

    Inside the caller's transaction. The database decides: of two presses at once one opens it.
    """
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    added = insert(Customer).values(**account).on_conflict_do_nothing(index_elements=["email_key"])
    return db.session.scalar(added.returning(Customer.id)) is not None
