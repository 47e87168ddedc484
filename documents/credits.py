"""What a credit note takes off its invoice: never more than the invoice, and all of them together exactly it.

The gross amount comes first, since it is what goes back to the customer. Of each rate the credit notes so far bear the
share of the invoice's VAT that their gross is of the invoice's, rounded once: no cent is lost between them, none is
credited twice, and the one that takes the last of a rate takes exactly what is left of it (CGI art. 272, 1: the VAT
of the invoice is what is corrected, at the rate of its day).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from documents import formatting
from documents.totals import (
    ZERO,
    Line,
    LineAmounts,
    RateAmounts,
    RateKey,
    Sale,
    Totals,
    apportion,
    multiplied,
)
from documents.words import words

if TYPE_CHECKING:
    from documents.snapshot import Snapshot

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class LineCredit:
    """What of the line at `index` of the invoice is credited; `amount` is TTC, after every discount."""

    index: int
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Credit:
    """What is credited, TTC; what `lines` leave of it, or all of it without any, is spread over the rates."""

    amount: Decimal
    lines: tuple[LineCredit, ...] = ()


class ExceedsInvoice(ValueError):
    """More was to be credited than is `left` of the invoice, TTC."""

    def __init__(self, left: Decimal) -> None:
        super().__init__(f"only {left} is left to credit")
        self.left = left


def left(invoice: Totals, earlier: Sequence[Totals]) -> Totals:
    """What earlier credit notes have left of an invoice, in all and in each row of its VAT table; it has no lines."""
    rates = tuple(_less(row, [taken for totals in earlier for taken in totals.rates]) for row in invoice.rates)
    return Totals(lines=(), discounts=(), rates=rates, **_sums(rates))


def compute(invoice: Snapshot, earlier: Sequence[Totals], wanted: Credit | None) -> tuple[Sale, Totals]:
    """What the next credit note of an invoice says; `wanted` None is all that is left.

    All of an invoice that no other credits is the invoice's own lines and amounts. Raises ExceedsInvoice for more than
    is left, and when nothing is left; ValueError for an amount that is none.
    """
    remainder = left(invoice.totals, earlier)
    amount = remainder.gross if wanted is None else wanted.amount
    nothing_left = bool(earlier) and not any(row.net or row.vat for row in remainder.rates)
    if amount > remainder.gross or nothing_left:
        raise ExceedsInvoice(remainder.gross)
    if wanted is not None and amount <= 0:
        raise ValueError(f"{amount} is no amount to credit")
    if amount < remainder.gross and wanted is not None:
        return _partial(invoice, remainder, wanted)
    if not earlier:
        return invoice.sale, invoice.totals
    balance = words(invoice.language).balance.format(number=invoice.number)
    parts = [_Part(_line_of(invoice.sale, row, balance), ONE, row.gross) for row in remainder.rates]
    return _document(invoice.sale, list(remainder.rates), parts)


@dataclass(frozen=True, slots=True)
class _Part:
    """One line of a credit note: the invoice's line that it follows, and how much of it, TTC."""

    line: Line
    quantity: Decimal
    gross: Decimal


def _partial(invoice: Snapshot, remainder: Totals, wanted: Credit) -> tuple[Sale, Totals]:
    """The lines that are named, as far as their rate goes, then the rest of the amount, spread over the rates."""
    rows = {row.key: row for row in remainder.rates}
    named = _named(invoice.sale, rows, wanted.lines)
    by_line = {key: sum((part.gross for part in named if part.line.rate_key == key), ZERO) for key in rows}
    rest = wanted.amount - sum(by_line.values(), ZERO)
    if rest < 0:  # The lines contradict the amount: they say nothing of the rates.
        named, by_line, rest = [], dict.fromkeys(rows, ZERO), wanted.amount
    shares = _spread(rest, [row.gross - by_line[key] for key, row in rows.items()])
    spread = [
        _Part(_line_of(invoice.sale, row, words(invoice.language).spread), ONE, share)
        for row, share in zip(remainder.rates, shares, strict=True)
        if share
    ]
    credited = [
        _take(whole, row, by_line[key] + share)
        for whole, (key, row), share in zip(invoice.totals.rates, rows.items(), shares, strict=True)
    ]
    return _document(invoice.sale, credited, [*named, *spread])


