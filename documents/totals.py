"""What was charged, split into net, VAT and gross to the cent.

What the customer paid rules: a shop whose prices include tax is computed gross first, the others net first with VAT
once per rate (EN 16931 BR-CO-17, within 0.01; CGI ann. II art. 242 nonies A for one base and one VAT amount a rate).
Amounts are `Decimal` with 2 places, rounded half up; rates are percentages (`Decimal("20.00")`).

A *negative line* (a correction or a discount that a shop writes as a line, with a negative price or quantity) is an
allowance of its own rate: it lowers that rate's base like any other line and keeps its words. Its unit price is
given as positive and its quantity as negative, since BR-27 refuses a negative price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

from documents import formatting

LineKind = Literal["goods", "service", "shipping", "fee", "voucher"]
RateKey = tuple[Decimal, str, str]

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
UNIT = Decimal("0.000001")
STANDARD = "S"
CATEGORIES_WITHOUT_VAT = frozenset({"E", "K", "AE", "G", "O"})
# Of the mainland, Corsica and overseas, with those of former years; any other is another country's (BR-FR-16).
FRENCH_RATES = frozenset(
    Decimal(hundredths) / 100
    for hundredths in (0, 90, 105, 175, 210, 550, 700, 850, 920, 960, 1000, 1300, 1960, 2000, 2060)
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the shop charged it: `unit_price`, `discount` (whole line) and nothing else in the price's basis."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    vat_rate: Decimal
    sku: str = ""
    kind: LineKind = "goods"
    discount: Decimal = ZERO
    vat_category: str | None = None
    exemption: str | None = None
    tax: Decimal | None = None

    @property
    def amount(self) -> Decimal:
        """What the line costs after its own discount, in the price's own tax basis."""
        return formatting.rounded(self.quantity * self.unit_price - self.discount)

    @property
    def rate_key(self) -> RateKey:
        """What lines must share to be summed in one row of the VAT table (BG-23: BT-118, BT-119, BT-120)."""
        if self.vat_rate:
            return self.vat_rate.normalize(), STANDARD, ""
        return ZERO, self.vat_category or "", self.exemption or ""


@dataclass(frozen=True, slots=True)
class Sale:
    """What was sold: `order_discount` and `total` are TTC; `total_tax` is the shop's own VAT after every discount."""

    prices_include_tax: bool
    lines: tuple[Line, ...]
    total: Decimal
    order_discount: Decimal = ZERO
    total_tax: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """A line after its own discount and before the order's.

    `quantity` × `unit_net` (6 places, BT-146), rounded to the cent, less `discount_net` (BT-136) is `net` (BT-131).
    """

    quantity: Decimal
    unit_net: Decimal
    discount_net: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class RateAmounts:
    """One row of the VAT table, or one rate's share of the order's discount; `rate` in percent."""

    rate: Decimal
    category: str
    exemption: str
    net: Decimal
    vat: Decimal
    gross: Decimal

    @property
    def key(self) -> RateKey:
        """The `rate_key` of the lines that the row sums."""
        return self.rate, self.category, self.exemption


@dataclass(frozen=True, slots=True)
class Totals:
    """The amounts of one document: `lines` less `discounts` make `rates`, and these `net`, `vat` and `gross`."""

    lines: tuple[LineAmounts, ...]
    discounts: tuple[RateAmounts, ...]
    rates: tuple[RateAmounts, ...]
    net: Decimal
    vat: Decimal
    gross: Decimal

    def row_of(self, line: Line) -> RateAmounts | None:
        """The line's row of the VAT table; a free line without a rate may have none."""
        return next((row for row in self.rates if row.key == line.rate_key), None)


@dataclass(frozen=True, slots=True)
class LineDifference:
    """How one line was understood: `difference` is the shop's figure less ours, 0 where nothing contradicts it."""

    index: int
    difference: Decimal
    text: str


class DoesNotAddUp(ValueError):
    """The figures of an order contradict each other.

    `difference` is what the shop says less what its lines give (TTC, or VAT where only the taxes disagree);
    `by_line` says in French how each line was counted; the exception's text is one French sentence.
    """

    def __init__(self, message: str, difference: Decimal, by_line: tuple[LineDifference, ...]) -> None:
        super().__init__(message)
        self.difference = difference
        self.by_line = by_line


@dataclass(frozen=True, slots=True)
class _Group:
    """The lines of one rate and what they come to."""

    key: RateKey
    indexes: tuple[int, ...]
    net: Decimal
    vat: Decimal

    @property
    def gross(self) -> Decimal:
        return self.net + self.vat

    def accepts(self, net: Decimal, vat: Decimal) -> bool:
        """Whether `vat` is VAT on `net` but for rounding: 0.01 a line at most, and nothing at a rate of 0."""
        due = formatting.rounded(net * self.key[0] / 100)
        near = abs(vat - due) <= (CENT * len(self.indexes) if self.key[0] else ZERO)
        return near and net * (net + vat) >= 0  # Cents never turn the price around.


