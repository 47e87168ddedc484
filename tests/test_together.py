"""Several processes at once on the same rows: two that serve pages, four that work on what is due."""

import os
import random
import re
import signal
import threading
from collections import Counter
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import func, select

import clock
import jobs
from documents import pdf
from extensions import db
from models import Document, InvoiceRequest
from services import sessions, verification
from tests.support import forks
from tests.support.client import HTMX
from tests.support.customers import page_of
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.mailbox import Mailbox
from tests.support.web_processes import ask, web_processes

PRESSES = 20
WORKERS = 4
DUE = 8
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


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
