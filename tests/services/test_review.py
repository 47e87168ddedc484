"""Why an order is « à vérifier », and what of a shop's changes after the invoice is explained by credit notes."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

import clock
from extensions import db
from models import CreditNote, Delivery
from services import crediting, intake, invoicing, issuing, production
from services.intake import Receipt
from shops.schema import OrderMessage
from tests.shops.messages import a_company, a_line, a_message, a_refund
from tests.support.settings import ROOT
from tests.support.taken_in import the_order

SHIPPING = a_message()["lines"][1]


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


def receive(**changes: Any) -> Receipt:
    message = OrderMessage.checked(a_message(**changes))
    return intake.receive(message, source="tests", strict=False)


@pytest.fixture
def sent(app: Flask) -> Callable[..., list[str]]:
    """Give what sends the next version of an order that is invoiced, and returns why it is « à vérifier » then."""
    shop = {"billing": a_company(), "shipped_at": (clock.now() - timedelta(days=3)).isoformat()}
    receive(version=1, **shop)
    lease = production.claim(invoicing.of_order(the_order().id).id)
    assert lease is not None
    assert production.issue(lease)
    versions = iter(range(2, 100))
    return lambda **changes: list(receive(version=next(versions), **(shop | changes)).review)


def credited() -> list[Decimal]:
    return [note.gross for note in db.session.scalars(select(CreditNote).order_by(CreditNote.id))]


def test_a_refund_that_arrives_is_credited_and_nobody_has_to_look(sent: Callable[..., list[str]]) -> None:
    assert sent(refunds=[a_refund()]) == []
    assert credited() == [Decimal("13.41")]
    assert sent(refunds=[a_refund(), a_refund(id="R2", amount="5.00", lines=[])]) == []
    assert credited() == [Decimal("13.41"), Decimal("5.00")]
    assert sent(refunds=[]) == []  # What a message leaves out stays.
    assert credited() == [Decimal("13.41"), Decimal("5.00")]


def test_the_mail_of_a_credit_note_is_rung_for_after_the_commit(
    sent: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bells: list[tuple[str, int]] = []

    def ring(job: str, identifier: int) -> bool:
        assert not db.session.info.get("in_transaction")
        bells.append((job, identifier))
        return True

    monkeypatch.setattr("task_queue.ring", ring)
    sent(refunds=[a_refund()])
    assert bells == [("deliver", db.session.scalars(select(Delivery.id)).one())]


def test_a_shop_that_lowers_the_total_by_what_it_refunded_is_understood(sent: Callable[..., list[str]]) -> None:
    one_left = a_line(quantity="1", discount="1.49")
    assert sent(lines=[one_left, SHIPPING], total="18.31", refunds=[a_refund()]) == []
    assert credited() == [Decimal("13.41")]


def test_a_total_that_no_refund_explains_is_for_a_person_until_it_is_credited(sent: Callable[..., list[str]]) -> None:
    (reason,) = sent(lines=[a_line()], total="26.82")
    assert "FA-2026-000001 (31,72\u00a0€ TTC)" in reason
    assert the_order().needs_review
    assert credited() == []
    invoice = issuing.current_invoice(the_order())
    assert invoice is not None
    assert crediting.credit(invoice, amount=Decimal("4.90"), reason="Port offert", refund=True, shown=0)
    assert not the_order().needs_review
    assert sent(lines=[a_line()], total="26.82", delivered_at=clock.now().isoformat()) == []


def test_a_cancellation_after_the_invoice_is_for_a_person_unless_all_is_refunded(
    sent: Callable[..., list[str]],
) -> None:
    cancelled_at = clock.now().isoformat()
    (reason,) = sent(cancelled_at=cancelled_at)
    assert "annulée après la facture FA-2026-000001" in reason
    assert len(sent(cancelled_at=cancelled_at, refunds=[a_refund()])) == 1
    assert sent(cancelled_at=cancelled_at, refunds=[a_refund(id="R2", amount="18.31", lines=[])]) == []
    assert sum(credited()) == Decimal("31.72")


def test_an_invoice_that_the_shop_made_besides_ours_is_for_a_person_unless_it_is_ours(
    sent: Callable[..., list[str]],
) -> None:
    assert sent(existing_invoice="FA-2026-000001") == []
    (reason,) = sent(existing_invoice="2026-0412")
    assert "sous le n° 2026-0412, mais la facture FA-2026-000001 existe" in reason
    assert sent(existing_invoice="2026-0412", refunds=[a_refund(amount="31.72", lines=[])]) == []


def test_a_refund_before_the_invoice_is_credited_with_it(app: Flask) -> None:
    shipped = (clock.now() - timedelta(days=3)).isoformat()
    receive(billing=a_company(), shipped_at=shipped, refunds=[a_refund(amount="31.72", lines=[])])
    request = invoicing.of_order(the_order().id)
    assert request.state == "scheduled"
    lease = production.claim(request.id)
    assert lease is not None
    assert production.issue(lease)
    assert credited() == [Decimal("31.72")]


def test_a_person_whose_order_is_all_refunded_gets_no_invoice(app: Flask) -> None:
    shipped = (clock.now() - timedelta(hours=3)).isoformat()
    person = {"kind": "individual", "first_name": "Claire", "last_name": "Martin", "line1": "1 rue du Lac",
              "postal_code": "69003", "city": "Lyon", "country": "FR"}  # fmt: skip
    receive(version=1, billing=person, shipped_at=shipped, invoice_requested=True)
    assert invoicing.of_order(the_order().id).state == "scheduled"
    receive(version=2, billing=person, shipped_at=shipped, refunds=[a_refund(amount="31.72", lines=[])])
    request = invoicing.of_order(the_order().id)
    assert (request.state, credited()) == ("cancelled", [])


# Cases of VAT law.


def test_a_sale_that_its_case_does_not_fit_waits_for_a_person(app: Flask) -> None:
    place = a_message()["shipping_address"]
    berlin = place | {"postal_code": "10115", "city": "Berlin", "country": "DE"}
    without_vat = {"lines": [a_line(vat_rate="0", vat_category="K")], "total": "26.82"}
    (reason,) = receive(version=1, **without_vat).review
    assert "262 ter" in reason
    assert receive(version=2, **without_vat, shipping_address=berlin).review == ()
    (reason,) = receive(version=3, lines=[a_line(vat_rate="19")], total="26.82", shipping_address=berlin).review
    assert "OSS" in reason


def test_the_buyers_address_counts_where_no_other_is_sent(app: Flask) -> None:
    overseas = {"lines": [a_line(vat_rate="0", vat_category="G")], "total": "26.82", "shipping_address": None}
    reunion = a_company(postal_code="97400", city="Saint-Denis")
    assert receive(version=1, **overseas, billing=reunion).review == ()
    assert len(receive(version=2, **overseas, billing=a_company()).review) == 1


def test_a_seller_without_vat_need_not_say_why_on_each_line(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    seller = tmp_path / "seller.toml"
    text = (ROOT / "dev" / "seller.toml").read_text(encoding="utf-8")
    assert 'regime = "normal"' in text
    seller.write_text(text.replace('regime = "normal"', 'regime = "franchise"').replace('logo = "logo.svg"\n', ""))
    lines = {"lines": [a_line(vat_rate="0")], "total": "26.82"}
    with make_app(SELLER_FILE=str(seller)).app_context():
        assert receive(version=1, **lines).review == ()
        assert len(receive(version=2).review) == 1
    with make_app().app_context():
        assert len(receive(version=3, **lines).review) == 1


def test_a_wrong_sum_is_explained_line_by_line(app: Flask) -> None:
    reasons = receive(lines=[a_line(tax="9.99"), SHIPPING]).review
    assert len(reasons) == 2
    assert "9,99" in reasons[1]


def test_what_is_for_a_person_is_not_invoiced_meanwhile(app: Flask) -> None:
    shipped = (clock.now() - timedelta(days=3)).isoformat()
    receive(version=1, billing=a_company(), shipped_at=shipped, lines=[a_line(vat_rate="0")], total="26.82")
    request = invoicing.of_order(the_order().id)
    assert (request.state, request.waiting_for) == ("waiting", "reconciliation")
    receive(version=2, billing=a_company(), shipped_at=shipped)
    db.session.refresh(request)
    assert request.state == "scheduled"


def test_what_no_credit_note_explains_of_the_refunds_is_for_a_person(sent: Callable[..., list[str]]) -> None:
    (why,) = sent(refunds=[a_refund(id="R1", amount="40.00", lines=[])])  # Of an invoice of 31.72.
    assert "8,28\u00a0€" in why
    assert credited() == [Decimal("31.72")]
    (why,) = sent(refunds=[a_refund(id="R2", amount="1.00", lines=[])])
    assert "9,28\u00a0€" in why
    assert the_order().issued_invoice is not None


def test_a_refund_that_the_shop_raises_after_its_credit_note_is_for_a_person(sent: Callable[..., list[str]]) -> None:
    assert sent(refunds=[a_refund(amount="5.00", lines=[])]) == []
    (why,) = sent(refunds=[a_refund(amount="7.00", lines=[])])
    assert "2,00\u00a0€" in why
    assert credited() == [Decimal("5.00")]
