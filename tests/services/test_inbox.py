"""The inbox: each message has its end, whatever becomes of it on the way, and what is over keeps no words of it."""

import json
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
import task_queue
from calls import http
from extensions import db
from models import AuditEntry, Order, Shop, ShopMessage
from services import inbox, leases, sweep
from shops import woocommerce
from shops.arrivals import Unread
from shops.problems import FieldProblem
from shops.schema import InvalidMessage
from tests.shops import recorded
from tests.support.shops import a_shop

MINUTES = (1, 5, 15, 60)

pytestmark = pytest.mark.usefixtures("frozen_clock")


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(name="atelier", system="woocommerce")


def a_message(shop: Shop, case: str = "guest", *, topic: str = "order.updated", **changes: Any) -> int:
    return inbox.keep(shop, topic=topic, payload=recorded.body(shop.system, case, **changes))


def message(message_id: int) -> ShopMessage:
    db.session.rollback()  # Or SQLite would show what was there before the others wrote.
    return db.session.get_one(ShopMessage, message_id)


def orders() -> int:
    return db.session.scalar(select(func.count()).select_from(Order)) or 0


def raising(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every reading of an order end so."""

    def order(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(woocommerce, "order", order)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (http.CallFailed("La boutique ne répond pas."), "La boutique ne répond pas."),
        (RuntimeError("boom"), "Une erreur inattendue\u00a0: elle est dans le journal de l'application."),
    ],
)
def test_what_fails_for_now_comes_back_later_and_is_for_an_admin_after_the_fifth_time(
    shop: Shop, frozen_clock: Traveller, monkeypatch: pytest.MonkeyPatch, error: Exception, problem: str
) -> None:
    raising(error, monkeypatch)
    kept = a_message(shop)
    for minutes in MINUTES:
        inbox.take_in(kept)
        found = message(kept)
        assert (found.state, found.problem, found.lease_token) == ("received", problem, None)
        assert found.due_at is not None
        assert found.due_at > clock.now() + timedelta(minutes=minutes) / 2
        inbox.take_in(kept)
        assert message(kept).attempts == MINUTES.index(minutes) + 1
        frozen_clock.shift(timedelta(minutes=2 * minutes))
    inbox.take_in(kept)
    found = message(kept)
    assert (found.state, found.problem, found.due_at, orders()) == ("failed", problem, None, 0)
    monkeypatch.undo()
    assert inbox.retry(kept)
    inbox.take_in(kept)
    assert (message(kept).state, orders()) == ("applied", 1)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff\xfe", b'{"id": 1, "id": 2}', b"{}", b'{"id": null}'])
@pytest.mark.parametrize("topic", ["order.updated", "order.deleted"])
def test_no_body_is_lost_or_stops_a_worker(shop: Shop, payload: bytes, topic: str) -> None:
    kept = inbox.keep(shop, topic=topic, payload=payload)
    inbox.take_in(kept)
    found = message(kept)
    assert (found.state, bool(found.problem)) in {("failed", True), ("ignored", True)}
    assert orders() == 0


@pytest.mark.parametrize("payload", [b"{}", b'{"order_id": []}', b'{"order_id": 5, "refund_line_items": 3}'])
def test_a_refund_of_an_order_that_is_not_known_yet_comes_back(app: Flask, payload: bytes) -> None:
    kept = inbox.keep(a_shop(system="shopify"), topic="refunds/create", payload=payload)
    inbox.take_in(kept)
    assert (message(kept).state, message(kept).attempts) == ("received", 1)


def test_of_two_workers_one_takes_a_message_in(app: Flask, shop: Shop) -> None:
    kept = a_message(shop)
    together, failures = Barrier(2), []

    def worker() -> None:
        with app.app_context():
            together.wait()
            try:
                inbox.take_in(kept)
            except Exception as error:
                failures.append(error)

    threads = [Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (message(kept).state, message(kept).attempts, orders()) == ("applied", 1, 1)


def test_an_old_message_that_is_sent_again_changes_nothing(shop: Shop) -> None:
    old = recorded.body("woocommerce", "guest")
    newer = json.loads(old) | {"status": "cancelled", "date_modified_gmt": "2027-01-01T10:00:00"}
    for body in (old, json.dumps(newer).encode(), old):
        inbox.take_in(inbox.keep(shop, topic="order.updated", payload=body))
    db.session.expire_all()
    assert db.session.scalars(select(Order.cancelled_at)).one() is not None
    assert orders() == 1


def test_a_message_whose_worker_ended_five_times_is_for_an_admin(shop: Shop) -> None:
    kept = a_message(shop)
    found = message(kept)
    found.attempts = leases.MOST_ATTEMPTS
    db.session.commit()
    inbox.take_in(kept)
    inbox.park_killers()
    assert (message(kept).state, message(kept).problem) == ("failed", "Le traitement s'est arrêté cinq fois.")


def test_a_message_that_nobody_heard_of_is_found_by_the_sweeper(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, int]] = []

    def ring(job: str, row_id: int) -> bool:
        rung.append((job, row_id))
        return True

    monkeypatch.setattr(task_queue, "ring", ring)
    kept = a_message(shop)
    sweep.sweep()
    assert rung.count(("take_in", kept)) == 2


def test_a_deletion_is_known_for_as_long_as_a_message_of_its_shop_may_still_bring_the_order(
    shop: Shop, frozen_clock: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(InvalidMessage((FieldProblem("total", "illisible."),)), monkeypatch)
    kept, deleted = a_message(shop), inbox.keep(shop, topic="order.deleted", payload=b'{"id": 727}')
    for each in (kept, deleted):
        inbox.take_in(each)
    assert [message(each).state for each in (kept, deleted)] == ["failed", "ignored"]
    frozen_clock.shift(timedelta(days=91))
    sweep.sweep()
    monkeypatch.undo()
    assert inbox.retry(kept)
    inbox.take_in(kept)
    db.session.rollback()
    assert db.session.scalars(select(Order.cancelled_at)).one() is not None
    sweep.sweep()
    assert db.session.scalars(select(ShopMessage.id)).all() == []


def test_what_an_admin_decides_is_in_the_audit_without_the_words_of_the_shop(shop: Shop) -> None:
    kept = inbox.keep(shop, topic="order.updated", payload=recorded.body("woocommerce", "guest", billing={"email": ""}))
    inbox.take_in(kept)
    assert (inbox.retry(kept), inbox.retry(kept)) == (True, False)
    inbox.take_in(kept)
    assert (inbox.ignore(kept), inbox.ignore(kept), inbox.retry(kept)) == (True, False, False)
    found = db.session.execute(select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id)).all()
    assert [row for row in found if row[0].startswith("message.")] == [
        ("message.retried", "atelier, order.updated, 727"),
        ("message.ignored", "atelier, order.updated, 727"),
    ]
    assert message(kept).payload is None


def test_what_a_reading_could_not_take_in_is_over_once_another_reading_takes_it_in(shop: Shop) -> None:
    inbox.keep_unread(shop, Unread("727", "Illisible.", b"{}"))
    inbox.keep_unread(shop, Unread("728", "Illisible.", b"{}"))
    [later, sooner] = inbox.failed()
    assert not inbox.retry(sooner.id)
    inbox.read_after_all(shop, ["727", "729"])
    assert [each.id for each in inbox.failed()] == [later.id]
    assert (message(sooner.id).state, message(sooner.id).payload) == ("ignored", None)
