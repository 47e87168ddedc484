"""The net under the bell: what is due is found in the database, whoever forgot to ring."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from time_machine import Traveller

import clock
import task_queue
from extensions import db, transaction
from models import AuditEntry, Delivery, InvoiceRequest, Milestone, Order, RateCounter, ShopMessage, Upload
from services import history, incidents, leases, production
from services import sweep as sweeping
from services.sweep import sweep
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.outbox import a_delivery
from tests.support.shops import a_shop

HOUR = timedelta(hours=1)
NOTHING_LEFT = sweeping.Swept(rung=0, more=False)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """What is due is due to the second."""


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Give the bells that were rung, in order."""
    rung: list[tuple[str, int]] = []

    def ring(name: str, row_id: int) -> bool:
        rung.append((name, row_id))
        return True

    monkeypatch.setattr(task_queue, "ring", ring)
    without_alerts = [chore for chore in sweeping.CHORES if chore is not incidents.watch]  # Nobody answers here.
    monkeypatch.setattr(sweeping, "CHORES", without_alerts)
    return rung


def a_due_request(number: int, **changes: object) -> InvoiceRequest:
    customer = a_customer(email=f"cliente{number}@example.org", billing=billing_details())
    order = an_order(customer=customer, shipped_at=PLACED)
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    return a_request(order, **({"state": "scheduled"} | met | changes))  # type: ignore[arg-type]


def test_what_is_due_is_rung_for_and_nothing_else(app: Flask, bells: list[tuple[str, int]]) -> None:
    due = a_due_request(1)
    a_due_request(2, due_at=clock.now() + HOUR)
    a_due_request(3, state="waiting", waiting_for="shipment", due_at=None)
    interrupted = a_due_request(4, state="issued")
    a_due_request(5, lease_token="x", lease_until=clock.now() + HOUR)
    orphaned = a_due_request(6, lease_token="x", lease_until=clock.now() - HOUR)
    assert sweep().rung == 3
    assert bells == [("produce", due.id), ("produce", interrupted.id), ("produce", orphaned.id)]


def test_a_mail_whose_bell_was_lost_is_rung_for(app: Flask, bells: list[tuple[str, int]]) -> None:
    lease = production.claim(a_due_request(1).id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    delivery_id = production.render(lease, invoice_id)
    sweep()
    assert bells == [("deliver", delivery_id)]


def test_the_queue_never_grows_without_bounds(
    app: Flask, bells: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_due_request(1)
    monkeypatch.setattr(task_queue, "waiting", lambda: [("produce", 1_000_000 + number) for number in range(500)])
    assert sweep().rung == 0
    assert bells == []


def test_a_bell_that_hangs_already_is_not_rung_again(app: Flask, redis_server: str) -> None:
    first, second = a_due_request(1), a_due_request(2)
    assert task_queue.ring("produce", first.id)
    assert sweep().rung == 1
    assert sweep().rung == 0
    assert task_queue.waiting() == [("produce", first.id), ("produce", second.id)]
    with task_queue.connection(redis_server) as redis:
        redis.flushall()
    assert sweep().rung == 2


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"due_at": timedelta(seconds=7)}, 7),
        ({"due_at": timedelta(seconds=0.2)}, 1),
        ({"due_at": -HOUR, "lease_until": timedelta(seconds=31)}, 31),
        ({"due_at": -HOUR}, 60),
        ({"due_at": HOUR}, 60),
    ],
    ids=["due soon", "due at once", "held by somebody", "rung for just now", "due later"],
)
def test_the_sweeper_sleeps_until_something_is_due_or_a_lease_ends(
    app: Flask, changes: dict[str, timedelta], seconds: float
) -> None:
    moments: dict[str, Any] = {name: clock.now() + by for name, by in changes.items()}
    a_due_request(1, **moments)
    assert sweeping.pause(NOTHING_LEFT) == seconds
    db.session.execute(update(InvoiceRequest).values(due_at=None, lease_until=None))
    a_delivery(**moments)
    assert sweeping.pause(NOTHING_LEFT) == seconds


