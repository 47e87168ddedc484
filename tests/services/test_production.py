"""From a due request to a numbered, stored document with its mail in the outbox."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import count
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from time_machine import Traveller

import clock
import jobs
import storage
from documents import pdf, snapshot
from extensions import db, transaction
from models import AuditEntry, Customer, Delivery, EarlierInvoice, Invoice, InvoiceRequest, NumberSeries, StoredFile
from services import invoicing, issuing, leases, production, repair
from services.leases import LEASE, LeaseLost
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


CUSTOMERS = count(1)


def a_due_request(**changes: Any) -> InvoiceRequest:
    """Return a request whose parcel left three weeks ago and whose moment has come."""
    customer = a_customer(email=f"cliente{next(CUSTOMERS)}@example.org", billing=billing_details())
    order = an_order(customer=customer, shipped_at=PLACED)
    ready: dict[str, Any] = {
        "state": "scheduled",
        "details_complete_at": PLACED,
        "reconciled_at": PLACED,
        "due_at": clock.now(),
    }
    return a_request(order, **(ready | changes))


def produced(request: InvoiceRequest) -> Invoice:
    lease = production.claim(request.id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    production.render(lease, invoice_id)
    return db.session.get_one(Invoice, invoice_id)


def test_a_due_request_becomes_a_numbered_stored_document_with_a_mail(app: Flask) -> None:
    invoice = produced(a_due_request(purchase_order="BC-7"))
    request = invoice.request
    assert (invoice.number, invoice.issue_date, invoice.trial) == ("FA-2026-000001", date(2026, 11, 23), False)
    assert (invoice.net, invoice.vat, invoice.gross) == (Decimal("26.43"), Decimal("5.29"), Decimal("31.72"))
    assert request.state == "rendered"
    assert request.lease_token is None
    content = snapshot.from_json(invoice.snapshot)
    assert (content.order.purchase_order, content.buyer.last_name) == ("BC-7", "Martin")
    assert invoice.file is not None
    data = storage.read(invoice.file.name, invoice.file.sha256)
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)
    assert "FA-2026-000001" in text
    mail = db.session.scalars(select(Delivery)).one()
    assert (mail.kind, mail.state, mail.recipient, mail.document_id) == (
        "invoice",
        "pending",
        request.recipient,
        invoice.id,
    )


def test_two_workers_never_hold_the_same_request(app: Flask, frozen_clock: Traveller) -> None:
    request = a_due_request()
    assert production.claim(request.id) is not None
    assert production.claim(request.id) is None
    frozen_clock.shift(LEASE + timedelta(seconds=1))
    assert production.claim(request.id) is not None


@pytest.mark.parametrize("state", ["waiting", "rendered", "sent", "cancelled", "needs_attention"])
def test_only_what_is_scheduled_or_issued_is_claimed(app: Flask, state: str) -> None:
    extra: dict[str, dict[str, Any]] = {
        "waiting": {"waiting_for": "shipment"},
        "sent": {"sent_at": clock.now()},
        "cancelled": {"reason": "x"},
        "needs_attention": {"reason": "x"},
    }
    request = a_due_request(state=state, **extra.get(state, {}))
    assert production.claim(request.id) is None


def test_what_is_due_later_is_not_claimed(app: Flask) -> None:
    assert production.claim(a_due_request(due_at=clock.now() + timedelta(seconds=1)).id) is None


def test_issuing_twice_takes_one_number(app: Flask) -> None:
    request = a_due_request()
    lease = production.claim(request.id)
    assert lease is not None
    assert production.issue(lease) == production.issue(lease)
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 1
    assert db.session.get_one(NumberSeries, "FA-2026").last_number == 1


def test_rendering_twice_makes_one_file_and_one_mail(app: Flask) -> None:
    lease = production.claim(a_due_request().id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    production.render(lease, invoice_id)
    with pytest.raises(LeaseLost):  # It let go of the request at the end.
        production.render(lease, invoice_id)
    assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 1
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 1


def test_a_worker_that_lost_its_lease_writes_nothing(app: Flask, frozen_clock: Traveller) -> None:
    request = a_due_request()
    lost = production.claim(request.id)
    frozen_clock.shift(LEASE + timedelta(seconds=1))
    held = production.claim(request.id)
    assert lost is not None
    assert held is not None
    with pytest.raises(LeaseLost):
        production.issue(lost)
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 0
    invoice_id = production.issue(held)
    assert invoice_id is not None
    with pytest.raises(LeaseLost):
        production.render(lost, invoice_id)
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 0


@pytest.mark.databases("postgresql")
def test_whoever_holds_the_account_keeps_no_document_waiting(app: Flask) -> None:
    """Its mail refers to the account, which is held without its key; nor is its request held, which is issued."""
    request = a_due_request()
    customer_id = request.customer_id
    assert customer_id is not None
    lease = production.claim(request.id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    held, mailed = threading.Event(), threading.Event()

    def saves() -> None:
        with app.app_context(), transaction():
            invoicing.lock_account(customer_id)
            held.set()
            mailed.wait(10)

    visitor = threading.Thread(target=saves)
    visitor.start()
    held.wait(10)
    db.session.execute(text("SET lock_timeout = '2s'"))
    production.render(lease, invoice_id)
    mailed.set()
    visitor.join()
    assert db.session.get_one(InvoiceRequest, lease.id).state == "rendered"


def test_numbers_run_on_without_a_gap_after_a_failure(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    produced(a_due_request())
    lease = production.claim(a_due_request().id)
    assert lease is not None
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "to_json", _fail)
        with pytest.raises(OSError, match="broken"):
            production.issue(lease)
    assert produced(a_due_request()).number == "FA-2026-000002"
    assert db.session.get_one(InvoiceRequest, lease.id).state == "scheduled"


def _fail(*_arguments: object) -> str:
    raise OSError("broken")


def test_a_request_that_fails_is_tried_five_times_then_shown_to_an_admin(app: Flask, frozen_clock: Traveller) -> None:
    request = a_due_request()
    for attempt in range(1, 6):
        lease = production.claim(request.id)
        assert lease is not None
        production.give_up_for_now(lease, ValueError("no glyph"))
        assert request.attempts == attempt
        assert production.claim(request.id) is None
        frozen_clock.shift(timedelta(hours=2))
    assert request.state == "needs_attention"
    assert request.last_error == "ValueError: no glyph"
    assert production.claim(request.id) is None


def test_a_page_that_cannot_be_drawn_is_tried_five_times_in_all_and_stops_no_other(
    app: Flask, frozen_clock: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, tries, draw = a_due_request().id, [], pdf.render

    def broken(said: snapshot.Snapshot) -> bytes:
        if said.number == "FA-2026-000001":
            tries.append(said.number)
            raise ValueError("no glyph")
        return draw(said)

    monkeypatch.setattr(pdf, "render", broken)
    for _ in range(2 * leases.MOST_ATTEMPTS):
        jobs.produce(drawn)
        frozen_clock.shift(timedelta(hours=2))
    assert len(tries) == leases.MOST_ATTEMPTS
    request = db.session.get_one(InvoiceRequest, drawn)
    assert (request.state, request.reason) == ("needs_attention", "La facture n'a pas pu être produite.")
    assert produced(a_due_request()).number == "FA-2026-000002"


def test_what_kills_its_worker_is_tried_five_times_then_shown_to_an_admin(app: Flask, frozen_clock: Traveller) -> None:
    request = a_due_request()
    for attempt in range(1, leases.MOST_ATTEMPTS + 1):
        assert production.claim(request.id) is not None  # The worker dies over it.
        production.park_killers()
        assert (request.state, request.attempts) == ("scheduled", attempt)
        frozen_clock.shift(LEASE + timedelta(seconds=1))
    assert production.claim(request.id) is None
    production.park_killers()
    assert (request.state, request.reason) == ("needs_attention", "La facture n'a pas pu être produite.")
    assert (request.lease_token, request.last_error) == (None, "The worker ended each time before the request did.")
    parked = select(AuditEntry.order_id).where(AuditEntry.action == "request.parked")
    assert db.session.scalars(parked).all() == [request.order_id]
    assert repair.retry(request.order)
    assert production.claim(request.id) is not None


@pytest.mark.parametrize(
    "error",
    [OperationalError("COMMIT", {}, Exception("database is locked")), issuing.WrongMode("ISSUE_MODE is trial")],
    ids=["database away", "another mode"],
)
def test_what_stands_in_the_way_of_all_is_no_fault_of_one(app: Flask, error: Exception) -> None:
    request = a_due_request(attempts=leases.MOST_ATTEMPTS - 1)
    lease = production.claim(request.id)
    assert lease is not None
    production.give_up_for_now(lease, error)
    assert (request.state, request.attempts, request.lease_token) == ("scheduled", leases.MOST_ATTEMPTS - 1, None)
    assert request.due_at is not None
    assert clock.now() < request.due_at < clock.now() + timedelta(minutes=2)


def test_what_turns_out_not_to_be_due_yet_costs_no_attempt(app: Flask) -> None:
    request = a_due_request()
    lease = production.claim(request.id)
    assert lease is not None
    with transaction():
        request.order.shipped_at = clock.now() - timedelta(hours=1)
    assert production.issue(lease) is None
    assert (request.state, request.attempts, request.lease_token) == ("scheduled", 0, None)
    assert request.due_at == clock.now() + timedelta(hours=23)


def test_a_crowd_that_failed_together_comes_back_spread(app: Flask) -> None:
    minutes = [(leases.next_try(leases.BACKOFF, 2) - clock.now()) / timedelta(minutes=1) for _ in range(200)]
    assert 4 <= min(minutes) < 4.5
    assert 5.5 < max(minutes) <= 6


def test_an_order_cancelled_after_the_claim_is_not_invoiced(app: Flask) -> None:
    request = a_due_request()
    lease = production.claim(request.id)
    assert lease is not None
    with transaction():
        request.order.cancelled_at = clock.now()
    assert production.issue(lease) is None
    assert request.state == "cancelled"
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 0


def test_an_order_that_the_old_system_invoiced_is_not_invoiced_though_its_row_never_met_it(app: Flask) -> None:
    request = a_due_request()
    with transaction():  # As a list that was taken in while the order came in: neither saw the other.
        db.session.add(
            EarlierInvoice(order_key=request.order.number_key, number="F2025-17", issued_on=date(2026, 1, 2))
        )
    lease = production.claim(request.id)
    assert lease is not None

    assert production.issue(lease) is None
    db.session.expire_all()
    assert (request.state, request.reason) == ("cancelled", "Déjà facturée : n° F2025-17")
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 0


@pytest.mark.parametrize(
    ("state", "why"), [("cancelled", {"reason": "Annulée."}), ("waiting", {"waiting_for": "details"})]
)
def test_a_request_that_stopped_being_due_after_the_claim_is_let_go_without_a_word(
    app: Flask, state: str, why: dict[str, Any]
) -> None:
    request = a_due_request()
    lease = production.claim(request.id)
    assert lease is not None
    with transaction():
        request.become(state, **why)
    assert production.issue(lease) is None
    db.session.refresh(request)
    assert (request.state, request.due_at, request.attempts, request.lease_token) == (state, None, 0, None)
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 0


def test_a_failure_says_nothing_about_a_request_that_was_cancelled_meanwhile(app: Flask) -> None:
    request = a_due_request(attempts=leases.MOST_ATTEMPTS - 1)
    lease = production.claim(request.id)
    assert lease is not None
    with transaction():
        request.become("cancelled", reason="Annulée.")
    production.give_up_for_now(lease, ValueError("no glyph"))
    db.session.refresh(request)
    assert (request.state, request.reason, request.due_at) == ("cancelled", "Annulée.", None)
    assert request.lease_token is None


def test_on_new_years_eve_number_and_date_are_those_of_paris(app: Flask, frozen_clock: Traveller) -> None:
    produced(a_due_request())
    frozen_clock.move_to(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    invoice = produced(a_due_request())
    assert (invoice.number, invoice.issue_date) == ("FA-2027-000001", date(2027, 1, 1))


def test_the_issue_date_never_runs_backwards(app: Flask, frozen_clock: Traveller) -> None:
    frozen_clock.move_to(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    produced(a_due_request())
    frozen_clock.move_to(datetime(2026, 12, 31, 22, 0, tzinfo=UTC))
    invoice = produced(a_due_request())
    assert (invoice.number, invoice.issue_date) == ("FA-2027-000002", date(2027, 1, 1))


def test_first_number_continues_an_existing_series_for_one_year(
    make_app: Callable[..., Flask], frozen_clock: Traveller
) -> None:
    with make_app(FIRST_NUMBER="4711", INVOICE_PREFIX="B").app_context():
        assert produced(a_due_request()).number == "B-2026-004711"
        assert produced(a_due_request()).number == "B-2026-004712"
        frozen_clock.move_to(datetime(2027, 1, 2, tzinfo=UTC))
        assert produced(a_due_request()).number == "B-2027-000001"


def test_a_trial_document_has_its_own_series_and_goes_to_the_merchant_only(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        invoice = produced(a_due_request())
        request = invoice.request
        assert (invoice.number, invoice.trial) == ("SPECIMEN-2026-000001", True)
        mail = db.session.scalars(select(Delivery)).one()
        assert (mail.kind, mail.recipient) == ("specimen", "alertes@boutique.example")
        assert request.order.issued_invoice is None
        assert list(db.session.scalars(Invoice.visible_to(db.session.get_one(Customer, request.customer_id)))) == []


def test_after_live_there_is_no_way_back_to_trial(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="live").app_context():
        produced(a_due_request())
    with make_app(ISSUE_MODE="trial").app_context():
        with pytest.raises(issuing.WrongMode):
            issuing.require_mode()
        lease = production.claim(a_due_request().id)
        assert lease is not None
        with pytest.raises(issuing.WrongMode):
            production.issue(lease)


def test_the_first_issue_locks_the_prefix(make_app: Callable[..., Flask]) -> None:
    with make_app().app_context():
        produced(a_due_request())
        issuing.require_mode()
    with make_app(INVOICE_PREFIX="FX").app_context(), pytest.raises(issuing.WrongMode, match="INVOICE_PREFIX"):
        issuing.require_mode()


def test_what_changes_after_issue_changes_no_document(app: Flask) -> None:
    request = a_due_request()
    lease = production.claim(request.id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    before = db.session.get_one(Invoice, invoice_id).snapshot
    with transaction():
        assert request.customer is not None
        assert request.customer.billing is not None
        request.customer.billing.last_name = "Durand"
        request.order.lines[0].description = "Autre chose"
    production.render(lease, invoice_id)
    invoice = db.session.get_one(Invoice, invoice_id)
    assert invoice.snapshot == before
    assert invoice.file is not None
    assert storage.read(invoice.file.name, invoice.file.sha256) == pdf.render(snapshot.from_json(before))
