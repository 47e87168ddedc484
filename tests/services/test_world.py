"""The world changes while a request waits, while its invoice is issued, and after that."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Literal

import pytest
from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from time_machine import Traveller

import clock
import jobs
import task_queue
from extensions import DomainError, NotTheirs, db, transaction
from models import Customer, Delivery, Document, Invoice, InvoiceRequest, Order
from parties.details import Details
from services import accounts, billing, corrections, delivery, history, intake, invoicing, issuing, production, repair
from services.leases import LeaseLost
from services.letters import write
from services.tokens import fresh
from shops.schema import OrderMessage
from tests.shops.messages import a_company, a_line, a_message, a_refund, a_shipment
from tests.support.factories import a_customer, billing_details, company_details
from tests.support.mailbox import Mailbox

DAY = timedelta(days=1)
MOVED = billing_details(line1="8 place Bellecour")
VERSIONS = count(1)
HERS = {
    "kind": "individual", "first_name": "Claire", "last_name": "Martin", "line1": "12 rue Mercière",
    "postal_code": "69002", "city": "Lyon", "country": "FR",
}  # fmt: skip

World = Callable[[], object]
Moment = Literal["before it is due", "between claim and issue"]


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


@pytest.fixture(params=["before it is due", "between claim and issue"])
def moment(request: pytest.FixtureRequest) -> Moment:
    """Give each of the moments at which the world may change before the invoice."""
    said: Moment = request.param
    return said


def ago(days: float) -> str:
    return (clock.now() - days * DAY).isoformat()


def shop_sends(**changes: Any) -> Order:
    """Take the next version of the order, shipped three days ago unless said otherwise; return it."""
    message = OrderMessage.checked(a_message(**({"version": next(VERSIONS), "shipped_at": ago(3)} | changes)))
    receipt = intake.receive(message, source="tests", strict=False)
    return db.session.get_one(Order, receipt.order_id, populate_existing=True)


def asked(*, details: Details | None = None, **changes: Any) -> InvoiceRequest:
    """Return the request of a customer with these details, whose parcel left three days ago."""
    customer = a_customer(billing=details or billing_details())
    return invoicing.ask(shop_sends(**changes), customer)


def worked_on(request: InvoiceRequest, moment: Moment, meanwhile: World) -> InvoiceRequest:
    """Do what a worker does up to the issue, and let the world change at that moment."""
    if moment == "before it is due":
        meanwhile()
    lease = production.claim(request.id)
    if moment == "between claim and issue":
        meanwhile()
    if lease:
        production.issue(lease)
    db.session.expire_all()
    return request


def documents() -> list[tuple[str, Decimal]]:
    """Return what is issued, the invoice first, with its sum."""
    found = select(Document).order_by(Document.id)
    return [(document.kind, document.gross) for document in db.session.scalars(found)]


def mails() -> list[tuple[str, str]]:
    return [(mail.kind, mail.recipient) for mail in db.session.scalars(select(Delivery).order_by(Delivery.id))]


def the_invoice() -> Invoice:
    return db.session.scalars(select(Invoice)).one()


# Before the invoice


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cancelled_at": "2026-11-22T10:00:00+01:00"}, "annulée"),
        ({"refunds": [a_refund(lines=[], amount="31.72")]}, "entièrement remboursée"),
        ({"existing_invoice": "2026-0412"}, "2026-0412"),
    ],
    ids=["cancelled", "refunded", "invoiced elsewhere"],
)
def test_what_gives_no_invoice_any_more_ends_the_request_with_a_reason(
    app: Flask, moment: Moment, change: dict[str, Any], reason: str
) -> None:
    request = worked_on(asked(), moment, lambda: shop_sends(**change))
    assert (request.state, request.due_at, request.lease_token) == ("cancelled", None, None)
    assert reason in (request.reason or "")
    assert documents() == []
    assert mails() == [("request_cancelled", "claire@example.org")]


def test_a_part_that_went_back_is_credited_on_the_invoice(app: Flask, moment: Moment) -> None:
    request = worked_on(asked(), moment, lambda: shop_sends(refunds=[a_refund()]))
    assert request.state == "issued"
    assert documents() == [("invoice", Decimal("31.72")), ("credit_note", Decimal("13.41"))]


def test_a_company_whose_goods_all_came_back_has_invoice_and_credit_note(app: Flask, moment: Moment) -> None:
    refunds = [a_refund(lines=[], amount="31.72")]
    request = worked_on(asked(details=company_details()), moment, lambda: shop_sends(refunds=refunds))
    assert request.state == "issued"
    assert documents() == [("invoice", Decimal("31.72")), ("credit_note", Decimal("31.72"))]


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        ({"shipped_at": None}, "shipment"),
        ({"total": "31.00", "paid_amount": "31.00"}, "reconciliation"),
        ({"lines": [a_line(vat_rate="0.00")], "total": "26.82"}, "reconciliation"),
    ],
    ids=["not shipped after all", "does not add up", "no VAT, and no reason"],
)
def test_what_is_missing_again_is_waited_for_again(
    app: Flask, moment: Moment, change: dict[str, Any], waits: str
) -> None:
    request = worked_on(asked(), moment, lambda: shop_sends(**change))
    assert (request.state, request.waiting_for, request.lease_token) == ("waiting", waits, None)
    assert (request.due_at, request.earliest_at, request.deadline_at) == (None, None, None)
    assert documents() == []
    shop_sends()
    assert worked_on(request, "before it is due", lambda: None).state == "issued"


@pytest.mark.databases("sqlite")
def test_a_parcel_that_left_later_than_was_said_moves_the_promise(app: Flask, moment: Moment) -> None:
    request = worked_on(asked(), moment, lambda: shop_sends(shipped_at=ago(0.5)))
    assert (request.state, request.lease_token) == ("scheduled", None)
    assert request.due_at == request.earliest_at == clock.now() + 0.5 * DAY
    assert request.deadline_at == clock.now() + 2 * DAY
    assert documents() == []


@pytest.mark.databases("sqlite")
def test_a_parcel_that_left_earlier_than_was_said_is_invoiced_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(shipped_at=ago(0))
    assert request.due_at == clock.now() + DAY
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(task_queue, "ring", lambda job, identifier: rung.append((job, identifier)))
    shop_sends(shipped_at=ago(2))
    db.session.expire_all()
    assert request.due_at == clock.now()  # Not before it was asked for.
    assert rung == [("produce", request.id)]


@pytest.mark.databases("sqlite")
def test_the_last_of_several_parcels_starts_the_clock_when_the_order_has_left(app: Flask) -> None:
    request = asked(shipped_at=None)
    first, last = a_shipment(shipped_at=ago(3)), a_shipment(id="S2", shipped_at=ago(0.25))
    shop_sends(shipped_at=None, shipments=[first])
    db.session.expire_all()
    assert request.waiting_for == "shipment"
    shop_sends(shipped_at=ago(3), shipments=[first, last])
    db.session.expire_all()
    assert request.due_at == clock.now() + 0.75 * DAY


@pytest.mark.databases("sqlite")
def test_what_the_shop_takes_back_can_be_asked_for_again(app: Flask) -> None:
    request = asked()
    shop_sends(cancelled_at=ago(0))
    order = shop_sends(cancelled_at=None)
    assert request.state == "cancelled"  # Its customer was told so; nothing comes unasked.
    again = invoicing.ask(order, order.customer or a_customer())
    assert (again.id, again.state, again.reason) == (request.id, "scheduled", None)


# After the invoice


@pytest.mark.databases("sqlite")
def test_what_changes_after_the_invoice_leaves_invoice_and_request_as_they_are(app: Flask) -> None:
    request = worked_on(asked(), "before it is due", lambda: None)
    before = (the_invoice().snapshot, request.due_at)
    for change in (
        {"shipped_at": None},
        {"shipped_at": ago(0)},
        {"existing_invoice": "2026-1"},
        {"billing": a_company()},
    ):
        shop_sends(**change)
        db.session.expire_all()
        assert (request.state, the_invoice().snapshot, request.due_at) == ("issued", *before)


@pytest.mark.databases("sqlite")
def test_an_order_cancelled_after_its_invoice_is_for_a_person_who_credits_it(app: Flask) -> None:
    request = worked_on(asked(), "before it is due", lambda: None)
    order = shop_sends(cancelled_at=ago(0))
    assert request.state == "issued"
    assert "il faut un avoir" in " ".join(order.review or ())


def test_what_goes_back_between_issue_and_mail_is_credited_at_once(app: Flask) -> None:
    request = worked_on(asked(), "before it is due", lambda: None)
    order = shop_sends(refunds=[a_refund(lines=[], amount="31.72")])
    assert (request.state, order.review) == ("issued", None)
    assert documents() == [("invoice", Decimal("31.72")), ("credit_note", Decimal("31.72"))]


# The order leaves its account


def shop_sends_address(order: Order, email: str) -> Order:
    return shop_sends(email=email, billing=HERS if order.billing else None)


LEAVINGS: dict[str, Callable[[Order, str], object]] = {
    "an admin corrects the address": repair.correct_email,
    "the shop sends another address": shop_sends_address,
}


@pytest.fixture(params=LEAVINGS)
def leaves(request: pytest.FixtureRequest) -> Callable[[Order, str], object]:
    """Give each of the ways by which an order comes to another mailbox."""
    return LEAVINGS[request.param]


def test_a_scheduled_request_waits_for_the_details_of_who_owns_the_order_now(
    app: Flask, leaves: Callable[[Order, str], object]
) -> None:
    request = asked()
    leaves(request.order, "paul@example.org")
    db.session.expire_all()
    assert (request.order.customer, request.customer, request.recipient) == (None, None, "paul@example.org")
    assert (request.state, request.waiting_for) == ("waiting", "details")
    assert production.claim(request.id) is None


def test_with_details_of_its_own_the_order_is_invoiced_to_the_new_address(
    app: Flask, leaves: Callable[[Order, str], object]
) -> None:
    request, paul = asked(billing=HERS), a_customer(email="paul@example.org")
    leaves(request.order, "paul@example.org")
    request = worked_on(request, "before it is due", lambda: None)
    assert (request.state, request.customer, request.order.customer) == ("issued", paul, paul)
    assert issuing.frozen(the_invoice()).buyer_email == "paul@example.org"


@pytest.mark.parametrize("drawn", [False, True], ids=["issued", "rendered"])
def test_the_mail_of_an_issued_invoice_follows_its_order(
    app: Flask, leaves: Callable[[Order, str], object], drawn: bool
) -> None:
    request_id = asked(billing=HERS).id
    lease = production.claim(request_id)
    assert lease is not None
    invoice_id = production.issue(lease)
    assert invoice_id is not None
    steps: list[World] = [
        lambda: production.render(lease, invoice_id),
        lambda: leaves(db.session.get_one(InvoiceRequest, request_id).order, "paul@example.org"),
    ]
    for step in steps if drawn else reversed(steps):
        step()
    assert db.session.get_one(InvoiceRequest, request_id).state == "rendered"
    assert mails() == [("invoice", "paul@example.org")]
    former = db.session.scalars(select(Customer)).one()
    assert db.session.scalars(Invoice.visible_to(former)).all() == []


def test_a_mail_that_a_worker_has_written_to_the_former_address_is_not_sent_there(
    app: Flask, leaves: Callable[[Order, str], object], smtp_server: Mailbox
) -> None:
    request = worked_on(asked(billing=HERS), "before it is due", lambda: None)
    with transaction():
        mail_id = issuing.mail(the_invoice()).id
    order = request.order
    lease = delivery.claim(mail_id)
    assert lease is not None
    message = write(mail_id)
    assert message["To"] == "claire@example.org"
    leaves(db.session.merge(order), "paul@example.org")
    with delivery.connection() as connection, pytest.raises(LeaseLost):
        delivery.send(lease, message, connection)
    assert smtp_server.messages == []
    jobs.deliver(mail_id)
    assert [sent["To"] for sent in smtp_server.messages] == ["paul@example.org"]
    assert mails() == [("invoice", "paul@example.org")]


def test_no_account_vanishes_from_under_its_request(app: Flask) -> None:
    account = asked().customer
    assert account is not None
    with pytest.raises(IntegrityError), transaction():
        db.session.execute(delete(Customer).where(Customer.id == account.id))


# At the same moment


def at_once(
    app: Flask, first: World, then: World, loaded: threading.Event | None = None
) -> tuple[Exception | None, Exception | None]:
    """Run both in threads: the second while the first holds what it needs; return what each was refused with.

    The first also waits until the second has `loaded` what was there before.
    """
    refused: dict[World, Exception] = {}
    failures: list[BaseException] = []

    def act(what: World) -> None:
        with app.app_context():
            try:
                what()
            except (DomainError, NotTheirs) as refusal:
                refused[what] = refusal
            except BaseException as error:
                failures.append(error)

    with pytest.MonkeyPatch.context() as patch:
        holding = _held_for_a_moment(patch, loaded)
        threads = [threading.Thread(target=act, args=(what,)) for what in (first, then)]
        threads[0].start()
        assert holding.wait(10)
        threads[1].start()
        for thread in threads:
            thread.join()
    assert failures == []
    db.session.rollback()  # SQLite shows what was there when the test last began to read.
    return refused.get(first), refused.get(then)


def _held_for_a_moment(patch: pytest.MonkeyPatch, loaded: threading.Event | None) -> threading.Event:
    """Make the first that writes to the history keep what it holds until the other has come to it; return its sign."""
    holding, record = threading.Event(), history.record

    def record_slowly(*arguments: Any, **said: Any) -> None:
        record(*arguments, **said)
        if not holding.is_set():
            holding.set()
            assert loaded is None or loaded.wait(20)
            time.sleep(0.15)

    patch.setattr(history, "record", record_slowly)
    return holding


def issuing_of(request_id: int) -> World:
    """Return what a worker does that holds the request already."""
    lease = production.claim(request_id)
    assert lease is not None
    return lambda: production.issue(lease)


@pytest.mark.parametrize("whose", ["order", "account"])
def test_an_address_saved_before_the_issue_is_on_the_invoice(app: Flask, whose: str) -> None:
    request = asked()
    assert at_once(app, saving(request, whose), issuing_of(request.id)) == (None, None)
    assert issuing.frozen(the_invoice()).buyer.line1 == MOVED.line1


def saving(request: InvoiceRequest, whose: str) -> World:
    """Return what « Enregistrer » does, in the order or in the account."""
    order_id, customer_id = request.order_id, request.customer_id

    def save() -> None:
        if whose == "order":
            billing.record_for_order(db.session.get_one(Order, order_id), MOVED, also_account=False)
        else:
            billing.record_for_customer(db.session.get_one(Customer, customer_id), MOVED)

    return save


def test_an_address_saved_after_the_issue_is_refused_and_nothing_of_it_is_kept(app: Flask) -> None:
    request = asked()
    issued, saved = at_once(app, issuing_of(request.id), saving(request, "order"))
    assert issued is None
    assert "ne changent plus" in str(saved)
    assert issuing.frozen(the_invoice()).buyer.line1 == billing_details().line1
    assert request.order.billing is None


def test_an_account_s_address_saved_after_the_issue_counts_for_what_comes(app: Flask) -> None:
    request = asked()
    assert at_once(app, issuing_of(request.id), saving(request, "account")) == (None, None)
    assert issuing.frozen(the_invoice()).buyer.line1 == billing_details().line1
    assert request.customer is not None
    assert request.customer.billing is not None
    assert request.customer.billing.line1 == MOVED.line1


def test_an_account_that_is_no_company_s_any_more_does_not_meet_the_worker_crosswise(app: Flask) -> None:
    """All came back: a company has invoice and credit note, a private person neither; saving ends the request."""
    request = asked(details=company_details(), refunds=[a_refund(lines=[], amount="31.72")])
    assert at_once(app, saving(request, "account"), issuing_of(request.id)) == (None, None)
    assert (request.state, documents()) == ("cancelled", [])


@pytest.mark.parametrize("by", ["link", "code"])
def test_who_proves_the_mailbox_and_who_saves_an_address_do_not_meet_crosswise(app: Flask, by: str) -> None:
    customer = a_customer(confirmed=False, billing=billing_details())
    order = shop_sends()
    order.customer = customer  # By its number and address, which prove no mailbox.
    db.session.commit()
    request = invoicing.ask(order, customer)
    order_id, customer_id = order.id, customer.id
    link, code = fresh(customer, "confirmation")

    def confirm() -> None:
        account = db.session.get_one(Customer, customer_id)
        accounts.confirm_by_link(link) if by == "link" else accounts.confirm_by_code(account, code)

    def save() -> None:
        billing.record_for_order(db.session.get_one(Order, order_id), MOVED, also_account=True)

    db.session.rollback()
    assert at_once(app, confirm, save) == (None, None)
    assert (request.state, request.order.effective_details()) == ("scheduled", MOVED)


@pytest.mark.parametrize("first", ["shop", "worker"])
@pytest.mark.parametrize("change", ["cancelled", "refunded", "part refunded"])
def test_what_the_shop_says_at_the_moment_of_the_issue_is_never_lost(app: Flask, first: str, change: str) -> None:
    message: dict[str, dict[str, Any]] = {
        "cancelled": {"cancelled_at": ago(0)},
        "refunded": {"refunds": [a_refund(lines=[], amount="31.72")]},
        "part refunded": {"refunds": [a_refund()]},
    }
    request = asked()
    both: tuple[World, World] = (lambda: shop_sends(**message[change]), issuing_of(request.id))
    assert at_once(app, *(both if first == "shop" else reversed(both))) == (None, None)
    invoiced = first == "worker" or change == "part refunded"
    assert request.state == ("issued" if invoiced else "cancelled")
    credited = {"cancelled": [], "refunded": [Decimal("31.72")], "part refunded": [Decimal("13.41")]}[change]
    assert [gross for _kind, gross in documents()] == ([Decimal("31.72"), *credited] if invoiced else [])
    for_a_person = invoiced and change == "cancelled"
    assert bool(request.order.review) == for_a_person


@pytest.mark.parametrize("press", ["ask", "change", "correct"])
def test_who_presses_while_the_order_leaves_the_account_finds_nothing(app: Flask, press: str) -> None:
    if press == "correct":
        order_id = worked_on(asked(), "before it is due", lambda: None).order_id
    else:
        order_id = shop_sends(email=a_customer(billing=billing_details()).email).id

    def correct_email() -> None:
        repair.correct_email(db.session.get_one(Order, order_id), "paul@example.org")

    def do_press() -> None:
        order = db.session.get_one(Order, order_id)
        assert order.customer is not None
        loaded.set()
        if press == "ask":
            invoicing.ask(order, order.customer)
        elif press == "change":
            billing.record_for_order(order, MOVED, also_account=True)
        else:
            corrections.submit(db.session.scalars(select(Invoice)).one(), MOVED, "", order.customer)

    before, loaded = documents(), threading.Event()
    db.session.rollback()
    corrected, pressed = at_once(app, correct_email, do_press, loaded)
    assert (corrected, type(pressed)) == (None, NotTheirs)
    order = db.session.get_one(Order, order_id)
    assert (order.customer, order.billing, documents()) == (None, None, before)
    assert press == "correct" or order.request is None
