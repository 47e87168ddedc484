"""Shopify's export of orders: what it says is taken as charged, what it leaves out is doubted and never guessed."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from documents import totals
from extensions import DomainError, db
from models import InvoiceRequest, Order
from services import batches, intake, orders
from shops import shopify as api
from shops import strict_json
from shops.arrivals import Arrival
from shops.candidates import Candidate, UnreadableFile
from shops.exports import shopify, table
from shops.notation import Notation
from tests.shops import recorded
from tests.support.shops import a_shop

COLUMNS = (
    *shopify.REQUIRED, "Paid at", "Fulfillment Status", "Fulfilled at", "Cancelled at", "Payment Method",
    "Shipping Method", "Lineitem sku", "Lineitem requires shipping", "Lineitem taxable", "Lineitem discount",
    "Billing Address1", "Billing Zip", "Billing City", "Billing Company", "Shipping Name", "Shipping Address1",
    "Shipping Zip", "Shipping City", "Shipping Country", "Refunded Amount", "Tax 1 Name", "Tax 1 Value", "Tax 2 Name",
    "Tax 2 Value",
)  # fmt: skip
ORDER = {
    "Name": "#1001", "Email": "claire@example.org", "Financial Status": "paid", "Currency": "EUR",
    "Subtotal": "26.82", "Shipping": "4.90", "Taxes": "5.29", "Total": "31.72",
    "Created at": "2026-11-02 10:15:00 +0100", "Paid at": "2026-11-02 10:16:00 +0100",
    "Fulfillment Status": "fulfilled", "Fulfilled at": "2026-11-03 15:00:00 +0100", "Payment Method": "card",
    "Shipping Method": "Colissimo", "Billing Name": "Claire Martin", "Billing Address1": "12 rue Mercière",
    "Billing Zip": "'69002", "Billing City": "Lyon", "Billing Country": "FR", "Id": "5001", "Refunded Amount": "0.00",
    "Tax 1 Name": "FR TVA 20%", "Tax 1 Value": "5.29",
}  # fmt: skip
LINE = {
    "Lineitem quantity": "2", "Lineitem name": "T-shirt - M", "Lineitem price": "14.90", "Lineitem sku": "TS-M",
    "Lineitem requires shipping": "true", "Lineitem taxable": "true", "Lineitem discount": "0.00",
}  # fmt: skip


def export(*rows: dict[str, str], delimiter: str = ",", encoding: str = "utf-8") -> io.BytesIO:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode(encoding))


def only(*rows: dict[str, str]) -> Candidate:
    (candidate,) = shopify.read(export(*rows))
    return candidate


def take(*rows: dict[str, str], **options: Any) -> list[batches.Result]:
    found = batches.taken_in(shopify.read(export(*rows)), source="shopify-export", strict=False, **options)
    return [result for _candidate, result in found]


def by_webhook(case: str) -> Arrival:
    return api.order(strict_json.loads(recorded.body("shopify", case).decode(), exact=True))


def test_an_order_is_what_was_charged(app: Flask) -> None:
    (result,) = take(ORDER | LINE)
    assert isinstance(result, intake.Receipt)
    order = db.session.get_one(Order, result.order_id)
    amounts = orders.amounts(order)

    assert (order.number, order.shop_ref, order.review) == ("1001", "5001", None)
    assert isinstance(amounts, totals.Totals)
    assert (amounts.net, amounts.vat, amounts.gross) == (Decimal("26.43"), Decimal("5.29"), Decimal("31.72"))
    assert order.billing is not None
    assert (order.billing.postal_code, order.billing.last_name) == ("69002", "Martin")
    assert order.shipped_at is not None
    assert db.session.scalars(select(InvoiceRequest)).all() == []


def test_several_lines_stand_under_each_other(app: Flask) -> None:
    first = ORDER | LINE | {"Subtotal": "39.80", "Total": "44.70", "Taxes": "7.45", "Lineitem price": "14.90"}
    second = {"Name": "#1001"} | LINE | {"Lineitem quantity": "1", "Lineitem price": "10.00", "Lineitem name": "Mug"}
    candidate = only(first, second)

    assert candidate.message is not None
    assert [line.description for line in candidate.message.lines] == ["T-shirt - M", "Mug", "Colissimo"]
    assert (candidate.first_line, candidate.last_line) == (2, 3)


def test_prices_without_tax_are_known_by_their_sum(app: Flask) -> None:
    net = {"Subtotal": "29.80", "Shipping": "5.00", "Taxes": "6.96", "Total": "41.76"}
    (result,) = take(ORDER | LINE | net)
    assert isinstance(result, intake.Receipt)
    order = db.session.get_one(Order, result.order_id)

    assert (order.prices_include_tax, order.review) == (False, None)


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"Tax 2 Name": "FR TVA 5.5%", "Tax 2 Value": "0.55"}, shopify.SEVERAL_RATES),
        ({"Tax 1 Name": "TVA"}, shopify.UNKNOWN_RATE % "TVA"),
        ({"Tax 1 Name": ""}, shopify.UNKNOWN_RATE % "–"),
        ({"Refunded Amount": "10.00", "Financial Status": "partially_refunded"}, table.REFUNDED % "10,00"),
    ],
)
def test_what_the_export_leaves_out_is_doubted(app: Flask, changes: dict[str, str], doubt: str) -> None:
    (result,) = take(ORDER | LINE | changes)

    assert isinstance(result, intake.Receipt)
    assert doubt in result.review


def test_an_order_that_was_refunded_is_not_invoiced(app: Flask) -> None:
    (result,) = take(ORDER | LINE | {"Refunded Amount": "31.72", "Financial Status": "refunded"})

    assert isinstance(result, intake.Receipt)
    assert db.session.get_one(Order, result.order_id).cancelled_at is not None
    with pytest.raises(DomainError):
        db.session.get_one(Order, result.order_id).require_invoiceable()


def test_handing_it_in_again_changes_nothing_and_its_shop_s_messages_are_newer(app: Flask) -> None:
    shop = a_shop(system="shopify")
    told = by_webhook("guest_fulfilled")
    same = ORDER | LINE | {"Id": told.ref or "", "Name": f"#{told.message.number}"}
    outcomes = [take(same, shop=shop)[0] for _time in range(2)]
    newer = intake.receive(told, source="webhook", strict=False, shop=shop)

    assert [one.outcome for one in outcomes if isinstance(one, intake.Receipt)] == ["new", "unchanged"]
    assert newer.outcome == "updated"


def test_a_refund_is_counted_once_with_what_the_shop_says_later(app: Flask) -> None:
    shop = a_shop(system="shopify")
    told = by_webhook("full_refund")
    refunded = {"Id": told.ref or "", "Name": f"#{told.message.number}", "Financial Status": "refunded"}
    (result,) = take(ORDER | LINE | refunded | {"Refunded Amount": "31.72"}, shop=shop)
    assert isinstance(result, intake.Receipt)
    intake.receive(told, source="webhook", strict=False, shop=shop)
    order = db.session.get_one(Order, result.order_id, populate_existing=True)

    assert [each.amount for each in order.refunds] == [each.amount for each in told.message.refunds]
    assert (order.cancelled_at, order.review) == (None, None)
    assert order.is_fully_refunded


@pytest.mark.parametrize(
    "changes", [{"Email": ""}, {"Total": "abc"}, {"Created at": "yesterday"}, {"Currency": "euro"}]
)
def test_a_broken_order_is_refused_and_the_others_are_read(changes: dict[str, str]) -> None:
    candidates = list(shopify.read(export(ORDER | LINE | changes, ORDER | LINE | {"Name": "#1002"})))

    assert [bool(each.problems) for each in candidates] == [True, False]


def test_an_order_whose_quote_is_not_closed_is_refused_with_the_lines_that_it_swallowed() -> None:
    lines = export(*(ORDER | LINE | {"Name": f"#{number}"} for number in (1001, 1002, 1003))).getvalue().decode()
    torn = lines.replace("T-shirt - M", '"T-shirt - M', 1).replace("Mug", '"Mug"')
    found = list(shopify.read(io.BytesIO(torn.encode())))

    assert [(each.first_line, each.last_line, bool(each.problems)) for each in found] == [(2, 4, True)]


def test_what_a_spreadsheet_saved_is_read_as_it_is_said_to_be_written() -> None:
    plain = ORDER | LINE | {"Billing Name": "Chloé Lefèvre"}
    amounts = [name for name, cell in plain.items() if cell.replace(".", "", 1).isdigit()]
    saved = plain | {name: plain[name].replace(".", ",") for name in amounts}
    file = export(saved, delimiter=";", encoding="cp1252")
    (candidate,) = shopify.read(file, Notation(encoding="latin-1", decimals="comma"))

    assert candidate.message is not None
    assert candidate.message == only(plain).message


def test_another_file_is_refused_as_a_whole() -> None:
    with pytest.raises(UnreadableFile, match="export des commandes de Shopify"):
        list(shopify.read(io.BytesIO(b"a,b\n1,2\n")))
