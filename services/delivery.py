"""One e-mail from the outbox to the mail server: claim, send, mark."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.exc import OperationalError

import clock
import config
import failpoints
import storage
from extensions import db, transaction
from mail import smtp
from mail.smtp import Outcome
from models import Delivery, Document, Invoice
from services import history, invoicing, issuing, leases, notices
from services.leases import Lease

BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 720, 1440))
BATCH, BATCH_SECONDS = 50, 45
MARK_AGAIN_SECONDS = 1.0

TO_SEND = or_(
    and_(Delivery.state == "pending", Delivery.attempts <= len(BACKOFF)),
    and_(Delivery.state == "sending", Delivery.doubts == 0),
)
"""A mail to try: what was under way when its worker died may have arrived, and is sent once more."""

TO_CONCLUDE = or_(
    and_(Delivery.state == "pending", Delivery.attempts > len(BACKOFF)),
    and_(Delivery.state == "sending", Delivery.doubts > 0),
)
"""A mail that its worker died over too often: each time before it was under way, or twice when it was."""

REFUSED = {
    "recipient": "L'adresse e-mail a refusé le message.",
    "message": "Le message n'a pas pu être remis.",
}
"""What an admin reads of an invoice whose mail was refused."""

log = logging.getLogger(__name__)


def batch(first: int) -> Iterator[int]:
    """Yield the mail that was rung for, then others that are due, for 45 seconds at most."""
    yield first
    ends = time.monotonic() + BATCH_SECONDS
    for _ in range(BATCH - 1):
        due = select(Delivery.id).where(TO_SEND, leases.is_ready(Delivery))
        other = db.session.scalar(due.order_by(Delivery.due_at, Delivery.id).limit(1))
        if other is None or time.monotonic() > ends:
            return
        yield other


def claim(delivery_id: int) -> Lease | None:
    """Return the right to send a mail, or None when it is not due, sent already, or in another worker's hands.

    One that says what is true no longer ends here.
    It stays `pending`: until it is handed over nothing can have arrived. While the mail server is away it waits with
    the others instead, unless it is there to find out.
    """
    with transaction():
        lease = leases.take(Delivery, delivery_id, TO_SEND)
        if lease is None:
            return None
        delivery = db.session.get_one(Delivery, delivery_id, populate_existing=True)
        if delivery.state == "sending":
            delivery.doubts += 1
            delivery.become("pending", due_at=delivery.due_at, error=delivery.last_error)
        if notices.is_overtaken(delivery):
            leases.release(delivery)
            delivery.become("failed", error=notices.OVERTAKEN)
            return None
        away_until = db.session.scalar(_waiting_for_the_server()) if delivery.kind != "test" else None
        if away_until:
            leases.hand_back(delivery)
            delivery.become("pending", due_at=away_until, trouble="smtp", error=delivery.last_error)
            return None
    failpoints.reach("deliver.claimed")
    return lease


def conclude_doubtful() -> bool:
    """Afterwards mails whose worker died over them too often stand in front of an admin; return whether more may wait.

    What may have arrived is `unknown`, which only a person ends; what was never handed over is `failed`.
    """
    found = select(Delivery.id).where(TO_CONCLUDE, leases.is_ready(Delivery))
    taken = db.session.scalars(found.order_by(Delivery.id).limit(leases.MOST_AT_ONCE)).all()
    for delivery_id in taken:
        with transaction():
            delivery = _locked(delivery_id)
            if db.session.scalar(found.where(Delivery.id == delivery_id)) is None:
                continue  # Another sweeper was first.
            leases.release(delivery)
            unknown = delivery.state == "sending" or delivery.doubts > 0
            _stop(delivery, "unknown" if unknown else "failed", "message", delivery.last_error or "")
        log.error("mail in doubt", extra={"delivery": delivery_id})
    return len(taken) == leases.MOST_AT_ONCE


def connection() -> smtp.Connection:
    """Return a connection to the mail server, which opens itself when there is something to send."""
    return smtp.Connection(config.current().smtp_url)


def send(lease: Lease, message: EmailMessage, connection: smtp.Connection) -> Outcome:
    """Hand the message to the mail server; no database connection is held meanwhile.

    The mail is `sending` before the server can have it. Raises LeaseLost when it is in other hands by then; nothing is
    sent in that case.
    """
    db.session.close()
    outcome = connection.send(message, before_data=lambda: begin(lease))
    failpoints.reach("deliver.handed_over")
    return outcome


def begin(lease: Lease) -> None:
    """Afterwards the mail is `sending`, under a lease that has just begun: from here on it may have arrived.

    Raises LeaseLost when it is in other hands by now.
    """
    failpoints.reach("deliver.connected")
    with transaction():
        delivery = leases.keep(Delivery, lease)
        delivery.become("sending", due_at=delivery.due_at, error=delivery.last_error)
    db.session.close()
    failpoints.reach("deliver.sending")


def unwritten(error: Exception) -> Outcome:
    """Return what became of a mail that could not be written; when the documents folder is away, that is waited for."""
    detail = f"{type(error).__name__}: {error}"[:300]
    return Outcome("refused_for_now", detail, "documents" if storage.is_outage(error) else "message")


def mark(lease: Lease, outcome: Outcome) -> None:
    """Afterwards the delivery says how it ended, and its invoice's request too; nothing when the lease was lost.

    While the database is away it is asked again and again, as long as the lease may last: what is not written down now
    will be in doubt.
    """
    ends = time.monotonic() + leases.LEASE.total_seconds()
    while True:
        try:
            return _mark(lease, outcome)
        except OperationalError:
            if time.monotonic() > ends:
                raise
            log.warning("mail not marked yet", extra={"delivery": lease.id, "outcome": outcome.kind})
            time.sleep(MARK_AGAIN_SECONDS)


def came_back(delivery_id: int, trouble: str, detail: str) -> bool:
    """Afterwards a mail that was sent, or may have been, is `failed`, as a report says; False when it was already.

    Its invoice's request stands in front of an admin, unless the document was mailed once more since then.
    """
    with transaction():
        delivery = _locked(delivery_id)
        if delivery.state not in ("sent", "unknown"):
            return False
        delivery.become("failed", trouble=trouble, error=detail)
        _conclude(delivery, "mail.bounced")
    log.info("mail came back", extra={"delivery": delivery_id, "trouble": trouble})
    return True


def goes_out_again(document: Document, mail: Delivery) -> None:
    """Write down that a document is on its way once more; a request that its mail had stopped goes on.

    Inside the caller's transaction, which holds the order and its request.
    """
    if document.request.state == "needs_attention" and ends_a_request(document):
        document.request.become("rendered")
    history.record(f"{document.kind}.resent", order=document.order, customer=mail.customer, detail=document.number)


def ends_a_request(document: Document) -> bool:
    """Whether this is the invoice that was asked for: credit notes and what replaces it say nothing about its request.

    Nor does a specimen, once live.
    """
    first = isinstance(document, Invoice) and document.replaces_id is None
    return first and issuing.is_of_this_mode(document)


def _waiting_for_the_server() -> Select[datetime | None]:
    """Say in SQL until when the next mail waits that has found the mail server away; nothing when none does."""
    away = (Delivery.state == "pending", Delivery.trouble == "smtp", Delivery.due_at > clock.now())
    return select(func.min(Delivery.due_at)).where(*away)


def _mark(lease: Lease, outcome: Outcome) -> None:
    with transaction():
        delivery = _locked(lease.id)
        if delivery.lease_token != lease.token:
            log.warning("lease lost after sending", extra={"delivery": lease.id})
            return
        leases.release(delivery)
        if outcome.kind == "sent":
            delivery.become("sent")
            _conclude(delivery, "mail.sent")
        elif outcome.trouble in Delivery.OUTAGES:
            _wait_for_us(delivery, outcome)
        else:
            _try_again_or_stop(delivery, outcome)
        failpoints.reach("deliver.before_mark")
    failpoints.reach("deliver.marked")
    if outcome.kind != "sent":
        about = {"delivery": lease.id, "outcome": outcome.kind, "state": delivery.state, "trouble": outcome.trouble}
        log.error("mail not sent", extra=about | ({"detail": outcome.detail} if outcome.trouble == "smtp" else {}))


def _locked(delivery_id: int) -> Delivery:
    """Return the mail as it is now, held until the end of the transaction; its order and its request before it."""
    order_id = db.session.get_one(Delivery, delivery_id).order_id
    if order_id:
        invoicing.lock_request(invoicing.lock_order(order_id))
    return db.session.get_one(Delivery, delivery_id, with_for_update=True, populate_existing=True)


def _wait_for_us(delivery: Delivery, outcome: Outcome) -> None:
    """Afterwards the mail is tried again later, without end: after as long as it has waited already.

    Nobody counts that, since it says nothing about the mail; `services.outages` notices sooner when it is over.
    """
    steps = BACKOFF if outcome.trouble == "smtp" else BACKOFF[:2]
    due_at = leases.next_try(steps, 1 + sum(clock.now() - delivery.created_at > step for step in steps))
    leases.hand_back(delivery)
    delivery.become("pending", due_at=due_at, trouble=outcome.trouble, error=outcome.detail)


def _try_again_or_stop(delivery: Delivery, outcome: Outcome) -> None:
    delivery.doubts += outcome.kind == "unknown"
    tried_in_vain = delivery.attempts > len(BACKOFF)
    if outcome.kind == "refused_for_good" or (tried_in_vain and not delivery.doubts):
        _stop(delivery, "failed", outcome.trouble, outcome.detail)
    elif delivery.doubts > 1 or tried_in_vain:
        _stop(delivery, "unknown", outcome.trouble, outcome.detail)
    else:
        due_at = leases.next_try(BACKOFF, delivery.attempts)
        delivery.become("pending", due_at=due_at, trouble=outcome.trouble, error=outcome.detail)


def _stop(delivery: Delivery, state: str, trouble: str | None, detail: str) -> None:
    delivery.become(state, trouble=trouble, error=detail)
    _conclude(delivery, f"mail.{state}")


def _conclude(delivery: Delivery, action: str) -> None:
    """Write what the end of a delivery means for the invoice request that it belongs to.

    One in vain means nothing any more once the document was mailed again.
    """
    history.record(action, order=delivery.order, customer=delivery.customer, detail=delivery.kind)
    if any(each is not None and each.erased_at for each in (delivery.customer, delivery.order)):
        delivery.recipient, delivery.last_error = "", None  # It was the last to know the address.
    document = delivery.document
    if document is None or not ends_a_request(document):
        return
    request = document.request
    if delivery.state == "sent":
        if request.state in ("rendered", "needs_attention"):
            request.become("sent", sent_at=delivery.sent_at)
        return
    again = select(Delivery.id).where(Delivery.document_id == document.id, Delivery.id > delivery.id).limit(1)
    if request.state in ("rendered", "sent", "needs_attention") and db.session.scalar(again) is None:
        unknown = "On ne sait pas si le message est arrivé."
        reason = unknown if delivery.state == "unknown" else REFUSED[delivery.trouble or "message"]
        request.become("needs_attention", reason=reason)
        if delivery.trouble != "recipient":  # Else this one would be refused as well.
            notices.problem(request, document.order)
