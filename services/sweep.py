"""The net under the bell: finds in the database what is due and rings for it again."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, cast, delete, exists, literal, select, true
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import InstrumentedAttribute

import clock
import config
import failpoints
import storage
import task_queue
from extensions import db, transaction
from models import (
    ApiCall,
    AuditEntry,
    Customer,
    DataExport,
    Delivery,
    Invoice,
    InvoiceRequest,
    Milestone,
    Order,
    RateCounter,
    Shop,
    ShopMessage,
    SignInCode,
    SignInSession,
    Token,
    Upload,
)
from services import (
    clocks,
    crediting,
    data_exports,
    delivery,
    erasure,
    history,
    inbox,
    incidents,
    invoicing,
    leases,
    outages,
    outbox,
    production,
    pulls,
    uploads,
)

MOST_BELLS = 500  # What the queue holds at most: more would only wait there instead of here.
MOST_FORGOTTEN = 5000  # Rows that are deleted in one transaction, during which nobody else writes to SQLite.
TRIED_OUT = ("issued", "rendered", "sent", "needs_attention")
REOPENED = "request.reopened"
REMINDERS = (timedelta(hours=24), timedelta(hours=72))
HELD_BY_ANOTHER = ("55P03", "40P01")  # What PostgreSQL calls a lock waited for in vain, and two that wait crosswise.
SESSIONS_KEPT = timedelta(days=100)
MESSAGES_KEPT = timedelta(days=90)
TOKENS_KEPT = timedelta(days=7)
TRIES_KEPT = timedelta(days=2)
AUDIT_KEPT = timedelta(days=366)  # A day more than a year has: the database lets nothing of the audit go within one.
AUDIT_OF_DOCUMENTS_KEPT = timedelta(days=3653)
KEPT = (
    (RateCounter, RateCounter.window_start, TRIES_KEPT, true()),
    (Token, Token.expires_at, TOKENS_KEPT, true()),
    (SignInCode, SignInCode.asked_at, TOKENS_KEPT, true()),
    (SignInSession, SignInSession.last_seen_at, SESSIONS_KEPT, true()),
    (SignInSession, SignInSession.ended_at, timedelta(days=7), true()),
    (ApiCall, ApiCall.created_at, timedelta(minutes=10), true()),
    (ShopMessage, ShopMessage.received_at, MESSAGES_KEPT, inbox.OVER),
    (ShopMessage, ShopMessage.received_at, erasure.GUESTS_KEPT, ShopMessage.state == "failed"),
    (DataExport, DataExport.made_at, data_exports.KEPT, true()),
    (DataExport, DataExport.created_at, data_exports.KEPT, DataExport.state == "failed"),
    (Upload, Upload.created_at, MESSAGES_KEPT, Upload.state.not_in(leases.UNDER_WAY[Upload])),
    (AuditEntry, AuditEntry.at, AUDIT_KEPT, AuditEntry.lasting.is_(False)),
    (AuditEntry, AuditEntry.at, AUDIT_OF_DOCUMENTS_KEPT, AuditEntry.lasting.is_(True)),
)
"""Rows of which table, what their age is counted from, how old they become, and which of them may go at all."""

TO_WORK_ON: dict[str, tuple[leases.Work, ColumnElement[bool]]] = {
    "deliver": (Delivery, delivery.TO_SEND),
    "take_in": (ShopMessage, inbox.TO_TAKE_IN),
    "produce": (InvoiceRequest, production.TO_PRODUCE),
    "load": (Upload, uploads.TO_LOAD),
    "export_data": (DataExport, data_exports.TO_MAKE),
    "pull": (Shop, pulls.TO_READ),
}
"""The jobs, each with what a worker would take: a bell for anything else would keep one from ringing that is heard."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many were rung for, and whether a chore took all that it may at once: the others wait for the next sweep."""

    rung: int
    more: bool


def sweep() -> Swept:
    """Afterwards every request and mail that is due has been rung for.

    Safe to run several times at once and beside the workers: it only rings, and a bell too many does nothing.
    """
    more = [chore for chore in CHORES if _do(chore)]
    waiting = set(task_queue.waiting())
    due = [(job, each) for job in TO_WORK_ON for each in _due(*TO_WORK_ON[job])]
    db.session.rollback()
    failpoints.reach("sweep.before_ring")
    bells = [bell for bell in due if bell not in waiting]
    return Swept(_ring(bells[: max(MOST_BELLS - len(waiting), 0)]), bool(more))


def pause(swept: Swept) -> float:
    """Return for how many seconds nothing falls due and no lease ends, `SWEEP_SECONDS` at most.

    At least one, so that a crowd of moments is not swept one by one; one, when a chore has more to do.
    """
    if swept.more:
        return 1.0
    now = clock.now()
    models = [model for model, _condition in TO_WORK_ON.values()]
    moments = [_next(model, column) for model in models for column in (model.due_at, model.lease_until)]
    db.session.rollback()
    seconds = [(moment - now).total_seconds() for moment in moments if moment]
    return max(1.0, min([config.current().sweep_seconds, *seconds]))


def _next(model: leases.Work, column: InstrumentedAttribute[datetime | None]) -> datetime | None:
    waiting = model.state.in_(leases.UNDER_WAY[model])
    return db.session.scalar(select(column).where(waiting, column > clock.now()).order_by(column).limit(1))