def test_two_sweepers_at_once_do_each_thing_once(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        customer = a_customer(email=f"cliente{number}@example.org", confirmed=False)
        a_request(an_order(customer=customer), waiting_for="confirmation", requested_at=clock.now() - 30 * HOUR)
    killers = [a_due_request(100 + number, attempts=leases.MOST_ATTEMPTS).id for number in range(10)]
    db.session.commit()
    gate = threading.Barrier(2)

    def sweeps() -> None:
        with app.app_context():
            gate.wait()
            sweep()

    both = [threading.Thread(target=sweeps) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [record.message for record in caplog.records if record.message == "chore failed"] == []
    sweep()  # What the slower one left to the quicker.
    reminded = select(func.count()).select_from(Delivery).where(Delivery.kind == "confirmation_reminder")
    assert db.session.scalar(reminded) == 20
    parked = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "request.parked")
    assert db.session.scalar(parked) == len(killers)


@pytest.mark.databases("postgresql")
def test_what_somebody_holds_keeps_no_sweeper_waiting(app: Flask) -> None:
    requests = [
        a_request(an_order(customer=a_customer(email=f"c{number}@example.org", confirmed=False)),
                  waiting_for="confirmation", requested_at=clock.now() - 30 * HOUR).id
        for number in range(2)
    ]  # fmt: skip
    db.session.commit()
    with db.engine.connect() as elsewhere:
        elsewhere.execute(select(InvoiceRequest.id).where(InvoiceRequest.id == requests[0]).with_for_update())
        sweep()
        reminded = select(Delivery.occasion).where(Delivery.kind == "confirmation_reminder")
        assert db.session.scalars(reminded).all() == [f"request:{requests[1]}:reminder:24"]


def test_a_waiting_account_is_reminded_after_a_day_and_after_three_once_each(
    app: Flask, bells: list[tuple[str, int]], frozen_clock: Traveller
) -> None:
    order = an_order(customer=a_customer(confirmed=False))
    a_request(order, waiting_for="confirmation", requested_at=clock.now())
    sent = []
    for _ in range(5):
        sweep()
        sweep()
        sent.append(len(db.session.scalars(select(Delivery).filter_by(kind="confirmation_reminder")).all()))
        frozen_clock.shift(24 * HOUR)
    assert sent == [0, 1, 1, 2, 2]


def test_the_first_sweep_fixes_the_first_start(
    app: Flask, bells: list[tuple[str, int]], frozen_clock: Traveller
) -> None:
    began = clock.now()
    sweep()
    frozen_clock.shift(100 * HOUR)
    sweep()
    assert db.session.get_one(Milestone, "first_start").at == began


def test_what_was_tried_out_is_invoiced_once_the_switch_is_on_live(
    make_app: Callable[..., Flask], bells: list[tuple[str, int]]
) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        request_id = a_due_request(1).id
        lease = production.claim(request_id)
        assert lease is not None
        invoice_id = production.issue(lease)
        assert invoice_id is not None
        production.render(lease, invoice_id)
        sweep()
        assert db.session.get_one(InvoiceRequest, request_id).state == "rendered"
    with make_app(ISSUE_MODE="live").app_context():
        sweep()
        assert db.session.get_one(InvoiceRequest, request_id).state == "scheduled"
        lease = production.claim(request_id)
        assert lease is not None
        assert production.issue(lease) is not None
        sweep()
        assert db.session.get_one(InvoiceRequest, request_id).state == "issued"


def test_what_failed_while_it_was_tried_out_has_all_its_attempts_again(
    make_app: Callable[..., Flask], bells: list[tuple[str, int]]
) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        request = a_due_request(1)
        request_id = request.id
        lease = production.claim(request_id)
        assert lease is not None
        assert production.issue(lease) is not None
        request.attempts = leases.MOST_ATTEMPTS
        db.session.commit()
        production.give_up_for_now(lease, ValueError("no glyph"))
        assert db.session.get_one(InvoiceRequest, request_id).state == "needs_attention"
    with make_app(ISSUE_MODE="live").app_context():
        sweep()
        request = db.session.get_one(InvoiceRequest, request_id)
        assert (request.state, request.attempts, request.last_error) == ("scheduled", 0, None)


def test_what_is_stopped_after_it_began_anew_stays_before_an_admin(
    make_app: Callable[..., Flask], bells: list[tuple[str, int]]
) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        request_id = a_due_request(1).id
        lease = production.claim(request_id)
        assert lease is not None
        assert production.issue(lease) is not None
    with make_app(ISSUE_MODE="live").app_context():
        sweep()
        request = db.session.get_one(InvoiceRequest, request_id)
        assert (request.state, request.lease_token) == ("scheduled", None)
        request.become("needs_attention", reason="La facture n'a pas pu être produite.")
        db.session.commit()
        sweep()
        assert request.state == "needs_attention"


def test_what_has_its_real_invoice_does_not_begin_anew(
    make_app: Callable[..., Flask], bells: list[tuple[str, int]]
) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        request_id = a_due_request(1).id
        issued(request_id)
    with make_app(ISSUE_MODE="live").app_context():
        request = db.session.get_one(InvoiceRequest, request_id)
        request.become("requested")  # By a release that did not write down what it reopened.
        db.session.flush()
        request.become("scheduled", due_at=clock.now())
        db.session.commit()
        issued(request_id)
        sweep()
        assert db.session.get_one(InvoiceRequest, request_id).state == "issued"


def issued(request_id: int) -> None:
    leases.release(db.session.get_one(InvoiceRequest, request_id))
    lease = production.claim(request_id)
    assert lease is not None
    assert production.issue(lease) is not None


def test_a_bell_that_nobody_hears_is_the_last_of_its_sweep(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        a_due_request(number)
    tried: list[int] = []

    def ring(_name: str, row_id: int) -> bool:
        tried.append(row_id)
        return False

    monkeypatch.setattr(task_queue, "ring", ring)
    assert sweep().rung == 0
    assert len(tried) == 1


def test_a_mail_in_doubt_is_concluded_and_not_rung_for(app: Flask, bells: list[tuple[str, int]]) -> None:
    mail = a_delivery(state="sending", doubts=1, lease_token="x", lease_until=clock.now() - HOUR)
    assert sweep().rung == 0
    assert mail.state == "unknown"


def a_killer(number: int) -> InvoiceRequest:
    return a_due_request(number, attempts=leases.MOST_ATTEMPTS)


def a_doubtful_mail(_number: int) -> Delivery:
    return a_delivery(state="sending", doubts=1)


@pytest.mark.parametrize("make", [a_killer, a_doubtful_mail])
def test_what_workers_died_over_is_put_before_an_admin_in_portions_and_the_next_follows_at_once(
    app: Flask,
    bells: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[int], InvoiceRequest | Delivery],
) -> None:
    monkeypatch.setattr(leases, "MOST_AT_ONCE", 2)
    rows = [make(number) for number in range(5)]
    seen = []
    for _ in range(4):
        swept = sweep()
        left = sum(row.state in ("scheduled", "sending") for row in rows)
        seen.append((left, sweeping.pause(swept)))
    assert seen == [(3, 1), (1, 1), (0, 60), (0, 60)]
    told = db.session.scalars(select(Delivery.id).where(Delivery.kind == "request_problem"))
    assert set(bells) == {("deliver", mail) for mail in told}  # The rows themselves are for an admin.


def test_what_can_no_longer_matter_is_forgotten_in_portions(
    app: Flask, bells: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MOST_FORGOTTEN", 2)
    ages = [timedelta(days=days) for days in (1, 3, 4, 5, 6, 7)]
    db.session.add_all(RateCounter(action="t", key="k", window_start=clock.now() - age) for age in ages)
    db.session.commit()
    seen = []
    for _ in range(3):
        swept = sweep()
        seen.append((db.session.scalar(select(func.count()).select_from(RateCounter)), swept.more))
    assert seen == [(4, True), (2, True), (1, False)]


@pytest.mark.parametrize(
    ("model", "after_90_days"), [(ShopMessage, {"received", "failed"}), (Upload, {"uploaded", "confirmed"})]
)
def test_what_came_of_shops_and_admins_is_forgotten_after_90_days_unless_it_waits_for_somebody(
    app: Flask,
    bells: list[tuple[str, int]],
    frozen_clock: Traveller,
    model: type[ShopMessage] | type[Upload],
    after_90_days: set[str],
) -> None:
    shop_id = a_shop().id
    told: dict[str, Any] = {"topic": "orders/updated"} if model is ShopMessage else {"filename": "a", "shape": "b"}
    db.session.add_all(model(shop_id=shop_id, state=state, **told) for state in model.STATES)
    db.session.commit()
    left = []
    for age in (90 * 24 * HOUR, HOUR):
        frozen_clock.shift(age)
        sweep()
        left.append(set(db.session.scalars(select(model.state))))
    assert left == [set(model.STATES), after_90_days]


def test_the_audit_is_forgotten_after_a_year_and_what_it_says_of_documents_after_ten(
    app: Flask, bells: list[tuple[str, int]]
) -> None:
    ages = (0, 365, 367, 3652, 3654)
    for lasting in (False, True):
        entry = {"actor": "system", "action": "invoice.issued" if lasting else "session.opened", "lasting": lasting}
        db.session.add_all(AuditEntry(at=clock.now() - timedelta(days=age), detail=str(age), **entry) for age in ages)
    db.session.commit()
    sweep()
    left = db.session.execute(select(AuditEntry.lasting, AuditEntry.detail).order_by(AuditEntry.id)).all()
    kept = {lasting: [int(age) for which, age in left if which == lasting] for lasting in (False, True)}
    assert kept == {False: [0, 365], True: [0, 365, 367, 3652]}


@pytest.mark.parametrize(
    ("action", "lasting"),
    [("request.reopened", True), ("review.accepted", True), ("credit_note.issued", True), ("order.new", False)],
)
@pytest.mark.databases("sqlite")
def test_what_explains_a_document_is_kept_as_long_as_it(app: Flask, action: str, lasting: bool) -> None:
    with transaction():
        history.record(action)
    assert db.session.scalars(select(AuditEntry.lasting)).one() is lasting


def test_what_was_tried_out_begins_anew_in_portions(
    make_app: Callable[..., Flask], bells: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MOST_AT_ONCE", 2)
    with make_app(ISSUE_MODE="trial").app_context():
        for number in range(3):
            issued(a_due_request(number).id)
    with make_app(ISSUE_MODE="live").app_context():
        assert [sweep().more for _ in range(2)] == [True, False]
        assert set(db.session.scalars(select(InvoiceRequest.state))) == {"scheduled"}


def test_a_chore_that_fails_keeps_no_bell_from_ringing(
    app: Flask, bells: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ValueError

    monkeypatch.setattr(sweeping, "CHORES", (broken,))
    due = a_due_request(1)
    assert sweep().rung == 1
    assert bells == [("produce", due.id)]


@pytest.mark.databases("postgresql")
def test_a_row_that_somebody_holds_for_long_keeps_no_bell_from_ringing(
    app: Flask, bells: list[tuple[str, int]]
) -> None:
    killer = a_due_request(1, attempts=leases.MOST_ATTEMPTS)
    order_id, due_id = killer.order_id, a_due_request(2).id
    db.session.commit()
    with db.engine.connect() as elsewhere:
        elsewhere.execute(select(Order.id).where(Order.id == order_id).with_for_update())
        db.session.execute(text("SET lock_timeout = '50ms'"))
        db.session.commit()
        sweep()
    assert ("produce", due_id) in bells
    assert killer.state == "scheduled"
    sweep()
    assert killer.state == "needs_attention"
