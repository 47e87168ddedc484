"""Whoever guesses at orders from many places finds none, and keeps no honest guest out for longer than a quarter."""

from datetime import timedelta

import pytest
from flask import Flask
from time_machine import Traveller

from models import Order
from services import guests
from services.limits import TooMany
from tests.support.factories import an_order

pytestmark = pytest.mark.databases("sqlite")
NETWORKS = [f"192.0.2.{place}" for place in range(1, 51)]
QUARTER = 15 * 60


def looked_up(order: Order, network: str) -> Order | None:
    return guests.look_up(order.number, order.email, visitor=network)


def test_a_thousand_guesses_find_no_order_and_keep_a_guest_out_for_a_quarter_at_most(
    app: Flask, frozen_clock: Traveller
) -> None:
    orders = [an_order(number=f"T-{100200 + place}", email=f"client{place}@example.org") for place in range(20)]
    waits: list[int] = []
    for guess in range(1000):
        order, other = orders[guess % 20], orders[(guess + 1 + guess // 20 % 19) % 20]
        number = order.number if guess % 40 < 20 else f"T-{900000 + guess}"
        email = other.email if guess % 3 else f"voleur{guess}@evil.example"
        try:
            assert guests.look_up(number, email, visitor=NETWORKS[guess % 50]) is None
        except TooMany as refused:
            waits.append(refused.retry_after)
        frozen_clock.shift(timedelta(milliseconds=500))
    assert len(waits) >= 100  # Each of 20 numbers was guessed at 25 times, and ten are heard in a quarter.
    for network in ("198.51.100.7", NETWORKS[0]):
        for order in orders:
            try:
                assert looked_up(order, network) == order
            except TooMany as refused:
                waits.append(refused.retry_after)
    assert 0 < min(waits) <= max(waits) <= QUARTER + 1
    frozen_clock.shift(timedelta(minutes=15))
    for network in ("198.51.100.7", NETWORKS[0]):
        assert [looked_up(order, network) for order in orders] == orders
