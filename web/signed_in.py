"""Signing in and out: the cookie, and the row in the database that it leans on."""

import hashlib
from urllib.parse import urlsplit

from flask import Flask, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_login import current_user, login_user, logout_user

import clock
from extensions import db
from models import Customer
from services import code_sign_in, second_factor, sessions

POLLING = ("orders.progress", "customer.invoices_underway")
"""Views that a page asks by itself: nobody need be there, so that they keep no session alive."""


SECOND_STEP = "second_step"
SECOND_STEP_SECONDS = 300
"""Who has given the right password, and for how long that is good for the code that is still asked."""

BROWSER = "browser"
"""The secret by which a code that is mailed is good in this browser alone."""


class SignedCookies(SecureCookieSessionInterface):
    """The cookie, signed by HMAC-SHA256; SHA-1, which Flask takes by itself, is on its way out (NIST SP 800-131A)."""

    digest_method = staticmethod(hashlib.sha256)


def install(app: Flask) -> None:
    """Afterwards cookies are signed, and a session counts as seen when its person does something."""
    app.session_interface = SignedCookies()

    @app.before_request
    def note_activity() -> None:
        if "_user_id" not in session or request.endpoint in (None, "static", *POLLING):
            return
        if current_user.is_authenticated:
            sessions.touch(current_user._get_current_object())


def sign_in(customer: Customer) -> None:
    """Afterwards this browser is signed in under a new session; nothing of an earlier visitor is left in the cookie."""
    session.clear()
    sessions.open(customer, request.headers.get("User-Agent", ""))
    login_user(customer)


def admit(customer: Customer, following: str | None) -> str:
    """Return where who gave the right password, or code by mail, is led: to the page asked for, or their second factor.

    In the latter case nobody is signed in yet; the cookie remembers for five minutes who has come so far.
    """
    following = following or url_for("customer.home")
    if not second_factor.is_on(customer):
        sign_in(customer)
        return following
    session.clear()
    until = int(clock.now().timestamp()) + SECOND_STEP_SECONDS
    session[SECOND_STEP] = (customer.id, customer.known_by, until)
    return url_for("second_factor.challenge", next=following)


def at_second_step() -> Customer | None:
    """Return who has given password or code here within five minutes, unless password or address are others by now."""
    customer_id, proof, until = session.get(SECOND_STEP) or (0, "", 0)
    customer = db.session.get(Customer, customer_id) if until > clock.now().timestamp() else None
    if customer is None or not sessions.still_proves(proof, customer):
        return None
    customer.known_by = proof
    return customer


def browser() -> str:
    """Return what this browser is known by when it asks for a code; made once, so that two presses share it."""
    if BROWSER not in session:
        session[BROWSER] = code_sign_in.new_browser()
    return str(session[BROWSER])


def prove() -> None:
    """Afterwards this browser's session goes on under a new token, its person proven just now."""
    customer = current_user._get_current_object()
    sessions.renew(customer)
    login_user(customer)


def sign_out() -> None:
    """Afterwards this browser's session is over, also for a copy of its cookie."""
    if current_user.is_authenticated and current_user.session_token:
        sessions.close(current_user.session_token)
    logout_user()
    session.clear()


def own_path(wanted: str | None) -> str | None:
    """Return the address when it is a path of this site, else None: nobody is led elsewhere after signing in."""
    if (
        not wanted
        or not wanted.startswith("/")
        or wanted.startswith("//")
        or "\\" in wanted
        or not wanted.isprintable()
    ):
        return None
    parts = urlsplit(wanted)
    return None if parts.scheme or parts.netloc else wanted
