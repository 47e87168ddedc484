"""Asking for an invoice, and what happens to the request while the world changes."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
from extensions import DomainError, db, transaction
from models import BillingDetails, Customer, Delivery, InvoiceRequest, Order
from parties.details import Details
from services import invoicing
from tests.support import factories
from tests.support.factories import PLACED, a_customer, a_refund, a_request, billing_details, company_details

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


def an_order(**changes: Any) -> Order:
    """Return an order that was shipped a day after it was placed."""
    return factories.an_order(**({"shipped_at": PLACED + 24 * HOUR} | changes))


def owner(order: Order) -> Customer:
    assert order.customer is not None
    return order.customer


def asks(order: Order, purchase_order: str = "") -> InvoiceRequest:
    return invoicing.ask(order, owner(order), purchase_order)


def requests() -> int:
    return db.session.scalar(select(func.count()).select_from(InvoiceRequest)) or 0


def test_a_complete_request_is_scheduled_for_the_promised_window(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=billing_details()), shipped_at=clock.now() - 2 * HOUR)
    request = asks(order, "BC-7")
    assert (request.state, request.waiting_for, request.purchase_order) == ("scheduled", None, "BC-7")
    assert (request.earliest_at, request.deadline_at) == (clock.now() + 22 * HOUR, clock.now() + 48 * HOUR)
    assert request.recipient == owner(order).email


def test_second_request_returns_the_same_request(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    first = asks(order).id
    assert asks(order, "other").id == first
    assert requests() == 1
    assert invoicing.of_order(order.id).purchase_order is None


def test_twenty_presses_at_once_are_one_request(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    order_id, customer_id = order.id, order.customer_id
    db.session.commit()
    failures: list[BaseException] = []
    gate = threading.Barrier(20)

    def press() -> None:
        with app.app_context():
            try:
                gate.wait()
                mine = db.session.get_one(Order, order_id)
                asks(mine)
            except BaseException as error:
                failures.append(error)

    presses = [threading.Thread(target=press) for _ in range(20)]
    for one in presses:
        one.start()
    for one in presses:
        one.join()
    assert failures == []
    assert requests() == 1
    assert invoicing.of_order(order_id).customer_id == customer_id


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        ({"shipped_at": None}, "shipment"),
        ({"review": ["Le total dépasse la somme des lignes de 0,01 €."]}, "reconciliation"),
        ({"billing": None}, "details"),
    ],
)
def test_an_automatic_request_says_what_it_waits_for(app: Flask, changes: dict[str, object], waits: str) -> None:
    order = an_order(**({"invoice_requested": True, "billing": billing_details()} | changes))
    with transaction():
        invoicing.open_automatic(order)
    request = invoicing.of_order(order.id)
    assert (request.origin, request.state, request.waiting_for) == ("checkout", "waiting", waits)
    assert request.recipient == order.email


def test_a_request_of_an_unconfirmed_account_waits_for_its_address(app: Flask) -> None:
    order = an_order(customer=a_customer(confirmed=False, billing=billing_details()))
    request = asks(order)
    assert (request.state, request.waiting_for) == ("waiting", "confirmation")
    with transaction():
        owner(order).confirmed_at = clock.now()
        invoicing.reconsider_customer(owner(order))
    assert request.state == "scheduled"


def test_a_request_without_details_is_recorded_and_goes_on_when_they_come(app: Flask, frozen_clock: Traveller) -> None:
    order = an_order(customer=a_customer())
    request = asks(order)
    assert (request.state, request.waiting_for) == ("waiting", "details")
    frozen_clock.shift(30 * HOUR)
    with transaction():
        order.billing = BillingDetails().take(billing_details())
        invoicing.reconsider(order)
    assert request.state == "scheduled"
    assert request.deadline_at == clock.now() + 48 * HOUR


def test_a_shipment_schedules_what_waited_for_it(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=billing_details()), shipped_at=None)
    request = asks(order)
    with transaction():
        order.shipped_at = clock.now()
        invoicing.reconsider(order)
    assert (request.state, request.earliest_at) == ("scheduled", clock.now() + 24 * HOUR)


@pytest.mark.parametrize(
    "changes",
    [
        {"cancelled_at": PLACED},
        {"existing_invoice": "2025-0412"},
        {"total": Decimal("0.00")},
        {"review": ["Le total ne correspond pas."]},
    ],
)
def test_what_gives_no_invoice_refuses_with_a_reason(app: Flask, changes: dict[str, object]) -> None:
    order = an_order(customer=a_customer(billing=billing_details()), **changes)
    with pytest.raises(DomainError, match=r"commande|Déjà facturée"):
        asks(order)
    assert requests() == 0


def test_a_cancelled_order_cancels_its_request_and_tells_the_customer(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    request = asks(order)
    with transaction():
        order.cancelled_at = clock.now()
        invoicing.reconsider(order)
    assert (request.state, request.due_at) == ("cancelled", None)
    assert request.reason
    mail = db.session.scalars(select(Delivery)).one()
    assert (mail.kind, mail.recipient) == ("request_cancelled", owner(order).email)


def test_a_request_that_stopped_before_its_invoice_is_cancelled_with_its_order_and_else_stays_stopped(
    app: Flask,
) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    request = a_request(order, state="needs_attention", reason="La facture n'a pas pu être produite.")
    with transaction():
        invoicing.reconsider(order)
    assert request.state == "needs_attention"
    with transaction():
        order.cancelled_at = clock.now()
        invoicing.reconsider(order)
    assert request.state == "cancelled"
    assert "annulée" in (request.reason or "")


def test_a_full_refund_before_issue_cancels_but_a_part_does_not(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    request = asks(order)
    for ref, amount, state in (("R1", "10.00", "scheduled"), ("R2", "21.72", "cancelled")):
        with transaction():
            order.refunds.append(a_refund(amount, ref=ref))
            invoicing.reconsider(order)
        assert request.state == state


def test_an_issued_request_is_not_reconsidered(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    request = a_request(order, state="rendered", due_at=None)
    with transaction():
        order.cancelled_at = clock.now()
        invoicing.reconsider(order)
    assert request.state == "rendered"


@pytest.mark.parametrize(
    ("billing", "changes", "origin"),
    [
        (company_details(), {}, "company"),
        (company_details(siret="", vat_number=""), {}, None),
        (billing_details(), {}, None),
        (billing_details(), {"invoice_requested": True}, "checkout"),
        (company_details(), {"existing_invoice": "2025-1"}, None),
        (company_details(), {"cancelled_at": PLACED}, None),
    ],
    ids=["company", "only its name", "individual", "asked at checkout", "already invoiced", "cancelled"],
)
def test_which_orders_open_a_request_by_themselves(
    app: Flask, billing: Details, changes: dict[str, object], origin: str | None
) -> None:
    order = an_order(billing=billing, **changes)
    with transaction():
        invoicing.open_automatic(order)
    assert (order.request.origin if order.request else None) == origin


def test_no_order_from_before_invoice_from_opens_a_request(make_app: Callable[..., Flask]) -> None:
    with make_app(INVOICE_FROM="2026-11-20").app_context():
        for placed_at, opened in ((clock.now() - 100 * HOUR, False), (clock.now() - HOUR, True)):
            order = an_order(number=f"T-{opened}", billing=company_details(), placed_at=placed_at)
            with transaction():
                invoicing.open_automatic(order)
            assert (order.request is not None) == opened


def test_by_default_requests_open_from_the_day_of_the_first_start(make_app: Callable[..., Flask]) -> None:
    with make_app(INVOICE_FROM="").app_context():
        assert invoicing.invoice_from().isoformat() == "2026-11-23T00:00:00+01:00"


def test_a_sale_without_vat_waits_for_a_company_with_a_vat_number_of_another_member_state(app: Flask) -> None:
    line = factories.a_line(vat_rate=Decimal(0), vat_category="K")
    berlin = {"name": "", "line1": "Am Ufer 1", "line2": "", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    customer = a_customer(billing=billing_details())
    order = an_order(customer=customer, lines=[line], total=Decimal("26.82"), shipping_address=berlin)
    request = asks(order)
    german = {"siret": "", "vat_number": "DE136695976", "postal_code": "10115", "country": "DE"}
    for details, state in ((company_details(), "waiting"), (company_details(**german), "scheduled")):
        with transaction():
            order = invoicing.lock_order(order.id)
            assert (request.state, request.waiting_for) == ("waiting", "details")
            order.billing = BillingDetails().take(details)
            db.session.flush()
            invoicing.reconsider(order)
        assert request.state == state
