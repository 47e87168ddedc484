"""Reading shops: what changed since the last time, and years of history; page by page, each kept before the next.

A reading that is cut off goes on where its cursor stands, whoever goes on. What is read again changes nothing.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

import clock
import config
import failpoints
import sealing
import task_queue
from calls import http, prestashop, woocommerce
from extensions import DomainError, db, transaction
from models import Shop
from services import inbox, intake, leases, shops
from services.leases import Lease, LeaseLost
from shops.arrivals import Arrival, Page, Unread

EVERY = {"prestashop": timedelta(minutes=5), "woocommerce": timedelta(hours=6)}
"""How often a shop is read by itself: PrestaShop sends nothing, WooCommerce's webhooks may have been lost."""
OVERLAP = timedelta(minutes=10)
"""How far a reading goes back before the last one's beginning: clocks differ, and what is known changes nothing."""
LONGEST_JOB_SECONDS = 60.0
TO_READ = Shop.state == "open"
LONGEST_ERROR = 500

log = logging.getLogger(__name__)

Reader = woocommerce.Reader | prestashop.Reader
READERS: dict[str, type[Reader]] = {"woocommerce": woocommerce.Reader, "prestashop": prestashop.Reader}


@dataclass(frozen=True, slots=True)
class Progress:
    """What a page has brought: how many orders were read, of how many, and what became of them."""

    read: int
    total: int | None
    outcomes: Counter[str]


def read_changes(shop_id: int) -> None:
    """Afterwards what changed in the shop is taken in, as far as one job goes; the rest is rung for again.

    A shop that cannot be read is tried again later, and `last_error` says why.
    """
    with transaction():
        lease = leases.take(Shop, shop_id, TO_READ)
    if lease is None:
        return
    begun = time.monotonic()
    try:
        for _progress in _pages(lease):
            if time.monotonic() - begun > LONGEST_JOB_SECONDS:
                _hand_on(lease)
                return
    except LeaseLost:
        return
    except (http.CallFailed, sealing.WrongKeysSecret) as error:
        _put_off(lease, str(error))
    except OperationalError:
        raise  # Nothing is wrong with the shop, and there is nobody to tell it.
    except Exception:  # Whatever it is, the shop must be said to be unreadable, and tried again later.
        log.exception("shop not read")
        _put_off(lease, _("Une erreur inattendue\u00a0: elle est dans le journal de l'application."))


def back_fill(shop: Shop, since: datetime | None, *, dry_run: bool = False) -> Iterator[Progress]:
    """Yield, page by page, what reading the shop's history since then has brought (None: all of it).

    One that was cut off goes on where it stood, unless it is begun from another day. A dry run keeps nothing, and no
    cursor. Raises DomainError when the shop cannot be read or is being read at this moment, http.CallFailed,
    sealing.WrongKeysSecret.
    """
    if shop.system not in READERS or not shop.base_url or not shop.pull_key:
        raise DomainError(_("Cette boutique n'a pas d'adresse et de clé pour être lue."))
    if dry_run:
        return _tried(shop, since)
    shop_id = shop.id
    with transaction():
        held = db.session.scalars(select(Shop).where(Shop.id == shop_id).with_for_update()).one()
        wanted = _start(since)
        if (held.pull_cursor or {}).get("since") != wanted:
            held.pull_cursor = {"since": wanted}
        held.due_at = clock.now()
        db.session.flush()
        lease = leases.take(Shop, shop_id, TO_READ)
    if lease is None:
        raise DomainError(_("Cette boutique est en train d'être lue\u00a0: réessayez dans deux minutes."))
    return _released(lease)


def _released(lease: Lease) -> Iterator[Progress]:
    """Give the pages; whoever stops in the middle leaves the shop to the next."""
    try:
        yield from _pages(lease)
    except LeaseLost:
        raise DomainError(_("Cette boutique est lue par un autre processus.")) from None
    except BaseException:
        _hand_on(lease)
        raise


