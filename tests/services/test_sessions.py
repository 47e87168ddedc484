import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from extensions import db, transaction
from models import AuditEntry, SignInSession
from services import history, sessions, tokens
from tests.support.factories import a_customer


def see(raw: str) -> None:
    customer = sessions.load(raw)
    if customer is not None:
        sessions.touch(customer)


FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_a_session_opens_its_account_and_only_its_hash_is_kept(app: Flask) -> None:
    claire = a_customer()
    raw = sessions.open(claire, FIREFOX)
    found = sessions.load(raw)
    assert found == claire
    assert found is not None
    assert found.get_id() == raw
    kept = db.session.scalars(select(SignInSession)).one()
    assert raw not in (kept.token_hash, kept.user_agent)
    assert len(raw) >= 43  # 256 bits


@pytest.mark.parametrize("token", ["", "unknown", "\x00", "é" * 300])
def test_anything_else_opens_nothing(app: Flask, token: str) -> None:
    sessions.open(a_customer(), "")
    assert sessions.load(token) is None


def test_a_closed_session_opens_nothing(app: Flask) -> None:
    raw = sessions.open(a_customer(), "")
    sessions.close(raw)
    sessions.close(raw)
    assert sessions.load(raw) is None


def test_signing_in_and_out_is_on_record_with_whose_session_it_was(app: Flask) -> None:
    claire = a_customer()
    raw = sessions.open(claire, FIREFOX)
    for _press in range(2):
        sessions.close(raw)
    found = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(row.action, row.customer_id) for row in found] == [
        ("session.opened", claire.id),
        ("session.closed", claire.id),
    ]


def test_of_two_presses_at_once_one_signs_out_on_record(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, holding, record = sessions.open(a_customer(), FIREFOX), threading.Event(), history.record
    db.session.commit()

    def record_slowly(*about: Any, **more: Any) -> None:
        holding.set()
        time.sleep(0.3)  # Until the other has come to the row that this one holds.
        record(*about, **more)

    def press() -> None:
        with app.app_context():
            sessions.close(raw)

    monkeypatch.setattr(history, "record", record_slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(press)
        assert holding.wait(10)
        second = pool.submit(press)
        assert (first.exception(), second.exception()) == (None, None)
    closed = select(func.count()).where(AuditEntry.action == "session.closed")
    assert db.session.scalar(closed) == 1


def test_a_session_ends_after_fourteen_idle_days(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    raw = sessions.open(a_customer(), "")
    frozen_clock.shift(timedelta(days=13, hours=23))
    assert sessions.load(raw) is not None
    frozen_clock.shift(timedelta(hours=1))
    assert sessions.load(raw) is None


def test_activity_keeps_a_session_alive_but_not_beyond_ninety_days(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    raw = sessions.open(a_customer(), "")
    for _week in range(12):
        frozen_clock.shift(timedelta(days=7))
        see(raw)
        assert sessions.load(raw) is not None
    frozen_clock.shift(timedelta(days=6))
    see(raw)
    assert sessions.load(raw) is None


def test_an_admin_s_session_ends_sooner(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    patron, claire = a_customer(email="patron@example.org", admin=True), a_customer()
    idle, active, hers = sessions.open(patron, ""), sessions.open(patron, ""), sessions.open(claire, "")
    for _half_day in range(13):
        frozen_clock.shift(timedelta(hours=11, minutes=59))
        see(active)
        assert sessions.load(active) is patron
    assert sessions.load(idle) is None
    assert [one.token_hash for one in sessions.of(patron)] == [tokens.digest(active)]
    frozen_clock.shift(timedelta(hours=12))
    see(active)
    assert sessions.load(active) is None
    assert sessions.load(hers) is claire


def test_being_seen_is_written_once_an_hour(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    raw = sessions.open(a_customer(), "")
    first = db.session.scalars(select(SignInSession)).one().last_seen_at
    frozen_clock.shift(timedelta(minutes=59))
    see(raw)
    assert db.session.scalars(select(SignInSession)).one().last_seen_at == first
    frozen_clock.shift(timedelta(minutes=2))
    see(raw)
    assert db.session.scalars(select(SignInSession)).one().last_seen_at == first + timedelta(minutes=61)


def test_looking_wakes_no_dead_session(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    claire = a_customer()
    raw = sessions.open(claire, "")
    frozen_clock.shift(timedelta(days=15))
    sessions.touch(claire)
    assert sessions.load(raw) is None


def test_closing_all_spares_the_present_device_and_other_people(app: Flask) -> None:
    claire, paul = a_customer(), a_customer(email="paul@example.org")
    here, elsewhere, pauls = sessions.open(claire, ""), sessions.open(claire, ""), sessions.open(paul, "")
    with transaction():
        sessions.end_all(claire, except_raw=here)
    assert [sessions.load(raw) is not None for raw in (here, elsewhere, pauls)] == [True, False, True]
    with transaction():
        sessions.end_all(claire)
    assert sessions.load(here) is None


def test_a_device_of_somebody_else_cannot_be_closed(app: Flask) -> None:
    claire, paul = a_customer(), a_customer(email="paul@example.org")
    raw = sessions.open(paul, "")
    [session] = sessions.of(paul)
    assert not sessions.close_one(claire, session.id)
    assert sessions.load(raw) is not None
    assert sessions.close_one(paul, session.id)
    assert sessions.close_one(paul, session.id)
    assert sessions.load(raw) is None
    assert sessions.of(paul) == []


def test_a_long_user_agent_is_cut(app: Flask) -> None:
    sessions.open(a_customer(), "x" * 5000)
    assert len(db.session.scalars(select(SignInSession)).one().user_agent) == 200


@pytest.mark.parametrize(
    ("user_agent", "names"),
    [
        (FIREFOX, ("Firefox", "Windows")),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1",
            ("Safari", "iPhone"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
            ("Chrome", "Android"),
        ),
        ("curl/8.5.0", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_device_has_a_name_that_a_person_knows(user_agent: str, names: tuple[str, str]) -> None:
    assert sessions.browser_and_system(user_agent) == names
