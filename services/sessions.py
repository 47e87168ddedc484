"""Signed-in devices: each is a row, so that signing out and changing the password really end it.

The cookie carries a random token; the row knows only its hash.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, select, update

import clock
from extensions import db, transaction
from models import Customer, SignInSession
from services import history

IDLE_END = timedelta(days=14)
ABSOLUTE_END = timedelta(days=90)
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


def open(customer: Customer, user_agent: str) -> str:  # noqa: A001  services.sessions.open reads as it should.
    """Afterwards the customer has one more session; return its raw token, which is nowhere else."""
    raw = secrets.token_urlsafe(32)
    with transaction():
        db.session.add(SignInSession(token_hash=_hash(raw), customer_id=customer.id, user_agent=user_agent[:200]))
        history.record("session.opened", customer=customer)
    customer.session_token, customer.session_seen_at = raw, clock.now()
    return raw


def load(raw: str) -> Customer | None:
    """Return the account whose live session this token opens; nobody after sign-out, 14 idle days or 90 days in all."""
    session = db.session.scalar(select(SignInSession).where(SignInSession.token_hash == _hash(raw), *_live()))
    if session is None:
        return None
    session.customer.session_token = raw
    session.customer.session_seen_at = session.last_seen_at
    return session.customer


def touch(customer: Customer) -> None:
    """Afterwards the session that loaded this account was seen just now, to the hour: a write a request is too many."""
    now = clock.now()
    if customer.session_token is None or (customer.session_seen_at or now) > now - SEEN_EVERY:
        return
    mine = SignInSession.token_hash == _hash(customer.session_token)
    with transaction():
        db.session.execute(update(SignInSession).where(mine, *_live()).values(last_seen_at=now))
    customer.session_seen_at = now


def close(raw: str) -> None:
    """Afterwards this token opens nothing; closing twice changes nothing."""
    with transaction():
        session = db.session.scalar(select(SignInSession).where(SignInSession.token_hash == _hash(raw), *_live()))
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
    """Afterwards all sessions of the customer are over but that of `except_raw`; inside the caller's transaction."""
    kept = () if except_raw is None else (SignInSession.token_hash != _hash(except_raw),)
    end(SignInSession.customer_id == customer.id, *kept)


def end(*which: ColumnElement[bool]) -> bool:
    """End these sessions inside the caller's transaction; say whether there was one."""
    found = update(SignInSession).where(SignInSession.ended_at.is_(None), *which)
    ended = db.session.execute(found.values(ended_at=clock.now()).returning(SignInSession.id))
    return bool(ended.all())


def of(customer: Customer) -> Sequence[SignInSession]:
    """Return the customer's live sessions, the last seen first."""
    found = select(SignInSession).where(SignInSession.customer_id == customer.id, *_live())
    return db.session.scalars(found.order_by(SignInSession.last_seen_at.desc(), SignInSession.id.desc())).all()


def is_current(session: SignInSession, raw: str | None) -> bool:
    """Say whether this is the session of that token."""
    return raw is not None and secrets.compare_digest(session.token_hash, _hash(raw))


def browser_and_system(user_agent: str) -> tuple[str, str]:
    """Return names a person knows, such as ("Firefox", "Windows"); empty where the text does not tell."""
    browser = next((name for mark, name in BROWSERS.items() if re.search(rf"\b{mark}/", user_agent)), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    return browser, system


def _live() -> tuple[ColumnElement[bool], ...]:
    now = clock.now()
    return (
        SignInSession.ended_at.is_(None),
        SignInSession.last_seen_at > now - IDLE_END,
        SignInSession.created_at > now - ABSOLUTE_END,
    )


def _hash(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()
