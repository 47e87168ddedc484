"""What an admin decided of an order whose figures do not stand: corrected, accepted as charged, or not invoiced."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from documents import canonical, formatting, totals
from documents.totals import CENT, STANDARD, ZERO, DoesNotAddUp, Line, RateKey, Sale

ADJUSTMENT = "Ajustement"
RATES = tuple(map(Decimal, ("20.00", "10.00", "5.50", "2.10")))
"""Those of the mainland today, for an adjustment of an order whose own lines have another."""

_NEAR = (ZERO, CENT, -CENT, 2 * CENT, -2 * CENT)


@dataclass(frozen=True, slots=True)
class Amendment:
    """A decision about one content of an order; `of` is that content's fingerprint, and of any other it says nothing.

    `lines`, with `total_tax`, count instead of the shop's; without any, the shop's stand. `settled` are the reasons to
    look at the order that the decision has answered, `reason` is what the customer reads of an order left out.
    """

    decision: Literal["corrected", "accepted", "ignored"]
    of: str
    reason: str = ""
    lines: tuple[Line, ...] = ()
    total_tax: Decimal | None = None
    exchange_rate: Decimal | None = None
    settled: tuple[str, ...] = ()


def fingerprint(sale: Sale, currency: str, exchange_rate: Decimal | None) -> str:
    """Name what was charged: other words, parcels or refunds leave it as it is, any other figure changes it."""
    unnamed = replace(sale, lines=tuple(replace(line, sku="", description="") for line in sale.lines))
    rate = "" if exchange_rate is None else canonical.decimal_text(exchange_rate)
    return hashlib.sha256(f"{canonical.dumps(unnamed)} {currency} {rate}".encode()).hexdigest()


def amended(sale: Sale, amendment: Amendment) -> Sale:
    """The sale as it counts; its lines keep the shop's words and places, an adjustment follows them."""
    if not amendment.lines:
        return sale
    own = zip(amendment.lines, sale.lines, strict=False)
    lines = tuple(replace(line, sku=sent.sku, description=sent.description) for line, sent in own)
    return replace(sale, lines=lines + amendment.lines[len(sale.lines) :], total_tax=amendment.total_tax)


def rates(sale: Sale) -> list[RateKey]:
    """The rates and reasons that an adjustment may have: those of the lines, and the usual ones."""
    own = [line.rate_key for line in sale.lines if line.vat_rate or line.vat_category not in (None, "O")]
    return list(dict.fromkeys([*own, *((rate.normalize(), STANDARD, "") for rate in RATES)]))


def missing(sale: Sale) -> Decimal:
    """What was charged beyond what the lines come to by themselves, TTC. Raises DoesNotAddUp as totals.expected."""
    return sale.total - totals.expected(sale).gross


def balanced(sale: Sale, key: RateKey | None) -> Sale:
    """The sale as it was charged in all: with one line « Ajustement » at the rate `key` over the whole difference.

    The shop's own taxes are kept where they agree with that, else the rates say them. Raises DoesNotAddUp when no such
    line makes up the difference, or when one is needed and there is no rate for it.
    """
    plain = totals.without_taxes(sale)
    for tried in _candidates(sale, plain, key):
        with suppress(DoesNotAddUp):
            totals.compute(tried)
            return tried
    totals.compute(plain)
    return plain


def _candidates(sale: Sale, plain: Sale, key: RateKey | None) -> Iterator[Sale]:
    yield sale
    if not (difference := missing(sale)):
        yield plain
    elif key is not None:
        amount = difference if sale.prices_include_tax else formatting.rounded(totals.net_of(difference, key[0]))
        for base in (sale, plain):
            for more in _NEAR:
                yield replace(base, lines=(*base.lines, _adjustment(amount + more, key)))
        # Of six amounts TTC one has no HT to the cent: its VAT then takes the cent.
        for more in _NEAR:
            whole = replace(plain, lines=(*plain.lines, _adjustment(amount + more, key)))
            vat = totals.expected(whole).vat
            yield from (replace(whole, total_tax=vat + cent) for cent in (CENT, -CENT))


def _adjustment(amount: Decimal, key: RateKey) -> Line:
    rate, category, exemption = key
    return Line(
        description=ADJUSTMENT,
        quantity=Decimal(1),
        unit_price=amount,
        vat_rate=rate,
        kind="fee",
        vat_category=None if rate else category,
        exemption=(not rate and exemption) or None,
    )
