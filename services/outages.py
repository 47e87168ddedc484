"""Outages of ours, which are waited for: what a component held up goes on as soon as it answers again."""

import logging
from collections.abc import Callable

from sqlalchemy import ColumnElement, select, update

import clock
import config
import storage
from extensions import db, transaction
from mail import smtp
from models import Delivery, InvoiceRequest
from services import leases

DOCUMENTS: tuple[leases.Document, ...] = (InvoiceRequest, Delivery)
ANSWERS: dict[str, Callable[[], bool]] = {
    "documents": storage.answers,
    "smtp": lambda: not smtp.obstacle(config.current().smtp_url, config.current().mail_from),
}
"""How each component is asked, by the `trouble` that rows have with it."""

log = logging.getLogger(__name__)


def resume() -> None:
    """Afterwards all that a component held up which answers again is due at once; one without trouble is not asked."""
    waiting = {trouble for trouble in ANSWERS if any(_held_up(model, trouble) for model in DOCUMENTS)}
    db.session.rollback()  # Nothing is held while they are asked.
    for trouble in sorted(waiting):
        if ANSWERS[trouble]():
            _let_go_on(trouble)


def _held_up(model: leases.Document, trouble: str) -> bool:
    return db.session.scalar(select(model.id).where(*_because_of(model, trouble)).limit(1)) is not None


def _let_go_on(trouble: str) -> None:
    """Afterwards what waited is due; what another sweeper or a worker holds at this moment is theirs."""
    with transaction():
        for model in DOCUMENTS:
            found = select(model.id).where(*_because_of(model, trouble)).with_for_update(skip_locked=True)
            freed = update(model).where(model.id.in_(found)).values(due_at=clock.now(), trouble=None)
            db.session.execute(freed, execution_options={"synchronize_session": False})
    log.warning("outage over", extra={"component": trouble})


def _because_of(model: leases.Document, trouble: str) -> tuple[ColumnElement[bool], ...]:
    return model.state.in_(leases.UNDER_WAY[model]), model.trouble == trouble
