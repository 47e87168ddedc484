"""The bell: nobody waits for it, and nothing is lost with it."""

import logging
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from flask import Flask
from redis.exceptions import BusyLoadingError
from rq import Queue
from rq.serializers import JSONSerializer

import task_queue
from dev import redis_server as redis_program
from dev.processes import die_with_parent

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="ec-redis-", dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def redis_at(path: Path, program: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Redis of this test's own."""
    command = redis_program.command(program, path, path.parent / "data", durable=False)
    server = subprocess.Popen(command, preexec_fn=die_with_parent)  # noqa: PLW1509 - Two system calls.
    try:
        end = time.monotonic() + 10
        while not redis_program.answers(path):
            assert time.monotonic() < end, "Redis does not answer"
            time.sleep(0.02)
        yield server
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        server.wait()


def test_a_bell_carries_a_name_and_an_id_and_nothing_else(app: Flask, redis_server: str) -> None:
    assert task_queue.ring("produce", 12)
    with task_queue.connection(redis_server) as redis:
        (job,) = Queue(task_queue.QUEUE, connection=redis, serializer=JSONSerializer).jobs
        assert (job.description, job.args, job.kwargs, job.meta) == ("jobs.produce(12)", [12], {}, {})


def test_a_redis_that_hangs_is_waited_for_by_the_first_of_a_batch_only(
    make_app: Callable[..., Flask], redis_binary: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = short_folder / "redis.sock"
    waited = Mock(wraps=task_queue.connection)
    monkeypatch.setattr(task_queue, "DEAF_SECONDS", 600.0)  # However slow the machine: the batch is over sooner.
    with make_app(REDIS_URL=f"unix://{path}").app_context(), redis_at(path, redis_binary) as server:
        assert task_queue.ring("produce", 1)
        server.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(task_queue, "connection", waited)
        assert not any(task_queue.ring("produce", number) for number in range(100))
        assert waited.call_count == 1


def test_once_its_time_is_over_the_bell_is_tried_again(
    make_app: Callable[..., Flask], redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_app(REDIS_URL=redis_server).app_context():
        monkeypatch.setitem(task_queue._deaf_until, redis_server, time.monotonic() + 600)
        assert not task_queue.ring("produce", 1)
        monkeypatch.setitem(task_queue._deaf_until, redis_server, time.monotonic())
        assert task_queue.ring("produce", 1)


@pytest.mark.parametrize(
    ("error", "said"),
    [(BusyLoadingError("loading"), ("queue lost", None)), (KeyError("a slip"), ("Worker x quits", KeyError))],
)
def test_a_lost_redis_is_one_line_of_the_log_and_anything_else_is_told_whole(
    caplog: pytest.LogCaptureFixture, error: Exception, said: tuple[str, type[Exception] | None]
) -> None:
    rq_log = logging.getLogger("rq.worker")
    rq_log.addFilter(task_queue.in_one_line)
    try:
        rq_log.error("Worker %s quits", "x", exc_info=error)
    finally:
        rq_log.removeFilter(task_queue.in_one_line)
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info[0] if record.exc_info else None) == said
