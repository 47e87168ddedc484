"""The ancestor of the laboratories' processes: loads the product once, and forks all who work with it.

    python -m tests.faults.nursery [URL of an empty database …]

On each of those it rehearses first (`rehearsal`), so that its children need not learn what it knows. Each line of its
input opens the house of one laboratory (`House`), as JSON; the answer is the id of that process. To a house the wishes
come by a socket, each a line (`["work"]`, `["ask", [1, 2]]`); the answer is the id of the process that does it.
A killed worker is replaced in milliseconds, which leaves the machine to the faults. What runs is `worker.work` and
`worker.sweep_forever` on the settings of the house; only times are shorter, since nobody waits a day for a test.
"""

import gc
import json
import os
import select
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from flask import Flask
from sqlalchemy.exc import OperationalError

import config
import failpoints
import task_queue
import worker
from app import create_app
from dev.processes import die_with_parent, inherit_orphans
from documents import pdf
from extensions import db
from mail import messages, smtp
from models import Customer, Order, Shop
from services import delivery, inbox, invoicing, leases, production
from tests.faults import people
from tests.faults.rehearsal import rehearse
from tests.support import once
from web import logs


@dataclass(frozen=True, slots=True)
class House:
    """What those who live there share: settings, times (`Laboratory`), the door to knock at, and the file to log to."""

    settings: dict[str, str]
    lease: float
    pace: float
    door: str
    log: str


def main() -> None:
    """Rehearse, then open the houses that are wanted, until the input ends."""
    once.keep_routes()
    once.keep_texts()
    pdf.warm_up()
    messages.warm_up()
    for url in sys.argv[1:]:
        rehearse(url)
    gc.collect()
    gc.freeze()  # Or each of those to come would walk over all that was loaded.
    inherit_orphans()  # Whom a house leaves behind is buried here.
    print("ready", flush=True)  # noqa: T201 - What the laboratories wait for.
    _serve(sys.stdin, sys.stdout, lambda wish: _fork(_keep_house, House(**wish)))


def _serve(wishes: IO[str], answers: IO[str], fork: Callable[[Any], int]) -> None:
    """Answer each wish with the process that was forked for it, until there are no more."""
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if select.select([wishes], [], [], 0.05)[0]:
            line = wishes.readline()
            if not line:
                return
            print(fork(json.loads(line)), file=answers, flush=True)


def _keep_house(house: House) -> None:
    """Fork whoever is wanted there, until nobody asks any more."""
    with Path(house.log).open("ab") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    os.environ.update(house.settings)
    hurry(house.lease, house.pace)
    logs.configure()
    app = create_app()
    once.share_texts(app)
    inherit_orphans()  # A work-horse whose parent was killed is buried here, and found by who ends the laboratory.
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(house.door)
        wishes, answers = line.makefile("r"), line.makefile("w")
        print("ready", file=answers, flush=True)

        def fork(wish: list[Any]) -> int:
            role, *arguments = wish
            return _fork(ROLES[role], app, *arguments)

        _serve(wishes, answers, fork)


def hurry(lease: float, pace: float) -> None:
    """Afterwards the dead hold their rows for `lease` seconds, and what is tried again waits `pace` times less long."""
    leases.LEASE = timedelta(seconds=lease)
    for module in (leases, production, delivery):
        for name in ("BACKOFF", "OUTAGE"):
            if hasattr(module, name):
                setattr(module, name, tuple(step / pace for step in getattr(module, name)))
    patience = smtp.Patience(step=lease / 9, message=lease / 3, whole=lease * 2 / 3)  # As in production, to the lease.
    delivery.connection = lambda: smtp.Connection(config.current().smtp_url, patience)
    task_queue.DEAF_SECONDS = min(task_queue.DEAF_SECONDS, lease / 4)
    task_queue._Worker.max_connection_wait_time = task_queue.DEAF_SECONDS


def ask(app: Flask, order_ids: Sequence[int]) -> None:
    """Ask for the invoices of these orders, as their customers; who meets an injected error has asked in vain."""
    with app.app_context(), suppress(failpoints.Failed):
        for order_id in order_ids:
            order = db.session.get_one(Order, order_id)
            invoicing.ask(order, db.session.get_one(Customer, order.customer_id))


def keep(app: Flask, shop_id: int, payload: str) -> None:
    """Write down what a shop sent, as its webhook does; who meets an injected error has written it down."""
    with app.app_context(), suppress(failpoints.Failed):
        shop = db.session.get_one(Shop, shop_id)
        inbox.keep(shop, topic="order.updated", payload=payload.encode())


def ring(app: Flask, job: str, identifier: int) -> None:
    """Ring once."""
    with app.app_context():
        task_queue.ring(job, identifier)


def _fork(act: Callable[..., None], *arguments: Any) -> int:
    child = os.fork()  # Nothing here has opened a connection.
    if child:
        return child
    status = 1
    try:
        die_with_parent()
        sys.stdin.close()
        act(*arguments)
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else 1
    except OperationalError:
        pass  # So ends a worker that finds no database at its start (`worker.main`); another one is begun.
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


ROLES: dict[str, Callable[..., None]] = {
    "work": worker.work,
    "sweep": worker.sweep_forever,
    "ask": ask,
    "keep": keep,
    "ring": ring,
    "live": people.live,
}


if __name__ == "__main__":
    main()
