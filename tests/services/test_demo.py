"""The demo shop: everything a visitor should meet, through the doors of a real shop, once."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import func, select

import clock
from app import create_app
from extensions import DomainError, db
from models import AuditEntry, Customer, Delivery, InvoiceRequest, Order, OrderLine
from services import accounts, demo, guests, orders
from shops.demo.orders import INVOICED_ELSEWHERE_BEFORE, messages
from tests.support import once
from tests.support.databases import Databases
from tests.support.settings import settings_for_tests

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 3, 28, 23, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def loaded(databases: Databases, database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Give an application on the demo's data, with `INVOICE_FROM` as bin/dev sets it; those who ask only look at it."""
    invoice_from = (clock.now() - timedelta(days=60)).date().isoformat()
    with databases.fresh(database_kind) as url:
        folder = tmp_path_factory.mktemp("demo")
        app = create_app(settings_for_tests(folder, DATABASE_URL=url, INVOICE_FROM=invoice_from))
        once.share_texts(app)
        with app.app_context():
            assert demo.load()
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.mark.parametrize("anchor", [NOON, AFTER_MIDNIGHT])
def test_the_orders_are_the_same_every_time_and_never_ahead_of_their_moment(anchor: datetime) -> None:
    first = messages(anchor)
    assert first == messages(anchor)
    assert 380 <= len(first) <= 420
    assert len({one.email for one in first}) == 60
    for one in first:
        moments = [one.placed_at, one.shipped_at, one.delivered_at, one.cancelled_at]
        moments += [each.shipped_at for each in one.shipments] + [each.at for each in one.refunds]
        assert max(moment for moment in moments if moment) < anchor
        assert one.placed_at > anchor - timedelta(days=731)


@pytest.mark.parametrize("anchor", [NOON, AFTER_MIDNIGHT])
def test_the_guests_order_has_the_number_that_is_printed(anchor: datetime) -> None:
    found = [one for one in messages(anchor) if one.number == demo.GUEST_ORDER]
    assert [one.email for one in found] == [demo.GUEST_EMAIL]
    assert found[0].shipped_at
    assert found[0].billing is None


@pytest.mark.databases("sqlite")
def test_a_visitor_meets_every_state(loaded: Flask) -> None:
    with loaded.app_context():
        everything = db.session.scalars(select(Order)).all()
        states = Counter(order.status for order in everything)
        assert set(states) == {"placed", "preparing", "shipped", "delivered", "cancelled", "refunded"}
        assert sum(order.needs_review for order in everything) == 2
        assert any(0 < order.refunded_amount < order.total for order in everything)
        assert any(order.existing_invoice for order in everything)
        assert any(order.order_discount for order in everything)
        assert any(len(order.shipments) == 2 for order in everything)
        assert {order.prices_include_tax for order in everything} == {True, False}
        assert max(len(order.lines) for order in everything) >= 60
        lines = select(OrderLine.vat_rate, OrderLine.vat_category).distinct()
        assert {(rate, category) for rate, category in db.session.execute(lines)} == {
            (Decimal(20), None), (Decimal("5.5"), None), (Decimal(0), "K"), (Decimal(0), "G"), (Decimal(0), "O"),
        }  # fmt: skip


@pytest.mark.databases("sqlite")
def test_nothing_of_before_the_change_is_invoiced_twice(loaded: Flask) -> None:
    with loaded.app_context():
        change = clock.now() - INVOICED_ELSEWHERE_BEFORE
        elsewhere = db.session.scalars(select(Order).where(Order.existing_invoice.is_not(None))).all()
        assert all(order.placed_at < change for order in elsewhere)
        assert all(order.request is None for order in elsewhere)


def test_the_worker_finds_work_and_every_kind_of_waiting(loaded: Flask) -> None:
    with loaded.app_context():
        requests = db.session.scalars(select(InvoiceRequest)).all()
        due = [one for one in requests if one.state == "scheduled" and one.is_due]
        assert 20 <= len(due) <= 25
        assert any(one.state == "scheduled" and not one.is_due for one in requests)
        assert {one.waiting_for for one in requests} == {None, *InvoiceRequest.WAITS}
        assert {one.origin for one in requests} == {"customer", "checkout", "company"}
        assert [one.order.email for one in requests if one.state == "cancelled"] == ["zoe.noel@example.com"]
        kinds = Counter(db.session.scalars(select(Delivery.kind)))
        assert kinds == {"confirmation": 2, "request_received": 4, "request_cancelled": 1}


@pytest.mark.databases("sqlite")
def test_claire_can_walk_her_journey_from_its_first_step(loaded: Flask) -> None:
    with loaded.app_context():
        claire = accounts.authenticate(demo.CUSTOMER_EMAIL, demo.CUSTOMER_PASSWORD)
        assert claire
        assert claire.is_confirmed
        assert claire.billing is None
        page = orders.page(claire)
        assert len(page.orders) == 20
        assert page.next
        assert 8 <= len(orders.page(claire, page.next).orders) <= 12
        two_days_ago = clock.now() - timedelta(days=2)
        ready = [one for one in page.orders if one.shipped_at and one.shipped_at <= two_days_ago and not one.request]
        assert ready
        assert ready[0].billing is None
        assert ready[0].existing_invoice is None
        assert {"preparing", "shipped", "delivered", "cancelled", "refunded"} <= {one.status for one in page.orders}
        assert [one.request.state for one in page.orders if one.request] == ["scheduled"]


@pytest.mark.databases("sqlite")
def test_the_admin_and_the_guest_get_in(loaded: Flask) -> None:
    with loaded.app_context():
        admin = accounts.authenticate(demo.ADMIN_EMAIL, demo.ADMIN_PASSWORD)
        assert admin
        assert admin.is_admin
        assert guests.look_up(demo.GUEST_ORDER, demo.GUEST_EMAIL)
        assert accounts.find(demo.GUEST_EMAIL) is None


def test_a_second_load_changes_nothing(loaded: Flask) -> None:
    with loaded.app_context():
        before = _counts()
        assert not demo.load()
        assert _counts() == before


def test_an_interrupted_load_goes_on_with_the_same_orders(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo, "_open_unconfirmed", gone)
        with pytest.raises(KeyboardInterrupt):
            demo.load()
    before = db.session.scalar(select(func.count()).select_from(Order))
    assert demo.load()
    assert db.session.scalar(select(func.count()).select_from(Order)) == before
    assert not demo.load()


def test_production_never_gets_the_demo(make_app: Callable[..., Flask]) -> None:
    app = make_app(APP_ENV="production", PUBLIC_URL="https://client.boutique.example")
    with app.app_context():
        with pytest.raises(DomainError):
            demo.load()
        assert _counts() == [0, 0, 0, 0]


def _counts() -> list[int]:
    tables = (Customer, Order, InvoiceRequest, AuditEntry)
    return [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]
