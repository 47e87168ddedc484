"""Whether a document's amounts hold together: the sums that EN 16931 ties, looked at again on what was frozen."""

from __future__ import annotations

from documents import formatting
from documents.snapshot import Snapshot
from documents.totals import ZERO, RateAmounts, Totals


def contradictions(document: Snapshot) -> tuple[str, ...]:
    """The sums of a document that do not hold, in French, each with its rule; nothing where all of them do.

    Amounts are compared to the cent. What the shop charged is not added up again: lines, rates and totals are.
    """
    totals, payment = document.totals, document.payment
    found = []
    if len(document.sale.lines) != len(totals.lines):
        found.append("les lignes et leurs montants ne sont pas en même nombre")
    for name, word in (("net", "HT"), ("vat", "TVA"), ("gross", "TTC")):
        rows = sum((getattr(row, name) for row in totals.rates), ZERO)
        if rows != getattr(totals, name):
            found.append(f"BR-CO-14\u00a0: le total {word} n'est pas la somme des taux")
        lines = sum((getattr(line, name) for line in totals.lines), ZERO)
        allowances = sum((getattr(row, name) for row in totals.discounts), ZERO)
        if lines - allowances != getattr(totals, name):
            found.append(f"BR-CO-13\u00a0: le total {word} n'est pas la somme des lignes moins les remises")
    whole: list[RateAmounts | Totals] = [totals, *totals.rates, *totals.discounts]
    if any(row.net + row.vat != row.gross for row in whole):
        found.append("BR-CO-15\u00a0: HT et TVA ne font pas le TTC")
    if totals.gross != document.sale.total:
        found.append("le total n'est pas ce qui a été facturé")
    found += [f"BR-S-08\u00a0: {_named(row)} n'est pas la somme de ses lignes" for row in _adrift(document)]
    found += [
        f"BT-131\u00a0: la ligne {number} n'est pas quantité × prix moins remise"
        for number, line in enumerate(totals.lines, 1)
        if formatting.rounded(line.quantity * line.unit_net) - line.discount_net != line.net
        or line.net + line.vat != line.gross
    ]
    if payment.paid + payment.left != totals.gross:
        found.append("BR-CO-16\u00a0: payé et reste à payer ne font pas le total")
    return tuple(found)


def _adrift(document: Snapshot) -> list[RateAmounts]:
    """The rates whose lines, less their part of the order's discount, do not come to them."""
    totals = document.totals
    lines = list(zip(document.sale.lines, totals.lines, strict=False))
    adrift = []
    for row in totals.rates:
        mine = [amounts for line, amounts in lines if line.rate_key == row.key]
        off = [other for other in totals.discounts if other.key == row.key]
        for name in ("net", "vat", "gross"):
            whole = sum((getattr(amounts, name) for amounts in mine), ZERO)
            if whole - sum((getattr(other, name) for other in off), ZERO) != getattr(row, name):
                adrift.append(row)
                break
    return adrift


def _named(row: RateAmounts) -> str:
    return f"le taux de {formatting.rate(row.rate)} ({row.category})"
