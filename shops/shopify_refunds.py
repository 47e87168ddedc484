"""What went back of an order of Shopify: money by lines, and lines that left the order without any money.

Every amount is of the currency that the customer paid in. Whether `subtotal` holds the tax depends on the shop and on
the version of Shopify's API: what the line itself cost decides.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shops.amounts import ZERO, cents, decimal, written

FAILED = ("failure", "error")
SHIPPING = "shipping_refund"
Name = Callable[[Mapping[str, Any]], Hashable]
"""How a line of the order is named in what refunds embed of it."""


@dataclass(frozen=True, slots=True)
class Sold:
    """A line of the order as it was charged: `amount` for its whole quantity, in the basis of the shop's prices."""

    position: int
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """What refunds are read against: the lines of goods by name, and those of shipping in their order."""

    including: bool
    currency: str
    goods: Mapping[Hashable, Sold]
    shipping: Sequence[Sold]
    name: Name


@dataclass(frozen=True, slots=True)
class Part:
    """What of a refund is of one line: TTC; `before` and `tax` as Shopify writes them, `position` None if unknown."""

    name: Hashable
    position: int | None
    quantity: Decimal
    amount: Decimal
    before: Decimal = ZERO
    tax: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Paired:
    """`paid` are refunds, each with the lines it pays for where another named them; `unpaid` left without money."""

    paid: tuple[tuple[Mapping[str, Any], list[Part] | None], ...]
    unpaid: tuple[Part, ...]


def money(holder: Mapping[str, Any], name: str) -> Decimal:
    """Return an amount in the currency that the customer paid in, to the cent; older shops send one currency alone."""
    both = holder.get(f"{name}_set")
    value = both["presentment_money"]["amount"] if both else holder.get(name)
    return cents(decimal(value))


def paid_back(refund: Mapping[str, Any], order: Order) -> Decimal:
    """Return the money that went back, or is about to; what failed did not.

    Where the payments are told in the shop's currency alone, it is what the refund names, less what was kept of it.
    """
    counted = [each for each in refund.get("transactions") or () if _is_of_money(each) and not _failed(each)]
    if all(each.get("amount_set") or each.get("currency", order.currency) == order.currency for each in counted):
        return sum((money(each, "amount") for each in counted), ZERO)
    adjusted = [each for each in refund.get("order_adjustments") or () if each.get("kind") != SHIPPING]
    kept = sum((money(each, "amount") + money(each, "tax_amount") for each in adjusted), ZERO)
    return max(_sum([*parts(refund, order), *_shipping(refund, order, ZERO)]) - kept, ZERO)


def names_lines(refund: Mapping[str, Any]) -> bool:
    """Whether the refund says itself what it is for."""
    adjusted = any(each.get("kind") == SHIPPING for each in refund.get("order_adjustments") or ())
    return bool(refund.get("refund_line_items") or refund.get("refund_shipping_lines") or adjusted)


def paired(refunds: Sequence[Mapping[str, Any]], order: Order) -> Paired:
    """Return which refunds pay money back, and which only take lines off the order.

    An order that is edited loses its lines first, and the money comes back by a refund that names none of them: one of
    the same amount pays for these.
    """
    unpaid = [
        parts(each, order)
        for each in refunds
        if each.get("refund_line_items") and not any(map(_is_of_money, each.get("transactions") or ()))
    ]
    paid: list[tuple[Mapping[str, Any], list[Part] | None]] = []
    for each in refunds:
        amount = ZERO if names_lines(each) else paid_back(each, order)
        pays_for = next((taken for taken in unpaid if amount and _sum(taken) == amount), None)
        if pays_for is not None:
            unpaid.remove(pays_for)
        paid.append((each, pays_for))
    return Paired(tuple(paid), tuple(part for taken in unpaid for part in taken))


def parts(refund: Mapping[str, Any], order: Order) -> list[Part]:
    """Return what of each line of goods the refund takes back."""
    return [_part(each, order) for each in refund.get("refund_line_items") or ()]


def message(refund: Mapping[str, Any], order: Order, taken: Sequence[Part] | None = None) -> dict[str, Any] | None:
    """Return the refund as the order format writes it; None when no money went back.

    `taken` are the lines that it pays for, where another refund named them.
    """
    amount = paid_back(refund, order)
    if not amount:
        return None
    goods = list(taken) if taken is not None else parts(refund, order)
    found = _within(amount, [*goods, *_shipping(refund, order, amount - _sum(goods))], order)
    return {
        "id": str(refund["id"]),
        "at": refund.get("processed_at") or refund["created_at"],
        "amount": written(amount),
        "lines": list(_lines(found)),
    }


def _is_of_money(transaction: Mapping[str, Any]) -> bool:
    """Whether it gives money back; a payment that was only reserved is voided instead."""
    return bool(transaction.get("kind", "refund") == "refund")


def _failed(transaction: Mapping[str, Any]) -> bool:
    return transaction.get("status") in FAILED


def _part(each: Mapping[str, Any], order: Order) -> Part:
    name, quantity = order.name(each), decimal(each["quantity"])
    before, tax = money(each, "subtotal"), money(each, "total_tax")
    sold = order.goods.get(name)
    amount = before + tax
    if order.including and sold is not None:
        share = sold.amount * quantity / sold.quantity
        amount = min((before, before + tax), key=lambda one: abs(one - share))
    elif order.including:
        amount = before
    return Part(name, sold.position if sold else None, quantity, amount, before, tax)


def _shipping(refund: Mapping[str, Any], order: Order, left: Decimal) -> list[Part]:
    """Return what of the shipping went back; `left` is the money that no line of goods explains."""
    lines = refund.get("refund_shipping_lines") or ()
    net = sum((money(each, "subtotal_amount") for each in lines), ZERO)
    tax = sum((money(each, "tax_amount") for each in lines), ZERO)
    if not lines:
        adjusted = [each for each in refund.get("order_adjustments") or () if each.get("kind") == SHIPPING]
        net = sum((abs(money(each, "amount")) for each in adjusted), ZERO)
        tax = sum((abs(money(each, "tax_amount")) for each in adjusted), ZERO)
    amount = net if order.including and net == left else net + tax
    position = order.shipping[0].position if len(order.shipping) == 1 else None
    return [Part("", position, Decimal(1), amount, net, tax)] if amount else []


def _within(amount: Decimal, found: list[Part], order: Order) -> list[Part]:
    """Return the parts, lowered to the money that went back: shipping first, which Shopify names whole, then all."""
    beyond = _sum(found) - amount
    if beyond <= 0:
        return found
    last = found[-1]
    if last.position in {each.position for each in order.shipping} and last.amount >= beyond:
        return [*found[:-1], Part(last.name, last.position, last.quantity, last.amount - beyond)]
    whole, lowered, left = _sum(found), [], amount
    for number, each in enumerate(found, 1):
        share = left if number == len(found) else min(cents(each.amount * amount / whole), left)
        lowered.append(Part(each.name, each.position, each.quantity, share))
        left -= share
    return lowered


def _lines(found: Sequence[Part]) -> Iterator[dict[str, Any]]:
    """Yield each line of the order once; what is of no line we know is spread over the rates."""
    for position in sorted({each.position for each in found if each.position is not None}):
        mine = [each for each in found if each.position == position]
        quantity = sum((each.quantity for each in mine), ZERO)
        if amount := _sum(mine):
            yield {"line": position, "quantity": written(quantity), "amount": written(amount)}


def _sum(found: Sequence[Part]) -> Decimal:
    return sum((each.amount for each in found), ZERO)
