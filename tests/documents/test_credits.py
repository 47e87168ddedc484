"""Credit notes take off what their invoice charged: to the cent, and never more."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.credits import Credit, ExceedsInvoice, LineCredit, compute, left
from documents.formatting import rounded
from documents.snapshot import Snapshot
from documents.totals import CENT, Sale, Totals

from .factories import a_line, a_sale, a_snapshot
from .test_totals import ht_sales, taxed_sales, ttc_sales

D = Decimal
ANY_SALE = st.one_of(ttc_sales(), ht_sales(), taxed_sales())


def check(invoice: Snapshot, sale: Sale, totals: Totals) -> None:
    """What holds exactly for any credit note."""
    assert totals.gross == sale.total == totals.net + totals.vat
    assert sale.prices_include_tax == invoice.sale.prices_include_tax
    for name in ("net", "vat", "gross"):  # BR-CO-14, BR-CO-15
        assert getattr(totals, name) == sum((getattr(row, name) for row in totals.rates), D(0))
    allowances = {row.key: row for row in totals.discounts}
    keys = [row.key for row in invoice.totals.rates]
    lines = list(zip(sale.lines, totals.lines, strict=True))
    for row in totals.rates:
        key = row.key
        assert key in keys
        assert row.net + row.vat == row.gross
        mine = [amounts for line, amounts in lines if line.rate_key == key]
        for name in ("net", "vat", "gross"):  # BR-S-08, and BR-CO-10 and BR-CO-13 by their sum
            allowance = getattr(allowances[key], name) if key in allowances else D(0)
            assert sum((getattr(amounts, name) for amounts in mine), D(0)) - allowance == getattr(row, name)
    for line, amounts in lines:
        assert amounts.net + amounts.vat == amounts.gross
        assert amounts.unit_net >= 0
        assert rounded(amounts.quantity * amounts.unit_net) - amounts.discount_net == amounts.net
        assert line.amount == (amounts.gross if sale.prices_include_tax else amounts.net)


def check_caps(invoice: Totals, all_credits: list[Totals]) -> None:
    """No rate is credited beyond the invoice, in net, VAT or gross, whatever its sign."""
    for row in left(invoice, all_credits).rates:
        whole = next(r for r in invoice.rates if r.key == row.key)
        for name in ("net", "vat", "gross"):
            low, high = sorted((D(0), getattr(whole, name)))
            assert low <= getattr(row, name) <= high


@st.composite
def wishes(draw: st.DrawFn, invoice: Snapshot, most: Decimal) -> Credit | None:
    """Any credit up to `most`: with lines that fit, fall short, overflow, exceed the amount or do not exist."""
    if draw(st.integers(0, 4)) == 0:
        return None
    amount = draw(st.decimals("0.01", most, places=2))
    count = len(invoice.sale.lines)
    lines = draw(
        st.lists(
            st.builds(
                LineCredit,
                st.integers(0, count),
                st.one_of(st.integers(0, 3).map(D), st.decimals("0.1", "5", places=3)),
                st.decimals("0", amount, places=2),
            ),
            max_size=3,
        )
    )
    return Credit(amount, tuple(lines))


@settings(max_examples=150)
@given(ANY_SALE, st.data())
def test_all_credit_notes_together_are_the_invoice_to_the_cent(sale: Sale, data: st.DataObject) -> None:
    if sale.total < 0:
        return
    invoice = a_snapshot(sale)
    earlier: list[Totals] = []
    for _turn in range(4):
        remainder = left(invoice.totals, earlier)
        if remainder.gross <= 0:
            break
        wanted = data.draw(wishes(invoice, remainder.gross))
        credited, totals = compute(invoice, earlier, wanted)
        check(invoice, credited, totals)
        assert totals.gross == (remainder.gross if wanted is None else wanted.amount)
        earlier.append(totals)
    if left(invoice.totals, earlier).gross or not earlier:
        credited, totals = compute(invoice, earlier, None)
        check(invoice, credited, totals)
        earlier.append(totals)
    for before, after in pairwise(range(len(earlier) + 1)):
        if invoice.totals.gross:
            assert left(invoice.totals, earlier[:after]).gross < left(invoice.totals, earlier[:before]).gross
    assert left(invoice.totals, earlier).net == left(invoice.totals, earlier).vat == 0
    assert not any(row.net or row.vat for row in left(invoice.totals, earlier).rates)
    with pytest.raises(ExceedsInvoice):
        compute(invoice, earlier, None)


@settings(max_examples=100)
@given(ANY_SALE, st.data())
def test_no_rate_is_ever_credited_beyond_the_invoice(sale: Sale, data: st.DataObject) -> None:
    if sale.total <= 0:
        return
    invoice = a_snapshot(sale)
    for row in invoice.totals.rates:
        if row.net * row.vat < 0:
            return  # A rate whose lines cancel out but for a cent of the shop's own taxes.
    earlier: list[Totals] = []
    while len(earlier) < 4 and (most := left(invoice.totals, earlier).gross) > 0:
        _sale, totals = compute(invoice, earlier, data.draw(wishes(invoice, most)))
        earlier.append(totals)
        check_caps(invoice.totals, earlier)
        for row in totals.rates:
            lines = len(invoice.sale.lines) + 1
            assert abs(row.vat - rounded(row.net * row.rate / 100)) <= CENT * lines


@given(ANY_SALE)
def test_a_full_credit_is_the_invoices_own_lines_discounts_and_totals(sale: Sale) -> None:
    if sale.total < 0:
        return
    invoice = a_snapshot(sale)
    assert compute(invoice, (), None) == (invoice.sale, invoice.totals)
    if sale.total:
        assert compute(invoice, (), Credit(invoice.totals.gross)) == (invoice.sale, invoice.totals)


def test_many_small_credits_lose_no_vat() -> None:
    """Each three cents at 20 % round to no VAT at all; together they must still give back the invoice's."""
    invoice = a_snapshot(a_sale(a_line("Mug", "3.00")))
    earlier: list[Totals] = []
    for _turn in range(100):
        earlier.append(compute(invoice, earlier, Credit(D("0.03")))[1])
    assert sum((totals.vat for totals in earlier), D(0)) == invoice.totals.vat == D("0.50")
    assert {totals.vat for totals in earlier} == {D("0.00"), D("0.01")}


