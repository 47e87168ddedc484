"""Orders taken in by the batch door on PostgreSQL, over HTTP, beside the same rows written by a bare COPY."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import flask_migrate
import psycopg
from sqlalchemy import make_url

from app import create_app
from benchmarks.measuring import Report
from benchmarks.shop import NOBODY
from dev import settings
from dev.postgres_server import PostgresServer
from dev.processes import die_with_parent
from extensions import db
from services import shops
from shops import signatures
from shops.demo import orders as demo_orders

ORDERS = 100_000
A_BATCH = 2_000
TARGET_PATH = "/api/v1/orders:batch"
BY_DOOR, BY_COPY = "an order by the batch door", "its rows by a bare COPY"
ROWS = (
    "shops",
    "billing_details",
    "orders",
    "order_lines",
    "shipments",
    "refunds",
    "invoice_requests",
    "audit_entries",
)
MAY_GROW = 1.1
"""A connection remembers the last hundred statements, which are long here; what is kept of orders would be tenfold."""


@dataclass(frozen=True, slots=True)
class Door:
    """A gunicorn of one worker, and the key that opens it."""

    worker: int
    port: int
    key: shops.NewKey

    def send(self, lines: list[bytes]) -> int:
        """Return how many of these orders were new; each of them is committed."""
        body = b"\n".join(lines)
        signature = signatures.sign_call(
            self.key.secret, at=int(time.time()), method="POST", target=TARGET_PATH, body=body
        )
        headers = {"Authorization": f"Bearer {self.key.key_id}", "X-Signature": signature}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", TARGET_PATH, body, headers | {"Content-Type": "application/x-ndjson"})
        answer = connection.getresponse()
        results = answer.read().splitlines()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the door answered {answer.status}: {results[:1]}")
        return sum(json.loads(line)["status"] == 201 for line in results)

    def peak_memory(self) -> int:
        """Return the most memory that the worker has held so far, in KiB."""
        status = Path(f"/proc/{self.worker}/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0])


def measure(orders: int = ORDERS) -> Report:
    """Seconds an order, signed, sent, checked, added up and answered; and the memory of who takes them in."""
    server = PostgresServer(durable=True)
    server.start()
    try:
        environment = _environment(server, "door")
        with tempfile.TemporaryDirectory(prefix="ec-bench-") as folder, _door(environment, folder) as door:
            taking, memory = _take_in(door, orders)
            seconds = _copied(server, folder)
    finally:
        server.stop()
    first, last = memory[0], memory[-1]
    found = {BY_COPY: seconds / orders, BY_DOOR: taking / orders}
    rates = tuple(f"  {name}: {1 / each:,.0f} orders a second" for name, each in found.items())
    held = f"  the worker's memory: {first / 1024:,.0f} MiB after a tenth, {last / 1024:,.0f} MiB after all"
    grows = "at most a tenth more memory after all orders than after a tenth of them"
    title = f"intake: {orders:,} orders on PostgreSQL, in batches of {A_BATCH:,} by one worker"
    return Report(title, found, (), (*rates, held), {grows: last <= first * MAY_GROW})


def _take_in(door: Door, orders: int) -> tuple[float, list[int]]:
    """Return the seconds it took, and the worker's peak memory after each tenth."""
    texts, numbers, new = _texts(door), iter(range(orders)), 0
    taking, memory = 0.0, []
    for done in range(10):
        wanted = list(islice(numbers, orders * (done + 1) // 10 - orders * done // 10))
        for start in range(0, len(wanted), A_BATCH):
            lines = [next(texts).replace(b'"N"', b'"N-%d"' % number) for number in wanted[start : start + A_BATCH]]
            begun = time.perf_counter()
            new += door.send(lines)
            taking += time.perf_counter() - begun
        memory.append(door.peak_memory())
        print(f"  {new:,} of {orders:,} orders, {new / taking:,.0f} a second, {memory[-1] >> 10} MiB", flush=True)
    if new != orders:
        raise RuntimeError(f"{new} of {orders} orders were taken in as new")
    return taking, memory


def _texts(door: Door) -> Iterator[bytes]:
    """Yield the demo shop's orders for ever, each with the number "N"; those that do not add up are left out."""
    messages = [message.model_dump(mode="json") for message in demo_orders.messages(datetime.now(UTC))]
    texts = [json.dumps(message | {"number": f"W-{index}"}).encode() for index, message in enumerate(messages)]
    good = [text for text in texts if door.send([text])]  # The first calls warm up what is measured later.
    return cycle([json.dumps(json.loads(text) | {"number": "N"}).encode() for text in good])


@contextmanager
def _door(environment: Mapping[str, str], folder: str) -> Iterator[Door]:
    """Give a door on a migrated database; the server behind it has ended afterwards."""
    app = create_app(environment)
    with app.app_context():
        flask_migrate.upgrade(directory=str(Path(settings.ROOT) / "migrations"))
        key = shops.new_key(shops.add("bench", "contract"))
        db.session.remove()
        db.engine.dispose()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}", "app:create_app()"]
    with (Path(folder) / "gunicorn.log").open("wb") as log:
        gunicorn = subprocess.Popen(
            command,
            cwd=settings.ROOT,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls.
        )
        try:
            yield Door(_worker_of(gunicorn, port), port, key)
        finally:
            gunicorn.terminate()
            gunicorn.wait()


def _worker_of(gunicorn: subprocess.Popen[bytes], port: int) -> int:
    """Return the process that answers, once it does."""
    children = Path(f"/proc/{gunicorn.pid}/task/{gunicorn.pid}/children")
    while gunicorn.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
            continue
        if found := children.read_text(encoding="ascii").split():
            return int(found[0])
    raise RuntimeError("gunicorn does not start")


def _environment(server: PostgresServer, database: str) -> dict[str, str]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
    chosen = {"VAR_DIR": str(server.folder / database), "DATABASE_URL": _url(server, database)}
    return settings.make(chosen, {}, redis_url=NOBODY, smtp_url="smtp://127.0.0.1:9")


def _url(server: PostgresServer, database: str) -> str:
    return make_url(server.url).set(database=database).render_as_string(hide_password=False)


def _copied(server: PostgresServer, folder: str) -> float:
    """Seconds to write all rows that the door has written to an equal database, one COPY a table."""
    app = create_app(_environment(server, "copy"))
    with app.app_context():
        flask_migrate.upgrade(directory=str(Path(settings.ROOT) / "migrations"))
        db.session.remove()
        db.engine.dispose()
    files = {table: Path(folder) / table for table in ROWS}
    with psycopg.connect(_url(server, "door")) as connection, connection.cursor() as cursor:
        for table, file in files.items():
            with file.open("wb") as target, cursor.copy(f'COPY "{table}" TO STDOUT') as rows:
                target.writelines(rows)
    begun = time.perf_counter()
    with psycopg.connect(_url(server, "copy")) as connection, connection.cursor() as cursor:
        for table, file in files.items():
            with file.open("rb") as source, cursor.copy(f'COPY "{table}" FROM STDIN') as rows:
                while piece := source.read(1024 * 1024):
                    rows.write(piece)
    return time.perf_counter() - begun
