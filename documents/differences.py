"""The shop's figures beside ours, line by line, rate by rate and in all, as an accountant compares them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from documents import formatting, totals
from documents.totals import CENT, ZERO, DoesNotAddUp, Line, RateAmounts, Sale, Totals


@dataclass(frozen=True, slots=True)
class Row:
    """One figure twice: `shop` is None where the shop says none, `ours` where the lines give none.

    `counted` says how ours comes about; `tolerance` is what rounding explains of the difference.
    """

    label: str
    counted: str
    shop: Decimal | None
    ours: Decimal | None
    tolerance: Decimal = ZERO

    @property
    def difference(self) -> Decimal | None:
        """The shop's figure less ours."""
        return None if self.shop is None or self.ours is None else self.shop - self.ours

    @property
    def is_wrong(self) -> bool:
        """Whether the figures contradict each other."""
        return abs(self.difference or ZERO) > self.tolerance


@dataclass(frozen=True, slots=True)
class Differences:
    """VAT of each line, VAT of each rate, and the totals; nothing by rate where the lines give none."""

    lines: tuple[Row, ...]
    rates: tuple[Row, ...]
    totals: tuple[Row, ...]


def of(sale: Sale) -> Differences:
    """Compare what a shop says of total and taxes with what its lines, prices and rates come to."""
    lines = tuple(_of_line(sale, line) for line in sale.lines)
    try:
        ours = totals.expected(sale)
        before = {row.key: row.vat for row in totals.expected(replace(sale, order_discount=ZERO)).rates}
    except DoesNotAddUp:
        return Differences(lines, (), (Row("Total TTC", "", sale.total, None),))
    return Differences(
        lines=lines,
        rates=tuple(_of_rate(sale, row, before.get(row.key, row.vat)) for row in ours.rates),
        totals=(
            Row("TVA", "", sale.total_tax, ours.vat, CENT * len(sale.lines)),
            Row("Total TTC", _discount(sale), sale.total, ours.gross),
        ),
    )


def _of_line(sale: Sale, line: Line) -> Row:
    basis = "TTC" if sale.prices_include_tax else "HT"
    reduction = f" {formatting.MINUS} {formatting.number(line.discount)}" if line.discount else ""
    counted = (
        f"{formatting.quantity(line.quantity)} × {formatting.unit_price(line.unit_price)}{reduction} = "
        f"{formatting.number(line.amount)} {basis}, {_rate(line.vat_rate, line.vat_category, line.exemption)}"
    )
    # A shop may state the tax of a line after the order's discount, whose share is not the line's own.
    discounted = abs(totals.own_tax(sale, line)) if sale.order_discount else ZERO
    return Row(line.description, counted, line.tax, totals.own_tax(sale, line), CENT + discounted)


def since(invoiced: Totals, now: Totals) -> tuple[Row, ...]:
    """Compare what an order comes to now (`shop`) with its invoice (`ours`), rate by rate and in all."""
    before, after = ({row.key: row for row in each.rates} for each in (invoiced, now))
    rows = []
    for key, either in (after | before).items():
        old, new = before.get(key), after.get(key)
        bases = " → ".join(formatting.number(row.net if row else ZERO) for row in (old, new))
        label = _rate(either.rate, either.category, either.exemption)
        rows.append(Row(label, f"base HT {bases}", new.vat if new else ZERO, old.vat if old else ZERO))
    return (
        *rows,
        Row("Total HT", "", now.net, invoiced.net),
        Row("TVA", "", now.vat, invoiced.vat),
        Row("Total TTC", "", now.gross, invoiced.gross),
    )


def _of_rate(sale: Sale, row: RateAmounts, before: Decimal) -> Row:
    """A row of the VAT table; `before` is its VAT before the order's discount, which is what some shops state.

    Where a shop states the tax of some lines, the others' is what their rate gives.
    """
    lines = [line for line in sale.lines if line.rate_key == row.key]
    taxes = [totals.own_tax(sale, line) if line.tax is None else line.tax for line in lines]
    return Row(
        _rate(row.rate, row.category, row.exemption),
        f"base HT {formatting.number(row.net)}",
        None if all(line.tax is None for line in lines) else sum(taxes, ZERO),
        row.vat,
        CENT * len(lines) + abs(before - row.vat),
    )


def _discount(sale: Sale) -> str:
    return f"remise de commande {formatting.number(sale.order_discount)} déduite" if sale.order_discount else ""


def _rate(rate: Decimal, category: str | None, exemption: str | None) -> str:
    why = ", ".join(part for part in (category, exemption) if part) if not rate else ""
    return f"TVA {formatting.rate(rate)}{f' ({why})' if why else ''}"
