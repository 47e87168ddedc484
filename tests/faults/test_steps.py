"""Every fault at every step of an invoice's life: whoever is hit there, the request is sent, once."""

import pytest
from flask import Flask

import failpoints
from tests.faults.cells import PATIENCE, a_due_request, an_order_to_ask_for, is_asked_for, states
from tests.faults.laboratory import Laboratory

LEASE = 3.0  # Seconds, as `conftest` gives the laboratory.
FAULTS = {"kill": "kill", "error": "error", "pause beyond the lease": f"pause {LEASE * 1.5}"}
STORING = ("render.drawn", "store.written", "store.linked")


@pytest.mark.parametrize("fault", FAULTS)
def test_who_is_hit_at_a_step_loses_and_doubles_nothing(app: Flask, laboratory: Laboratory, fault: str) -> None:
    laboratory.start(workers=3, sweepers=2)
    for step in failpoints.NAMES:
        _hit(laboratory, step, FAULTS[fault])
    laboratory.settle(PATIENCE)
    # In doubt is only who was hit after `sending` was committed: at three steps, by a fault each.
    assert laboratory.findings(doubtful=3) == []
    assert set(states().values()) == {"sent"}
    assert len(states()) == len(failpoints.NAMES)


def test_a_full_disk_at_a_step_is_waited_for(app: Flask, laboratory: Laboratory) -> None:
    laboratory.start(workers=2, sweepers=1)
    for step in STORING:
        _hit(laboratory, step, "disk full")
    laboratory.settle(PATIENCE)
    assert laboratory.findings() == []
    assert set(states().values()) == {"sent"}


def _hit(laboratory: Laboratory, step: str, what: str) -> None:
    """Let that happen to the first who reaches the step, and somebody ask for an invoice, again if need be."""
    if step.startswith("sweep."):
        a_due_request(step)  # Nobody rings for it but the sweeper.
        armed = laboratory.arm(step, what)
    else:
        order_id = an_order_to_ask_for(step)
        armed = laboratory.arm(step, what)
        while not is_asked_for(order_id):
            laboratory.call("ask", [order_id])
    laboratory.passed(armed)
