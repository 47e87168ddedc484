"""What shops send by webhook: written down before it is answered, then taken in, or kept for a person if need be.

The payload is the shop's own words. It is emptied once it has been of use: what counts of it is the order.
"""

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import aliased, joinedload

import clock
import config
import failpoints
import sealing
import task_queue
from calls import http
from calls import woocommerce as woocommerce_api
from extensions import db, transaction
from models import Order, Shop, ShopMessage
from services import history, intake, leases, limits, reports, shops
from services.leases import Lease
from shops import shopify, strict_json, woocommerce
from shops.arrivals import Arrival, Ignored, Unread
from shops.schema import InvalidMessage

TO_TAKE_IN = leases.to_work_on(ShopMessage)
DELETED, REFUNDED, PULLED = "order.deleted", "refunds/create", "pull"
REF = {("shopify", REFUNDED): lambda sent: str(sent.get("order_id", ""))}
"""Where a message names its order otherwise than as itself."""
_other = aliased(ShopMessage)
_waits = select(_other.id).where(_other.shop_id == ShopMessage.shop_id, _other.state.in_(("received", "failed")))
OVER = and_(ShopMessage.state.in_(("applied", "ignored")), or_(ShopMessage.topic != DELETED, ~_waits.exists()))
"""What nothing asks for any more: a deletion is asked for while a message of its shop may still bring that order."""
LONGEST_PROBLEM, LONGEST_REF = 500, 64

log = logging.getLogger(__name__)


class NotYet(Exception):
    """What the message is about is not known yet: it comes back; the text is French."""


def keep(shop: Shop, *, topic: str, payload: bytes, delivery_id: str | None = None) -> int:
    """Afterwards the message is written down and somebody rung for it; return its id.

    One that the shop sends again under the same delivery id is the one that is there.
    """
    shop_id, now = shop.id, clock.now()
    try:
        with transaction():
            row = ShopMessage(shop_id=shop_id, topic=topic, payload=payload, delivery_id=delivery_id)
            db.session.add(row)
            db.session.execute(update(Shop).where(Shop.id == shop_id).values(last_message_at=now))
    except IntegrityError:
        same = (ShopMessage.shop_id == shop_id, ShopMessage.delivery_id == delivery_id)
        return db.session.scalars(select(ShopMessage.id).where(*same)).one()
    failpoints.reach("inbox.before_ring")
    task_queue.ring("take_in", row.id)
    return row.id


def keep_unread(shop: Shop, unread: Unread) -> None:
    """Afterwards an order of a reading that breaks the schema waits for an admin; read again, it waits once."""
    same = (ShopMessage.shop_id == shop.id, ShopMessage.ref == unread.ref, ShopMessage.state == "failed")
    shop_id = shop.id
    with transaction():
        known = db.session.scalar(select(ShopMessage).where(*same).with_for_update(of=ShopMessage).limit(1))
        row = known or ShopMessage(shop_id=shop_id, topic=PULLED, ref=unread.ref, state="failed", due_at=None)
        row.payload, row.problem = unread.payload, unread.problem[:LONGEST_PROBLEM]
        db.session.add(row)


def read_after_all(shop: Shop, refs: Collection[str]) -> None:
    """Afterwards nobody is asked any more about orders that an earlier reading could not take in, and this one has."""
    waiting = (ShopMessage.shop_id == shop.id, ShopMessage.topic == PULLED, ShopMessage.state == "failed")
    found = select(ShopMessage).where(*waiting, ShopMessage.ref.in_(refs))
    if db.session.scalar(found.limit(1)) is None:
        return
    with transaction():
        for row in db.session.scalars(found.with_for_update(of=ShopMessage)):
            row.become("ignored", problem=row.problem)
            row.payload = None