def _pages(lease: Lease) -> Iterator[Progress]:
    """Read from the cursor on; afterwards there is none, and the shop is due when it is to be read again."""
    shop = db.session.get_one(Shop, lease.id)
    cursor, since = dict(shop.pull_cursor or {}), _since(shop)
    begun = datetime.fromisoformat(cursor["begun"]) if "begun" in cursor else clock.now()
    read = cursor.get("read", 0)
    with http.Caller(local=config.current().development) as caller:
        for page in _reader(shop, caller).pages(cursor.get("place"), since):
            failpoints.reach("pull.page_read")
            outcomes = _taken_in(page, shop)
            read += len(page.orders)
            cursor |= {"place": dict(page.cursor), "begun": begun.isoformat(), "read": read}
            _keep(lease, cursor)
            failpoints.reach("pull.page_kept")
            shop = db.session.get_one(Shop, lease.id)
            yield Progress(read, page.total, outcomes)
    _finish(lease, begun)


def _tried(shop: Shop, since: datetime | None) -> Iterator[Progress]:
    read = 0
    with http.Caller(local=config.current().development) as caller:
        for page in _reader(shop, caller).pages(None, since):
            arrivals = [each for each in page.orders if isinstance(each, Arrival)]
            found = intake.receive_many(arrivals, source=shop.system, strict=False, shop=shop, dry_run=True)
            outcomes = _counted(list(found))
            outcomes["unread"] += len(page.orders) - len(arrivals)
            read += len(page.orders)
            yield Progress(read, page.total, outcomes)


def _taken_in(page: Page, shop: Shop) -> Counter[str]:
    """Take the orders in; what cannot be read or is refused waits for an admin."""
    arrivals = [each for each in page.orders if isinstance(each, Arrival)]
    unread = [each for each in page.orders if isinstance(each, Unread)]
    results = list(intake.receive_many(arrivals, source=shop.system, strict=False, shop=shop))
    for arrival, result in zip(arrivals, results, strict=True):
        if isinstance(result, intake.Refused):
            content = arrival.message.model_dump_json().encode()
            unread.append(Unread(arrival.ref or "", " ".join(map(str, result.problems)), content))
    for each in unread:
        inbox.keep_unread(shop, each)
    inbox.read_after_all(shop, {each.ref or "" for each in arrivals} - {each.ref for each in unread})
    outcomes = _counted(results)
    outcomes["unread"] += len(page.orders) - len(arrivals)
    return outcomes


def _counted(results: list[intake.Receipt | intake.Refused]) -> Counter[str]:
    """Count what became of orders: outcomes, « à vérifier », requests that opened by themselves, refusals."""
    outcomes: Counter[str] = Counter()
    for each in results:
        if isinstance(each, intake.Refused):
            outcomes["refused"] += 1
            continue
        outcomes[each.outcome] += 1
        outcomes["review"] += each.applied and bool(each.review)
        outcomes["opened"] += each.opened
    return outcomes


def _reader(shop: Shop, caller: http.Caller) -> Reader:
    return READERS[shop.system](shop.base_url, shops.pull_key(shop) or "", caller)


def _since(shop: Shop) -> datetime | None:
    """Return from when changes are read: as a back-fill was told, else since the last reading, else the connection."""
    told = (shop.pull_cursor or {}).get("since")
    if told is not None:
        return datetime.fromisoformat(str(told)) if told else None
    return (shop.pulled_until or shop.created_at) - OVERLAP


def _start(since: datetime | None) -> str:
    return since.isoformat() if since else ""


def _keep(lease: Lease, cursor: dict[str, Any]) -> None:
    with transaction():
        leases.keep(Shop, lease).pull_cursor = cursor


def _finish(lease: Lease, begun: datetime) -> None:
    with transaction():
        shop = leases.held(Shop, lease)
        shop.pull_cursor, shop.pulled_until = None, max(begun, shop.pulled_until or begun)
        shop.due_at, shop.attempts, shop.last_error = clock.now() + EVERY[shop.system], 0, None
        shop.last_message_at = clock.now()
        leases.release(shop)


def _hand_on(lease: Lease) -> None:
    """Afterwards whoever reads next goes on at once where this reading stands."""
    db.session.rollback()
    try:
        with transaction():
            shop = leases.held(Shop, lease)
            shop.due_at = clock.now()
            leases.hand_back(shop)
    except LeaseLost:
        return
    task_queue.ring("pull", lease.id)


def _put_off(lease: Lease, reason: str) -> None:
    db.session.rollback()
    with suppress(LeaseLost), transaction():
        shop = leases.held(Shop, lease)
        shop.due_at, shop.last_error = leases.next_try(leases.BACKOFF, shop.attempts), reason[:LONGEST_ERROR]
        leases.release(shop)
