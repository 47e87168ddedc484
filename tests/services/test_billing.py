"""Recording billing details: for the account, for one order, and never after the invoice."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
import task_queue
from extensions import DomainError, db
from models import AuditEntry, BillingDetails, Customer, Order
from services import billing, guests, intake, invoicing, production, repair
from shops.schema import OrderMessage
from tests.support.factories import a_customer, a_request, an_order, billing_details, company_details


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


def audit() -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == "billing.changed")))


def test_the_account_keeps_one_row_that_says_the_newest(app: Flask) -> None:
    customer = a_customer()
    billing.record_for_customer(customer, billing_details())
    billing.record_for_customer(customer, company_details())
    assert customer.billing is not None
    assert customer.billing.details() == company_details()
    assert db.session.scalar(select(func.count()).select_from(BillingDetails)) == 1


def test_a_change_leaves_a_trace_without_personal_data(app: Flask) -> None:
    customer = a_customer()
    order = an_order(customer=customer)
    billing.record_for_customer(customer, billing_details())
    billing.record_for_order(order, company_details(), also_account=False)
    first, second = audit()
    assert (first.customer_id, first.order_id, first.detail) == (customer.id, None, "individual FR")
    assert (second.customer_id, second.order_id, second.detail) == (customer.id, order.id, "company FR")


def test_requests_that_waited_for_the_account_s_details_go_on(app: Flask) -> None:
    customer = a_customer()
    orders = [an_order(customer=customer, shipped_at=clock.now()) for _ in range(2)]
    for order in orders:
        assert invoicing.ask(order, customer).waiting_for == "details"
    billing.record_for_customer(customer, billing_details())
    assert {order.request.state for order in orders if order.request} == {"scheduled"}


def test_what_the_details_set_free_is_rung_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = a_customer()
    order = an_order(customer=customer, shipped_at=clock.now() - timedelta(hours=30))
    request = invoicing.ask(order, customer)
    rung: list[int] = []

    def ring(_job: str, request_id: int) -> bool:
        rung.append(request_id)
        return True

    monkeypatch.setattr(task_queue, "ring", ring)
    billing.record_for_customer(customer, billing_details())
    assert rung == [request.id]


def test_an_order_with_details_of_its_own_does_not_follow_the_account(app: Flask) -> None:
    customer = a_customer()
    order = an_order(customer=customer, billing=company_details())
    billing.record_for_customer(customer, billing_details())
    assert order.effective_details() == company_details()


def test_modifier_changes_that_order_alone(app: Flask) -> None:
    customer = a_customer(billing=billing_details())
    order, other = an_order(customer=customer), an_order(customer=customer)
    billing.record_for_order(order, company_details(), also_account=False)
    assert order.effective_details() == company_details()
    assert other.effective_details() == billing_details()
    assert order.billing is not None
    assert order.billing.edited_by_customer


def test_the_tick_changes_the_account_too_in_a_row_of_its_own(app: Flask) -> None:
    customer = a_customer()
    order, other = an_order(customer=customer), an_order(customer=customer, shipped_at=clock.now())
    assert invoicing.ask(other, customer).waiting_for == "details"
    billing.record_for_order(order, billing_details(), also_account=True)
    assert customer.billing is not None
    assert order.billing is not None
    assert customer.billing.id != order.billing.id
    assert other.effective_details() == billing_details()
    assert other.request is not None
    assert other.request.state == "scheduled"


def test_a_guest_s_order_has_no_account_to_change(app: Flask) -> None:
    order = an_order()
    billing.record_for_order(order, billing_details(), also_account=True)
    assert order.effective_details() == billing_details()


def test_incomplete_details_send_a_scheduled_request_back_to_waiting(app: Flask) -> None:
    customer = a_customer(billing=billing_details())
    order = an_order(customer=customer, shipped_at=clock.now())
    assert invoicing.ask(order, customer).state == "scheduled"
    billing.record_for_order(order, replace(billing_details(), city=""), also_account=False)
    assert order.request is not None
    assert order.request.waiting_for == "details"


def _issue(order: Order) -> None:
    """Do what production does, as far as it matters here."""
    assert order.request is not None
    lease = production.claim(order.request.id)
    assert lease is not None
    production.issue(lease)


def test_nothing_changes_after_the_invoice(app: Flask) -> None:
    customer = a_customer(billing=billing_details())
    order = an_order(customer=customer, shipped_at=clock.now().replace(day=1))
    invoicing.ask(order, customer)
    _issue(order)
    assert order.issued_invoice is not None
    assert not billing.is_changeable(order)
    with pytest.raises(DomainError, match="est émise"):
        billing.record_for_order(order, company_details(), also_account=True)
    assert order.billing is None
    assert customer.billing is not None
    assert customer.billing.details() == billing_details()


def test_an_order_invoiced_elsewhere_keeps_its_details(app: Flask) -> None:
    order = an_order(customer=a_customer(), existing_invoice="2026-77")
    with pytest.raises(DomainError, match="est émise"):
        billing.record_for_order(order, billing_details(), also_account=False)


def test_a_stranger_cannot_rewrite_a_request_the_shop_opened(app: Flask) -> None:
    order = an_order(customer=a_customer(confirmed=False), billing=company_details())
    a_request(order, origin="company", customer=None)
    with pytest.raises(DomainError, match="Confirmez d'abord"):
        billing.record_for_order(order, billing_details(), also_account=False)
    assert order.effective_details() == company_details()


def test_an_unproven_account_has_no_say_in_a_request_the_shop_opened(app: Flask) -> None:
    customer = a_customer(confirmed=False)
    order = an_order(customer=customer, shipped_at=clock.now())
    request = a_request(order, origin="checkout", customer=None, waiting_for="details")
    billing.record_for_customer(customer, billing_details(company_name="Voleur"))
    assert (request.state, request.waiting_for) == ("waiting", "details")
    customer.confirmed_at = clock.now()
    db.session.commit()
    billing.record_for_customer(customer, billing_details())
    assert request.state == "scheduled"


def test_what_one_account_typed_is_not_read_by_the_next_unproven_one(app: Flask) -> None:
    former = a_customer()
    order = an_order(customer=former)
    billing.record_for_order(order, billing_details(), also_account=False)
    repair.correct_email(order, "inconnu@example.org")
    assert order.customer_id is None
    newcomer = guests.create_account(order, "une longue phrase")
    assert newcomer is not None
    moved = db.session.get_one(Order, order.id, populate_existing=True)
    assert moved.customer_id == newcomer.id
    assert billing.shown_details(moved, newcomer) is None


def test_an_unconfirmed_account_completes_the_details_of_its_own_request(app: Flask) -> None:
    customer = a_customer(confirmed=False)
    order = an_order(customer=customer)
    invoicing.ask(order, customer)
    billing.record_for_order(order, billing_details(), also_account=True)
    assert order.request is not None
    assert order.request.waiting_for in ("confirmation", "shipment")
    assert order.request.details_complete_at == clock.now()


def test_an_unconfirmed_account_reads_only_what_it_typed(app: Flask) -> None:
    customer = a_customer(confirmed=False)
    order = an_order(customer=customer, billing=company_details())
    assert billing.shown_details(order, customer) is None
    assert billing.proposed_details(order, customer) is None
    billing.record_for_order(order, billing_details(), also_account=False)
    assert billing.shown_details(order, customer) == billing_details()


def test_modifier_begins_with_the_delivery_address_when_nothing_is_on_record(app: Flask) -> None:
    customer = a_customer()
    proposed = billing.proposed_details(an_order(customer=customer), customer)
    assert proposed is not None
    assert (proposed.line1, proposed.city, proposed.display_name) == ("12 rue Mercière", "Lyon", "")
    assert billing.proposed_details(an_order(customer=customer, shipping_address=None), customer) is None
    billed = an_order(customer=customer, billing=company_details())
    assert billing.proposed_details(billed, customer) == company_details()


@pytest.mark.parametrize(("what", "rows"), [("account", 1), ("order", 1), ("both", 2)])
def test_eight_savings_at_once_make_one_row_each(app: Flask, what: str, rows: int) -> None:
    customer = a_customer()
    order = an_order(customer=customer)
    invoicing.ask(order, customer)
    customer_id, order_id = customer.id, order.id
    db.session.commit()
    failures: list[BaseException] = []
    gate = threading.Barrier(8)

    def save(number: int) -> None:
        with app.app_context():
            try:
                details = billing_details(line2=f"Étage {number}")
                account, own = db.session.get_one(Customer, customer_id), db.session.get_one(Order, order_id)
                gate.wait()
                if what == "account" or (what == "both" and number % 2):
                    billing.record_for_customer(account, details)
                else:
                    billing.record_for_order(own, details, also_account=what == "both")
            except BaseException as error:
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert db.session.scalar(select(func.count()).select_from(BillingDetails)) == rows


def test_what_the_customer_changed_outlives_the_shop_s_next_push(app: Flask) -> None:
    message: dict[str, Any] = {
        "number": "T-9", "version": 1, "email": "claire@example.org", "placed_at": "2026-11-02T10:15:00+01:00",
        "currency": "EUR", "prices_include_tax": True, "total": "10.00",
        "billing": {"kind": "individual", "first_name": "C", "last_name": "M", "country": "FR"},
        "lines": [
            {"description": "T-shirt", "kind": "goods", "quantity": "1", "unit_price": "10.00", "vat_rate": "20.00"}
        ],
    }  # fmt: skip
    intake.receive(OrderMessage.model_validate(message), source="tests", strict=True)
    order = db.session.scalars(select(Order)).unique().one()
    billing.record_for_order(order, company_details(), also_account=False)
    intake.receive(OrderMessage.model_validate(message | {"version": 2}), source="tests", strict=True)
    assert order.version == 2
    assert order.effective_details() == company_details()
