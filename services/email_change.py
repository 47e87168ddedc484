"""The address of an account changes: asked for with the password, proven by the new mailbox, told to the former one.

Whoever confirms is signed in to the account: a mail that went to a stranger by a slip of the pen gives nothing away.
"""

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from extensions import DomainError, db, transaction
from mail.addresses import clean, email_key
from models import Customer, Delivery, Order, Token
from services import accounts, history, invoicing, leases, limits, outbox, ownership, refusals, sessions, tokens


def request(customer: Customer, email: str, password: str) -> None:
    """Afterwards a code and a link are on their way to that address; the account keeps its own until they come back.

    An address that has an account gets a mail that says so instead, and the caller learns nothing about which it was.
    Raises accounts.WrongPassword, limits.TooMany, sessions.PasswordChanged, DomainError when there is nothing to change
    or the present address is not confirmed: whoever only knows an order's number and address has no account to move.
    Raises ValueError when the address is malformed.
    """
    key, sent = email_key(email), outbox.last(customer, "email_change")
    if not customer.is_confirmed:
        raise DomainError(_("Confirmez d'abord votre adresse actuelle."))
    if key == customer.email_key:
        raise DomainError(_("C'est déjà l'adresse de votre compte."))
    accounts.require_password(customer, password)
    limits.hit(limits.EMAIL_CHANGES_BY_HOUR, str(customer.id))
    limits.hit(limits.EMAIL_CHANGES_BY_DAY, str(customer.id))
    owner, delivery = accounts.find(email), None
    allowed = owner is None and limits.allows(limits.CONFIRMATIONS_BY_DAY, key)
    with transaction():
        sessions.require_same_password(customer)  # Nor is the account deleted: its password would be nobody's.
        if outbox.last(customer, "email_change") != sent:
            return  # The other press of a double click has sent it.
        history.record("account.email_change_requested", customer=customer)
        if allowed:
            delivery = outbox.add_about(customer, "email_change", recipient=clean(email))
    if owner is not None:
        accounts.tell_it_exists(owner)
    elif delivery is not None:
        outbox.ring(delivery)


def wanted(customer: Customer, link: str) -> str | None:
    """Return the address that this link gives, or gave, the customer's account; None when it is no link of theirs."""
    proof = _proof(customer, link)
    return proof.email if proof else None


def confirm_by_link(customer: Customer, link: str) -> None:
    """Afterwards the account has the address that the link was sent to; a second press finds it done.

    Raises accounts.InvalidLink, and DomainError when another account has that address by now.
    """
    proof = _proof(customer, link)
    if proof is None:
        raise accounts.InvalidLink
    email = proof.email or ""
    if customer.email == email:
        return
    with transaction():
        orders = ownership.hold(customer.id)
        if customer.email == email:
            return  # The other press was first.
        if tokens.take(link, "email_change") is None:
            raise accounts.InvalidLink
        told = _change(customer, email, orders)
    _ring(customer, told, orders)


def confirm_by_code(customer: Customer, code: str, *, visitor: str | None = None) -> None:
    """Afterwards the account has the address that the code was sent to, as by the link.

    Raises accounts.WrongCode, whether there is a code or not: an address that has an account gets none. Raises
    limits.TooMany, and DomainError when another account has that address by now.
    """
    limits.hit(limits.CODE_BY_IP, limits.network(visitor))
    with transaction():
        orders = ownership.hold(customer.id)
        proof = tokens.try_code(tokens.usable_codes(customer, "email_change"), code)
        told = _change(customer, proof.email or "", orders) if proof else None
    if told is None:
        if tokens.used_code(customer, "email_change", code) is None:  # Else it is the second press of a double click.
            history.once_an_hour("code.refused", customer=customer)
        raise accounts.WrongCode(_("Ce n'est pas le code que nous avons envoyé, ou il n'est plus valable."))
    _ring(customer, told, orders)


def _proof(customer: Customer, link: str) -> Token | None:
    """Return what a link proves while it is good, or was used for the address that the account has now."""
    found = tokens.find(link, "email_change")
    if found is None or found.customer_id != customer.id:
        return None
    return found if found.used_at is None or found.email == customer.email else None


def _change(customer: Customer, email: str, orders: Sequence[Order]) -> Delivery:
    """Write the address down with all that follows from it; return the mail that tells the former one."""
    former, former_key = customer.email, customer.email_key
    customer.email, customer.email_key = email, email_key(email)
    try:
        db.session.flush()
    except IntegrityError:
        raise DomainError(_("Un autre compte utilise désormais cette adresse : connectez-vous avec elle.")) from None
    tokens.use_up(customer, "confirmation", "password_reset", "email_change")
    sessions.end_all(customer, except_raw=customer.session_token)
    spellings = {former, *(order.email for order in orders if order.email_key == former_key)}
    for order in orders:
        if order.email_key == former_key:  # Else an automatic request would go on asking the mailbox that is left.
            order.email, order.email_key = customer.email, customer.email_key
    _readdress(customer, spellings, orders)
    refusals.resend([order.id for order in orders])
    told = outbox.add_about(customer, "email_changed", recipient=former)
    history.record("account.email_changed", customer=customer)
    accounts.attach_orders(customer)
    invoicing.reconsider_customer(customer)
    return told


def _readdress(customer: Customer, former: set[str], orders: Sequence[Order]) -> None:
    """Afterwards the mails that wait for the former address go to the new one, also those a worker is about to send."""
    theirs = or_(Delivery.customer_id == customer.id, Delivery.order_id.in_([order.id for order in orders]))
    waiting = update(Delivery).where(theirs, Delivery.state == "pending", Delivery.recipient.in_(former))
    db.session.execute(waiting.values(leases.NOBODYS | {"recipient": customer.email}))


def _ring(customer: Customer, told: Delivery, orders: Sequence[Order]) -> None:
    outbox.ring(told)
    outbox.ring_documents(*(order.id for order in orders))
    invoicing.ring_what_is_due(customer.id)
