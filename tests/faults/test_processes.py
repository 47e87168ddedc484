"""Processes that are killed, doubled or slow: the lease decides, and what the dead held goes on without a person."""

import signal

from flask import Flask

from dev.processes import kill
from tests.faults.cells import BEYOND_IT, PATIENCE, a_due_request, doubts, states
from tests.faults.laboratory import Laboratory, eventually


def test_kill_9_of_job_worker_or_sweeper_loses_nothing(app: Flask, laboratory: Laboratory) -> None:
    laboratory.start(workers=2, sweepers=1)
    for victim in ("job", "worker", "worker and job", "sweeper", "everything"):
        # Both workers are in the middle of something when it happens.
        paused = [laboratory.arm(step, "pause 0.7") for step in ("issue.committed", "deliver.sending")]
        for number in range(4):
            a_due_request(f"{victim} {number}")
        laboratory.passed(*paused)
        workers, jobs = laboratory.running["work"], laboratory.horses()
        sweepers = laboratory.running["sweep"]
        victims = {
            "job": jobs, "worker": workers, "worker and job": workers + jobs, "sweeper": sweepers,
            "everything": workers + jobs + sweepers,
        }  # fmt: skip
        kill(victims[victim], signal.SIGKILL)
        laboratory.heal_processes()
    laboratory.settle(PATIENCE)
    assert laboratory.findings(doubtful=10) == []
    assert set(states().values()) == {"sent"}
    assert len(states()) == 20


def test_four_workers_and_two_sweepers_on_the_same_due_set_make_one_invoice_each(
    app: Flask, laboratory: Laboratory
) -> None:
    for number in range(16):
        a_due_request(f"T-{number}")
    laboratory.start(workers=4, sweepers=2)
    laboratory.settle(PATIENCE)
    assert laboratory.findings() == []
    assert set(states().values()) == {"sent"}


def test_who_comes_back_after_its_lease_has_run_out_writes_nothing(app: Flask, laboratory: Laboratory) -> None:
    laboratory.start(workers=7, sweepers=1)  # One for each who stands still, and others who take over.
    for step in ("produce.claimed", "issue.committed", "render.drawn", "deliver.claimed", "deliver.connected"):
        armed = laboratory.arm(step, BEYOND_IT)
        laboratory.ring("produce", a_due_request(step))
        laboratory.passed(armed)
    laboratory.settle(PATIENCE)
    eventually(lambda: not laboratory.horses(), PATIENCE)  # Those who slept have tried to write.
    assert laboratory.findings() == []
    assert doubts() == {}
    assert set(states().values()) == {"sent"}
