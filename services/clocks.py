"""Whether this machine's clock agrees with the database's: numbers, dates and leases hang on it."""

import logging
import socket
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError

import clock
from extensions import db, transaction
from models import Incident

MOST = timedelta(minutes=5)

log = logging.getLogger(__name__)


def agree() -> bool:
    """Whether this clock is at most five minutes off; the first to see a change notes it as an incident.

    SQLite has no other clock than this machine's own.
    """
    there = database_now()
    off = abs(clock.now() - there) > MOST
    noted = select(Incident.id).where(*_of_this_machine())
    if off != (db.session.scalar(noted) is not None):
        with suppress(IntegrityError):  # Another process sees it at the same moment.
            _note(off, there)
    return not off


def database_now() -> datetime:
    """Return the present moment as the database has it."""
    if db.engine.dialect.name == "sqlite":
        return clock.now()
    moment: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return moment


def _note(off: bool, there: datetime) -> None:
    """Open or close the incident of this machine; of several processes that see it, one does and logs it."""
    with transaction():
        known = db.session.scalar(select(Incident).where(*_of_this_machine()).with_for_update())
        if off and known is None:
            db.session.add(Incident(kind="clock", about=_machine(), opened_at=there))
            db.session.flush()
            log.error("clock is wrong, nothing is issued here", extra={"machine": _machine()})
        elif known is not None and not off:
            known.closed_at = there
            log.info("clock is right again", extra={"machine": _machine()})


def _of_this_machine() -> tuple[ColumnElement[bool], ...]:
    return Incident.kind == "clock", Incident.about == _machine(), Incident.closed_at.is_(None)


def _machine() -> str:
    return socket.gethostname()[:100]
