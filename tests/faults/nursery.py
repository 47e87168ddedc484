"""The parent of the laboratory's processes: loads the product once, and forks workers, sweepers and people from it.

    python -m tests.faults.nursery --lease SECONDS --pace N

Each line of its input is one wish, as JSON (`["work"]`, `["ask", [1, 2]]`); the answer is the id of the process that
does it.
A killed worker is replaced in milliseconds, which leaves the machine to the faults. What runs is `worker.work` and
`worker.sweep_forever` on the settings of the environment; only times are shorter, since nobody waits a day for a test.
"""

import argparse
import json
import os
import select
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

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
from mail import smtp
from models import Customer, Order
from services import delivery, invoicing, leases, production
from tests.faults import people
from web import logs


def main() -> None:
    """Fork whoever is wanted, until the input ends."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lease", type=float, required=True, help="how long a dead worker's row waits, in seconds")
    options.add_argument("--pace", type=float, required=True, help="by how much waiting between tries is shortened")
    chosen = options.parse_args()
    hurry(chosen.lease, chosen.pace)
    logs.configure()
    app = create_app()
    pdf.warm_up()
    inherit_orphans()  # A work-horse whose parent was killed is buried here, and found by who ends the laboratory.
    print("ready", flush=True)  # noqa: T201 - What the laboratory waits for.
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if select.select([sys.stdin], [], [], 0.05)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            role, *arguments = json.loads(line)
            print(_fork(app, role, arguments), flush=True)  # noqa: T201 - The answer.


def hurry(lease: float, pace: float) -> None:
    """Afterwards the dead hold their rows for `lease` seconds, and what is tried again waits `pace` times less long."""
    leases.LEASE = timedelta(seconds=lease)
    for module in (production, delivery):
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


def ring(app: Flask, job: str, identifier: int) -> None:
    """Ring once."""
    with app.app_context():
        task_queue.ring(job, identifier)


def _fork(app: Flask, role: str, arguments: Sequence[Any]) -> int:
    child = os.fork()  # Nothing here has opened a connection.
    if child:
        return child
    status = 1
    try:
        die_with_parent()
        sys.stdin.close()
        ROLES[role](app, *arguments)
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
    "ring": ring,
    "live": people.live,
}


if __name__ == "__main__":
    main()
