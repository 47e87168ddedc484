"""Who the door for shops admits, and what the equal call is answered."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

import clock
from extensions import db
from models import ApiCall, ApiKey, AuditEntry, RateCounter
from services import door, limits, shops, sweep
from services.limits import Limit, TooMany
from shops import signatures
from tests.support.shops import a_key, a_shop

TARGET = "/api/v1/orders/T-1?x=%20"
BODY = b'{"number": "T-1"}'


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: time_machine.Traveller) -> None:
    """Let every test have a still clock: a signature names its second."""


@pytest.fixture
def key(app: Flask) -> shops.NewKey:
    """Give a key that may do everything."""
    return a_key(a_shop())


def a_call(key: shops.NewKey, *, at: int | None = None, **changes: Any) -> door.Call:
    moment = int(clock.now().timestamp()) if at is None else at
    signature = signatures.sign_call(key.secret, at=moment, method="PUT", target=TARGET, body=BODY)
    call = door.Call("PUT", TARGET, lambda: BODY, f"Bearer {key.key_id}", signature, "203.0.113.7")
    return replace(call, **changes)


def knock(call: door.Call) -> door.Answer | None:
    return door.begin(door.admit(call, "orders:write"), call)


def the_key(key: shops.NewKey) -> ApiKey:
    return db.session.scalars(select(ApiKey).where(ApiKey.key_id == key.key_id)).one()


def calls() -> list[ApiCall]:
    return list(db.session.scalars(select(ApiCall)))


def test_a_signed_call_is_admitted_and_its_key_counts_as_used(app: Flask, key: shops.NewKey) -> None:
    admitted = door.admit(a_call(key), "orders:write")
    assert admitted.key_id == key.key_id
    used = the_key(key)
    assert (used.last_used_at, used.shop.last_message_at) == (clock.now(), clock.now())


@pytest.mark.parametrize("changes", [{"authorization": "Bearer ec_nobody"}, {"signature": ""}, {"authorization": ""}])
def test_nothing_is_read_of_a_call_that_names_no_key(app: Flask, key: shops.NewKey, changes: dict[str, Any]) -> None:
    def read() -> bytes:
        raise AssertionError("sixteen mebibytes of anybody's")

    with pytest.raises(door.NotAdmitted):
        door.admit(a_call(key, read_body=read, **changes), "orders:write")


def test_nothing_is_read_of_a_stale_call(app: Flask, key: shops.NewKey) -> None:
    def read() -> bytes:
        raise AssertionError("sixteen mebibytes of anybody's")

    with pytest.raises(door.NotAdmitted, match="cinq minutes"):
        door.admit(a_call(key, at=int(clock.now().timestamp()) - 301, read_body=read), "orders:write")


def test_the_use_of_a_key_is_noted_to_the_minute(
    app: Flask, key: shops.NewKey, frozen_clock: time_machine.Traveller
) -> None:
    first = clock.now()
    door.admit(a_call(key), "orders:write")
    frozen_clock.shift(timedelta(seconds=30))
    door.admit(a_call(key), "orders:write")
    assert the_key(key).last_used_at == first
    frozen_clock.shift(timedelta(seconds=31))
    door.admit(a_call(key), "orders:write")
    assert the_key(key).last_used_at == clock.now()


def noted(action: str) -> list[tuple[str, str]]:
    """Who did it, and the detail, of each row of the audit about that."""
    found = select(AuditEntry.actor, AuditEntry.detail).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return [(row.actor, row.detail) for row in db.session.execute(found)]


@pytest.mark.databases("sqlite")
def test_the_use_of_a_key_is_in_the_audit_once_an_hour(
    app: Flask, key: shops.NewKey, frozen_clock: time_machine.Traveller
) -> None:
    frozen_clock.move_to(clock.now().replace(minute=30))
    row = (f"shop:{the_key(key).shop.name}", key.key_id)
    for minute in range(1, 31):
        door.admit(a_call(key), "orders:write")
        assert noted("key.used") == [row] * (1 if minute < 31 else 2)
        frozen_clock.shift(timedelta(minutes=1))
    door.admit(a_call(key), "orders:write")
    assert noted("key.used") == [row] * 2


@pytest.mark.databases("sqlite")
def test_what_is_refused_to_shops_is_in_the_audit_once_an_hour(app: Flask, key: shops.NewKey) -> None:
    reading = a_key(a_shop(name="lecture"), "orders:read")
    for _try in range(2):
        for call in (a_call(key, read_body=lambda: b"another body"), a_call(reading), a_call(key, signature="")):
            with pytest.raises(door.NotAdmitted):
                door.admit(call, "orders:write")
    assert noted("call.refused") == [("system", key.key_id)]
    assert noted("call.exceeded") == [("system", f"{reading.key_id}, orders:write")]


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"target": "/api/v1/orders/T-1?x=+"},
        {"target": "/api/v1/orders/T-2?x=%20"},
        {"read_body": lambda: BODY + b" "},
        {"authorization": ""},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer ec_unknown"},
        {"signature": ""},
        {"signature": "v1=" + "0" * 64},
        {"signature": "t=1764500000,v1=" + "A" * 64},
        {"signature": "t=1764500000,v1=" + "0" * 64},
        {"signature": "t=٣,v1=" + "0" * 64},
    ],
)
@pytest.mark.databases("sqlite")
def test_what_is_not_this_key_s_signature_of_this_call_is_refused_and_logged(
    app: Flask, key: shops.NewKey, caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    with caplog.at_level(logging.WARNING, "services.door"), pytest.raises(door.NotAdmitted) as refusal:
        door.admit(a_call(key, **changes), "orders:write")
    assert refusal.value.status == 401
    assert [record.message for record in caplog.records] == ["call refused"]
    assert key.secret not in str(caplog.records[0].__dict__)
    assert vars(caplog.records[0])["key"] == ("" if "authorization" in changes else key.key_id)
    assert the_key(key).last_used_at is None


@pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
@pytest.mark.databases("sqlite")
def test_a_signature_is_good_for_five_minutes_either_way(
    app: Flask, key: shops.NewKey, seconds: int, good: bool
) -> None:
    call = a_call(key, at=int(clock.now().timestamp()) + seconds)
    if good:
        door.admit(call, "orders:write")
    else:
        with pytest.raises(door.NotAdmitted) as refusal:
            door.admit(call, "orders:write")
        assert refusal.value.status == 401


@pytest.mark.databases("sqlite")
def test_a_key_of_another_scope_is_refused_by_that_name_and_not_used(app: Flask) -> None:
    key = a_key(a_shop(), "orders:read")
    with pytest.raises(door.NotAdmitted, match="orders:write") as refusal:
        door.admit(a_call(key), "orders:write")
    assert refusal.value.status == 403
    assert the_key(key).last_used_at is None


def test_a_network_that_guesses_is_stopped_and_others_are_not(app: Flask, key: shops.NewKey) -> None:
    forged = a_call(key, read_body=lambda: b"another body")
    for _try in range(limits.REFUSED_CALLS_BY_IP.most):
        with pytest.raises(door.NotAdmitted):
            door.admit(forged, "orders:write")
    with pytest.raises(TooMany):
        door.admit(forged, "orders:write")
    door.admit(a_call(key), "orders:write")  # Whoever holds the secret is not kept out by somebody beside them.
    with pytest.raises(door.NotAdmitted):
        door.admit(replace(forged, visitor="198.51.100.1"), "orders:write")


@pytest.mark.databases("sqlite")
def test_what_is_not_signed_at_all_is_not_even_counted(app: Flask, key: shops.NewKey) -> None:
    with pytest.raises(door.NotAdmitted):
        door.admit(a_call(key, signature=""), "orders:write")
    assert not db.session.scalars(select(RateCounter)).all()


def test_each_key_has_a_limit_of_its_own(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLS_BY_KEY", Limit("call.key", 3, limits.MINUTE))
    shop = a_shop()
    busy, other = a_key(shop), a_key(shop)
    now = int(clock.now().timestamp())
    for each in range(3):
        knock(a_call(busy, at=now + each))
    with pytest.raises(TooMany) as refusal:
        knock(a_call(busy, at=now + 3))
    assert refusal.value.retry_after <= 61
    assert len(calls()) == 3
    knock(a_call(other))


def test_a_call_that_is_repeated_uses_up_nothing_of_its_key_s_limit(
    app: Flask, key: shops.NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CALLS_BY_KEY", Limit("call.key", 2, limits.MINUTE))
    answered, answer = a_call(key), door.Answer(200, "application/json", b"{}")
    under_way = a_call(key, at=int(clock.now().timestamp()) + 1)
    knock(answered)
    door.finish(answered, answer)
    knock(under_way)
    for _try in range(3):
        assert knock(answered) == answer
        with pytest.raises(door.BeingAnswered):
            knock(under_way)
    door.give_up(under_way)
    with pytest.raises(TooMany):
        knock(under_way)


def test_the_equal_call_gets_the_answer_of_the_first(app: Flask, key: shops.NewKey) -> None:
    call, answer = a_call(key), door.Answer(201, "application/json", b'{"number": "T-1"}' * 1000)
    assert door.begin(the_key(key), call) is None
    door.finish(call, answer)
    assert door.begin(the_key(key), call) == answer
    assert door.begin(the_key(key), a_call(key, at=int(clock.now().timestamp()) + 1)) is None


@pytest.mark.databases("sqlite")
def test_an_answer_is_kept_compressed_and_sealed(app: Flask, key: shops.NewKey) -> None:
    call = a_call(key)
    door.begin(the_key(key), call)
    door.finish(call, door.Answer(200, "application/json", b"claire@example.org" * 1000))
    kept = calls()[0].answer
    assert kept
    assert b"claire" not in kept
    assert len(kept) < 1000


def test_of_equal_calls_at_once_one_is_answered_and_the_others_wait(app: Flask, key: shops.NewKey) -> None:
    call = a_call(key)

    def knock(_number: int) -> str:
        with app.app_context():
            try:
                return "new" if door.begin(the_key(key), call) is None else "answered"
            except door.BeingAnswered:
                return "waits"
            finally:
                db.session.remove()

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(knock, range(16)))
    assert sorted(outcomes) == ["new"] + ["waits"] * 15
    assert len(calls()) == 1


def test_a_call_that_came_to_no_answer_begins_anew(app: Flask, key: shops.NewKey) -> None:
    call = a_call(key)
    door.begin(the_key(key), call)
    door.give_up(call)
    assert door.begin(the_key(key), call) is None
    answer = door.Answer(200, "application/json", b"{}")
    door.finish(call, answer)
    door.give_up(call)  # Too late: there is an answer.
    assert door.begin(the_key(key), call) == answer


def test_what_a_killed_process_began_is_taken_over_once(
    app: Flask, key: shops.NewKey, frozen_clock: time_machine.Traveller
) -> None:
    call = a_call(key)
    door.begin(the_key(key), call)
    frozen_clock.shift(door.ANSWERED_WITHIN - timedelta(seconds=1))
    with pytest.raises(door.BeingAnswered):
        door.begin(the_key(key), call)
    frozen_clock.shift(timedelta(seconds=2))
    assert door.begin(the_key(key), call) is None
    with pytest.raises(door.BeingAnswered):
        door.begin(the_key(key), call)


@pytest.mark.databases("sqlite")
def test_answers_are_forgotten_once_no_equal_call_can_come(
    app: Flask, key: shops.NewKey, frozen_clock: time_machine.Traveller
) -> None:
    door.begin(the_key(key), a_call(key))
    # A call signed five minutes ahead of our clock may be repeated for ten minutes.
    kept = timedelta(seconds=2 * signatures.DRIFT_SECONDS)
    frozen_clock.shift(kept)
    sweep._forget_the_expired()
    assert len(calls()) == 1
    frozen_clock.shift(timedelta(seconds=1))
    sweep._forget_the_expired()
    assert not calls()


def test_a_second_with_zeros_before_it_is_no_other_signature_of_the_equal_call(key: shops.NewKey) -> None:
    call = a_call(key)
    padded = replace(call, signature=call.signature.replace("t=", "t=0"))

    with pytest.raises(door.NotAdmitted, match="X-Signature"):
        door.admit(padded, "orders:write")
