"""How single words of WooCommerce are read: rates, fees below nothing, gift cards, versions, refunds of no line."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from services import sums
from shops import strict_json, woocommerce
from shops.arrivals import Arrival, Ignored
from shops.schema import InvalidMessage
from tests.shops import recorded


def read(case: str = "guest", *, refunds: Sequence[dict[str, Any]] | None = (), **changes: Any) -> Arrival:
    """Return what is read of a recorded order, its figures as exact as they are written."""
    sent = strict_json.loads(recorded.body("woocommerce", case, **changes).decode(), exact=True)
    return woocommerce.order(sent, refunds)


def an_item(**changes: Any) -> dict[str, Any]:
    item: dict[str, Any] = recorded.sent("woocommerce", "guest")["line_items"][0]
    return item | changes


def untaxed(**changes: Any) -> dict[str, Any]:
    return an_item(subtotal="50.00", subtotal_tax="0.00", total="50.00", total_tax="0.00", taxes=[], **changes)


def test_a_fee_below_nothing_takes_its_tax_off() -> None:
    message = read("negative_fee").message
    fee = message.lines[-1]

    assert (fee.kind, fee.quantity, fee.unit_price, fee.tax) == ("fee", Decimal(-1), Decimal("5.00"), None)
    assert sums.problems(message) == ()


@pytest.mark.parametrize("key", ["wc_gc_giftcard_amount", "pw_gift_card_amount", "_ywgc_gift_card_number"])
def test_a_gift_card_sold_bears_no_tax(key: str) -> None:
    card = untaxed(id=316, quantity=1, meta_data=[{"id": 1, "key": key, "value": "50"}])
    line = read(line_items=[an_item(), card]).message.lines[1]

    assert (line.kind, line.vat_rate, line.vat_category) == ("voucher", Decimal(0), "O")


def test_a_line_without_tax_in_france_says_no_reason_by_itself() -> None:
    line = read(line_items=[untaxed()]).message.lines[0]

    assert (line.kind, line.vat_rate, line.vat_category) == ("goods", Decimal(0), None)


def test_a_rate_that_is_not_told_is_not_guessed() -> None:
    arrival = read("unknown_rate")

    assert [doubt.startswith("Le taux de TVA de la ligne") for doubt in arrival.doubts] == [True, True]
    assert {line.vat_rate for line in arrival.message.lines} == {Decimal(0)}


REFUNDS = [{"id": 801, "reason": "", "total": "-5.00"}]


@pytest.mark.parametrize(
    ("case", "refunds", "told", "is_flagged"),
    [
        ("several_rates", REFUNDS, None, True),
        ("several_rates", REFUNDS, [], False),
        ("several_rates", [{"id": 801, "reason": "", "total": "-34.55"}], None, False),
        ("several_rates", [], None, False),
        ("guest", REFUNDS, None, False),
    ],
)
def test_a_refund_of_unknown_lines_is_flagged_where_the_rates_differ(
    case: str, refunds: list[dict[str, Any]], told: list[dict[str, Any]] | None, is_flagged: bool
) -> None:
    arrival = read(case, refunds=told) if not refunds else _refunded(case, refunds, told)

    assert arrival.doubts == ((woocommerce.SPREAD,) if is_flagged else ())


def _refunded(case: str, refunds: list[dict[str, Any]], told: list[dict[str, Any]] | None) -> Arrival:
    sent = recorded.body("woocommerce", case, refunds=refunds).decode()
    return woocommerce.order(strict_json.loads(sent, exact=True), told)


def a_refund(amount: str, *lines: tuple[int, str, str]) -> Arrival:
    """Return an order of which this went back: of each line net and tax, as the REST API writes them."""
    items = [
        {"id": 900 + item, "quantity": -1, "total": net, "total_tax": tax,
         "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": str(item)}]}
        for item, net, tax in lines
    ]  # fmt: skip
    told = {"id": 801, "amount": amount, "date_created_gmt": "2026-11-12T09:00:00", "line_items": items}
    return _refunded("rounding_per_line", REFUNDS, [told])


@pytest.mark.parametrize(
    ("amount", "lines", "credited"),
    [
        ("2.95", [(301, "-2.46", "-0.49")], {0: "2.95"}),
        ("2.94", [(301, "-2.46", "-0.49")], {0: "2.94"}),
        ("5.89", [(301, "-2.46", "-0.49"), (302, "-2.46", "-0.49")], {0: "2.95", 1: "2.94"}),
        ("2.00", [(301, "-2.46", "-0.49"), (302, "0.79", "0.16")], {}),
    ],
    ids=["as it is", "a cent of rounding", "a cent of two", "with a reduction taken back"],
)
def test_refunded_lines_never_exceed_what_went_back(
    amount: str, lines: list[tuple[int, str, str]], credited: dict[int, str]
) -> None:
    (refund,) = a_refund(amount, *lines).message.refunds

    assert refund.amount == Decimal(amount)
    assert {line.line: line.amount for line in refund.lines} == {
        place: Decimal(share) for place, share in credited.items()
    }


def test_of_one_second_the_status_further_on_is_newer_then_more_refunds() -> None:
    paid, done = read(), read(status="completed")
    refunded = _refunded("guest", REFUNDS, [])

    assert paid.message.version < refunded.message.version < done.message.version
    assert paid.message.version // 1000 == refunded.message.version // 1000 == done.message.version // 1000


@pytest.mark.parametrize("status", ["auto-draft", "checkout-draft", "trash", "new"])
def test_a_draft_is_left_alone(status: str) -> None:
    with pytest.raises(Ignored):
        read(status=status)


@pytest.mark.parametrize(
    "changes",
    [
        {"total": "trente"},
        {"line_items": None},
        {"line_items": ["T-shirt"]},
        {"line_items": [an_item(quantity=0)]},
        {"billing": []},
        {"date_modified_gmt": "hier"},
        {"currency": "euros"},
        {"tax_lines": [{}]},
    ],
)
def test_what_is_no_order_says_so(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        read(**changes)