def _named(sale: Sale, rows: dict[RateKey, RateAmounts], lines: Sequence[LineCredit]) -> list[_Part]:
    """The lines credited, each rate's cut to what is left of it; those the invoice does not have name nothing."""
    parts = [
        _Part(sale.lines[credit.index], abs(credit.quantity) or ONE, credit.amount)
        for credit in lines
        if 0 <= credit.index < len(sale.lines)
    ]
    grosses: dict[int, Decimal] = {}
    for key, row in rows.items():
        mine = [index for index, part in enumerate(parts) if part.line.rate_key == key]
        whole = sum((parts[index].gross for index in mine), ZERO)
        within = min(max(whole, min(row.gross, ZERO)), max(row.gross, ZERO))
        if within:
            exact = [parts[index].gross * within / whole for index in mine]
            grosses |= zip(mine, apportion(exact, within), strict=True)
    return [replace(part, gross=gross) for index, part in enumerate(parts) if (gross := grosses.get(index, ZERO))]


def _spread(amount: Decimal, remainders: Sequence[Decimal]) -> list[Decimal]:
    """Share an amount out in proportion to what is left of each rate, by largest remainder."""
    if not amount:
        return [ZERO] * len(remainders)
    whole = sum(remainders, ZERO)
    return apportion([remainder * amount / whole for remainder in remainders], amount)


def _take(whole: RateAmounts, remainder: RateAmounts, gross: Decimal) -> RateAmounts:
    """The part of a rate that `gross` is, with the VAT that leaves all credit notes so far exact for their share."""
    so_far = whole.gross - remainder.gross + gross
    credited = whole.vat - remainder.vat
    vat = formatting.rounded(whole.vat * so_far / whole.gross) - credited if gross else ZERO
    return replace(remainder, net=gross - vat, vat=vat, gross=gross)


def _document(sale: Sale, rates: list[RateAmounts], parts: list[_Part]) -> tuple[Sale, Totals]:
    """The parts as lines whose sums are the rates' (BR-CO-10, BR-S-08), in the invoice's own tax basis."""
    lines: list[Line] = []
    amounts: list[LineAmounts] = []
    nets: dict[int, Decimal] = {}
    for row in rates:
        mine = [index for index, part in enumerate(parts) if part.line.rate_key == row.key]
        exact = [parts[index].gross * row.net / row.gross if row.gross else row.net for index in mine]
        nets |= zip(mine, apportion(exact, row.net), strict=True)
    for index, part in enumerate(parts):
        line, amount = _line(part, nets[index], prices_include_tax=sale.prices_include_tax)
        if amount.net or amount.vat:
            lines.append(line)
            amounts.append(amount)
    credited = tuple(row for row in rates if row.net or row.vat)
    totals = Totals(lines=tuple(amounts), discounts=(), rates=credited, **_sums(credited))
    return Sale(sale.prices_include_tax, tuple(lines), totals.gross), totals


def _line(part: _Part, net: Decimal, *, prices_include_tax: bool) -> tuple[Line, LineAmounts]:
    """One line as it would have been sold: a price of one piece that is not negative (BR-27), and its own tax."""
    vat = part.gross - net
    quantity = -part.quantity if (net or part.gross) < 0 else part.quantity
    unit_net, discount_net = multiplied(quantity, net)
    price, discount = multiplied(quantity, part.gross if prices_include_tax else net)
    line = replace(part.line, quantity=quantity, unit_price=price, discount=discount, tax=vat)
    return line, LineAmounts(quantity, unit_net, discount_net, net, vat, part.gross)


def _line_of(sale: Sale, row: RateAmounts, description: str) -> Line:
    """A line of this rate that stands for all of it."""
    first = next(line for line in sale.lines if line.rate_key == row.key)
    return replace(first, description=description, sku="")


def _less(row: RateAmounts, taken: Sequence[RateAmounts]) -> RateAmounts:
    mine = [other for other in taken if other.key == row.key]
    net = row.net - sum((other.net for other in mine), ZERO)
    vat = row.vat - sum((other.vat for other in mine), ZERO)
    return replace(row, net=net, vat=vat, gross=net + vat)


def _sums(rates: Sequence[RateAmounts]) -> dict[str, Decimal]:
    net, vat = sum((row.net for row in rates), ZERO), sum((row.vat for row in rates), ZERO)
    return {"net": net, "vat": vat, "gross": net + vat}
