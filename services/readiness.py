"""Whether this installation can work: the database, without which nothing is answered, and what it can do without."""

import functools
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

import clock
import config
import task_queue
from extensions import db
from mail import smtp
from models import Delivery, InvoiceRequest
from services import dashboard, leases


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
    """Return what is away while customers are served all the same: `redis`, `documents` (the folder), `smtp`."""
    settings = config.current()
    working = {
        "redis": task_queue.answers(),
        "documents": _is_writable(settings.documents_dir),
        "smtp": smtp.answers(settings.smtp_url),
    }
    return [name for name, works in working.items() if not works]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work there is, by state, and how long the oldest piece has been due."""

    requests: dict[str, int]
    deliveries: dict[str, int]
    late: int
    oldest_due_seconds: float


def backlog() -> Backlog:
    """Count requests and mails by state, in four queries."""
    now = clock.now()
    late = select(func.count()).select_from(InvoiceRequest).where(dashboard.is_late())
    ages = [
        (now - moment).total_seconds()
        for moment in (
            _oldest_due(InvoiceRequest),
            _oldest_due(Delivery),
        )
        if moment
    ]
    return Backlog(
        requests=_by_state(InvoiceRequest),
        deliveries=_by_state(Delivery),
        late=db.session.scalar(late) or 0,
        oldest_due_seconds=max([0.0, *ages]),
    )


def _by_state(model: type[InvoiceRequest] | type[Delivery]) -> dict[str, int]:
    rows = db.session.execute(select(model.state, func.count()).group_by(model.state))
    counted = {row[0]: row[1] for row in rows}
    return {state: counted.get(state, 0) for state in model.STATES}


def _oldest_due(model: type[InvoiceRequest] | type[Delivery]) -> datetime | None:
    found = select(model.due_at).where(model.state.in_(leases.UNDER_WAY[model]), model.due_at.is_not(None))
    return db.session.scalar(found.order_by(model.due_at).limit(1))


def _is_writable(folder: Path) -> bool:
    """Write and forget one byte: permissions alone say nothing about a full or a read-only disk."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError:
        return False
    return True


@functools.cache
def _newest_migration() -> str | None:
    return ScriptDirectory(str(config.ROOT / "migrations")).get_current_head()
