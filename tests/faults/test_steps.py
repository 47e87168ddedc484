"""Every fault at every step, of an invoice's life and of a shop's message: whoever is hit there, it ends as it must."""

from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

import failpoints
from extensions import db
from models import Order, ShopMessage
from tests.faults.cells import BEYOND_IT, PATIENCE, a_due_request, an_order_to_ask_for, doubts, is_asked_for, states
from tests.faults.laboratory import Laboratory, eventually, is_alive
from tests.shops import recorded
from tests.support.shops import a_shop

PAUSE = "pause beyond the lease"
FAULTS = {"kill": "kill", "error": "error", PAUSE: BEYOND_IT}
OF_MESSAGES = ("inbox.before_ring", "take_in.claimed", "take_in.applied")
OF_READINGS = ("pull.page_read", "pull.page_kept")
"""Where a shop is read: `tests/services/test_pulls.py` kills it there, beside a shop that answers."""
OF_FILES = ("load.claimed", "load.portion")
"""Where a file is taken in: `tests/services/test_uploads.py` kills it there."""
STEPS = tuple(step for step in failpoints.NAMES if step not in OF_MESSAGES + OF_READINGS + OF_FILES)
STORING = ("render.drawn", "store.written", "store.linked")
WRITING = ("ask.before_commit", "issue.before_commit", "render.before_commit", "deliver.before_mark")
"""Who stands still there lets nobody else write on SQLite: another one, healthy, might be in doubt by that."""


@pytest.mark.parametrize("fault", FAULTS)
def test_who_is_hit_at_a_step_loses_and_doubles_nothing(app: Flask, laboratory: Laboratory, fault: str) -> None:
    # Many stand still at once, and there are others who take over meanwhile.
    workers, sweepers = (9, 3) if fault == PAUSE else (3, 2)
    laboratory.start(workers=workers, sweepers=sweepers)
    alone = WRITING if fault == PAUSE and db.engine.dialect.name == "sqlite" else ()
    asked = []
    for step in alone:
        asked.append(_hit(laboratory, step, FAULTS[fault]))
        eventually(asked[-1], PATIENCE)
        laboratory.settle(PATIENCE)
    asked += [_hit(laboratory, step, FAULTS[fault]) for step in STEPS if step not in alone]
    eventually(lambda: all(is_asked() for is_asked in asked), PATIENCE)
    laboratory.settle(PATIENCE)
    # In doubt is only who was hit after `sending` was committed: at three steps, by a fault each.
    assert laboratory.findings(doubtful=3) == []
    assert states() == dict.fromkeys(STEPS, "sent"), doubts()


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_shop_sent_becomes_one_order_whoever_is_hit(app: Flask, laboratory: Laboratory, fault: str) -> None:
    shop_id = a_shop(system="woocommerce").id
    laboratory.start(workers=4 if fault == PAUSE else 2, sweepers=1)
    for number, step in enumerate(OF_MESSAGES, 1):
        body = recorded.body("woocommerce", "guest", id=number, number=f"W-{number}").decode()
        armed = laboratory.arm(step, FAULTS[fault])
        laboratory.run("keep", shop_id, body)
        laboratory.passed(armed)
    eventually(lambda: set(_messages()) == {"applied"}, PATIENCE)
    assert _messages() == {"applied": len(OF_MESSAGES)}
    assert sorted(db.session.scalars(select(Order.number))) == ["W-1", "W-2", "W-3"]
    assert laboratory.findings() == []


def test_a_full_disk_at_a_step_is_waited_for(app: Flask, laboratory: Laboratory) -> None:
    laboratory.start(workers=2, sweepers=1)
    asked = [_hit(laboratory, step, "disk full") for step in STORING]
    eventually(lambda: all(is_asked() for is_asked in asked), PATIENCE)
    laboratory.settle(PATIENCE)
    assert laboratory.findings() == []
    assert states() == dict.fromkeys(STORING, "sent")


def _messages() -> Counter[str]:
    """Return how many messages of shops are in which state."""
    db.session.rollback()
    found = Counter(db.session.scalars(select(ShopMessage.state)))
    db.session.rollback()
    return found


def _hit(laboratory: Laboratory, step: str, what: str) -> Callable[[], bool]:
    """Let that happen to the first who reaches the step, and somebody ask for an invoice.

    Return what asks again, if need be, once whoever asked is gone; it says whether the request is there by then.
    """
    if step.startswith("sweep."):
        a_due_request(step)  # Nobody rings for it but the sweeper.
        laboratory.passed(laboratory.arm(step, what))
        return lambda: True
    order_id, customer = an_order_to_ask_for(step), 0
    armed = laboratory.arm(step, what)

    def insist() -> bool:
        nonlocal customer
        if is_alive(customer):
            return False
        if is_asked_for(order_id):
            return True
        customer = laboratory.run("ask", [order_id])
        return False

    laboratory.passed(armed, each=insist)
    return insist
