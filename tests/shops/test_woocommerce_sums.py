"""Whatever WooCommerce charged, rounded by line or by order, the invoice comes to it: total and taxes to the cent."""

from collections.abc import Callable
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents import totals
from services import sums
from shops import woocommerce
from shops.exports import woocommerce as export
from shops.schema import OrderMessage
from tests.shops import recorded
from tests.shops.exports import woocommerce_file

CENT = Decimal("0.01")
EXACT = Decimal("0.000001")
RATES = {1: Decimal(20), 2: Decimal(10), 3: Decimal("5.5"), 4: Decimal("2.1")}

in_cents = st.integers(1, 9_999).map(lambda amount: Decimal(amount) / 100)
finer = st.integers(1, 99_999_999).map(lambda amount: Decimal(amount) / 1_000_000)
quantities = st.sampled_from([Decimal(text) for text in ("1", "1", "2", "3", "12", "999", "0.5", "1.25")])
kept = st.sampled_from([Decimal(text) for text in ("1", "1", "0.9", "0.8", "0.67", "0")])
sold = st.tuples(st.sampled_from(sorted(RATES)), quantities, st.one_of(in_cents, finer), kept)
carried = st.tuples(st.sampled_from(sorted(RATES)), st.sampled_from(["0", "4.90", "4.99", "4.0833", "6.583333"]))
fees = st.tuples(st.sampled_from(sorted(RATES)), st.integers(-99, 500).map(lambda amount: Decimal(amount) / 100))


def is_taxed(goods: tuple[int, Decimal, Decimal, Decimal]) -> bool:
    """Whether the tax is half a cent or more: of less the plug-in's export says nothing."""
    rate_id, quantity, price, kept = goods
    full = quantity * price
    return full * kept * RATES[rate_id] >= 1 or (not kept and full == up(full))


def up(amount: Decimal, place: Decimal = CENT) -> Decimal:
    return amount.quantize(place, ROUND_HALF_UP)


def down(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_DOWN)


class Cart:
    """A cart as WooCommerce counts it: taxes to six places, rounded line by line unless the whole order is.

    A tax that the price includes is rounded half down, any other half up.
    """

    def __init__(self, including: bool, by_order: bool) -> None:
        self.including = including
        exactly: Callable[[Decimal], Decimal] = lambda amount: amount  # noqa: E731
        self.net_of_line = exactly if by_order else up
        self.tax_of_line = exactly if by_order else down if including else up
        self.total = self.total_tax = Decimal(0)
        self.ids = iter(range(1, 1000))

    def sell(self, rate_id: int, quantity: Decimal, price: Decimal, kept: Decimal) -> dict[str, Any]:
        rate, full = RATES[rate_id], quantity * price
        full = up(full) if self.including else full
        left = full - min(full, up(full * (1 - kept)))
        whole = 100 + rate if self.including else Decimal(100)
        full_tax, tax = (up(amount * rate / whole, EXACT) for amount in (full, left))
        net, full = (left - tax, full - full_tax) if self.including else (left, full)
        said = self.add(rate_id, net, tax, full_tax)
        before = {"subtotal": str(up(full)), "subtotal_tax": str(up(self.tax_of_line(full_tax)))}
        return said | before | {"name": "Article", "quantity": quantity, "price": net / quantity}

    def add(self, rate_id: int, net: Decimal, tax: Decimal, full_tax: Decimal) -> dict[str, Any]:
        charged = self.tax_of_line(tax)
        self.total += self.net_of_line(net) + charged
        self.total_tax += charged
        taxes = [{"id": rate_id, "total": str(tax), "subtotal": str(full_tax)}]
        return {"id": next(self.ids), "total": str(up(net)), "total_tax": str(up(charged)), "taxes": taxes}

    def plain(self, rate_id: int, net: Decimal) -> dict[str, Any]:
        """Carriage and fees are written without tax in every shop, and carriage to the cent."""
        tax = up(net * RATES[rate_id] / 100, EXACT)
        return self.add(rate_id, up(net), tax, tax)


