"""The amounts of a document: exact to the cent, whatever was sold."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.formatting import rounded
from documents.totals import CENT, DoesNotAddUp, Line, Sale, Totals, apportion, compute

D = Decimal
RATES = ("20.00", "10.00", "5.50", "2.10", "0.00", "8.50")


def a_line(price: str = "10.00", *, quantity: str = "1", rate: str = "20.00", **more: object) -> Line:
    if not D(rate):
        more = {"vat_category": "E", "exemption": "Exonération, art. 261 du CGI", **more}
    return Line("T-shirt", D(quantity), D(price), D(rate), **more)  # type: ignore[arg-type]


def a_sale(*lines: Line, total: str | Decimal, ttc: bool = True, **more: object) -> Sale:
    return Sale(ttc, lines, D(total), **more)  # type: ignore[arg-type]


def check(sale: Sale, totals: Totals) -> None:
    """What holds exactly for any sale, to the cent."""
    assert totals.gross == sale.total == totals.net + totals.vat
    assert sum((row.gross for row in totals.rates), D(0)) == totals.gross
    assert sum((row.net for row in totals.rates), D(0)) == totals.net
    assert sum((line.gross for line in totals.lines), D(0)) - sale.order_discount == totals.gross
    assert sum((row.gross for row in totals.discounts), D(0)) == sale.order_discount
    discounts = {row.key: row for row in totals.discounts}
    for row in totals.rates:
        key = row.key
        mine = [amounts for line, amounts in zip(sale.lines, totals.lines, strict=True) if line.rate_key == row.key]
        allowance = discounts[key].net if key in discounts else D(0)
        assert sum((amounts.net for amounts in mine), D(0)) - allowance == row.net
        assert row.net + row.vat == row.gross
        assert abs(row.vat - rounded(row.net * row.rate / 100)) <= CENT * len(mine)
    for sold, amounts in zip(sale.lines, totals.lines, strict=True):
        assert amounts.net + amounts.vat == amounts.gross
        assert amounts.unit_net >= 0
        assert rounded(amounts.quantity * amounts.unit_net) - amounts.discount_net == amounts.net
        if not sold.amount:
            assert amounts.net == amounts.vat == 0
    cents = [value for amounts in totals.lines for value in (amounts.net, amounts.vat, amounts.gross)]
    cents += [value for row in totals.rates for value in (row.net, row.vat, row.gross)]
    assert all(value.as_tuple().exponent == -2 for value in cents)


prices = st.one_of(st.decimals("0", "300", places=2), st.decimals("0", "3", places=6))
rates = st.sampled_from(RATES)
quantities = st.one_of(
    st.integers(1, 40).map(D), st.decimals("0.1", "9.999", places=3), st.decimals("9000", "99999", places=4)
)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    price, quantity = draw(prices), draw(quantities)
    discount = draw(st.one_of(st.just(D(0)), st.decimals(0, rounded(price * quantity), places=2)))
    if draw(st.integers(0, 9)) == 0:
        price, discount = -price, D(0)
    return a_line(str(price), quantity=str(quantity), rate=draw(rates), discount=discount)


@st.composite
def ttc_sales(draw: st.DrawFn) -> Sale:
    sold = tuple(draw(st.lists(lines(), min_size=1, max_size=12)))
    positive: dict[object, Decimal] = {}
    for line in sold:
        positive[line.rate_key] = positive.get(line.rate_key, D(0)) + line.amount
    most = sum((amount for amount in positive.values() if amount > 0), D(0))
    discount = draw(st.one_of(st.just(D("0.00")), st.decimals(0, most, places=2)))
    return a_sale(*sold, total=sum((line.amount for line in sold), D(0)) - discount, order_discount=discount)


@given(ttc_sales())
def test_ttc_sales_are_exact_to_the_cent(sale: Sale) -> None:
    check(sale, compute(sale))


@given(ttc_sales(), st.sampled_from([D("0.01"), D("-0.01"), D("1")]))
def test_a_total_off_by_a_cent_is_refused(sale: Sale, error: Decimal) -> None:
    wrong = a_sale(*sale.lines, total=sale.total + error, order_discount=sale.order_discount)
    with pytest.raises(DoesNotAddUp) as refusal:
        compute(wrong)
    assert refusal.value.difference == error


def ht_total(sold: tuple[Line, ...]) -> Decimal:
    """Net per rate, VAT once per rate."""
    nets: dict[Decimal, Decimal] = {}
    for line in sold:
        nets[line.vat_rate] = nets.get(line.vat_rate, D(0)) + line.amount
    return sum((net + rounded(net * rate / 100) for rate, net in nets.items()), D(0))


@st.composite
def ht_sales(draw: st.DrawFn) -> Sale:
    sold = tuple(draw(st.lists(lines(), min_size=1, max_size=12)))
    whole = ht_total(sold)
    discount = D("0.00")
    if draw(st.booleans()) and all(line.amount >= 0 for line in sold):
        discount = draw(st.decimals(0, whole, places=2))
    return a_sale(*sold, ttc=False, total=whole - discount, order_discount=discount)


@st.composite
def taxed_sales(draw: st.DrawFn) -> Sale:
    """Sales of a shop that rounds the tax of each line and states it, TTC or HT, with discounts on its lines."""
    ttc = draw(st.booleans())
    sold = tuple(_with_tax(line, ttc=ttc) for line in draw(st.lists(lines(), min_size=1, max_size=12)))
    taxes = sum((line.tax or D(0) for line in sold), D(0))
    amount = sum((line.amount for line in sold), D(0))
    return a_sale(*sold, ttc=ttc, total=amount if ttc else amount + taxes)


def _with_tax(line: Line, *, ttc: bool) -> Line:
    share = line.vat_rate / (100 + line.vat_rate) if ttc else line.vat_rate / 100
    return replace(line, tax=rounded(line.amount * share))


@given(ht_sales())
def test_ht_sales_are_exact_to_the_cent(sale: Sale) -> None:
    totals = compute(sale)
    check(sale, totals)
    assert [amounts.net for amounts in totals.lines] == [line.amount for line in sale.lines]


@given(taxed_sales())
def test_sales_with_the_shops_own_taxes_and_discounts_are_exact_to_the_cent(sale: Sale) -> None:
    totals = compute(sale)
    check(sale, totals)
    assert totals.vat == sum((line.tax or D(0) for line in sale.lines), D(0))


@given(ttc_sales())
def test_the_shops_taxes_rounded_per_line_are_adopted(sale: Sale) -> None:
    """WooCommerce rounds each line's tax: its VAT is on the document, not ours."""
    taxed = tuple(_with_own_tax(line) for line in sale.lines)
    total = sum((line.amount for line in taxed), D(0))
    charged = a_sale(*taxed, total=total)
    totals = compute(charged)
    check(charged, totals)
    assert totals.vat == sum((line.tax or D(0) for line in taxed), D(0))
    assert [amounts.vat for amounts in totals.lines] == [line.tax for line in taxed]