def take_in(message_id: int) -> None:
    """Afterwards the message has become an order, is ignored, comes back later, or waits for an admin with its reason.

    A second run, or a run beside another, does nothing more; one that is killed is done again by the next.
    """
    with transaction():
        lease = leases.take(ShopMessage, message_id, TO_TAKE_IN)
    if lease is None:
        return
    failpoints.reach("take_in.claimed")
    try:
        order_id = _read(db.session.get_one(ShopMessage, message_id))
    except Ignored as reason:
        _conclude(lease, "ignored", problem=str(reason))
    except (NotYet, http.CallFailed, sealing.WrongKeysSecret) as reason:
        _put_off(lease, str(reason))
    except (InvalidMessage, intake.Refused) as refusal:
        _conclude(lease, "failed", problem=" ".join(map(str, refusal.problems)))
    except strict_json.NotJson as refusal:
        _conclude(lease, "failed", problem=refusal.reason)
    except OperationalError:
        raise  # Nothing is wrong with the message, and there is nobody to tell it.
    except Exception:  # Whatever it is, the message must not be lost, nor stop the others.
        db.session.rollback()
        log.exception("message not taken in")
        _put_off(lease, _("Une erreur inattendue\u00a0: elle est dans le journal de l'application."))
    else:
        failpoints.reach("take_in.applied")
        _conclude(lease, "applied", order_id=order_id)


def retry(message_id: int) -> bool:
    """Afterwards a message that failed is taken in again; False when it has not failed (any more).

    What a reading could not take in is read again once it is put right in the shop.
    """
    return _decide(message_id, "received", "message.retried", due_at=clock.now())


def ignore(message_id: int) -> bool:
    """Afterwards a message that failed is left alone, and what it said forgotten; False when it has not failed."""
    return _decide(message_id, "ignored", "message.ignored")


def failed() -> list[ShopMessage]:
    """Return the messages that wait for an admin, the newest first, a hundred at most."""
    found = select(ShopMessage).where(ShopMessage.state == "failed").order_by(ShopMessage.id.desc())
    return list(db.session.scalars(found.options(joinedload(ShopMessage.shop)).limit(100)))


def count_failed() -> int:
    """Return how many messages wait for an admin."""
    return db.session.scalar(select(func.count()).select_from(ShopMessage).where(ShopMessage.state == "failed")) or 0


def count_by_state() -> dict[str, int]:
    """Return how many messages there are in each state."""
    found = select(ShopMessage.state, func.count()).group_by(ShopMessage.state)
    counted = {row[0]: row[1] for row in db.session.execute(found)}
    return {state: counted.get(state, 0) for state in ShopMessage.STATES}


def refuse(shop: Shop) -> None:
    """Afterwards a message that the shop has not signed is counted, and the first of a minute is in the audit."""
    if limits.allows(limits.UNSIGNED_BY_SHOP, shop.name):
        with transaction():
            history.record("message.refused", detail=shop.name)


def park_killers() -> bool:
    """Afterwards messages whose worker ended each of five times wait for an admin; return whether more may wait."""
    found = select(ShopMessage).where(leases.is_killer(ShopMessage)).limit(leases.MOST_AT_ONCE)
    if db.session.scalar(found.limit(1)) is None:
        return False
    with transaction():
        parked = db.session.scalars(found.with_for_update(skip_locked=True, of=ShopMessage)).all()
        for row in parked:
            row.become("failed", problem=row.problem or _("Le traitement s'est arrêté cinq fois."))
    return len(parked) == leases.MOST_AT_ONCE


def _read(message: ShopMessage) -> int | None:
    """Take the message in and return its order, None where there is none.

    What it is about is written down first: of a deletion and an order that are taken in at the same moment one sees the
    other.
    """
    shop, topic, received_at, is_first = message.shop, message.topic, message.received_at, message.attempts == 1
    sent = strict_json.loads(message.payload or b"", exact=True)
    if not isinstance(sent, dict):
        raise strict_json.NotJson(_("Un objet JSON est attendu."))
    ref = REF[shop.system, topic](sent) if (shop.system, topic) in REF else str(sent.get("id", ""))
    message_id = message.id
    with transaction():
        db.session.execute(update(ShopMessage).where(ShopMessage.id == message_id).values(ref=ref[:LONGEST_REF]))
    if topic == DELETED:
        return _withdraw(shop, ref, received_at)
    if topic == REFUNDED:
        return _refund(shop, ref, sent, is_first=is_first)
    return _take(shop, ref, _arrival(shop, ref, sent))


