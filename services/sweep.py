"""The net under the bell: finds in the database what is due and rings for it again."""

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile

from sqlalchemy import String, cast, delete, literal, select
from sqlalchemy.exc import IntegrityError, OperationalError

import clock
import config
import task_queue
from extensions import db, transaction
from models import Customer, Delivery, Invoice, InvoiceRequest, Milestone, RateCounter, SignInSession, Token
from services import crediting, delivery, invoicing, leases, outbox

MOST_BELLS = 500  # What the queue holds at most: more would only wait there instead of here.
REMINDERS = (timedelta(hours=24), timedelta(hours=72))

log = logging.getLogger(__name__)


def sweep() -> int:
    """Afterwards every request and mail that is due has been rung for; return how many were.

    Safe to run several times at once and beside the workers: it only rings, and a bell too many does nothing.
    """
    for chore in CHORES:
        _do(chore)
    room = MOST_BELLS - task_queue.waiting()
    if room <= 0:
        return 0
    requests, deliveries = _due(InvoiceRequest, room), _due(Delivery, room)
    db.session.rollback()
    bells = [("produce", one) for one in requests] + [("deliver", one) for one in deliveries]
    # The first that nobody hears is the last: the others are found by the next sweep.
    return sum(1 for _ in takewhile(lambda bell: task_queue.ring(*bell), bells))


def _do(chore: Callable[[], None]) -> None:
    """Do one chore; what is wrong with it must not keep the bells from being rung."""
    try:
        chore()
    except OperationalError:
        raise  # Without a database there is nothing to ring for either.
    except IntegrityError:
        db.session.rollback()  # Another sweeper was first.
    except Exception:
        db.session.rollback()
        log.exception("chore failed", extra={"chore": chore.__name__})


def _due(model: type[InvoiceRequest] | type[Delivery], most: int) -> list[int]:
    waiting = model.state.in_(leases.UNDER_WAY[model])
    found = select(model.id).where(waiting, model.due_at <= clock.now(), leases.is_free(model))
    return list(db.session.scalars(found.order_by(model.due_at, model.id).limit(most)))


def _note_first_start() -> None:
    """Afterwards the day from which orders open requests by themselves is fixed (`INVOICE_FROM`)."""
    if db.session.get(Milestone, "first_start") is None:
        with transaction():
            if db.session.get(Milestone, "first_start") is None:
                db.session.add(Milestone(name="first_start"))


def _reopen_after_trial() -> None:
    """Afterwards what was only tried out as a specimen is scheduled for a real invoice, once the switch is on live."""
    if not config.current().live:
        return
    real = select(Invoice.request_id).where(Invoice.trial.is_(False))
    tried = select(Invoice.request_id).where(Invoice.trial.is_(True), Invoice.request_id.not_in(real))
    if db.session.scalar(tried.limit(1)) is None:
        return
    with transaction():
        for request in db.session.scalars(select(InvoiceRequest).where(InvoiceRequest.id.in_(tried)).with_for_update()):
            if request.state in ("issued", "rendered", "sent", "needs_attention"):
                request.become("requested")
                db.session.flush()
                invoicing.reconsider(request.order)


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
        )
        if db.session.scalar(waiting.limit(1)) is None:
            continue
        with transaction():
            for request in db.session.scalars(waiting.limit(200)):
                customer = db.session.get_one(Customer, request.customer_id)
                reminder = Delivery(kind="confirmation_reminder", recipient=customer.email, customer=customer)
                outbox.add(reminder, occasion=f"request:{request.id}:reminder:{hours}")


def _forget_the_expired() -> None:
    """Afterwards counters, tokens and sessions that can no longer matter are gone."""
    now = clock.now()
    with transaction():
        db.session.execute(delete(RateCounter).where(RateCounter.window_start < now - timedelta(days=2)))
        db.session.execute(delete(Token).where(Token.expires_at < now - timedelta(days=7)))
        db.session.execute(delete(SignInSession).where(SignInSession.last_seen_at < now - timedelta(days=100)))


CHORES = (
    _note_first_start,
    _reopen_after_trial,
    _remind_of_confirmation,
    delivery.conclude_doubtful,
    crediting.settle_forgotten,
    _forget_the_expired,
)
