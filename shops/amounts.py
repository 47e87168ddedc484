"""What the figures of any shop system have in common: prices to six places, rates, and why nothing was charged."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from parties import countries, numbers

CENT = Decimal("0.01")
UNIT = Decimal("0.000001")
ZERO = Decimal("0.00")
MOST_PLACES = 30
"""Before or behind the point: « 1e999999999 » written in digits would fill the memory."""
OVERSEAS = ("97", "98")
"""How postal codes of French territories begin that goods from the mainland are exported to (CGI art. 294)."""


class UnreadableAmount(ValueError):
    """What should be an amount is none."""


def decimal(value: Any) -> Decimal:
    """Return the amount exactly as it was written; nothing, or an empty text, is 0. Raises UnreadableAmount."""
    if value in (None, ""):
        return ZERO
    try:
        found = Decimal(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or abs(found.adjusted()) > MOST_PLACES:
        raise UnreadableAmount(str(value)[:40])
    return found


def cents(amount: Decimal) -> Decimal:
    """Return the amount to the cent, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def cents_within(total: Decimal, exact: Sequence[Decimal]) -> list[Decimal] | None:
    """Return exact amounts to the cent so that they make up the total; None when they do not come to it, to the cent.

    The cents that rounding leaves go to the largest remainders, first come first; what is nothing takes none.
    """
    found = [amount.quantize(CENT, ROUND_FLOOR) for amount in exact]
    missing = int((total - sum(found, ZERO)) / CENT)
    places = [place for place, amount in enumerate(exact) if amount and (missing > 0 or found[place])]
    places.sort(key=lambda place: found[place] - exact[place], reverse=missing < 0)
    if abs(sum(exact, ZERO) - total) > CENT or abs(missing) > len(places):
        return None
    for place in places[: abs(missing)]:
        found[place] += CENT if missing > 0 else -CENT
    return found


def written(amount: Decimal) -> str:
    """Return the amount as the order format writes it."""
    return format(amount, "f")


def priced(before: Decimal, after: Decimal, quantity: Decimal) -> dict[str, str]:
    """Return price and discount of a line from what it cost before and after its discount, in the price's own basis.

    The unit price has six places; what these lose is a fraction of a cent in the discount, which is the line's own. A
    line below nothing has a negative quantity, since a price is never negative (BR-27).
    """
    if before < 0:
        quantity, before, after = -quantity, -before, -after
        return _priced(before, after, abs(quantity)) | {"quantity": written(-abs(quantity))}
    return _priced(before, after, quantity) | {"quantity": written(quantity)}


def _priced(before: Decimal, after: Decimal, quantity: Decimal) -> dict[str, str]:
    unit = (before / quantity).quantize(UNIT, ROUND_HALF_UP)
    discount = max(cents(unit * quantity - cents(after)), ZERO)
    if discount > unit * quantity:  # What cost nothing in the end: 10,00 for seven is 1,428571, and 9,999997.
        unit = (discount / quantity).quantize(UNIT, ROUND_CEILING)
    return {"unit_price": written(unit), "discount": written(discount)}


def rate_of(percents: Iterable[Decimal]) -> Decimal:
    """Return the rate of a line in percent: the sum of what was charged on it."""
    return sum(percents, ZERO)


def reason_of_zero(place: Mapping[str, str], vat_number: str, kind: str) -> str | None:
    """Return why nothing was charged, where country and VAT number leave one reason; None otherwise.

    A company with a number elsewhere in the EU: K for goods (CGI art. 262 ter I), AE for services (art. 283-2); outside
    it, and overseas: G for goods (art. 262 I, 294). Whether it holds is for `documents.cases` to say.
    """
    country, postal_code = place.get("country", ""), place.get("postal_code", "")
    if kind == "voucher":
        return "O"
    if not country:
        return None
    if country in countries.EU | {"MC"} and not (country == "FR" and postal_code.startswith(OVERSEAS)):
        elsewhere = country not in ("FR", "MC") and numbers.is_vat_number(vat_number)
        return ("AE" if kind == "service" else "K") if elsewhere else None
    return "G" if kind != "service" else None