def compute(sale: Sale) -> Totals:
    """Split a sale into lines, rates and totals whose sums hold exactly and whose gross is what was charged.

    Sources: CGI art. 267 I-2° (reductions leave the base of their rate); EN 16931 BR-CO-10,
    BR-CO-13, BR-CO-15, BR-S-08. Raises DoesNotAddUp when the shop's total or taxes contradict the lines.
    """
    before = [_before_discount(sale, key, indexes) for key, indexes in _by_rate(sale.lines)]
    shares = _discount_shares(sale, before)
    after = [_after_discount(sale, group, share) for group, share in zip(before, shares, strict=True)]
    after = _adopt_total_tax(sale, after, shares)
    gross = sum((group.gross for group in after), ZERO)
    if gross != sale.total:
        difference = sale.total - gross
        raise DoesNotAddUp(
            f"Le total annoncé est {_figure(sale.total)} TTC, la somme des lignes donne {_figure(gross)} TTC "
            f"(écart : {_signed(difference)}).",
            difference,
            _explain(sale),
        )
    # Without a discount a rate's lines are exactly its row of the VAT table, the shop's own cents included.
    before = [new if not share else old for old, new, share in zip(before, after, shares, strict=True)]
    pairs = list(zip(before, after, strict=True))
    return Totals(
        lines=_line_amounts(sale, before),
        discounts=tuple(
            _row(old.key, old.net - new.net, old.vat - new.vat) for old, new in pairs if old.gross != new.gross
        ),
        rates=tuple(_row(group.key, group.net, group.vat) for group in after if not _is_empty(group, len(after))),
        net=sum((group.net for group in after), ZERO),
        vat=sum((group.vat for group in after), ZERO),
        gross=gross,
    )


def without_taxes(sale: Sale) -> Sale:
    """The sale with the rates' own VAT instead of the shop's."""
    return replace(sale, lines=tuple(replace(line, tax=None) for line in sale.lines), total_tax=None)


def expected(sale: Sale) -> Totals:
    """What the lines come to by themselves, whatever the shop says of total and taxes.

    Raises DoesNotAddUp when the order's discount is more than they cost.
    """
    own = without_taxes(sale)
    try:
        return compute(own)
    except DoesNotAddUp as error:
        return compute(replace(own, total=own.total - error.difference))


def apportion(exact: Sequence[Decimal], target: Decimal) -> list[Decimal]:
    """Round `exact` to cents that sum to `target`: the missing cents go to the largest remainders, first come first."""
    floors = [value.quantize(CENT, rounding=ROUND_FLOOR) for value in exact]
    missing = int((target - sum(floors, ZERO)) / CENT)
    by_remainder = sorted(range(len(exact)), key=lambda index: floors[index] - exact[index])
    each, extra = divmod(missing, len(exact)) if exact else (0, 0)
    shares = [floor + each * CENT for floor in floors]
    for index in by_remainder[:extra]:
        shares[index] += CENT
    return shares


def net_of(gross: Decimal, percent: Decimal) -> Decimal:
    """The net amount inside a gross one, unrounded."""
    return gross * 100 / (100 + percent)


def multiplied(quantity: Decimal, amount: Decimal, discount: Decimal = ZERO) -> tuple[Decimal, Decimal]:
    """A price of one piece (6 places, BT-146) and a discount that make `amount` exactly.

    The discount stays as given, unless there are so many pieces that six places of a price are no longer a cent.
    """
    exact = (amount + discount) / quantity
    price = formatting.rounded(exact, UNIT)
    if formatting.rounded(quantity * price) - discount != amount:
        price = exact.quantize(UNIT, rounding=ROUND_CEILING if quantity > 0 else ROUND_FLOOR)
        discount = formatting.rounded(quantity * price) - amount
    return price, discount


def _by_rate(lines: Sequence[Line]) -> list[tuple[RateKey, tuple[int, ...]]]:
    groups: dict[RateKey, list[int]] = {}
    for index, line in enumerate(lines):
        groups.setdefault(line.rate_key, []).append(index)
    # The highest rate first, as accountants write it; the order of the lines does not change a document's table.
    return [(key, tuple(groups[key])) for key in sorted(groups, key=lambda key: (-key[0], key[1], key[2]))]


