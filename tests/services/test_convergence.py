"""Whatever the order in which the messages of an order come in, and how often, they end in the same state."""

from itertools import count
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from extensions import db
from models import Customer
from services import shops
from tests.support import forks, histories, senders
from tests.support.factories import a_customer, billing_details
from tests.support.shops import a_shop

_examples = count(1)
SYSTEMS = {"contract": histories.of_an_own_shop(), "woocommerce": histories.of_a_connector()}
LISTS = {system: st.shared(history, key=system) for system, history in SYSTEMS.items()}


def _in_any_order(system: str) -> st.SearchStrategy[list[histories.Message]]:
    """Return the shared history with some of it said twice, shuffled."""
    again = LISTS[system].flatmap(
        lambda sent: st.lists(st.sampled_from(sent), max_size=3).map(lambda some: sent + some)
    )
    return again.flatmap(st.permutations)


@pytest.fixture
def account(app: Flask, frozen_clock: time_machine.Traveller) -> Customer:
    """Give one of the two addresses an account, with details of its own."""
    return a_customer(email="paul@example.org", billing=billing_details())


def _tried(system: str, one: list[histories.Message], other: list[histories.Message]) -> None:
    number, said = str(next(_examples)), []
    for prefix, messages in (("A-", one), ("B-", other)):
        name = f"{system}-{prefix[0].lower()}"
        shop = shops.by_name(name) or a_shop(name=name, system=system, number_prefix=prefix + system[0] + "-")
        histories.deliver(shop, number, messages)
        said.append(histories.outcome(shop, number))
    assert said[0] == said[1]


_settings = hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@_settings
@given(one=_in_any_order("contract"), other=_in_any_order("contract"))
def test_what_a_shop_says_by_the_api_ends_in_one_state(
    account: Customer, one: list[histories.Message], other: list[histories.Message]
) -> None:
    _tried("contract", one, other)


@_settings
@given(one=_in_any_order("woocommerce"), other=_in_any_order("woocommerce"))
def test_what_a_connector_reads_ends_in_one_state(
    account: Customer, one: list[histories.Message], other: list[histories.Message]
) -> None:
    _tried("woocommerce", one, other)


@pytest.mark.parametrize("seed", [1, 2])
def test_two_processes_that_bring_the_same_messages_end_in_the_same_state(
    app: Flask, settings: dict[str, str], seed: int
) -> None:
    one, both = a_shop(name="one", number_prefix="A-"), a_shop(name="both", number_prefix="B-")
    for number in senders.NUMBERS:
        histories.deliver(one, number, histories.a_busy_one())
    name = both.name
    db.session.rollback()
    db.engine.dispose()  # No connection is shared with a child.
    children = [forks.start(senders.send, settings, name, seed + number) for number in range(senders.PROCESSES)]
    assert {forks.ended(child, 120) for child in children} == {0}
    db.session.rollback()  # What this process has read last is from before.
    for number in senders.NUMBERS:
        # Each process has its own « now »: what is dated by it is compared by whether it is there.
        said = [_undated(histories.outcome(shop, number)) for shop in (one, both)]
        assert said[0] == said[1]


def _undated(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome without the moments of our own clock."""
    request = outcome["request"] or {}
    ours = [name for name in request if name.endswith("_at")]
    return outcome | {"received_at": None, "request": request | {name: request[name] is not None for name in ours}}
