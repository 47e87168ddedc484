from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import RateCounter
from services import limits
from services.limits import Limit, TooMany

THREE = Limit("test", 3, timedelta(minutes=15))


def test_what_is_within_the_limit_passes_and_the_next_is_refused(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    frozen_clock.move_to("2026-11-23T09:05:00+00:00")
    for _try in range(3):
        limits.hit(THREE, "claire@example.org")
    with pytest.raises(TooMany) as refusal:
        limits.hit(THREE, "claire@example.org")
    assert 10 * 60 <= refusal.value.retry_after <= 10 * 60 + 1


def test_nobody_is_kept_out_longer_than_the_window(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    for _try in range(50):
        limits.allows(THREE, "claire@example.org")
    with pytest.raises(TooMany) as refusal:
        limits.hit(THREE, "claire@example.org")
    frozen_clock.shift(refusal.value.retry_after)
    limits.hit(THREE, "claire@example.org")


def test_keys_and_actions_are_counted_apart(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    for _try in range(3):
        limits.hit(THREE, "claire@example.org")
    limits.hit(THREE, "other@example.org")
    limits.hit(Limit("other", 3, THREE.window), "claire@example.org")


def test_an_honest_try_is_forgiven(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    for _try in range(20):
        limits.hit(THREE, "claire@example.org")
        limits.forgive(THREE, "claire@example.org")
    limits.forgive(THREE, "never tried")


def test_tries_beside_each_other_are_all_counted(app: Flask) -> None:
    def try_once(_number: int) -> bool:
        with app.app_context():
            try:
                return limits.allows(Limit("race", 5, timedelta(days=1)), "one key")
            finally:
                db.session.remove()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(try_once, range(20))) == 5


def test_no_address_is_written_down(app: Flask) -> None:
    limits.hit(THREE, "claire@example.org")
    assert "claire" not in db.session.scalars(select(RateCounter.key)).one()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        (None, "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_a_household_is_one_network(address: str | None, network: str) -> None:
    assert limits.network(address) == network