def _before_discount(sale: Sale, key: RateKey, indexes: tuple[int, ...]) -> _Group:
    """The group before the order's discount: gross first where prices include tax, else net first with VAT once."""
    amount = sum((sale.lines[index].amount for index in indexes), ZERO)
    if sale.prices_include_tax:
        net = formatting.rounded(net_of(amount, key[0]))
        own = _Group(key, indexes, net, amount - net)
    else:
        own = _Group(key, indexes, amount, formatting.rounded(amount * key[0] / 100))
    vat = _shop_vat(sale, indexes)
    if vat is None:
        return own
    adopted = replace(own, net=own.gross - vat, vat=vat) if sale.prices_include_tax else replace(own, vat=vat)
    if own.accepts(adopted.net, vat):
        return adopted
    # The shop may state its taxes after the order's discount; _after_discount then looks at them again.
    if sale.order_discount or (abs(vat - own.vat) <= CENT * len(indexes) and key[0]):
        return own
    raise _taxes_differ(sale, vat, own.vat)


def _after_discount(sale: Sale, before: _Group, share: Decimal) -> _Group:
    """The group once its share of the order's discount is off, gross first: what was charged is exact."""
    if not share and not (sale.order_discount and sale.prices_include_tax):
        return before
    gross = before.gross - share
    net = formatting.rounded(net_of(gross, before.key[0]))
    own = replace(before, net=net, vat=gross - net)
    vat = _shop_vat(sale, before.indexes)
    if vat is None or vat == before.vat:
        return own
    if own.accepts(gross - vat, vat):
        return replace(own, net=gross - vat, vat=vat)
    if abs(vat - before.vat) <= CENT * len(before.indexes):
        return own
    raise _taxes_differ(sale, vat, before.vat)


def _shop_vat(sale: Sale, indexes: tuple[int, ...]) -> Decimal | None:
    """The taxes the shop gave for these lines, with our own where it gave some only; None where it gave none."""
    lines = [sale.lines[index] for index in indexes]
    if all(line.tax is None for line in lines):
        return None
    return sum((line.tax if line.tax is not None else own_tax(sale, line) for line in lines), ZERO)


def own_tax(sale: Sale, line: Line) -> Decimal:
    """The VAT of one line by itself, before the order's discount, rounded."""
    if sale.prices_include_tax:
        return line.amount - formatting.rounded(net_of(line.amount, line.vat_rate))
    return formatting.rounded(line.amount * line.vat_rate / 100)


def _discount_shares(sale: Sale, groups: list[_Group]) -> list[Decimal]:
    """Each group's part of the order's discount by TTC value and largest remainder; a negative group takes none."""
    weights = [max(group.gross, ZERO) for group in groups]
    whole = sum(weights, ZERO)
    if not sale.order_discount:
        return [ZERO for _ in groups]
    if sale.order_discount > whole:
        raise DoesNotAddUp(
            f"La remise de commande ({_figure(sale.order_discount)} TTC) dépasse le montant des lignes "
            f"({_figure(whole)} TTC).",
            whole - sale.order_discount,
            _explain(sale),
        )
    return apportion([sale.order_discount * weight / whole for weight in weights], sale.order_discount)


def _adopt_total_tax(sale: Sale, groups: list[_Group], shares: list[Decimal]) -> list[_Group]:
    """Move cents until the VAT is the shop's own, 0.01 a line at most.

    They come from the net where the gross is known first, and else add to it, as far as the total says.
    """
    if sale.total_tax is None:
        return groups
    difference = sale.total_tax - sum((group.vat for group in groups), ZERO)
    if abs(difference) > CENT * len(sale.lines):
        raise _taxes_differ(sale, sale.total_tax, sale.total_tax - difference)
    step = CENT if difference > 0 else -CENT
    charged = ZERO if sale.prices_include_tax else sale.total - sum((group.gross for group in groups), ZERO)
    adopted = list(groups)
    # One cent a turn, the largest VAT first, so that no rate strays further than it must.
    for turn in range(int(abs(difference) / CENT)):
        adds_to_gross = turn < charged / step
        for index in _least_strained(groups, adopted):
            if not sale.prices_include_tax and adds_to_gross == bool(shares[index]):
                continue  # Net prices stand: a cent comes from the net where a discount carries it, and there alone.
            group = adopted[index]
            moved = replace(group, vat=group.vat + step, net=group.net - (ZERO if adds_to_gross else step))
            if moved.accepts(moved.net, moved.vat) and moved.gross and moved.vat * moved.gross >= 0:
                adopted[index] = moved
                break
        else:
            return groups  # The taxes agree within 0.01 a line, but no rate can carry the cent: ours stand.
    return adopted


def _least_strained(groups: list[_Group], adopted: list[_Group]) -> list[int]:
    """The groups by the cents a line they have already taken, the largest VAT first."""

    def strain(index: int) -> tuple[Decimal, Decimal]:
        taken = abs(adopted[index].vat - groups[index].vat)
        return taken / len(groups[index].indexes), -groups[index].vat

    return sorted(range(len(groups)), key=strain)