@given(ttc_sales())
def test_the_shops_taxes_before_an_order_discount_do_not_break_the_properties(sale: Sale) -> None:
    taxed = tuple(_with_own_tax(line) for line in sale.lines)
    charged = a_sale(*taxed, total=sale.total, order_discount=sale.order_discount)
    check(charged, compute(charged))


@given(st.lists(lines(), min_size=1, max_size=12).map(tuple))
def test_the_ht_shops_taxes_rounded_per_line_are_adopted(sold: tuple[Line, ...]) -> None:
    taxed = tuple(
        a_line(str(line.amount), rate=str(line.vat_rate), tax=rounded(line.amount * line.vat_rate / 100))
        for line in sold
    )
    total = sum((line.amount + (line.tax or D(0)) for line in taxed), D(0))
    charged = a_sale(*taxed, ttc=False, total=total)
    totals = compute(charged)
    check(charged, totals)
    assert totals.vat == sum((line.tax or D(0) for line in taxed), D(0))


@given(ttc_sales(), st.integers(-3, 3))
def test_the_shops_total_tax_is_adopted_within_a_cent_a_line(sale: Sale, cents: int) -> None:
    ours = compute(sale)
    wanted = ours.vat + CENT * max(-len(sale.lines), min(len(sale.lines), cents))
    stated = a_sale(*sale.lines, total=sale.total, order_discount=sale.order_discount, total_tax=wanted)
    totals = compute(stated)
    check(stated, totals)
    assert totals.vat in {wanted, ours.vat}


