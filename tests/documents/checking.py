"""Everything that must hold of any finished document, as one list of what does not."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal

from documents import archive, facturx, pdf
from documents.checks import contradictions
from documents.snapshot import Snapshot
from tests.support.validators import facturx_problems, pdf_problems

from .reading import CENT, XmlAmounts, amounts_in, figures_in, inexact, names_in, page_text

# Of these no VAT is shown, since there is none (CGI art. 293 E, 297 E, 256 ter).
WITHOUT_VAT = ("VATEX-FR-FRANCHISE", "VATEX-EU-F", "VATEX-EU-I", "VATEX-EU-J")
# The most lines that one rate of an invoice had: credit notes share the cents of its rounding.
MOST_LINES = 60


def problems_of(document: Snapshot, total: Decimal, *, french: bool) -> list[str]:
    """What is wrong with the PDF and the XML of a document whose total is known; nothing of a good one."""
    xml, file = facturx.xml(document), pdf.render(document)
    amounts = amounts_in(xml)
    spread = MOST_LINES if document.kind == "credit_note" else 0
    return [
        *(f"[total] {amounts.gross} in the XML, {total} was charged" for _ in range(amounts.gross != total)),
        *facturx_problems(xml, french=french),
        *pdf_problems(file),
        *("[embedded] not the XML of the snapshot" for _ in range(archive.embedded_xml(file) != xml)),
        *(f"[sums] {problem}" for problem in contradictions(document)),
        *(f"[exact] {problem}" for problem in inexact(amounts, lines_per_rate=spread)),
        *(f"[snapshot] {problem}" for problem in _unlike(amounts, document)),
        *(f"[name] {theirs!r} became {ours!r}" for ours, theirs in _renamed(names_in(xml), document)),
        *(f"[page] {problem}" for problem in _unlike_page(page_text(file), document)),
    ]


def _unlike(amounts: XmlAmounts, document: Snapshot) -> list[str]:
    """Where the XML says another amount than the snapshot, which the database keeps."""
    totals, payment = document.totals, document.payment
    pairs = {
        "lines": ([line.net for line in amounts.lines], [line.net for line in totals.lines]),
        "rates": (
            sorted((row.rate[1], row.net, row.vat) for row in amounts.rates),
            sorted((row.rate, row.net, row.vat) for row in totals.rates),
        ),
        "net": (amounts.net, totals.net),
        "VAT": (amounts.vat, totals.vat),
        "gross": (amounts.gross, totals.gross),
        "discounts": (amounts.allowances - amounts.charges, sum((row.net for row in totals.discounts), Decimal(0))),
        "paid": (amounts.paid, payment.paid),
        "left": (amounts.due, payment.left),
        "VAT in euros": (amounts.vat_in_euros, document.vat_in_euros),
    }
    return [f"{name}: {ours} in the XML, {theirs} kept" for name, (ours, theirs) in pairs.items() if ours != theirs]


def _renamed(names: list[str], document: Snapshot) -> list[tuple[str, str]]:
    """Names that are not exactly the ones typed, in whatever script."""
    typed = [document.buyer.display_name, *(line.description for line in document.sale.lines)]
    return [(ours, theirs) for ours, theirs in zip(names, typed, strict=True) if ours != theirs]


def _unlike_page(text: str, document: Snapshot) -> list[str]:
    """Which amounts the page lacks, or shows without their being any of the document."""
    shown = figures_in(text, document.language)
    wanted = _must_show(document)
    missing = [f"{amount} stands {shown[amount]} times, not {wanted[amount]}" for amount in wanted - shown]
    unknown = [
        f"{amount} is no amount of the document" for amount in shown.keys() - wanted.keys() - _may_show(document)
    ]
    return missing + unknown


def _must_show(document: Snapshot) -> Counter[Decimal]:
    """Lines and totals, and the VAT where the law knows any."""
    totals, payment = document.totals, document.payment
    taxed = [row for row in totals.rates if row.category != "O" and row.exemption not in WITHOUT_VAT]
    amounts = [*(line.net for line in totals.lines), totals.gross, *(row.vat for row in taxed)]
    if taxed:
        amounts += [totals.net, totals.vat, *(row.net for row in totals.rates)]
    amounts += [amount for amount in (payment.left, document.vat_in_euros) if amount]
    return Counter(abs(amount) for amount in amounts)


def _may_show(document: Snapshot) -> set[Decimal]:
    totals, payment = document.totals, document.payment
    amounts = {payment.paid, payment.left, document.exchange_rate or CENT, Decimal(0)}
    for line in totals.lines:
        amounts |= {line.gross, line.vat, line.discount_net, line.unit_net.quantize(CENT, ROUND_HALF_UP), line.quantity}
    for row in (*totals.rates, *totals.discounts):
        amounts |= {row.net, row.vat, row.gross, row.rate}
    return {abs(amount) for amount in amounts}
