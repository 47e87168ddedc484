"""Signed-in devices: each is a row, so that signing out and changing the password really end it.

The cookie carries a random token; the row knows only its hash.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, exists, or_, select, update

import clock
from extensions import DomainError, db, transaction
from models import Customer, SecondFactor, SignInCode, SignInSession
from services import history, tokens

IDLE_END = timedelta(days=14)
ABSOLUTE_END = timedelta(days=90)
ADMIN_IDLE_END = timedelta(hours=12)
ADMIN_ABSOLUTE_END = timedelta(days=7)
SEEN_EVERY = timedelta(hours=1)

BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


class PasswordChanged(DomainError):
    """The password that was given is the account's no more."""

    def __init__(self) -> None:
        super().__init__(_("Le mot de passe de ce compte vient de changer. Connectez-vous avec le nouveau."))


def open(customer: Customer, user_agent: str) -> str:  # noqa: A001  services.sessions.open reads as it should.
    """Afterwards the customer has one more session; return its raw token, which is nowhere else.

    Raises PasswordChanged.
    """
    raw = secrets.token_urlsafe(32)
    with transaction():
        require_same_password(customer)
        db.session.add(
            SignInSession(token_hash=tokens.digest(raw), customer_id=customer.id, user_agent=user_agent[:200])
        )
        customer.signed_in_at = clock.now()
        history.record("session.opened", customer=customer)
    customer.session_token, customer.session_seen_at = raw, clock.now()
    customer.session_proven_at = customer.session_seen_at
    return raw


def require_same_password(customer: Customer) -> None:
    """Raise PasswordChanged when the password is not the one any more that was given in this request, if one was.

    Matching takes a while. Whoever gave the old one just before it was changed would otherwise come in, or act, after
    all sessions were ended; so would who gave a code of a mailbox that was the account's. Inside the caller's
    transaction, which holds the account from here on.
    """
    known = select(Customer.password_hash, Customer.email_key).where(Customer.id == customer.id)
    password_hash, key = db.session.execute(known.with_for_update(key_share=True)).one()
    if customer.known_by not in (None, *_proofs(password_hash, key)):
        raise PasswordChanged


def proof_by_mailbox(customer: Customer) -> str:
    """Return what `known_by` says of who has proven the mailbox: it ends with the password and with the address."""
    return _proofs(customer.password_hash, customer.email_key)[1]


def still_proves(proof: str, customer: Customer) -> bool:
    """Say whether what was once `known_by` is of the password that the account has now, or of that and its mailbox."""
    return proof in _proofs(customer.password_hash, customer.email_key)


def _proofs(password_hash: str, key: str) -> tuple[str, str]:
    return tokens.digest(password_hash), tokens.digest(f"{password_hash} {key}")


def renew(customer: Customer) -> str:
    """Afterwards the present session goes on under another token, its person proven just now; return the token.

    It ends no later than it would have ended. Where it has ended meanwhile, the token opens nothing.
    """
    raw, now = secrets.token_urlsafe(32), clock.now()
    mine = SignInSession.token_hash == tokens.digest(customer.session_token or "")
    with transaction():
        changed = {"token_hash": tokens.digest(raw), "proven_at": now, "last_seen_at": now}
        db.session.execute(update(SignInSession).where(mine, *_live()).values(**changed))
        history.record("session.proven", customer=customer)
    customer.session_token, customer.session_seen_at, customer.session_proven_at = raw, now, now
    return raw


def load(raw: str) -> Customer | None:
    """Return the account whose live session this token opens; nobody after sign-out, 14 idle days or 90 days in all.

    An admin's ends after 12 idle hours, or 7 days in all.
    """
    factor = exists().where(
        SecondFactor.customer_id == SignInSession.customer_id, SecondFactor.confirmed_at.is_not(None)
    )
    found = select(SignInSession, factor).where(SignInSession.token_hash == tokens.digest(raw), *_live())
    session, has_second_factor = db.session.execute(found).one_or_none() or (None, False)
    if session is None:
        return None
    customer = session.customer
    customer.session_token, customer.session_has_second_factor = raw, has_second_factor
    customer.session_seen_at, customer.session_proven_at = session.last_seen_at, session.proven_at
    return customer


