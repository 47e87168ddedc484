"""An outage of ours: nothing is given up for it, and everything goes on once it is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from time_machine import Traveller

import clock
import config
from extensions import db
from models import Invoice, InvoiceRequest
from services import leases, outages, production
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.mailbox import Mailbox
from tests.support.outbox import a_delivery

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """What is due is due to the second."""


@pytest.fixture
def heal(app: Flask) -> Callable[[], None]:
    """Put a file where the documents folder should be; give what takes it away again."""
    folder = config.current().documents_dir
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"")
    return folder.unlink


def a_due_request() -> InvoiceRequest:
    order = an_order(customer=a_customer(billing=billing_details()), shipped_at=PLACED)
    met: dict[str, Any] = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    return a_request(order, state="scheduled", **met)


def worked_on(request_id: int) -> InvoiceRequest:
    """Do what the job does up to the mail; return the request as it is then."""
    lease = production.claim(request_id)
    assert lease is not None
    try:
        invoice_id = production.issue(lease)
        assert invoice_id is not None
        production.render(lease, invoice_id)
    except OSError as error:
        production.give_up_for_now(lease, error)
    return db.session.get_one(InvoiceRequest, request_id)


def test_what_the_documents_folder_holds_up_is_never_given_up(
    app: Flask, heal: Callable[[], None], frozen_clock: Traveller
) -> None:
    request_id = a_due_request().id
    for _ in range(2 * leases.MOST_ATTEMPTS):
        request = worked_on(request_id)
        assert (request.state, request.trouble, request.attempts) == ("issued", "documents", 0)
        assert request.lease_until is None
        assert request.due_at is not None
        assert timedelta(0) < request.due_at - clock.now() <= HOUR / 4
        frozen_clock.shift(HOUR)
    assert request.last_error is not None
    assert "File exists" in request.last_error
    assert [invoice.number for invoice in db.session.query(Invoice)] == ["FA-2026-000001"]


def test_it_is_said_and_goes_on_with_the_sweep_that_finds_the_folder_writable(
    app: Flask, heal: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    request = worked_on(a_due_request().id)
    (said,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (said.message, "File exists" in vars(said)["error"]) == ("documents unusable", True)
    mail = a_delivery(trouble="documents", due_at=clock.now() + HOUR)
    outages.resume()
    assert (request.trouble, mail.trouble) == ("documents", "documents")
    heal()
    outages.resume()
    assert (request.trouble, request.due_at) == (None, clock.now())
    assert (mail.trouble, mail.due_at) == (None, clock.now())
    request = worked_on(request.id)
    assert (request.state, request.last_error) == ("rendered", None)


def test_mails_go_on_once_their_server_answers(app: Flask, smtp_server: Mailbox) -> None:
    late = clock.now() + HOUR
    held_up = a_delivery(trouble="smtp", due_at=late)
    others = [a_delivery(due_at=late), a_delivery(state="failed", trouble="recipient", due_at=late)]
    outages.resume()
    assert (held_up.trouble, held_up.due_at) == (None, clock.now())
    assert [(mail.trouble, mail.due_at) for mail in others] == [(None, late), ("recipient", late)]


def test_mails_wait_on_while_their_server_is_away(app: Flask) -> None:
    mail = a_delivery(trouble="smtp", due_at=clock.now() + HOUR)
    outages.resume()
    assert (mail.trouble, mail.due_at) == ("smtp", clock.now() + HOUR)


def test_without_trouble_nobody_is_asked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "ANSWERS", dict.fromkeys(outages.ANSWERS, _must_not_be_asked))
    a_due_request()
    a_delivery()
    outages.resume()


def _must_not_be_asked() -> bool:
    raise AssertionError
