"""Signing in and out: the cookie, and the row in the database that it leans on."""

from urllib.parse import urlsplit

from flask import Flask, request, session
from flask_login import current_user, login_user, logout_user

from models import Customer
from services import sessions

POLLING = ("orders.progress",)
"""Views that a page asks by itself: nobody need be there, so that they keep no session alive."""


def install(app: Flask) -> None:
    """Afterwards a session counts as seen when its person does something."""

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