@pytest.mark.parametrize("by_order", [True, False])
@pytest.mark.parametrize("including", [True, False])
@settings(max_examples=150, deadline=None)
@given(
    goods=st.lists(sold, min_size=1, max_size=8),
    carriage=st.lists(carried, max_size=2),
    extra=st.lists(fees, max_size=2),
)
def test_the_invoice_is_what_was_charged(
    including: bool, by_order: bool, goods: list[Any], carriage: list[Any], extra: list[Any]
) -> None:
    cart = Cart(including, by_order)
    lines = [cart.sell(*each) for each in goods]
    shipping = [cart.plain(rate_id, Decimal(cost)) for rate_id, cost in carriage]
    fee_lines = [cart.plain(rate_id, cost) for rate_id, cost in extra]
    if cart.total <= 0 or cart.total_tax < 0:
        return

    assert figures(order(cart, lines, shipping, fee_lines)) == (up(cart.total), up(cart.total_tax))


@pytest.mark.parametrize("by_order", [True, False])
@pytest.mark.parametrize("including", [True, False])
@settings(max_examples=150, deadline=None)
@given(
    goods=st.lists(sold.filter(is_taxed), min_size=1, max_size=8),
    carriage=st.lists(carried, max_size=1),
    extra=st.lists(fees, max_size=2),
)
def test_the_invoice_of_an_exported_order_is_what_was_charged(
    including: bool, by_order: bool, goods: list[Any], carriage: list[Any], extra: list[Any]
) -> None:
    cart = Cart(including, by_order)
    lines = [cart.sell(*each) for each in goods]
    shipping = [cart.plain(rate_id, Decimal(cost)) for rate_id, cost in carriage]
    fee_lines = [cart.plain(rate_id, cost) for rate_id, cost in extra]
    if cart.total <= 0 or cart.total_tax < 0:
        return

    said = woocommerce_file.row(sent(cart, lines, shipping, fee_lines))
    (candidate,) = export.read(woocommerce_file.written([said]))
    assert candidate.message is not None
    assert figures(candidate.message) == (up(cart.total), up(cart.total_tax))


@pytest.mark.parametrize(("price", "total_tax"), [("9.99", "1.67"), ("9.99", "1.66"), ("14.97", "2.50")])
def test_half_a_cent_of_tax_adds_none_to_the_price(price: str, total_tax: str) -> None:
    cart = Cart(including=True, by_order=True)
    message = order(cart, [cart.sell(1, Decimal(1), Decimal(price), Decimal(1))], total_tax=total_tax)

    assert figures(message) == (Decimal(price), Decimal(total_tax))
    assert [(line.unit_price, line.discount) for line in message.lines] == [(Decimal(price), Decimal(0))]


def test_a_whole_cent_too_much_is_a_contradiction_still() -> None:
    cart = Cart(including=True, by_order=True)
    line = cart.sell(1, Decimal(1), Decimal("9.99"), Decimal(1))
    cart.total += 2 * CENT

    assert sums.problems(order(cart, [line])) != ()


def order(cart: Cart, lines: Any, shipping: Any = (), fee_lines: Any = (), total_tax: str = "") -> OrderMessage:
    return woocommerce.order(sent(cart, lines, shipping, fee_lines, total_tax), ()).message


def sent(cart: Cart, lines: Any, shipping: Any, fee_lines: Any, total_tax: str = "") -> dict[str, Any]:
    tax_lines = [{"rate_id": rate_id, "rate_percent": rate} for rate_id, rate in RATES.items()]
    return recorded.sent("woocommerce", "guest") | {
        "prices_include_tax": cart.including, "line_items": lines, "shipping_lines": shipping, "fee_lines": fee_lines,
        "tax_lines": tax_lines, "total": str(up(cart.total)), "total_tax": total_tax or str(up(cart.total_tax)),
    }  # fmt: skip


def figures(message: OrderMessage) -> tuple[Decimal, Decimal]:
    assert sums.problems(message) == ()
    found = totals.compute(sums._sale(message))
    for row in found.rates:
        assert abs(row.vat - up(row.net * row.rate / 100)) <= CENT * len(message.lines)
    return found.gross, found.vat