def test_a_named_line_is_credited_at_its_own_rate_and_quantity() -> None:
    invoice = a_snapshot(
        a_sale(a_line(quantity=D(2), discount=D("2.98")), a_line("Livre", "10.00", vat_rate=D("5.50")))
    )
    sale, totals = compute(invoice, (), Credit(D("13.41"), (LineCredit(0, D(1), D("13.41")),)))
    check(invoice, sale, totals)
    assert [(line.description, line.quantity, line.unit_price) for line in sale.lines] == [
        ("T-shirt personnalisé", D(1), D("13.41"))
    ]
    assert [(row.rate, row.net, row.vat, row.gross) for row in totals.rates] == [
        (D("20.00"), D("11.17"), D("2.24"), D("13.41"))
    ]


def test_a_refund_that_names_no_line_is_spread_over_the_rates_and_says_so() -> None:
    invoice = a_snapshot(a_sale(a_line("T-shirt", "60.00"), a_line("Livre", "40.00", vat_rate=D("5.50"))))
    sale, totals = compute(invoice, (), Credit(D("10.00")))
    check(invoice, sale, totals)
    assert {line.description for line in sale.lines} == {"Remboursement réparti sur les taux de TVA"}
    assert [row.gross for row in totals.rates] == [D("6.00"), D("4.00")]