def _ring(bells: list[tuple[str, int]]) -> int:
    """Ring until nobody hears; the others are found by the next sweep."""
    for rung, bell in enumerate(bells):
        failpoints.reach("sweep.ringing")
        if not task_queue.ring(*bell):
            return rung
    return len(bells)


def _do(chore: Callable[[], bool | None]) -> bool | None:
    """Do one chore, and return what it says; what is wrong with it must not keep the bells from being rung."""
    try:
        return chore()
    except OperationalError as error:
        db.session.rollback()
        if getattr(error.orig, "sqlstate", None) not in HELD_BY_ANOTHER:
            raise  # Without a database there is nothing to ring for either.
        log.warning("chore put off", extra={"chore": chore.__name__})
    except IntegrityError:
        db.session.rollback()  # Another sweeper was first.
    except Exception:
        db.session.rollback()
        log.exception("chore failed", extra={"chore": chore.__name__})
    return None


def _due(model: leases.Work, condition: ColumnElement[bool]) -> list[int]:
    found = select(model.id).where(condition, leases.is_ready(model))
    return list(db.session.scalars(found.order_by(model.due_at, model.id).limit(MOST_BELLS)))


def _note_first_start() -> None:
    """Afterwards the day from which orders open requests by themselves is fixed (`INVOICE_FROM`)."""
    if db.session.get(Milestone, "first_start") is None:
        with transaction():
            if db.session.get(Milestone, "first_start") is None:
                db.session.add(Milestone(name="first_start"))


def _reopen_after_trial() -> bool:
    """Afterwards what was only tried out as a specimen is scheduled for a real invoice, once the switch is on live.

    Returns whether more may wait.
    """
    if not config.current().live:
        return False
    order_id = InvoiceRequest.order_id
    tried = exists().where(Invoice.request_id == InvoiceRequest.id, Invoice.trial.is_(True))
    real = exists().where(Invoice.order_id == order_id, Invoice.trial.is_(False))
    begun_anew = exists().where(AuditEntry.order_id == order_id, AuditEntry.action == REOPENED)
    found = select(order_id).where(InvoiceRequest.state.in_(TRIED_OUT), tried, ~real, ~begun_anew)
    taken = db.session.scalars(found.order_by(order_id).limit(leases.MOST_AT_ONCE)).all()
    for each in taken:
        with transaction():
            order = invoicing.lock_order(each)
            request = invoicing.lock_request(order)
            if request and db.session.scalar(found.where(InvoiceRequest.id == request.id)):
                _begin_anew(request, order)
    return len(taken) == leases.MOST_AT_ONCE


def _begin_anew(request: InvoiceRequest, order: Order) -> None:
    leases.release(request)
    request.become("requested")
    history.record(REOPENED, order=order, customer=order.customer)
    db.session.flush()
    invoicing.reconsider(order)


def _compare_clocks() -> None:
    """Afterwards it is an incident that this machine's clock is wrong, or none any more."""
    clocks.agree()


def _remind_of_confirmation() -> None:
    """Afterwards an account whose request waits for its address was reminded after 24 and after 72 hours, once each."""
    for after in REMINDERS:
        hours = int(after.total_seconds() // 3600)
        occasion = literal("request:").concat(cast(InvoiceRequest.id, String)).concat(f":reminder:{hours}")
        waiting = (
            select(InvoiceRequest)
            .outerjoin(Delivery, Delivery.occasion == occasion)
            .where(
                InvoiceRequest.state == "waiting",
                InvoiceRequest.waiting_for == "confirmation",
                InvoiceRequest.requested_at <= clock.now() - after,
                Delivery.id.is_(None),
            )
            .order_by(InvoiceRequest.id)
        )
        if db.session.scalar(waiting.limit(1)) is None:
            continue
        with transaction():
            taken = waiting.limit(leases.MOST_AT_ONCE).with_for_update(skip_locked=True, of=InvoiceRequest)
            for request in db.session.scalars(taken):
                customer = db.session.get_one(Customer, request.customer_id)
                reminder = Delivery(kind="confirmation_reminder", recipient=customer.email, customer=customer)
                outbox.add(reminder, occasion=f"request:{request.id}:reminder:{hours}")


def _forget_the_expired() -> bool:
    """Afterwards rows that can no longer matter (`KEPT`) are gone; return whether more may wait."""
    most = 0
    for model, last_of_use, kept, may_go in KEPT:
        expired = select(model.id).where(last_of_use < clock.now() - kept, may_go)
        if db.session.scalar(expired.limit(1)) is not None:
            with transaction():
                taken = expired.limit(MOST_FORGOTTEN).with_for_update(skip_locked=True)
                gone = db.session.scalars(delete(model).where(model.id.in_(taken)).returning(model.id)).all()
                most = max(most, len(gone))
    return most >= MOST_FORGOTTEN


CHORES: tuple[Callable[[], bool | None], ...] = (
    _note_first_start,
    _reopen_after_trial,
    _remind_of_confirmation,
    _compare_clocks,
    outages.resume,
    production.park_killers,
    inbox.park_killers,
    uploads.park_killers,
    data_exports.park_killers,
    delivery.conclude_doubtful,
    crediting.settle_forgotten,
    incidents.watch,
    erasure.finish,
    erasure.forget_guests,
    erasure.drop_unused,
    _forget_the_expired,
    storage.tidy,
)
"""Those that go in portions return whether more may wait for them."""
