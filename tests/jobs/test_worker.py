"""The real worker on a real Redis: due requests become mails, and killing it loses and doubles nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import func, select, update

import clock
import task_queue
import worker
from dev.processes import die_with_parent
from extensions import db, transaction
from models import Delivery, Invoice, InvoiceRequest, NumberSeries
from services import sweep
from tests.support import forks
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.mailbox import Mailbox

ROOT = Path(__file__).resolve().parents[2]


def due_requests(count: int) -> list[int]:
    """Return the ids of that many requests that are due now."""
    ids = []
    for number in range(count):
        customer = a_customer(email=f"cliente{number}@example.org", billing=billing_details())
        met: dict[str, Any] = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
        ids.append(a_request(an_order(customer=customer, shipped_at=PLACED), state="scheduled", **met).id)
    return ids


@contextmanager
def a_program(settings: dict[str, str], *arguments: str) -> Iterator[int]:
    """Run what `python worker.py` runs, in a process forked from the test; asked to stop at the end.

    It is loaded by then: a fresh interpreter spends two seconds of work on its imports, and one test here begins one.
    """
    _let_go_of_the_database()
    process = forks.start(_main, settings, *arguments)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, ChildProcessError):  # The test itself has killed and buried it.
            os.kill(process, signal.SIGTERM)
            eventually(lambda: os.waitpid(process, os.WNOHANG)[0] == process, 30)


def _main(settings: dict[str, str], *arguments: str) -> None:
    die_with_parent()
    os.environ.update(settings)
    sys.argv = ["worker.py", *arguments]
    worker.main()


def _let_go_of_the_database() -> None:
    """Afterwards no connection is open: none is shared with a child."""
    db.session.remove()
    db.engine.dispose()


def eventually(condition: Callable[[], bool], seconds: float = 40) -> None:
    """Wait until the condition holds; raises AssertionError when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        db.session.rollback()
        time.sleep(0.1)


def states() -> set[str]:
    return set(db.session.scalars(select(InvoiceRequest.state)))


def test_many_bells_for_the_same_requests_are_one_invoice_and_one_mail_each(
    app: Flask, settings: dict[str, str], redis_server: str, smtp_server: Mailbox
) -> None:
    ids = due_requests(4)
    for request_id in [*ids[:-1] * 3, ids[-1]]:  # To the last of them one bell is enough.
        assert task_queue.ring("produce", request_id)
    with a_program(settings), a_program(settings):
        eventually(lambda: states() == {"sent"} and task_queue.waiting() == [])
    assert sorted(message["To"] for message in smtp_server.messages) == [f"cliente{n}@example.org" for n in range(4)]
    assert sorted(db.session.scalars(select(Invoice.sequence))) == [1, 2, 3, 4]


def test_without_redis_nothing_is_lost(app: Flask, settings: dict[str, str], smtp_server: Mailbox) -> None:
    (request_id,) = due_requests(1)
    assert not task_queue.ring("produce", request_id)
    assert sweep.sweep().rung == 0
    assert states() == {"scheduled"}


def test_the_sweeper_rings_for_what_nobody_rang_for(
    app: Flask, settings: dict[str, str], redis_server: str, smtp_server: Mailbox
) -> None:
    due_requests(2)
    with a_program(settings), a_program(settings, "--sweep"):
        eventually(lambda: states() == {"sent"})
    assert len(smtp_server.messages) == 2


def test_after_kill_9_in_the_middle_the_next_worker_goes_on(
    app: Flask, settings: dict[str, str], redis_server: str, smtp_server: Mailbox
) -> None:
    ids = due_requests(6)
    for request_id in ids:
        task_queue.ring("produce", request_id)
    with a_program(settings) as killed:
        eventually(lambda: len(smtp_server.messages) >= 1)
        os.kill(killed, signal.SIGKILL)
        os.waitpid(killed, 0)
    # A work-horse may outlive its killed parent for a moment; whatever it still does must not be done again.
    time.sleep(1)
    with transaction():  # The leases of the dead run out.
        for model in (InvoiceRequest, Delivery):
            db.session.execute(update(model).where(model.lease_until.is_not(None)).values(lease_until=PLACED))
    sweep.sweep()
    with a_program(settings):
        eventually(lambda: states() == {"sent"})
    message_ids = [message["Message-ID"] for message in smtp_server.messages]
    assert len(set(message_ids)) == 6
    assert len(message_ids) <= 7  # The one in the killed worker's hands may have been sent and is sent once more.
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 6
    assert db.session.get_one(NumberSeries, db.session.scalars(select(Invoice.series)).first()).last_number == 6


@pytest.mark.databases("sqlite")
def test_a_worker_told_to_stop_ends_the_job_that_has_begun(
    app: Flask, settings: dict[str, str], redis_server: str, smtp_server: Mailbox
) -> None:
    for request_id in due_requests(4):
        task_queue.ring("produce", request_id)
    with a_program(settings) as program:
        eventually(lambda: db.session.scalar(select(func.count()).select_from(Invoice)) != 0)
        children = Path(f"/proc/{program}/task/{program}/children").read_text().split()
        for process_id in (program, *map(int, children)):  # As Ctrl-C and service managers signal a whole group.
            os.kill(process_id, signal.SIGTERM)
        assert forks.ended(program, 30) == 0
    held = select(func.count()).select_from(InvoiceRequest).where(InvoiceRequest.lease_until.is_not(None))
    db.session.rollback()
    assert db.session.scalar(held) == 0
    assert states() <= {"scheduled", "sent"}
    assert "sent" in states()


@pytest.mark.databases("sqlite")
def test_a_wrong_setting_stops_the_worker_with_one_line(settings: dict[str, str]) -> None:
    env = os.environ | settings | {"SMTP_URL": "smoke-signals://hill"}
    ended = subprocess.run(
        [sys.executable, "worker.py"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert ended.stderr.strip().splitlines() == ["espace-client: SMTP_URL must start with smtp: or smtps:"]


@pytest.mark.databases("sqlite")
def test_a_mail_that_somebody_waits_for_overtakes_documents(app: Flask, redis_server: str) -> None:
    for request_id in (1, 2):
        task_queue.ring("produce", request_id)
    task_queue.ring("deliver", 3)
    with task_queue.connection(redis_server) as redis:
        jobs = Queue(task_queue.QUEUE, connection=redis, serializer=JSONSerializer).jobs
    assert [(job.func_name, *job.args) for job in jobs] == [
        ("jobs.deliver", 3),
        ("jobs.produce", 1),
        ("jobs.produce", 2),
    ]


@pytest.mark.databases("sqlite")
def test_a_sweeper_told_to_stop_ends_wherever_it_is(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    places, ended = range(1, 10), tmp_path / "ended"
    child = forks.start(_stop_at_each_line, make_app(SWEEP_SECONDS="1"), places, ended)
    assert forks.ended(child, 120) == 0
    assert ended.read_text().split() == [str(place) for place in places]


def _stop_at_each_line(app: Flask, places: Iterable[int], ended: Path) -> None:
    """Send a SIGTERM at each line in turn of the sweeper's loop, from when it is ready to be told."""
    die_with_parent()
    for place in places:
        sys.settrace(_tell_at(place))
        worker.sweep_forever(app)
        sys.settrace(None)
        with ended.open("a") as file:
            file.write(f"{place}\n")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _tell_at(wanted: int) -> Callable[[FrameType, str, object], Any]:
    lines = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        if frame.f_code is not worker.sweep_forever.__code__:
            return None
        if event == "line" and signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            lines += 1
            if lines == wanted:
                os.kill(os.getpid(), signal.SIGTERM)
        return trace

    return trace
