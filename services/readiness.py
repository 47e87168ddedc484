"""Whether this installation can work: the database, without which nothing is answered, and what it can do without."""

import functools
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

import clock
import config
import storage
import task_queue
from extensions import db
from mail import smtp
from models import Delivery, InvoiceRequest
from services import leases

GOOD_FOR_SECONDS = 5
"""How long what a component answered is repeated to whoever asks."""


def database_trouble() -> str:
    """Return in one line why the database is unusable, or nothing when it answers and has the tables of this code."""
    try:
        present = MigrationContext.configure(db.session.connection()).get_current_heads()
    except SQLAlchemyError as error:
        db.session.rollback()
        return f"no answer: {type(error).__name__}"
    wanted = _newest_migration()
    return "" if present == (wanted,) else f"migrations at {', '.join(present) or 'nothing'}, not at {wanted}"


def degraded() -> list[str]:
    """Return what is away while customers are served all the same: `redis`, `documents` (the folder), `smtp`.

    What the rows wait for counts as well: a mail server that answers and refuses our password is no help.
    """
    working = _working(config.current(), int(clock.now().timestamp() // GOOD_FOR_SECONDS))
    outages = waited_for()
    return [name for name, works in working.items() if not works or name in outages]


def waited_for() -> set[str]:
    """Return the outages that requests and mails wait for, as the workers met them, in one query."""
    requests, mails = (
        select(model.trouble).where(model.state.in_(leases.UNDER_WAY[model]), model.trouble.in_(Delivery.OUTAGES))
        for model in (InvoiceRequest, Delivery)
    )
    return set(db.session.scalars(requests.union(mails)))


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work there is, by state."""

    requests: dict[str, int]
    deliveries: dict[str, int]


def backlog() -> Backlog:
    """Count requests and mails by state, in two queries."""
    return Backlog(_by_state(InvoiceRequest), _by_state(Delivery))


def _by_state(model: leases.Document) -> dict[str, int]:
    rows = db.session.execute(select(model.state, func.count()).group_by(model.state))
    counted = {row[0]: row[1] for row in rows}
    return {state: counted.get(state, 0) for state in model.STATES}


@functools.lru_cache(maxsize=1)
def _working(settings: config.Settings, _spell: int) -> dict[str, bool]:
    """Ask each component, once a spell: /readyz is anybody's, and each asking calls a server and writes to the disk."""
    return {"redis": task_queue.answers(), "documents": storage.answers(), "smtp": smtp.answers(settings.smtp_url)}


@functools.cache
def _newest_migration() -> str | None:
    return ScriptDirectory(str(config.ROOT / "migrations")).get_current_head()
