"""Shops that are read: completely, in spite of trouble, on from where a killed reading stood, twice with no change."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

import clock
import task_queue
from app import create_app
from calls import patience
from extensions import db
from models import Customer, Delivery, InvoiceRequest, Order, Shop, ShopMessage
from services import pulls, sweep
from tests.shops import prestashop_orders, recorded
from tests.support import forks
from tests.support.shop_servers import PrestaShop, StandIn, WooCommerce, serving
from tests.support.shops import a_shop

COUNT = 120


def woocommerce_orders(count: int = COUNT) -> list[dict[str, Any]]:
    """Return so many orders, three of which changed in each second."""
    return [
        recorded.sent(
            "woocommerce", "guest", id=number, number=str(number),
            date_modified_gmt=f"2026-11-02T10:{number // 3 // 60:02d}:{number // 3 % 60:02d}",
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


@pytest.fixture(params=["woocommerce", "prestashop"])
def server(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    woo = WooCommerce("ck_1:cs_2", orders=woocommerce_orders())
    presta = PrestaShop("WSKEY:", tables=prestashop_orders.tables(COUNT))
    with serving(woo if request.param == "woocommerce" else presta) as shop:
        yield shop


@pytest.fixture
def shop(app: Flask, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(patience, "PAUSES", (0.0,) * 4)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.0)
    system = "woocommerce" if isinstance(server, WooCommerce) else "prestashop"
    return a_shop(name="atelier", system=system, base_url=server.url, pull_key=server.key.rstrip(":"))


def read(shop: Shop, **options: Any) -> Counter[str]:
    total: Counter[str] = Counter()
    for progress in pulls.back_fill(shop, None, **options):
        total += progress.outcomes
    return total


def cursor_of(shop: Shop) -> tuple[dict[str, Any] | None, str | None]:
    db.session.expire_all()
    return shop.pull_cursor, shop.last_error


def rows(model: type[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_every_order_is_read_whatever_the_shop_s_trouble(shop: Shop, server: StandIn) -> None:
    server.faults = [429, "cut", 500, 503]
    read(shop)

    assert rows(Order) == COUNT
    assert db.session.scalars(select(Order.review)).all() == [None] * COUNT
    assert {str(total) for total in db.session.scalars(select(Order.total))} == {"31.72"}


def test_a_second_reading_changes_nothing(shop: Shop) -> None:
    read(shop)
    before = db.session.execute(select(Order.id, Order.version, Order.content_hash).order_by(Order.id)).all()
    second = read(shop)

    assert set(second) == {"unchanged"}
    assert db.session.execute(select(Order.id, Order.version, Order.content_hash).order_by(Order.id)).all() == before
    assert (shop.pull_cursor, shop.lease_token) == (None, None)


def test_history_opens_no_request_and_sends_no_mail(shop: Shop) -> None:
    read(shop)

    assert (rows(InvoiceRequest), rows(Delivery), rows(Customer)) == (0, 0, 0)


def test_a_dry_run_says_what_would_happen_and_keeps_nothing(shop: Shop) -> None:
    counts = read(shop, dry_run=True)

    assert counts["new"] >= COUNT
    assert (rows(Order), shop.pull_cursor, shop.pulled_until) == (0, None, None)


def _pull(settings: dict[str, str]) -> None:
    app = create_app(settings)
    with app.app_context():
        app.test_cli_runner().invoke(args=["shops", "pull", "atelier"])


@pytest.mark.parametrize("step", ["pull.page_read", "pull.page_kept"])
def test_a_reading_that_is_killed_goes_on_where_it_stood(
    shop: Shop, server: StandIn, settings: dict[str, str], tmp_path: Path, step: str
) -> None:
    armed = tmp_path / "failpoints"
    armed.mkdir()
    (armed / step).write_text("kill", encoding="utf-8")
    db.session.rollback()
    db.engine.dispose()  # No connection is shared with a child.
    reader = forks.start(_pull, settings | {"FAILPOINTS_DIR": str(armed)})
    assert forks.ended(reader) == -signal.SIGKILL
    db.session.expire_all()
    kept = rows(Order)
    assert kept < COUNT
    assert (kept > 0) == (step == "pull.page_kept")
    assert shop.pull_cursor is not None
    shop.lease_until = clock.now() - pulls.OVERLAP  # Nobody waits a minute and a half in a test.
    db.session.commit()
    asked = len(server.asked)
    pulls.read_changes(shop.id)

    assert rows(Order) == COUNT
    assert len(server.asked) > asked
    assert cursor_of(shop) == (None, None)


def test_a_shop_that_cannot_be_read_is_tried_again_later(shop: Shop, server: StandIn) -> None:
    server.faults = [500] * 5
    pulls.read_changes(shop.id)
    db.session.expire_all()

    assert shop.last_error == "La boutique répond par une erreur (500)."
    assert shop.due_at is not None
    assert shop.due_at > clock.now()
    assert shop.lease_token is None


def test_a_key_that_is_refused_is_not_tried_five_times(shop: Shop, server: StandIn) -> None:
    server.key = "another"
    pulls.read_changes(shop.id)
    db.session.expire_all()

    assert (shop.last_error, len(server.asked)) == ("La boutique refuse la clé.", 1)


def test_a_shop_that_is_due_is_rung_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, int]] = []

    def ring(job: str, row_id: int) -> bool:
        rung.append((job, row_id))
        return True

    monkeypatch.setattr(task_queue, "ring", ring)
    sweep.sweep()

    assert ("pull", shop.id) in rung


def test_what_cannot_be_read_waits_for_an_admin_once(shop: Shop, server: StandIn) -> None:
    if isinstance(server, WooCommerce):
        server.orders[0]["billing"] = {"email": "nobody"}
    elif isinstance(server, PrestaShop):
        server.tables["customers"][0]["email"] = "nobody"
    for _time in range(2):
        read(shop)

    assert rows(Order) == COUNT - 1
    assert [(one.state, one.topic) for one in db.session.scalars(select(ShopMessage))] == [("failed", "pull")]


@pytest.mark.parametrize("server", ["prestashop"], indirect=True)
def test_neither_password_nor_secure_key_is_asked_for_or_kept(
    app: Flask, server: StandIn, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(server, PrestaShop)
    server.tables["customers"][0]["email"] = "nobody"
    read(shop)

    assert not [path for path in server.asked if "full" in path or "passwd" in path or "secure_key" in path]
    assert prestashop_orders.SECRET not in caplog.text
    for table in db.metadata.sorted_tables:
        assert prestashop_orders.SECRET not in str(db.session.execute(select(table)).all())