@given(ht_sales(), st.integers(-3, 3))
def test_an_ht_shops_total_tax_is_what_was_charged(sale: Sale, cents: int) -> None:
    """Without a discount the shop's own cents add to what the customer paid; with one they come from the net."""
    ours = compute(sale)
    carriers = [line for line in sale.lines if line.vat_rate]
    change = CENT * max(-len(carriers), min(len(carriers), cents))
    if not all(abs(row.vat) >= CENT * len(sale.lines) for row in ours.rates if row.rate):
        change = D(0)  # A rate that bears hardly any VAT cannot lose some.
    paid = sale.total if sale.order_discount else sale.total + change
    stated = replace(sale, total=paid, total_tax=ours.vat + change)
    totals = compute(stated)
    check(stated, totals)
    assert totals.vat == ours.vat + change or (sale.order_discount and totals.vat == ours.vat)


@given(st.one_of(ttc_sales(), ht_sales(), taxed_sales()))
def test_the_discount_of_a_line_is_what_the_shop_said(sale: Sale) -> None:
    """The cent that rounding puts on a line shows in the price of one piece, while that has places enough for it."""
    for line, amounts in zip(sale.lines, compute(sale).lines, strict=True):
        exact = line.discount * 100 / (100 + line.vat_rate) if sale.prices_include_tax else line.discount
        if abs(line.quantity) < 10_000:
            assert amounts.discount_net == rounded(exact)
        else:
            assert abs(amounts.discount_net - rounded(exact)) <= D("0.11")


@pytest.mark.parametrize("price", ["9.99", "10.05", "0.03", "10.11"])
@pytest.mark.parametrize("quantity", ["1", "3", "7", "0.333", "12000"])
@pytest.mark.parametrize("ttc", [True, False])
def test_awkward_prices_multiply_and_are_charged_exactly(price: str, quantity: str, ttc: bool) -> None:
    sold = (a_line(price, quantity=quantity), a_line(price))
    whole = sum((line.amount for line in sold), D(0)) if ttc else ht_total(sold)
    sale = a_sale(*sold, total=whole, ttc=ttc)
    check(sale, compute(sale))


def _with_own_tax(line: Line) -> Line:
    tax = line.amount - rounded(line.amount * 100 / (100 + line.vat_rate))
    return a_line(str(line.amount), rate=str(line.vat_rate), tax=tax)


@pytest.mark.parametrize(
    ("price", "net", "vat"),
    [("9.99", "8.33", "1.66"), ("10.05", "8.38", "1.67"), ("0.03", "0.03", "0.00"), ("10.11", "8.43", "1.68")],
)
def test_prices_that_no_net_amount_gives_are_still_charged_exactly(price: str, net: str, vat: str) -> None:
    sale = a_sale(a_line(price), total=price)
    totals = compute(sale)
    check(sale, totals)
    assert (totals.net, totals.vat, totals.gross) == (D(net), D(vat), D(price))


def test_the_shops_cent_wins_on_a_price_that_no_net_amount_gives() -> None:
    totals = compute(a_sale(a_line("9.99", tax=D("1.67")), total="9.99"))
    assert (totals.net, totals.vat, totals.gross) == (D("8.32"), D("1.67"), D("9.99"))


def test_the_order_of_the_contract() -> None:
    sale = a_sale(
        a_line("14.90", quantity="2", discount=D("2.98")),
        a_line("4.90", kind="shipping"),
        total="31.72",
    )
    totals = compute(sale)
    check(sale, totals)
    assert (totals.net, totals.vat) == (D("26.43"), D("5.29"))
    assert [amounts.gross for amounts in totals.lines] == [D("26.82"), D("4.90")]


def test_an_order_discount_is_spread_over_the_rates_by_their_ttc_value() -> None:
    sale = a_sale(a_line("60.00"), a_line("40.00", rate="5.50"), total="90.00", order_discount=D("10.00"))
    totals = compute(sale)
    check(sale, totals)
    assert [(row.rate, row.gross) for row in totals.discounts] == [(D("20.00"), D("6.00")), (D("5.50"), D("4.00"))]
    assert [row.gross for row in totals.rates] == [D("54.00"), D("36.00")]


def test_the_missing_cent_of_a_discount_goes_to_the_largest_remainder() -> None:
    sale = a_sale(
        a_line("10.00"),
        a_line("10.00", rate="10.00"),
        a_line("10.00", rate="5.50"),
        total="29.90",
        order_discount=D("0.10"),
    )
    assert [row.gross for row in compute(sale).discounts] == [D("0.04"), D("0.03"), D("0.03")]


def test_a_discount_larger_than_the_order_is_refused() -> None:
    with pytest.raises(DoesNotAddUp, match="dépasse"):
        compute(a_sale(a_line("10.00"), total="0.00", order_discount=D("10.01")))


