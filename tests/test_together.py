"""Several processes at once on the same rows: two that serve pages, four that work on what is due."""

import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import func, select

import clock
import jobs
from dev.processes import die_with_parent
from documents import pdf
from extensions import db
from models import Document, InvoiceRequest
from services import sessions, verification
from tests.support import forks
from tests.support.client import HTMX
from tests.support.customers import page_of
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.mailbox import Mailbox
from tests.support.settings import ROOT

PRESSES = 20
WORKERS = 4
DUE = 8
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@contextmanager
def web_processes(settings: dict[str, str], many: int) -> Iterator[list[int]]:
    """Serve the pages as in production by that many servers on ports of their own; give the ports."""
    ports = [_free_port() for _ in range(many)]
    serve = [sys.executable, "-m", "gunicorn", "--workers", "1", "app:create_app()", "--bind"]
    servers = [
        subprocess.Popen(
            [*serve, f"127.0.0.1:{port}"],
            cwd=ROOT,
            env=os.environ | settings,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls.
        )
        for port in ports
    ]
    try:
        for port in ports:
            _wait_for(port)
        yield ports
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if ask(port, "GET", "/healthz")[0] == 200:
                return
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.1)


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
    """Send a request to a server; return status, cookie and text of the answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body or None, {"Host": "localhost", **headers})
        answer = connection.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return answer.status, cookie, answer.read().decode()


def test_twenty_presses_on_two_web_processes_are_one_request(app: Flask, settings: dict[str, str]) -> None:
    customer = a_customer(billing=billing_details())
    page = page_of(an_order(customer=customer, shipped_at=PLACED))
    browser = app.test_client()
    token = sessions.open(customer, "pytest")
    with browser.session_transaction() as cookie:
        cookie.update({"_user_id": token, "_fresh": True})
    name = app.config["SESSION_COOKIE_NAME"]
    signed_in = browser.get_cookie(name)
    assert signed_in is not None
    answers: Counter[tuple[bool, int]] = Counter()
    gate = threading.Barrier(PRESSES)
    db.session.rollback()

    with web_processes(settings, 2) as ports:
        _status, kept, shown = ask(ports[0], "GET", page, Cookie=f"{name}={signed_in.value}")
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', shown)
        assert found is not None
        form = urlencode({"csrf_token": found.group(1), "purchase_order": ""})

        def press(number: int) -> None:
            htmx = number % 4 < 2
            gate.wait()
            headers = {**FORM, "Cookie": kept, **(HTMX if htmx else {})}
            status, *_rest = ask(ports[number % 2], "POST", f"{page}/facture", form, **headers)
            answers[htmx, status] += 1

        presses = [threading.Thread(target=press, args=(number,)) for number in range(PRESSES)]
        for one in presses:
            one.start()
        for one in presses:
            one.join()

    assert answers == {(True, 200): PRESSES // 2, (False, 303): PRESSES // 2}
    assert db.session.scalars(select(InvoiceRequest.state)).all() == ["scheduled"]


def test_four_workers_on_the_same_due_set_make_one_invoice_and_one_mail_each(app: Flask, smtp_server: Mailbox) -> None:
    due = [_a_due_request(number) for number in range(DUE)]
    pdf.warm_up()
    db.session.remove()
    db.engine.dispose()  # A connection is never shared with a child.
    waiting, gate = os.pipe()
    workers = [forks.start(_work, app, due, seed, waiting, gate) for seed in range(WORKERS)]
    os.close(waiting)
    os.close(gate)  # They all begin now.
    try:
        statuses = [os.waitpid(worker, 0)[1] for worker in workers]
    except BaseException:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        raise
    assert statuses == [0] * WORKERS
    assert dict(
        db.session.execute(select(InvoiceRequest.state, func.count()).group_by(InvoiceRequest.state)).all()
    ) == {"sent": DUE}
    assert sorted(db.session.scalars(select(Document.sequence))) == list(range(1, DUE + 1))
    recipients = sorted(message["To"] for message in smtp_server.messages)
    assert recipients == [f"cliente{number}@example.org" for number in range(DUE)]
    assert [finding for checked in verification.verify(render=False) for finding in checked.findings] == []


def _a_due_request(number: int) -> int:
    customer = a_customer(email=f"cliente{number}@example.org", billing=billing_details())
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    return a_request(an_order(customer=customer, shipped_at=PLACED), state="scheduled", **met).id


def _work(app: Flask, due: list[int], seed: int, waiting: int, gate: int) -> None:
    """Do the job of each of these requests in an order of one's own, once the gate is closed."""
    os.close(gate)
    os.read(waiting, 1)
    with app.app_context():
        for request_id in random.Random(seed).sample(due, len(due)):  # noqa: S311 - Nothing secret.
            jobs.produce(request_id)
