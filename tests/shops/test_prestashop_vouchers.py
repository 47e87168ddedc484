"""Vouchers of PrestaShop bear the rates of what they were for, and goods keep their sum however they are rounded."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents import totals
from services import sums
from shops import prestashop
from shops.amounts import cents
from shops.schema import OrderMessage
from tests.shops import prestashop_orders

RATES = {1: Decimal(20), 2: Decimal("5.5"), 3: Decimal(10)}

sold = st.tuples(
    st.sampled_from(sorted(RATES)),
    st.sampled_from([1, 2, 3, 12, 99]),
    st.integers(1, 99_999_999).map(lambda amount: Decimal(amount) / 1_000_000),
)


def an_order(
    goods: list[tuple[int, int, Decimal]],
    carriage: Decimal,
    voucher: str,
    *,
    rounded: str = "line",
    raw: bool = True,
    changes: Mapping[str, str] = MappingProxyType({}),
) -> OrderMessage:
    """Return what is read of an order as PrestaShop counts it; a voucher is for half of the goods, or the carriage.

    Prices of one piece are written as they are, `raw`, or rounded.
    """
    details, nets, grosses = [], Decimal(0), Decimal(0)
    for number, (tax, quantity, price) in enumerate(goods):
        each_net, each_gross = price, price * (100 + RATES[tax]) / 100
        if rounded == "item":
            each_net, each_gross = cents(each_net), cents(each_gross)
        net, gross = each_net * quantity, each_gross * quantity
        if rounded == "line":
            net, gross = cents(net), cents(gross)
        nets, grosses = nets + net, grosses + gross
        details.append({
            "id": 10 + number, "id_order": "1", "product_name": f"Article {number}", "product_reference": "",
            "product_quantity": str(quantity), "total_price_tax_excl": f"{net:.6f}",
            "total_price_tax_incl": f"{gross:.6f}", "unit_price_tax_excl": f"{price if raw else each_net:.6f}",
            "unit_price_tax_incl": f"{price * (100 + RATES[tax]) / 100 if raw else each_gross:.6f}",
            "associations": {"taxes": [{"id": str(tax)}]},
        })  # fmt: skip
    nets, grosses, carried = cents(nets), cents(grosses), cents(carriage * Decimal("1.2"))
    off = {"": (Decimal(0), Decimal(0)), "carriage": (carriage, carried), "half": (cents(nets / 2), cents(grosses / 2))}
    off_net, off_gross = off[voucher]
    order = {
        "total_products": str(nets), "total_products_wt": str(grosses), "carrier_tax_rate": "20.000",
        "total_shipping_tax_excl": str(carriage), "total_shipping_tax_incl": str(carried),
        "total_discounts_tax_incl": str(off_gross), "total_paid_tax_excl": str(nets + carriage - off_net),
        "total_paid_tax_incl": str(grosses + carried - off_gross), **changes,
    }  # fmt: skip
    taxes = [{"id": number, "rate": str(rate)} for number, rate in RATES.items()]
    joined = prestashop_orders.joined(order=order, order_details=details) | {"taxes": taxes}
    return prestashop.order(joined).message


def by_rate(message: OrderMessage) -> dict[str, tuple[Decimal, Decimal]]:
    return {format(row.rate.normalize(), "f"): (row.net, row.vat) for row in totals.compute(sums._sale(message)).rates}


BOOKS = [(2, 2, Decimal("10.00"))]


def test_free_carriage_takes_off_the_carriage_and_its_tax() -> None:
    message = an_order(BOOKS, Decimal("4.08"), "carriage")

    assert [line.discount for line in message.lines] == [Decimal(0), Decimal("4.90")]
    assert by_rate(message) == {"20": (Decimal(0), Decimal(0)), "5.5": (Decimal("20.00"), Decimal("1.10"))}


def test_a_voucher_for_goods_leaves_the_carriage_as_it_is() -> None:
    message = an_order(BOOKS, Decimal("4.08"), "half")

    assert by_rate(message) == {"20": (Decimal("4.08"), Decimal("0.82")), "5.5": (Decimal("10.00"), Decimal("0.55"))}


def test_a_voucher_beyond_goods_and_carriage_is_for_the_whole_order() -> None:
    message = prestashop.order(prestashop_orders.joined(order={"total_discounts_tax_incl": "40.00"})).message

    assert (message.order_discount, {line.discount for line in message.lines}) == (Decimal("40.00"), {Decimal(0)})


@pytest.mark.parametrize("rounded", ["line", "order"])
@settings(max_examples=150, deadline=None)
@given(
    goods=st.lists(sold, min_size=1, max_size=6),
    carriage=st.sampled_from([Decimal("0.00"), Decimal("4.08"), Decimal("4.99"), Decimal("12.50")]),
    voucher=st.sampled_from(["", "carriage", "half"]),
)
def test_the_invoice_is_what_was_charged(
    rounded: str, goods: list[tuple[int, int, Decimal]], carriage: Decimal, voucher: str
) -> None:
    message = an_order(goods, carriage, voucher, rounded=rounded)
    if not message.total:
        return

    assert sums.problems(message) == ()
    found = totals.compute(sums._sale(message))
    assert (found.gross, found.vat) == (message.total, message.total_tax)


@pytest.mark.parametrize("raw", [True, False])
@settings(max_examples=200, deadline=None)
@given(
    goods=st.lists(sold, min_size=1, max_size=6),
    carriage=st.sampled_from([Decimal("0.00"), Decimal("4.08"), Decimal("4.99"), Decimal("12.50")]),
    voucher=st.sampled_from(["", "carriage", "half"]),
)
def test_rounded_by_item_the_prices_with_tax_count_and_the_rates_say_their_tax(
    raw: bool, goods: list[tuple[int, int, Decimal]], carriage: Decimal, voucher: str
) -> None:
    message = an_order(goods, carriage, voucher, rounded="item", raw=raw)
    if not message.total:
        return

    assert sums.problems(message) == ()
    found = totals.compute(sums._sale(message))
    assert found.gross == message.total
    for row in found.rates:
        assert abs(row.vat - row.gross * row.rate / (100 + row.rate)) <= Decimal("0.01") * len(message.lines)


def test_twelve_at_ten_euros_less_a_cent_bear_the_tax_of_their_rate() -> None:
    message = an_order([(1, 12, Decimal("8.325"))], Decimal(0), "", rounded="item")  # 8,33 and 9,99 each.

    assert message.total_tax is None
    assert by_rate(message) == {"20": (Decimal("99.90"), Decimal("19.98"))}


def test_columns_that_no_rounding_explains_wait_still() -> None:
    goods = [(1, 12, Decimal("8.325"))]
    for other in ({"total_paid_tax_excl": "90.00"}, {"total_paid_tax_incl": "120.00"}):
        assert sums.problems(an_order(goods, Decimal(0), "", rounded="item", changes=other)) != ()
