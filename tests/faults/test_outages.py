"""Redis, the database and the disk go away and come back: nothing is asked of a person, and nothing is lost."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import psycopg
from flask import Flask
from sqlalchemy import make_url

import config
from tests.faults.cells import PATIENCE, a_due_request, an_order_to_ask_for, is_asked_for, states
from tests.faults.laboratory import Laboratory, eventually, filled, small_disk


def test_redis_that_stops_hangs_or_forgets_loses_no_request(app: Flask, laboratory: Laboratory) -> None:
    laboratory.start(workers=2, sweepers=1)
    orders = [an_order_to_ask_for(name) for name in ("stopped", "hanging", "forgetful")]
    laboratory.redis.kill()
    laboratory.call("ask", [orders[0]])
    laboratory.redis.start()
    with laboratory.redis.frozen():
        laboratory.call("ask", [orders[1]])
    a_due_request("under way")
    laboratory.call("ask", [orders[2]])
    laboratory.flush_redis()
    assert all(is_asked_for(order_id) for order_id in orders)
    laboratory.settle(PATIENCE)
    assert laboratory.findings() == []
    assert set(states().values()) == {"sent"}


def test_a_database_that_stops_or_is_held_in_the_middle_loses_nothing(
    app: Flask, settings: dict[str, str], laboratory: Laboratory
) -> None:
    laboratory.start(workers=2, sweepers=1)
    for step in ("produce.claimed", "issue.committed", "render.drawn", "deliver.sending", "deliver.handed_over"):
        armed = laboratory.arm(step, "pause 0.5")
        laboratory.ring("produce", a_due_request(step))
        laboratory.passed(armed)
        with unplugged(settings["DATABASE_URL"]):
            time.sleep(1)  # Longer than the pause: whoever comes out of it finds no database.
    laboratory.settle(PATIENCE)
    assert laboratory.findings(doubtful=5) == []
    assert set(states().values()) == {"sent"}


def test_a_full_disk_is_waited_for(app: Flask, patient: Laboratory) -> None:
    """To the last byte, where the documents folder can have a disk of its own; elsewhere storing fails at its step."""
    folder = config.current().documents_dir
    with small_disk(folder, megabytes=1) as mounted:
        patient.start(workers=1, sweepers=1)
        with filled(folder) if mounted else nullcontext(patient.arm("store.written", "disk full")):
            a_due_request("T-1")
            eventually(lambda: states() == {"T-1": "issued"}, PATIENCE)
        patient.settle(PATIENCE)
        assert patient.findings() == []
        assert states() == {"T-1": "sent"}


@contextmanager
def unplugged(url: str) -> Iterator[None]:
    """PostgreSQL lets nobody in and cuts who is there; on SQLite somebody else writes and does not end."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        holder = sqlite3.connect(address.database or "", timeout=30, isolation_level=None)
        try:
            holder.execute("BEGIN IMMEDIATE")
            yield
        finally:
            holder.close()
        return
    other = address.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(other, autocommit=True) as keeper:
        keeper.execute(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS false')
        keeper.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (address.database,))
        try:
            yield
        finally:
            keeper.execute(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS true')
