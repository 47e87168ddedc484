"""Refunds become credit notes by themselves: of what, of which rates, with how much VAT, whatever the shop's prices."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import clock
from extensions import db
from models import CreditNote, Order
from services import intake, invoicing, issuing, production
from shops.schema import OrderMessage
from tests.shops.messages import a_company, a_line, a_message, a_refund

BOOK = a_line(sku="B-1", description="Livre", quantity="1", unit_price="10.55", discount="0.00", vat_rate="5.50")
CARRIAGE = a_message()["lines"][1]
TTC = {"lines": [a_line(), BOOK, CARRIAGE], "total": "42.27"}
HT = {
    "prices_include_tax": False,
    "lines": [
        a_line(unit_price="12.42", discount="2.48"),
        BOOK | {"unit_price": "10.00"},
        CARRIAGE | {"unit_price": "4.08"},
    ],
    "total": "42.28",
}
EXPORT = {
    "lines": [a_line(vat_rate="0.00", vat_category="G"), CARRIAGE | {"vat_rate": "0.00"}],
    "total": "31.72",
    "shipping_address": a_message()["shipping_address"] | {"country": "US", "postal_code": "10001", "city": "New York"},
}


def of_lines(*lines: tuple[int, str, str]) -> list[dict[str, Any]]:
    return [{"line": line, "quantity": quantity, "amount": amount} for line, quantity, amount in lines]


def receive(**changes: Any) -> Order:
    shipped = (clock.now() - timedelta(days=3)).isoformat()
    sent = a_message(**({"billing": a_company(), "shipped_at": shipped} | changes))
    intake.receive(OrderMessage.checked(sent), source="tests", strict=True)
    db.session.expire_all()
    return db.session.scalars(select(Order)).unique().one()


def invoiced(**changes: Any) -> None:
    lease = production.claim(invoicing.of_order(receive(**changes).id).id)
    assert lease is not None
    assert production.issue(lease)


def credited() -> list[dict[str, tuple[str, str]]]:
    """Return of each credit note net and VAT by rate."""
    notes = db.session.scalars(select(CreditNote).order_by(CreditNote.id))
    return [
        {str(row.rate): (str(row.net), str(row.vat)) for row in issuing.frozen(note).totals.rates} for note in notes
    ]


@pytest.mark.parametrize(
    ("sale", "amount", "lines", "expected"),
    [
        pytest.param(TTC, "13.41", of_lines((0, "1", "13.41")), {"20.00": ("11.17", "2.24")}, id="a piece"),
        pytest.param(TTC, "10.55", of_lines((1, "1", "10.55")), {"5.50": ("10.00", "0.55")}, id="a line"),
        pytest.param(TTC, "4.90", of_lines((2, "1", "4.90")), {"20.00": ("4.08", "0.82")}, id="shipping"),
        pytest.param(
            TTC,
            "23.96",
            of_lines((0, "1", "13.41"), (1, "1", "10.55")),
            {"20.00": ("11.17", "2.24"), "5.50": ("10.00", "0.55")},
            id="two lines",
        ),
        pytest.param(TTC, "10.00", [], {"20.00": ("6.25", "1.25"), "5.50": ("2.37", "0.13")}, id="an amount"),
        pytest.param(TTC, "42.27", [], {"20.00": ("26.43", "5.29"), "5.50": ("10.00", "0.55")}, id="everything"),
        pytest.param(HT, "13.42", of_lines((0, "1", "13.42")), {"20.00": ("11.18", "2.24")}, id="a piece, HT"),
        pytest.param(HT, "42.28", [], {"20.00": ("26.44", "5.29"), "5.50": ("10.00", "0.55")}, id="everything, HT"),
        pytest.param(EXPORT, "4.90", of_lines((1, "1", "4.90")), {"0.00": ("4.90", "0.00")}, id="shipping without VAT"),
    ],
)
def test_a_refund_is_credited_at_the_rates_of_what_came_back(
    app: Flask, sale: dict[str, Any], amount: str, lines: list[dict[str, Any]], expected: dict[str, tuple[str, str]]
) -> None:
    invoiced(**sale)
    order = receive(**sale, version=4, refunds=[a_refund(amount=amount, lines=lines)])
    assert credited() == [expected]
    assert order.review is None


def test_refunds_one_after_the_other_come_to_the_invoice_to_the_cent(app: Flask) -> None:
    invoiced(**TTC)
    parts = [
        a_refund(id="R1", amount="13.41", lines=of_lines((0, "1", "13.41"))),
        a_refund(id="R2", amount="4.90", lines=of_lines((2, "1", "4.90"))),
        a_refund(id="R3", amount="0.01", lines=[]),
        a_refund(id="R4", amount="23.95", lines=[]),
    ]
    for version, _refund in enumerate(parts, 4):
        receive(**TTC, version=version, refunds=parts[: version - 3])
    notes = credited()
    assert len(notes) == 4
    for rate, net, vat in (("20.00", "26.43", "5.29"), ("5.50", "10.00", "0.55")):
        rows = [note[rate] for note in notes if rate in note]
        assert sum(Decimal(row[0]) for row in rows) == Decimal(net)
        assert sum(Decimal(row[1]) for row in rows) == Decimal(vat)


def test_shipping_without_vat_takes_the_reason_of_the_goods_by_itself(app: Flask) -> None:
    invoiced(**EXPORT)
    (document,) = receive(**EXPORT, version=4).documents
    assert [line.vat_category for line in issuing.frozen(document).sale.lines] == ["G", "G"]


@pytest.mark.parametrize(
    ("refunds", "state"),
    [
        ([a_refund(amount="42.27", lines=[])], "cancelled"),
        ([a_refund(amount="10.00", lines=[])], "waiting"),
        ([a_refund(id="R1", amount="40.00", lines=[]), a_refund(id="R2", amount="2.27", lines=[])], "cancelled"),
    ],
)
def test_before_the_invoice_a_full_refund_ends_the_request_and_a_part_leaves_it(
    app: Flask, refunds: list[dict[str, Any]], state: str
) -> None:
    receive(**TTC, shipped_at=None)
    order = receive(**TTC, version=4, shipped_at=None, refunds=refunds)
    assert order.request is not None
    assert order.request.state == state
    assert credited() == []
