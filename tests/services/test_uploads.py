"""Files that an admin hands in: tried, shown, taken in once, given up; killed anywhere, and done again."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

import clock
from app import create_app
from extensions import DomainError, db
from models import Customer, EarlierInvoice, Order, Upload
from services import leases, sweep, uploads
from shops.notation import Notation
from tests.shops.messages import a_message
from tests.support import forks
from tests.support.factories import a_customer
from tests.support.shops import a_shop


@pytest.fixture
def admin(app: Flask) -> Customer:
    return a_customer(email="admin@example.org", admin=True)


def orders(count: int, **changes: Any) -> bytes:
    return "\n".join(json.dumps(a_message(number=f"A-{number}", **changes)) for number in range(count)).encode()


def hand_in(admin: Customer, content: bytes, shape: str = "contract-json", **changes: Any) -> Upload:
    facts: dict[str, Any] = {"notation": Notation(), "shop": None}
    return uploads.hand_in(admin, "commandes.json", content, shape=shape, **(facts | changes))


def tried(admin: Customer, content: bytes, shape: str = "contract-json", **changes: Any) -> Upload:
    upload = hand_in(admin, content, shape, **changes)
    uploads.load(upload.id)
    db.session.expire_all()
    return upload


def rows(model: type[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def content(upload: Upload) -> bytes | None:
    found = select(Upload).where(Upload.id == upload.id).options(undefer(Upload.content))
    return db.session.scalars(found.execution_options(populate_existing=True)).one().content


def test_a_file_is_tried_first_and_changes_nothing(app: Flask, admin: Customer) -> None:
    upload = tried(admin, orders(3) + b"\n" + json.dumps(a_message(number="B-1", total="1.00")).encode())

    assert (upload.state, rows(Order)) == ("previewed", 0)
    assert upload.counts == {"new": 3, "review": 0, "opened": 0, "refused": 1}
    assert "B-1" in (upload.report or b"").decode("utf-8-sig")


def test_a_confirmed_file_is_taken_in_once(app: Flask, admin: Customer) -> None:
    upload = tried(admin, orders(3))
    assert (uploads.confirm(upload.id, admin), uploads.confirm(upload.id, admin)) == (True, False)
    for _time in range(2):
        uploads.load(upload.id)
    db.session.expire_all()

    assert (upload.state, rows(Order), content(upload)) == ("imported", 3, None)
    assert upload.counts is not None
    assert upload.counts["new"] == 3


def test_a_file_that_is_given_up_is_forgotten(app: Flask, admin: Customer) -> None:
    upload = tried(admin, orders(1))

    assert (uploads.discard(upload.id, admin), uploads.discard(upload.id, admin)) == (True, False)
    assert uploads.confirm(upload.id, admin) is False
    db.session.expire_all()
    assert (upload.state, content(upload), rows(Order)) == ("failed", None, 0)


def test_a_list_of_invoices_goes_in_the_same_way(app: Flask, admin: Customer) -> None:
    upload = tried(admin, b"T-1;F1;03/04/2026\n", "issued-invoices", notation=Notation(dates="dmy"))
    assert (upload.counts, rows(EarlierInvoice)) == ({"noted": 1}, 0)
    uploads.confirm(upload.id, admin)
    uploads.load(upload.id)

    assert rows(EarlierInvoice) == 1


def test_the_prefix_of_its_shop_is_put_before_the_numbers(app: Flask, admin: Customer) -> None:
    upload = tried(admin, orders(1), shop=a_shop(number_prefix="W-"))
    uploads.confirm(upload.id, admin)
    uploads.load(upload.id)

    assert db.session.scalars(select(Order.number)).all() == ["W-A-0"]


@pytest.mark.parametrize(
    ("sent", "shape"), [(b"x;y", "contract-csv"), (b"plain text", "contract-json"), (b"\xff", "issued-invoices")]
)
def test_what_cannot_be_read_says_why(app: Flask, admin: Customer, sent: bytes, shape: str) -> None:
    upload = tried(admin, sent, shape)

    assert upload.state == "failed"
    assert upload.problem
    assert content(upload) is None


def test_an_empty_file_is_refused_at_once(app: Flask, admin: Customer) -> None:
    with pytest.raises(DomainError, match="vide"):
        hand_in(admin, b" \n")


def _load(settings: dict[str, str], number: int) -> None:
    create_app(settings).app_context().push()
    uploads.load(number)


@pytest.mark.parametrize("step", ["load.claimed", "load.portion"])
def test_a_worker_that_is_killed_leaves_the_file_to_the_next(
    app: Flask, admin: Customer, settings: dict[str, str], tmp_path: Path, step: str
) -> None:
    upload = tried(admin, orders(250))
    uploads.confirm(upload.id, admin)
    armed = tmp_path / "failpoints"
    armed.mkdir()
    (armed / step).write_text("kill", encoding="utf-8")
    number = upload.id
    db.session.rollback()
    db.engine.dispose()  # No connection is shared with a child.
    worker = forks.start(_load, settings | {"FAILPOINTS_DIR": str(armed)}, number)
    assert forks.ended(worker) == -signal.SIGKILL
    db.session.expire_all()
    assert upload.state == "confirmed"
    assert rows(Order) < 250
    upload.lease_until = clock.now()  # Nobody waits a minute and a half in a test.
    db.session.commit()
    uploads.load(upload.id)
    db.session.expire_all()

    assert (upload.state, rows(Order)) == ("imported", 250)


def test_a_file_that_kills_its_workers_is_given_up(app: Flask, admin: Customer) -> None:
    upload = hand_in(admin, orders(1))
    upload.attempts = leases.MOST_ATTEMPTS
    db.session.commit()
    uploads.load(upload.id)
    sweep.sweep()
    db.session.expire_all()

    assert (upload.state, upload.problem) == ("failed", "Le traitement s'est arrêté cinq fois.")
    assert content(upload) is None
