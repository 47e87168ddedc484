"""The shop's figures beside ours, line by line, rate by rate and in all, as an accountant compares them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from documents import formatting, totals
from documents.totals import CENT, ZERO, DoesNotAddUp, Line, RateAmounts, Sale


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


def _of_rate(sale: Sale, row: RateAmounts, before: Decimal) -> Row:
    """A row of the VAT table; `before` is its VAT before the order's discount, which is what some shops state."""
    taxes = [line.tax for line in sale.lines if line.rate_key == row.key]
    stated = [tax for tax in taxes if tax is not None]
    return Row(
        _rate(row.rate, row.category, row.exemption),
        f"base HT {formatting.number(row.net)}",
        sum(stated, ZERO) if len(stated) == len(taxes) else None,
        row.vat,
        CENT * len(taxes) + abs(before - row.vat),
    )


def _discount(sale: Sale) -> str:
    return f"remise de commande {formatting.number(sale.order_discount)} déduite" if sale.order_discount else ""


def _rate(rate: Decimal, category: str | None, exemption: str | None) -> str:
    why = ", ".join(part for part in (category, exemption) if part) if not rate else ""
    return f"TVA {formatting.rate(rate)}{f' ({why})' if why else ''}"