def test_what_the_lines_leave_of_the_amount_is_spread_in_proportion_to_what_is_left() -> None:
    invoice = a_snapshot(a_sale(a_line("T-shirt", "60.00"), a_line("Livre", "40.00", vat_rate=D("5.50"))))
    sale, totals = compute(invoice, (), Credit(D("28.00"), (LineCredit(0, D(1), D("20.00")),)))
    check(invoice, sale, totals)
    assert [(line.description, line.amount) for line in sale.lines] == [
        ("T-shirt", D("20.00")),
        ("Remboursement réparti sur les taux de TVA", D("4.00")),
        ("Remboursement réparti sur les taux de TVA", D("4.00")),
    ]
    assert [row.gross for row in totals.rates] == [D("24.00"), D("4.00")]


def test_a_line_beyond_its_rate_overflows_into_the_others() -> None:
    invoice = a_snapshot(a_sale(a_line("T-shirt", "60.00"), a_line("Livre", "40.00", vat_rate=D("5.50"))))
    sale, totals = compute(invoice, (), Credit(D("70.00"), (LineCredit(0, D(1), D("70.00")),)))
    check(invoice, sale, totals)
    assert [row.gross for row in totals.rates] == [D("60.00"), D("10.00")]


def test_lines_that_contradict_the_amount_say_nothing() -> None:
    invoice = a_snapshot(a_sale(a_line("T-shirt", "60.00"), a_line("Livre", "40.00", vat_rate=D("5.50"))))
    lines = (LineCredit(0, D(1), D("20.00")),)
    assert compute(invoice, (), Credit(D("10.00"), lines)) == compute(invoice, (), Credit(D("10.00")))


def test_a_line_that_the_invoice_does_not_have_names_nothing() -> None:
    invoice = a_snapshot()
    lines = (LineCredit(7, D(1), D("10.00")),)
    assert compute(invoice, (), Credit(D("10.00"), lines)) == compute(invoice, (), Credit(D("10.00")))


def test_all_that_is_left_is_one_line_a_rate() -> None:
    invoice = a_snapshot(a_sale(a_line("T-shirt", "60.00"), a_line("Livre", "40.00", vat_rate=D("5.50"))))
    first = compute(invoice, (), Credit(D("10.00")))[1]
    sale, totals = compute(invoice, [first], None)
    check(invoice, sale, totals)
    assert [(line.description, line.vat_rate, line.amount) for line in sale.lines] == [
        ("Solde de la facture FA-2026-000123", D("20.00"), D("54.00")),
        ("Solde de la facture FA-2026-000123", D("5.50"), D("36.00")),
    ]


@pytest.mark.parametrize("amount", ["31.73", "100.00"])
def test_more_than_is_left_is_refused_with_what_is_left(amount: str) -> None:
    with pytest.raises(ExceedsInvoice) as refusal:
        compute(a_snapshot(), (), Credit(D(amount)))
    assert refusal.value.left == D("31.72")


@pytest.mark.parametrize("amount", ["0.00", "-1.00"])
def test_nothing_is_no_credit(amount: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        compute(a_snapshot(), (), Credit(D(amount)))


def test_an_invoice_of_nothing_is_credited_once() -> None:
    invoice = a_snapshot(a_sale(a_line("Échantillon", "0.00")))
    sale, totals = compute(invoice, (), None)
    assert (sale, totals) == (invoice.sale, invoice.totals)
    with pytest.raises(ExceedsInvoice):
        compute(invoice, [totals], None)


@pytest.mark.parametrize("quantity", ["0", "30000", "99999.9999"])
def test_any_quantity_times_its_price_gives_the_line(quantity: str) -> None:
    invoice = a_snapshot(a_sale(a_line("Perle", "0.02", quantity=D(30000))))
    sale, totals = compute(invoice, (), Credit(D("599.99"), (LineCredit(0, D(quantity), D("599.99")),)))
    check(invoice, sale, totals)
    assert sale.lines[0].quantity == (D(quantity) or 1)


def test_a_spread_refund_speaks_the_documents_language() -> None:
    sale, _totals = compute(a_snapshot(language="en"), (), Credit(D("1.00")))
    assert sale.lines[0].description == "Refund spread over the VAT rates"
