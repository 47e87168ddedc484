"""Signing in by a code that is mailed, beside the password (docs/decisions/0040).

Six digits, good for ten minutes, five tries, one use, and the browser that asked for them. Every ask leaves a row,
whether the address has an account or not: what a stranger asks and tries costs the same work either way.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import func, select

import clock
import config
import task_queue
from extensions import db, transaction
from models import Customer, SignInCode
from services import accounts, history, invoicing, limits, outbox, ownership, sessions, tokens

LIVES = timedelta(minutes=10)


class Refused(accounts.WrongCode):
    """The code is wrong, too old, used up, or another browser's: nobody learns which, nor whether there was one."""

    def __init__(self) -> None:
        super().__init__(_("Ce n'est pas le code que nous avons envoyé, ou il n'est plus valable."))


class AlreadyUsed(Refused):
    """The code has opened the account just now: the first press of a double click has done it."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whose code was given, and a link to confirm the address by where the account was opened in another browser.

    Behind the link a password is chosen and the account begins anew (decision 39); nobody is signed in before.
    """

    customer: Customer
    confirmation: str = ""


def new_browser() -> str:
    """Return the secret by which a browser is known as the one that has asked."""
    return secrets.token_urlsafe(32)


def request(email: str, browser: str, *, visitor: str | None = None) -> None:
    """Afterwards the owner of the address, if it has an account, gets a code that is good in this browser.

    The caller learns nothing about which it was, and both ask the same of the database. Raises limits.TooMany for the
    network address that asks too often, never for the recipient.
    """
    key = accounts.limit_key(email)
    asker = _asker(browser, key)
    former = _last(asker)
    limits.hit(limits.SIGN_IN_CODES_BY_IP, limits.network(visitor))
    allowed = limits.allows(limits.SIGN_IN_CODES_BY_HOUR, key) and limits.allows(limits.SIGN_IN_CODES_BY_DAY, key)
    with transaction():
        customer = _held(key)
        if _last(asker) != former:
            return  # The other press of a double click has sent it.
        mail = outbox.add_if(allowed and customer is not None, customer, "sign_in_code")
        asked = SignInCode(asked_by=asker, salt=secrets.token_hex(16), delivery_id=mail or None)
        asked.customer_id = customer.id if customer else None
        db.session.add(asked)
        history.record("session.code_asked", customer=customer)
    task_queue.ring("deliver", mail)


def sent_by(delivery_id: int) -> tuple[str, datetime] | None:
    """Return the code that this mail bears and when it runs out; None when that is over.

    The same at each try: a mail that is sent twice for want of an answer may be read in either copy.
    """
    asked = db.session.scalar(select(SignInCode).where(SignInCode.delivery_id == delivery_id))
    if asked is None or asked.used_at or asked.asked_at <= clock.now() - LIVES:
        return None
    return _code(asked), asked.asked_at + LIVES


def enter(email: str, code: str, browser: str, *, opening: str = "", visitor: str | None = None) -> Admitted:
    """Afterwards the code is used up and its account's mailbox proven; return who may be signed in.

    An account that was opened in this browser (`opening`) is confirmed by it. Raises Refused, AlreadyUsed and
    limits.TooMany, and sessions.PasswordChanged when password or address are others meanwhile.
    """
    key = accounts.limit_key(email)
    limits.hit(limits.CODE_BY_IP, limits.network(visitor))
    limits.hit(limits.SIGN_IN_CODE_BY_EMAIL, key)
    with transaction():
        customer = _held(key)
        right = _take(_asked(_asker(browser, key)), code, customer)
        if right and customer:
            history.record("session.code_accepted", customer=customer)
            customer.known_by = sessions.proof_by_mailbox(customer)
    if not right or customer is None:
        history.once_an_hour("session.code_refused", customer=accounts.find(email))  # Looked up again in either case.
        raise Refused
    limits.forgive(limits.SIGN_IN_CODE_BY_EMAIL, key)
    if customer.is_confirmed:
        return Admitted(customer)
    if not accounts.has_opened(customer, opening):
        return Admitted(customer, tokens.fresh(customer, "confirmation")[0])
    _confirm(customer)
    return Admitted(customer)


def _confirm(customer: Customer) -> None:
    """Afterwards the address is confirmed, as by the code of its own mail; its orders are held before the account."""
    with transaction():
        ownership.hold(customer.id)
        sessions.require_same_password(customer)  # Else somebody has taken the account over since.
        accounts.confirm_mailbox(customer)
    invoicing.ring_what_is_due(customer.id)


def _held(key: str) -> Customer | None:
    """Return the account of an address, held before its codes: of two presses at once one comes second."""
    found = select(Customer).where(Customer.email_key == key).with_for_update(of=Customer, key_share=True)
    return db.session.scalar(found.execution_options(populate_existing=True))


def _last(asker: str) -> int | None:
    return db.session.scalar(select(func.max(SignInCode.id)).where(SignInCode.asked_by == asker))


def _asked(asker: str) -> Sequence[SignInCode]:
    """Return what this browser has asked for this address within ten minutes, held, the oldest first."""
    recent = select(SignInCode).where(SignInCode.asked_by == asker, SignInCode.asked_at > clock.now() - LIVES)
    return db.session.scalars(recent.order_by(SignInCode.id).with_for_update(of=SignInCode)).all()


def _take(asked: Sequence[SignInCode], code: str, customer: Customer | None) -> bool:
    """Use them up if the code is one of theirs; a wrong one costs each of them a try. Raises AlreadyUsed."""
    same = [each for each in asked if hmac.compare_digest(_code(each), code)]
    known = [each for each in same if each.delivery_id and customer and each.customer_id == customer.id]
    right = [each for each in known if each.tries < tokens.MOST_CODE_TRIES]
    if right and right[-1].used_at:
        raise AlreadyUsed
    for each in asked:
        if right:
            each.used_at = each.used_at or clock.now()
        else:
            each.tries += 1
    return bool(right)


def _asker(browser: str, key: str) -> str:
    """Return what stands for this browser and this address together: nothing of either can be read from it."""
    return tokens.digest(f"{browser} {key}")


def _code(asked: SignInCode) -> str:
    """Return the six digits: not even a hash of them is kept, only what makes them together with SECRET_KEY."""
    key = config.current().secret_key.encode()
    made = hmac.new(key, f"sign-in code {asked.asked_by} {asked.salt}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(made) % 10**6:06d}"
