"""What a shop sends becomes the order that we mirror, once and only once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
from extensions import db, transaction
from models import AuditEntry, BillingDetails, InvoiceRequest, Order, OrderLine, Refund, Shipment
from services import intake, invoicing, orders, production
from services.intake import Receipt, Refused, VersionConflict
from shops.schema import OrderMessage
from tests.shops.messages import a_company, a_line, a_message, a_refund, a_shipment
from tests.support.factories import a_customer, billing_details


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


def receive(*, strict: bool = True, **changes: Any) -> Receipt:
    return intake.receive(OrderMessage.checked(a_message(**changes)), source="tests", strict=strict)


def the_order(number: str = "T-100234") -> Order:
    db.session.expire_all()
    return db.session.scalars(select(Order).where(Order.number == number)).unique().one()


def rows(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_new_order_is_mirrored(app: Flask) -> None:
    receipt = receive(shipments=[a_shipment()], refunds=[a_refund()], shipped_at="2026-11-03T15:00:00+00:00")
    order = the_order()

    assert receipt == Receipt("T-100234", order.id, "new", version=3)
    assert receipt.applied
    assert (order.version, order.source, order.number_key) == (3, "tests", "T-100234")
    assert (order.email, order.email_key) == ("claire@example.org", "claire@example.org")
    assert order.placed_at == datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
    assert order.total == order.paid_amount == Decimal("31.72")
    assert order.shipping_address is not None
    assert order.shipping_address["city"] == "Lyon"
    assert [(line.position, line.kind, line.unit_price) for line in order.lines] == [
        (0, "goods", Decimal("14.90")),
        (1, "shipping", Decimal("4.90")),
    ]
    assert order.shipments[0].tracking_number == "6A12345678901"
    assert order.refunds[0].lines == [{"line": 0, "quantity": "1", "amount": "13.41"}]
    assert (order.review, order.billing, order.customer, order.request) == (None, None, None, None)
    assert orders.amounts(order) is not None


def test_the_same_message_again_changes_nothing(app: Flask) -> None:
    receive()
    again = receive(total="31.720", placed_at="2026-11-02T09:15:00Z")

    assert (again.outcome, again.applied) == ("unchanged", False)
    assert (rows(Order), rows(OrderLine), rows(AuditEntry)) == (1, 2, 1)


def test_an_older_version_changes_nothing(app: Flask) -> None:
    receive(version=3)

    assert receive(version=2, email="other@example.org").outcome == "older"
    assert the_order().email == "claire@example.org"


def test_the_same_version_with_other_content_is_a_conflict(app: Flask) -> None:
    receive(version=3)
    with pytest.raises(VersionConflict, match="La version 3") as conflict:
        receive(version=3, email="other@example.org")

    assert conflict.value.problems[0].path == "version"
    assert the_order().email == "claire@example.org"


@pytest.mark.parametrize("lines", [1, 2, 5])
def test_a_newer_version_replaces_the_lines(app: Flask, lines: int) -> None:
    receive(version=3)
    sent = [a_line(description=f"T-shirt {index}", discount="0", quantity="1") for index in range(lines)]
    receipt = receive(version=4, lines=sent, total=str(Decimal("14.90") * lines))

    assert receipt.outcome == "updated"
    assert [line.description for line in the_order().lines] == [f"T-shirt {index}" for index in range(lines)]
    assert rows(OrderLine) == lines


def test_refunds_and_shipments_are_merged_by_their_id(app: Flask) -> None:
    receive(version=1, refunds=[a_refund()], shipments=[a_shipment()])
    receive(
        version=2,
        refunds=[a_refund(id="R2", amount="5.00", lines=[])],
        shipments=[a_shipment(carrier="Chronopost"), a_shipment(id="S2")],
    )
    order = the_order()

    assert {refund.ref: refund.amount for refund in order.refunds} == {"R1": Decimal("13.41"), "R2": Decimal("5.00")}
    assert {parcel.ref: parcel.carrier for parcel in order.shipments} == {"S1": "Chronopost", "S2": "Colissimo"}
    assert (rows(Refund), rows(Shipment)) == (2, 2)


def test_an_order_has_left_with_its_last_parcel(app: Flask) -> None:
    late = a_shipment(id="S2", shipped_at="2026-11-05T10:00:00Z")
    receive(version=1, shipments=[a_shipment(), late])
    assert the_order().shipped_at is None

    receive(version=2, shipments=[a_shipment()], shipped_at="2026-11-04T10:00:00Z")
    assert the_order().shipped_at == datetime(2026, 11, 5, 10, tzinfo=UTC)


def test_a_number_that_differs_by_case_is_another_orders(app: Flask) -> None:
    receive()
    with pytest.raises(Refused, match="T-100234"):
        receive(number="t-100234", version=9)

    assert rows(Order) == 1


# Sums.


def test_a_strict_source_is_told_the_difference_by_line_and_nothing_is_kept(app: Flask) -> None:
    with pytest.raises(Refused) as refused:
        receive(total="31.73", invoice_requested=True)

    assert [problem.path for problem in refused.value.problems] == ["total", "lines[0]", "lines[1]"]
    assert "+0,01" in refused.value.problems[0].message
    assert (rows(Order), rows(InvoiceRequest)) == (0, 0)


def test_a_connector_keeps_what_does_not_add_up_under_review_until_it_does(app: Flask) -> None:
    receipt = receive(strict=False, version=1, total="31.73")
    assert receipt.applied
    assert len(receipt.review) == 1
    assert the_order().needs_review

    assert receive(strict=False, version=2).review == ()
    assert not the_order().needs_review


@pytest.mark.parametrize("strict", [True, False])
def test_a_rate_of_zero_without_a_reason_waits_for_a_person(app: Flask, strict: bool) -> None:
    receipt = receive(strict=strict, lines=[a_line(), a_line(vat_rate="0")], total="53.64")

    assert [reason[:7] for reason in receipt.review] == ["Ligne 2"]


def test_a_reason_for_zero_needs_no_person(app: Flask) -> None:
    exempt = a_line(vat_rate="0", vat_category="E", exemption="CGI art. 261, 4-4°")
    gift_card = a_line(kind="voucher", vat_rate="0", discount="0", quantity="1", unit_price="50")

    assert receive(lines=[exempt, gift_card], total="76.82").review == ()
    assert [line.vat_category for line in the_order().lines] == ["E", "O"]


def test_another_currency_without_its_rate_waits_for_a_person(app: Flask) -> None:
    assert len(receive(version=1, currency="CHF").review) == 1
    assert receive(version=2, currency="CHF", exchange_rate="1.0712").review == ()


def test_the_rate_of_another_state_waits_for_a_person(app: Flask) -> None:
    (reason,) = receive(version=1, lines=[a_line(vat_rate="21.00")], total="26.82").review
    assert reason.startswith("Ligne 1\u00a0: le taux de 21\u00a0%")
    assert receive(version=2, lines=[a_line(vat_rate="2.10")], total="26.82").review == ()


def test_an_order_that_changes_after_its_invoice_waits_for_a_person(app: Flask) -> None:
    shipped = (clock.now() - timedelta(days=3)).isoformat()
    receive(version=1, billing=a_company(), shipped_at=shipped)
    request = invoicing.of_order(the_order().id)
    lease = production.claim(request.id)
    assert lease is not None
    production.issue(lease)

    assert receive(version=2, billing=a_company(), delivered_at=clock.now().isoformat()).review == ()
    (reason,) = receive(version=3, billing=a_company(), lines=[a_line()], total="26.82").review
    assert "FA-2026-000001 (31,72\u00a0€ TTC)" in reason
    order = the_order()
    assert [invoice.gross for invoice in order.documents] == [Decimal("31.72")]
    assert invoicing.of_order(order.id).state == "issued"


# Who it belongs to.


@pytest.mark.parametrize(("confirmed", "attached"), [(True, True), (False, False)])
def test_an_order_goes_to_the_confirmed_account_of_its_address(app: Flask, confirmed: bool, attached: bool) -> None:
    customer = a_customer(email="Claire@Example.org", confirmed=confirmed)
    receive(email="CLAIRE@example.ORG")

    assert the_order().customer_id == (customer.id if attached else None)


def test_an_order_stays_with_the_unconfirmed_account_that_its_guest_opened(app: Flask) -> None:
    receive(version=1)
    customer = a_customer(confirmed=False)
    with transaction():
        the_order().customer_id = customer.id
    receive(version=2)

    assert the_order().customer_id == customer.id


def test_an_order_whose_address_the_shop_corrects_leaves_the_former_account(app: Flask) -> None:
    a_customer(email="claire@example.org")
    right = a_customer(email="claire@example.net")
    receive(version=1)
    receive(version=2, email="claire@example.net")
    assert the_order().customer_id == right.id

    receive(version=3, email="nobody@example.net")
    assert the_order().customer_id is None


def test_the_invoice_of_an_order_whose_address_the_shop_corrects_goes_to_the_new_one(app: Flask) -> None:
    wrong = a_customer(email="claire@example.org", billing=billing_details())
    right = a_customer(email="claire@example.net")
    receive(version=1)
    invoicing.ask(the_order(), wrong)

    receive(version=2, email="claire@example.net")
    assert invoicing.of_order(the_order().id).recipient == right.email
    receive(version=3, email="nobody@example.net")
    assert invoicing.of_order(the_order().id).recipient == "nobody@example.net"


# Billing details.


def test_the_shops_billing_details_are_normalised_and_follow_the_shop(app: Flask) -> None:
    receive(version=1, billing=a_company())
    billing = the_order().billing
    assert billing is not None
    assert (billing.kind, billing.siret, billing.edited_by_customer) == ("company", "73282932000074", False)

    receive(version=2, billing=a_company(company_name="Autre SAS"))
    billing = the_order().billing
    assert billing is not None
    assert billing.company_name == "Autre SAS"

    receive(version=3, billing=None)
    assert the_order().billing is None
    assert rows(BillingDetails) == 0


def test_who_ordered_for_a_company_is_kept_beside_it(app: Flask) -> None:
    receive(version=1, billing=a_company(first_name="Claire", last_name="Martin"))
    billing = the_order().billing
    assert billing is not None
    assert billing.details().contact == "Claire Martin"
    assert billing.details().display_name == "Exemple SAS"
    billing.first_name = billing.last_name = ""  # As it was kept before there was such a thing.
    db.session.commit()
    receive(version=1, billing=a_company(first_name="Claire", last_name="Martin"))
    assert billing.details().contact == ""  # The same version, the same content: nothing happens.


@pytest.mark.parametrize("billing", [None, a_company(company_name="Autre SAS")])
def test_what_the_customer_changed_wins_over_what_the_shop_sends_later(app: Flask, billing: Any) -> None:
    receive(version=1, billing=a_company())
    with transaction():
        row = the_order().billing
        assert row is not None
        row.take(billing_details(last_name="Durand")).edited_by_customer = True
    receive(version=2, billing=billing)

    kept = the_order().billing
    assert kept is not None
    assert kept.last_name == "Durand"


@pytest.mark.parametrize(
    ("billing", "kind"),
    [
        ({"company_name": "Exemple"}, "company"),
        ({"vat_number": "FR44732829320"}, "company"),
        ({"first_name": "Claire"}, "individual"),
        ({"country": "FR"}, None),
        ({"kind": "company", "city": "Lyon"}, None),
        ({}, None),
    ],
)
def test_partial_details_are_kept_when_they_name_somebody(app: Flask, billing: Any, kind: str | None) -> None:
    receive(billing=billing)
    kept = the_order().billing

    assert (kept.kind if kept else None) == kind


# Requests that open by themselves.


def test_a_request_made_at_checkout_opens_by_itself(app: Flask) -> None:
    receive(invoice_requested=True, billing=a_company(kind="individual", first_name="Claire", last_name="Martin"))
    request = invoicing.of_order(the_order().id)

    assert (request.origin, request.state, request.waiting_for) == ("checkout", "waiting", "shipment")


def test_a_registered_company_needs_not_ask(app: Flask) -> None:
    receive(number="A-1", billing=a_company())
    receive(number="A-2", billing=a_company(siret="", vat_number=""))
    receive(number="A-3", billing=a_company(), existing_invoice="F-12")

    assert [order.number for order in db.session.scalars(select(Order).join(InvoiceRequest))] == ["A-1"]


def test_a_later_version_moves_the_request_along(app: Flask) -> None:
    receive(version=1, billing=a_company())
    shipped = clock.now() - timedelta(hours=1)
    receive(version=2, billing=a_company(), shipped_at=shipped.isoformat())
    request = invoicing.of_order(the_order().id)
    assert (request.state, request.due_at) == ("scheduled", shipped + timedelta(hours=24))

    receive(version=3, billing=a_company(), shipped_at=shipped.isoformat(), cancelled_at=clock.now().isoformat())
    db.session.refresh(request)
    assert request.state == "cancelled"


def test_a_cancellation_that_the_shop_takes_back_opens_the_request_again(app: Flask) -> None:
    receive(version=1, billing=a_company())
    receive(version=2, billing=a_company(), cancelled_at=clock.now().isoformat())
    receive(version=3, billing=a_company())
    request = invoicing.of_order(the_order().id)
    assert (request.state, request.waiting_for, request.reason) == ("waiting", "shipment", None)


def test_an_order_that_stops_adding_up_makes_its_request_wait(app: Flask) -> None:
    shipped = clock.now().isoformat()
    receive(version=1, billing=a_company(), shipped_at=shipped)
    receive(version=2, billing=a_company(), shipped_at=shipped, total="31.73", strict=False)

    assert invoicing.of_order(the_order().id).waiting_for == "reconciliation"


def test_what_is_due_at_once_is_rung_after_the_commit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, bool]] = []

    def ring_if_due(request: InvoiceRequest) -> None:
        rung.append((request.state, bool(db.session.info.get("in_transaction"))))

    monkeypatch.setattr(invoicing, "ring_if_due", ring_if_due)
    receive(billing=a_company(), shipped_at=(clock.now() - timedelta(days=3)).isoformat())
    receive(billing=a_company(), shipped_at=(clock.now() - timedelta(days=3)).isoformat())

    assert rung == [("scheduled", False)]


def test_a_wish_for_an_invoice_stays_whichever_version_it_stood_in(app: Flask) -> None:
    receive(number="T-1", version=1, invoice_requested=True)
    receive(number="T-1", version=2)
    receive(number="T-2", version=2)
    assert the_order("T-2").request is None
    assert receive(number="T-2", version=1, invoice_requested=True).opened
    states = [invoicing.of_order(the_order(number).id).state for number in ("T-1", "T-2")]
    assert states == ["waiting", "waiting"]