def _line_amounts(sale: Sale, groups: list[_Group]) -> tuple[LineAmounts, ...]:
    """Split each group's net over its lines by largest remainder, so that the lines sum to it (BR-CO-10)."""
    amounts: dict[int, LineAmounts] = {}
    for group in groups:
        # A line that costs nothing takes no cent of the others.
        indexes = [index for index in group.indexes if sale.lines[index].amount] or list(group.indexes)
        nets = dict(zip(indexes, _line_nets(sale, group, indexes), strict=True))
        vats = dict(zip(indexes, _line_vats(sale, group, indexes, nets), strict=True))
        for index in group.indexes:
            amounts[index] = _one_line(sale, sale.lines[index], nets.get(index, ZERO), vats.get(index, ZERO))
    return tuple(amounts[index] for index in range(len(sale.lines)))


def _line_nets(sale: Sale, group: _Group, indexes: list[int]) -> list[Decimal]:
    lines = [sale.lines[index] for index in indexes]
    if not sale.prices_include_tax:
        return [line.amount for line in lines]
    stated = [line.amount - line.tax for line in lines if line.tax is not None]
    if len(stated) == len(lines) and sum(stated, ZERO) == group.net:
        return stated
    return apportion([net_of(line.amount, group.key[0]) for line in lines], group.net)


def _line_vats(sale: Sale, group: _Group, indexes: list[int], nets: dict[int, Decimal]) -> list[Decimal]:
    if sale.prices_include_tax:
        return [sale.lines[index].amount - nets[index] for index in indexes]
    stated = [tax for index in indexes if (tax := sale.lines[index].tax) is not None]
    if len(stated) == len(indexes) and sum(stated, ZERO) == group.vat:
        return stated
    return apportion([nets[index] * group.key[0] / 100 for index in indexes], group.vat)


def _one_line(sale: Sale, line: Line, net: Decimal, vat: Decimal) -> LineAmounts:
    sign = -1 if line.unit_price < 0 else 1
    quantity, price = line.quantity * sign, line.unit_price * sign
    if sale.prices_include_tax:
        unit_net = formatting.rounded(net_of(price, line.vat_rate), UNIT)
        discount_net = formatting.rounded(net_of(line.discount, line.vat_rate))
    else:
        unit_net, discount_net = formatting.rounded(price, UNIT), line.discount
    if quantity and formatting.rounded(quantity * unit_net) - discount_net != net:
        # The cent that rounding put on this line or took off it shows in the price of one piece, so that it multiplies.
        unit_net, discount_net = multiplied(quantity, net, discount_net)
    return LineAmounts(quantity, unit_net, discount_net, net, vat, net + vat)


def _row(key: RateKey, net: Decimal, vat: Decimal) -> RateAmounts:
    percent = formatting.rounded(key[0]) if key[0] == formatting.rounded(key[0]) else key[0]
    return RateAmounts(percent, key[1], key[2], net, vat, net + vat)


def _is_empty(group: _Group, groups: int) -> bool:
    """Free lines without a rate or a reason add nothing to a VAT table that has other rows."""
    return groups > 1 and not (group.key[0] or group.key[1] or group.net or group.vat)


def _taxes_differ(sale: Sale, stated: Decimal, own: Decimal) -> DoesNotAddUp:
    difference = stated - own
    return DoesNotAddUp(
        f"La TVA annoncée est {_figure(stated)}, les taux des lignes donnent {_figure(own)} "
        f"(écart : {_signed(difference)}).",
        difference,
        _explain(sale),
    )


def _explain(sale: Sale) -> tuple[LineDifference, ...]:
    """Each line as an accountant would add it up, with the tax the shop gave where it is not the rate's."""
    basis = "TTC" if sale.prices_include_tax else "HT"
    explained = []
    for index, line in enumerate(sale.lines):
        own = own_tax(sale, line)
        difference = line.tax - own if line.tax is not None and abs(line.tax - own) > CENT else ZERO
        reduction = f" \u2212 {formatting.number(line.discount)}" if line.discount else ""
        text = (
            f"{line.description} : {formatting.quantity(line.quantity)} × {formatting.unit_price(line.unit_price)}"
            f"{reduction} = {formatting.number(line.amount)} {basis} à {formatting.rate(line.vat_rate)}"
        )
        if difference and line.tax is not None:
            text += f", TVA annoncée {formatting.number(line.tax)}, calculée {formatting.number(own)}"
        explained.append(LineDifference(index, difference, text))
    return tuple(explained)


def _figure(amount: Decimal) -> str:
    return formatting.number(amount)


def _signed(amount: Decimal) -> str:
    return ("+" if amount > 0 else "") + formatting.number(amount)