def _arrival(shop: Shop, ref: str, sent: dict[str, Any]) -> Arrival:
    if shop.system == "shopify":
        return shopify.order(sent)
    return woocommerce.order(sent, _woocommerce_refunds(shop, ref) if sent.get("refunds") else [])


def _take(shop: Shop, ref: str, arrival: Arrival) -> int:
    order_id = intake.receive(arrival, source=shop.system, strict=False, shop=shop).order_id
    deleted = select(func.max(ShopMessage.received_at)).where(
        ShopMessage.shop_id == shop.id, ShopMessage.topic == DELETED, ShopMessage.ref == ref
    )
    if deleted_at := db.session.scalar(deleted):
        intake.withdraw(ref, at=deleted_at, source=shop.system, shop=shop)
    return order_id


def _withdraw(shop: Shop, ref: str, at: datetime) -> int:
    receipt = intake.withdraw(ref, at=at, source=shop.system, shop=shop)
    if receipt is None:
        raise Ignored(_("Supprimée dans la boutique, et inconnue ici."))
    return receipt.order_id


def _refund(shop: Shop, ref: str, sent: dict[str, Any], *, is_first: bool) -> int:
    """Take in a refund by itself: the order, which Shopify sends as well, knows best which lines it is of."""
    order = db.session.scalar(select(Order).where(Order.shop_id == shop.id, Order.shop_ref == ref))
    if order is None:
        raise NotYet(_("Le remboursement d'une commande qui n'est pas encore connue."))
    if any(each.ref == str(sent.get("id")) for each in order.refunds):
        return order.id  # The order itself, which says more of it, was here first.
    refund = shopify.refund(sent, order.lines, prices_include_tax=order.prices_include_tax, currency=order.currency)
    if is_first and not refund.lines:
        raise NotYet(_("Le remboursement ne dit pas de quelles lignes il est\u00a0: la commande peut le dire."))
    return reports.refund(shop, order.own_key, refund).order_id


def _woocommerce_refunds(shop: Shop, ref: str) -> list[dict[str, Any]] | None:
    """Ask the shop what was refunded, since its webhooks name amounts alone; None without a key."""
    key, base_url = shops.pull_key(shop), shop.base_url
    if key is None or not base_url:
        return None
    db.session.rollback()  # No connection is held while the shop is asked.
    with http.Caller(local=config.current().development) as caller:
        return woocommerce_api.Reader(base_url, key, caller).refunds(ref)


def _conclude(lease: Lease, state: str, *, problem: str | None = None, order_id: int | None = None) -> None:
    with suppress(leases.LeaseLost), transaction():
        row = leases.held(ShopMessage, lease)
        row.become(state, problem=problem and problem[:LONGEST_PROBLEM])
        row.order_id = order_id
        if state != "failed":
            row.payload = None
        leases.release(row)


def _put_off(lease: Lease, problem: str) -> None:
    """Afterwards the message comes back later, or waits for an admin after the fifth try."""
    with suppress(leases.LeaseLost), transaction():
        row = leases.held(ShopMessage, lease)
        if row.attempts >= leases.MOST_ATTEMPTS:
            row.become("failed", problem=problem[:LONGEST_PROBLEM])
        else:
            due_at = leases.next_try(leases.BACKOFF, row.attempts)
            row.become("received", due_at=due_at, problem=problem[:LONGEST_PROBLEM])
        leases.release(row)


def _decide(message_id: int, state: str, action: str, due_at: datetime | None = None) -> bool:
    with transaction():
        found = select(ShopMessage).where(ShopMessage.id == message_id, ShopMessage.state == "failed")
        row = db.session.scalar(found.with_for_update(of=ShopMessage))
        if row is None or (due_at and row.topic == PULLED):
            return False
        row.become(state, due_at=due_at, problem=row.problem)
        row.attempts, row.payload = 0, row.payload if due_at else None
        history.record(action, detail=f"{row.shop.name}, {row.topic}, {row.ref}")
    if due_at:
        task_queue.ring("take_in", message_id)
    return True