def touch(customer: Customer) -> None:
    """Afterwards the session that loaded this account was seen just now, to the hour: a write a request is too many."""
    now = clock.now()
    if customer.session_token is None or (customer.session_seen_at or now) > now - SEEN_EVERY:
        return
    mine = SignInSession.token_hash == tokens.digest(customer.session_token)
    with transaction():
        db.session.execute(update(SignInSession).where(mine, *_live()).values(last_seen_at=now))
    customer.session_seen_at = now


def close(raw: str) -> None:
    """Afterwards this token opens nothing; closing twice changes nothing."""
    with transaction():
        mine = select(SignInSession).where(SignInSession.token_hash == tokens.digest(raw), *_live())
        session = db.session.scalar(mine.with_for_update(of=SignInSession))
        if session is not None:
            session.ended_at = clock.now()
            history.record("session.closed", customer=session.customer)


def close_one(customer: Customer, session_id: int) -> bool:
    """Afterwards that session of this customer is over; False, and nothing is touched, when it is not theirs."""
    mine = (SignInSession.customer_id == customer.id, SignInSession.id == session_id)
    with transaction():
        if end(*mine):
            history.record("session.closed", customer=customer)
        return db.session.scalar(select(SignInSession.id).where(*mine)) is not None


def end_all(customer: Customer, except_raw: str | None = None) -> None:
    """Afterwards all sessions of the customer are over but that of `except_raw`, and no mailed code opens another.

    Inside the caller's transaction, which holds the account.
    """
    kept = () if except_raw is None else (SignInSession.token_hash != tokens.digest(except_raw),)
    end(SignInSession.customer_id == customer.id, *kept)
    _use_codes_up(SignInCode.customer_id == customer.id)


def end_by_operator(customer: Customer | None) -> bool:
    """Afterwards nobody is signed in to this account, or to any when none is named; say whether somebody was."""
    which = () if customer is None else (SignInSession.customer_id == customer.id,)
    codes = () if customer is None else (SignInCode.customer_id == customer.id,)
    with transaction():
        history.record("session.ended_by_operator", customer=customer, detail="" if customer else "all")
        _use_codes_up(*codes)
        return end(*which)


def end(*which: ColumnElement[bool]) -> bool:
    """End these sessions inside the caller's transaction; say whether there was one."""
    found = update(SignInSession).where(SignInSession.ended_at.is_(None), *which)
    ended = db.session.execute(found.values(ended_at=clock.now()).returning(SignInSession.id))
    return bool(ended.all())


def _use_codes_up(*which: ColumnElement[bool]) -> None:
    open_ones = update(SignInCode).where(SignInCode.used_at.is_(None), *which)
    db.session.execute(open_ones.values(used_at=clock.now()))


def of(customer: Customer) -> Sequence[SignInSession]:
    """Return the customer's live sessions, the last seen first."""
    found = select(SignInSession).where(SignInSession.customer_id == customer.id, *_live())
    return db.session.scalars(found.order_by(SignInSession.last_seen_at.desc(), SignInSession.id.desc())).all()


def is_current(session: SignInSession, raw: str | None) -> bool:
    """Say whether this is the session of that token."""
    return raw is not None and secrets.compare_digest(session.token_hash, tokens.digest(raw))


def browser_and_system(user_agent: str) -> tuple[str, str]:
    """Return names a person knows, such as ("Firefox", "Windows"); empty where the text does not tell."""
    browser = next((name for mark, name in BROWSERS.items() if re.search(rf"\b{mark}/", user_agent)), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    return browser, system


def _live() -> tuple[ColumnElement[bool], ...]:
    return (
        SignInSession.ended_at.is_(None),
        _younger_than(IDLE_END, ABSOLUTE_END),
        or_(
            ~SignInSession.customer.has(Customer.admin_role.is_not(None)),
            _younger_than(ADMIN_IDLE_END, ADMIN_ABSOLUTE_END),
        ),
    )


def _younger_than(idle: timedelta, absolute: timedelta) -> ColumnElement[bool]:
    now = clock.now()
    return and_(SignInSession.last_seen_at > now - idle, SignInSession.created_at > now - absolute)