def test_vat_is_computed_once_per_rate_in_ht_shops() -> None:
    sale = a_sale(*[a_line("0.13")] * 3, ttc=False, total="0.47")
    totals = compute(sale)
    assert (totals.net, totals.vat) == (D("0.39"), D("0.08"))
    assert [amounts.vat for amounts in totals.lines] == [D("0.03"), D("0.03"), D("0.02")]


def test_an_ht_shops_total_tax_settles_the_cent() -> None:
    """Rounded per line, three times 0.13 carry 0.09 of VAT; the shop says so and charged it."""
    totals = compute(a_sale(*[a_line("0.13")] * 3, ttc=False, total="0.48", total_tax=D("0.09")))
    assert (totals.net, totals.vat, totals.gross) == (D("0.39"), D("0.09"), D("0.48"))


@pytest.mark.parametrize("ttc", [True, False])
def test_a_tax_that_is_not_the_rates_is_refused_and_its_line_named(ttc: bool) -> None:
    wrong = a_line("12.00", tax=D("0.66"))
    with pytest.raises(DoesNotAddUp) as refusal:
        compute(a_sale(a_line("6.00", tax=D("1.00")), wrong, total="18.00", ttc=ttc))
    assert [line.index for line in refusal.value.by_line if line.difference] == ([1] if ttc else [0, 1])
    assert "TVA annoncée 0,66" in refusal.value.by_line[1].text


def test_a_total_tax_that_is_not_the_rates_is_refused() -> None:
    with pytest.raises(DoesNotAddUp, match="TVA annoncée"):
        compute(a_sale(a_line("12.00"), total="12.00", total_tax=D("0.00")))


def test_an_accountant_can_read_how_each_line_was_counted() -> None:
    with pytest.raises(DoesNotAddUp) as refusal:
        compute(a_sale(a_line("14.90", quantity="2", discount=D("2.98")), total="26.83"))
    assert str(refusal.value) == (
        "Le total annoncé est 26,83 TTC, la somme des lignes donne 26,82 TTC (écart : +0,01)."
    )
    assert refusal.value.by_line[0].text == "T-shirt : 2 × 14,90 − 2,98 = 26,82 TTC à 20\u00a0%"


def test_a_negative_line_lowers_the_base_of_its_own_rate() -> None:
    sale = a_sale(a_line("30.00"), a_line("10.00", rate="5.50"), a_line("-6.00"), total="34.00")
    totals = compute(sale)
    check(sale, totals)
    assert [row.gross for row in totals.rates] == [D("24.00"), D("10.00")]
    correction = totals.lines[2]
    assert (correction.quantity, correction.unit_net, correction.net) == (D("-1"), D("5.000000"), D("-5.00"))


def test_a_free_line_costs_nothing_and_adds_no_row() -> None:
    sale = a_sale(a_line("9.99"), Line("Échantillon offert", D(1), D("0.00"), D("0.00")), total="9.99")
    totals = compute(sale)
    assert [row.rate for row in totals.rates] == [D("20.00")]
    assert totals.lines[1].gross == 0


def test_a_free_order_has_one_row_of_zeros() -> None:
    totals = compute(a_sale(a_line("0.00"), total="0.00"))
    assert [(row.net, row.vat) for row in totals.rates] == [(D("0.00"), D("0.00"))]


def test_exemptions_of_different_reasons_are_different_rows() -> None:
    sale = a_sale(
        a_line("10.00", rate="0.00", vat_category="K", exemption=None),
        a_line("5.00", rate="0.00", vat_category="O", exemption=None),
        a_line("2.00", rate="0.00"),
        total="17.00",
    )
    assert {(row.category, row.gross) for row in compute(sale).rates} == {
        ("K", D("10.00")),
        ("O", D("5.00")),
        ("E", D("2.00")),
    }


def test_taxes_that_differ_are_told_beside_what_the_rates_give() -> None:
    with pytest.raises(DoesNotAddUp, match="La TVA annoncée est 2,00, les taux des lignes donnent 1,67"):
        compute(a_sale(a_line("10.00"), total="10.00", total_tax=D("2.00")))


@given(st.lists(st.decimals("-50", "50", places=4), min_size=1, max_size=20), st.integers(-5, 5))
def test_apportioned_cents_sum_to_the_target(exact: list[Decimal], cents: int) -> None:
    target = rounded(sum(exact, D(0))) + cents * CENT
    shares = apportion(exact, target)
    assert sum(shares, D(0)) == target
    if cents == 0:
        assert all(abs(share - value) <= CENT for share, value in zip(shares, exact, strict=True))
