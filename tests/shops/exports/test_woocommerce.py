"""The plug-in's export of WooCommerce: it comes to what the shop's own API says of the same orders, to the cent."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from documents import totals
from extensions import db
from models import InvoiceRequest, Order
from services import batches, intake, sums
from shops import woocommerce as api
from shops.candidates import Candidate, UnreadableFile
from shops.exports import table, woocommerce
from shops.notation import Notation
from tests.shops import recorded
from tests.shops.exports.woocommerce_file import row, written
from tests.support.shops import a_shop

READ = (
    "guest", "completed", "company", "company_in_the_union", "several_rates", "net_prices", "rounding_per_line",
    "rounding_per_total", "net_prices_rounded_per_total", "coupon", "fee", "negative_fee", "free_shipping", "export",
    "tracked", "edited", "gift_card_sold", "foreign_currency",
)  # fmt: skip
SPREADSHEET = Notation(encoding="latin-1", decimals="comma", dates="dmy")
AMOUNTS = ("shipping_total", "shipping_tax_total", "tax_total", "order_total")


def sent(case: str = "guest", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recorded.body("woocommerce", case), parse_float=Decimal)
    return found | changes


def only(*rows: dict[str, str], notation: Notation | None = None, **file: Any) -> Candidate:
    (candidate,) = woocommerce.read(written(rows, **file), notation or Notation())
    return candidate


def take(*rows: dict[str, str], **options: Any) -> list[batches.Result]:
    found = batches.taken_in(woocommerce.read(written(rows)), source="woocommerce-export", strict=False, **options)
    return [result for _candidate, result in found]


def figures(candidate: Candidate | Any) -> tuple[Any, ...]:
    assert candidate.message is not None, candidate.problems
    found = totals.compute(sums._sale(candidate.message))
    rates = sorted((each.rate, each.net, each.vat) for each in found.rates)
    return found.gross, found.vat, rates, candidate.message.currency


@pytest.mark.parametrize("case", READ)
def test_an_order_comes_to_what_the_api_says_of_it(case: str) -> None:
    said = api.order(sent(case), None)
    candidate = only(row(sent(case)))

    assert figures(candidate) == figures(said)
    assert (candidate.number, candidate.ref, candidate.doubts) == (said.message.number, said.ref, said.doubts)
    assert candidate.message is not None
    for name in ("email", "placed_at", "paid_at", "billing", "shipping_address", "cancelled_at"):
        assert getattr(candidate.message, name) == getattr(said.message, name)
    assert candidate.message.version < said.message.version


def test_a_completed_order_left_when_the_row_says_or_at_its_last_moment() -> None:
    completed = row(sent("completed"))
    told, untold = only(completed), only(completed | {"meta:_date_completed": ""})
    said = api.order(sent("completed"), None).message

    assert told.message is not None
    assert untold.message is not None
    assert (told.message.shipped_at, untold.message.shipped_at) == (said.shipped_at, said.paid_at)
    waiting = only(row(sent("guest"))).message
    assert waiting is not None
    assert waiting.shipped_at is None


def test_a_spreadsheet_s_own_way_of_writing_is_asked_and_read() -> None:
    plain = row(sent("company"))
    plain["billing_last_name"] = "Lefèvre"
    saved = plain | {name: plain[name].replace(".", ",") for name in AMOUNTS} | {"order_date": "02/11/2026 10:15"}
    candidate = only(saved, notation=SPREADSHEET, delimiter=";", encoding="cp1252")

    assert figures(candidate) == figures(only(plain))
    assert candidate.message is not None
    assert candidate.message.placed_at == datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
    assert candidate.message.billing is not None
    assert candidate.message.billing.last_name == "Lefèvre"


@pytest.mark.parametrize(
    ("changes", "notation"),
    [
        ({"order_total": "1,720.00"}, Notation()),
        ({"order_total": "31,72"}, Notation()),
        ({"order_total": "31.72"}, Notation(decimals="comma")),
        ({"order_date": "02/11/2026 10:15"}, Notation()),
        ({"order_date": "13/11/2026 10:15"}, Notation(dates="mdy")),
        ({"order_date": ""}, Notation()),
        ({"line_item_1": "T-shirt × 2"}, Notation()),
        ({"fee_items": "Emballage"}, Notation()),
        ({"line_item_1": "name:x|product_id:1|sku:|quantity:0|total:1.00|sub_total:1.00"}, Notation()),
        ({"billing_email": ""}, Notation()),
        ({"order_id": "x"}, Notation()),
        ({"status": "checkout-draft"}, Notation()),
    ],
)
def test_a_broken_row_is_refused_and_the_others_are_read(changes: dict[str, str], notation: Notation) -> None:
    good = row(sent("guest")) | dict.fromkeys(AMOUNTS, "1")  # Whole amounts are the same in both notations.
    candidates = list(woocommerce.read(written([row(sent("guest")) | changes, good]), notation))

    assert [bool(each.problems) for each in candidates] == [True, False]
    assert candidates[0].first_line == 2


def test_a_name_may_hold_what_parts_the_cells_and_a_reason_no_refund() -> None:
    name = "Affiche | A3 || total:5 | l'été"
    item = sent("guest")["line_items"][0] | {
        "name": name,
        "sku": "A|3",
        "meta_data": [{"key": "Texte", "value": "a|b"}],
    }
    fee = {
        "name": name.replace(" || ", " "),
        "total": "5.00",
        "total_tax": "1.00",
        "taxes": [{"id": 75, "total": "1.00"}],
    }
    order = sent("guest", line_items=[item], fee_lines=[fee], total="37.72", total_tax="6.29")
    refund = {"refund_items": "amount:5.00|reason:amount:26.72| perdue|date:2026-11-12 09:00:00"}
    candidate = only(row(order) | refund)

    assert candidate.message is not None, candidate.problems
    lines = [(line.description, line.sku) for line in candidate.message.lines]
    assert lines[0] == (name, "A|3")
    assert lines[-1][0] == fee["name"]
    assert candidate.doubts == (table.REFUNDED % "5,00",)
    hostile = ["|product_id:|sku:", "rate_id:1|", 's:5:"total";a:1:{', "amount:1"]
    for column, what in zip(("line_item_1", "tax_items", "shipping_items", "refund_items"), hostile, strict=True):
        assert only(row(sent("guest")) | {column: f"name:{what * 5_000}"})


def test_a_quote_that_is_not_closed_takes_its_own_row_alone_or_says_how_far_it_went() -> None:
    lines = written([row(sent("guest", number=str(number), id=number)) for number in (1, 2, 3)]).getvalue().decode()
    torn = lines.replace("Carte bancaire", '"Carte bancaire', 1)
    found = list(woocommerce.read(io.BytesIO(torn.encode())))

    assert found[0].problems
    assert found[0].problems[0].message.startswith("Cette ligne a")
    assert (found[0].first_line, found[-1].last_line) == (2, 4)
    assert all(each.problems or each.message for each in found)


@pytest.mark.parametrize(("case", "refunded", "gone"), [("full_refund", "", True), ("partial_refund", "13.41", False)])
def test_what_was_refunded_is_counted_once_with_what_the_shop_says_later(
    app: Flask, case: str, refunded: str, gone: bool
) -> None:
    shop = a_shop(system="woocommerce")
    (result,) = take(row(sent(case)), shop=shop)
    assert isinstance(result, intake.Receipt)
    order = db.session.get_one(Order, result.order_id)
    assert (order.cancelled_at is not None) == gone
    assert any("remboursée" in each for each in result.review) == (not gone)
    intake.receive(api.order(sent(case), None), source="webhook", strict=False, shop=shop)
    db.session.expire_all()

    told = api.order(sent(case), None).message.refunds
    assert [each.amount for each in order.refunds] == [each.amount for each in told]
    assert (order.cancelled_at, order.review) == (None, None)
    assert order.is_fully_refunded == gone


def test_an_order_that_a_plug_in_has_invoiced_is_not_invoiced_again(app: Flask) -> None:
    (result,) = take(row(sent("completed"), **{"meta:_wcpdf_invoice_number": "FA-2026-0017"}))

    assert isinstance(result, intake.Receipt)
    assert db.session.get_one(Order, result.order_id).existing_invoice == "FA-2026-0017"


def test_handing_it_in_again_changes_nothing_and_the_shop_s_own_words_win(app: Flask) -> None:
    shop = a_shop(system="woocommerce")
    outcomes = [take(row(sent("company")), shop=shop)[0] for _time in range(2)]
    assert [one.outcome for one in outcomes if isinstance(one, intake.Receipt)] == ["new", "unchanged"]
    told = intake.receive(api.order(sent("company"), None), source="webhook", strict=False, shop=shop)
    (again,) = take(row(sent("company")), shop=shop)

    assert told.outcome == "updated"
    assert isinstance(again, intake.Receipt)
    assert again.outcome == "older"
    assert db.session.scalars(select(InvoiceRequest.origin)).all() == ["company"]


def test_several_rates_of_one_line_are_one_rate() -> None:
    item = {
        "name": "Panier", "quantity": 1, "total": "10.00", "subtotal": "10.00", "total_tax": "2.55",
        "taxes": [{"id": 1, "total": "2.00", "subtotal": "2.00"}, {"id": 2, "total": "0.55", "subtotal": "0.55"}],
    }  # fmt: skip
    rates = [{"rate_id": 1, "rate_percent": 20}, {"rate_id": 2, "rate_percent": 5.5}]
    order = sent("guest", line_items=[item], shipping_lines=[], tax_lines=rates, total="12.55", total_tax="2.55")

    assert figures(only(row(order)))[2] == [(Decimal("25.5"), Decimal("10.00"), Decimal("2.55"))]


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"order_id,order_number\n1,2\n", b'"order_id\n' + b"x" * 300_000]
)
def test_another_file_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="WooCommerce"):
        list(woocommerce.read(io.BytesIO(content)))
