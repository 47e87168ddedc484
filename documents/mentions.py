"""The legal texts that documents print, in one table, each with the day from which it may be printed.

A document keeps the texts of its own day: they are copied into its snapshot. The CGI's VAT articles were moved to the
CIBS on 2026-09-01; the old references may stand on invoices until the end of 2027: the rows that name articles of the
CIBS are to be added here before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from documents.seller import Terms, VatRegime

Nature = Literal["goods", "services", "mixed", "voucher"]


@dataclass(frozen=True, slots=True)
class Case:
    """What decides which texts a document prints; `reasons` are the (category, exemption) pairs of its VAT table."""

    trial: bool
    buyer_is_company: bool
    vat_regime: VatRegime
    terms: Terms
    nature: Nature
    reasons: frozenset[tuple[str, str]]
    to_overseas: bool = False
    credit_note: bool = False

    @property
    def asks_payment_of_a_company(self) -> bool:
        """Whether the terms of payment between professionals are owed; a credit note asks nobody to pay."""
        return self.buyer_is_company and not self.credit_note


@dataclass(frozen=True, slots=True)
class Mention:
    """One legal text: printed on documents issued from `valid_from` on, where `applies`."""

    key: str
    valid_from: date
    source: str
    applies: Callable[[Case], bool]
    text: Callable[[Case], str]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row of the VAT table bears no tax, in the words of documents issued from `valid_from` on."""

    key: str
    valid_from: date
    source: str
    text: str


def _always(text: str) -> Callable[[Case], str]:
    return lambda _case: text


NATURES: dict[Nature, str] = {
    "goods": "livraisons de biens",
    "services": "prestations de services",
    "mixed": "livraisons de biens et prestations de services",
    "voucher": "émission d'un bon à usages multiples, ni livraison de biens ni prestation de services",
}

SPECIMEN = "SPÉCIMEN \u2013 document d'essai, sans valeur"
FRANCHISE = "TVA non applicable, art. 293 B du CGI"

OVERSEAS = "overseas"
# By category, by code of the VATEX list where a shop sends that instead of a text, and for goods sent overseas. Codes
# that only name an article are read by their form. New articles are a row more here, from the day they may be printed.
REASONS = (
    Reason("K", date(1993, 1, 1), "CGI ann. II art. 242 nonies A, I-12°", "Exonération de TVA, art. 262 ter I du CGI"),
    Reason("AE", date(2013, 1, 1), "CGI ann. II art. 242 nonies A, I-13°", "Autoliquidation"),
    Reason("G", date(1979, 1, 1), "CGI ann. II art. 242 nonies A, I-12°", "Exonération de TVA, art. 262 I du CGI"),
    Reason(
        OVERSEAS, date(1979, 1, 1), "CGI ann. II art. 242 nonies A, I-12°", "Exonération de TVA, art. 294, 2 du CGI"
    ),
    Reason(
        "O",
        date(2019, 1, 1),
        "CGI art. 256 ter",
        "Hors du champ de la TVA (bon à usages multiples, art. 256 ter du CGI)",
    ),
    Reason("VATEX-FR-FRANCHISE", date(1979, 1, 1), "CGI art. 293 E", FRANCHISE),
    Reason(
        "VATEX-EU-D",
        date(2013, 1, 1),
        "CGI ann. II art. 242 nonies A, I-15°",
        "Régime particulier \u2013 Agences de voyages",
    ),
    Reason(
        "VATEX-EU-F",
        date(2013, 1, 1),
        "CGI ann. II art. 242 nonies A, I-16°",
        "Régime particulier \u2013 Biens d'occasion",
    ),
    Reason(
        "VATEX-EU-I", date(2013, 1, 1), "CGI ann. II art. 242 nonies A, I-16°", "Régime particulier \u2013 Objets d'art"
    ),
    Reason(
        "VATEX-EU-J",
        date(2013, 1, 1),
        "CGI ann. II art. 242 nonies A, I-16°",
        "Régime particulier \u2013 Objets de collection et d'antiquité",
    ),
)

_OF_THE_DIRECTIVE = re.compile(r"VATEX-EU-(\d+)(?:-(\d)?([A-Z]+)?)?")
_OF_THE_CGI = re.compile(r"VATEX-FR-CGI(\d+)([A-Z])?(?:-(\d+)(BIS)?)?")

# How a document words why a row of its VAT table bears no tax: the category, and the words of the law.
WITHOUT_VAT = re.compile("TVA 0\u00a0% \\(([A-Z]+)\\)\u00a0: (.+)", re.DOTALL)

TABLE = (
    Mention("specimen", date(2000, 1, 1), "ISSUE_MODE=trial", lambda case: case.trial, _always(SPECIMEN)),
    Mention(
        "nature",
        date(2022, 10, 9),
        "décret 2022-1299; owed since 2026-09-01 by large and mid-size firms, 2027-09-01 by the others",
        lambda _case: True,
        lambda case: f"Nature des opérations\u00a0: {NATURES[case.nature]}",
    ),
    Mention(
        "debits",
        date(2022, 10, 9),
        "décret 2022-1299",
        lambda case: case.vat_regime.on_debits and case.vat_regime.regime == "normal",
        _always("Option pour le paiement de la taxe d'après les débits"),
    ),
    Mention(
        "franchise",
        date(2000, 1, 1),
        "CGI art. 293 E",
        lambda case: case.vat_regime.regime == "franchise",
        _always(FRANCHISE),
    ),
    Mention(
        "late_penalty",
        date(2019, 4, 26),
        "Code de commerce L441-9, L441-10",
        lambda case: case.asks_payment_of_a_company,
        lambda case: f"Pénalités de retard\u00a0: {case.terms.late_penalty} (art. L441-10 du Code de commerce)",
    ),
    Mention(
        "recovery",
        date(2013, 1, 1),
        "Code de commerce D441-5",
        lambda case: case.asks_payment_of_a_company,
        _always(
            "Indemnité forfaitaire pour frais de recouvrement en cas de retard\u00a0: 40\u00a0€ "
            "(art. D441-5 du Code de commerce)"
        ),
    ),
    Mention(
        "early_discount",
        date(2009, 1, 1),
        "Code de commerce L441-9",
        lambda case: case.asks_payment_of_a_company,
        lambda case: f"Escompte pour paiement anticipé\u00a0: {case.terms.early_discount or 'néant'}",
    ),
)


def exemption_text(code: str, issued_on: date = date.max) -> str:
    """The reason that a code of the VATEX list stands for, in words; "" for a code that we have none for.

    An article of the directive or of the CGI may be named (CGI ann. II art. 242 nonies A, I-12°).
    """
    if found := _OF_THE_DIRECTIVE.fullmatch(code):
        parts = (found[1], found[2], found[3].lower() if found[3] else None)
        return f"Exonération de TVA, directive 2006/112/CE, art. {', '.join(filter(None, parts))}"
    if found := _OF_THE_CGI.fullmatch(code):
        article = " ".join(filter(None, (found[1], found[2])))
        paragraph = f", {found[3]}" + (" bis" if found[4] else "") if found[3] else ""
        return f"Exonération de TVA, art. {article}{paragraph} du CGI"
    return _words_of(code, issued_on) if code.startswith("VATEX-") else ""


def reason(category: str, exemption: str, issued_on: date = date.max, *, to_overseas: bool = False) -> str:
    """Why a row of the VAT table bears no tax (CGI ann. II art. 242 nonies A I-12°), or "" where it bears some.

    The shop's own words stand after the law's where both are given and differ.
    """
    given = exemption_text(exemption, issued_on) or exemption
    law = _words_of(OVERSEAS if category == "G" and to_overseas else category, issued_on)
    if law and given and given != law:
        return f"{law} \u2013 {given}"
    return law or given


def applying(case: Case, issued_on: date) -> tuple[str, ...]:
    """The texts that a document issued on this day prints, in the order of the table, reasons without tax last."""
    newest = {row.key: row for row in sorted(TABLE, key=lambda row: row.valid_from) if row.valid_from <= issued_on}
    texts = [row.text(case) for row in TABLE if newest.get(row.key) is row and row.applies(case)]
    # A seller in franchise has said so for the whole document already.
    return (*texts, *(text for text in _reasons(case, issued_on) if not any(text.endswith(known) for known in texts)))


def _words_of(key: str, issued_on: date) -> str:
    """The words of a document issued on this day; "" for what is none of the reasons."""
    rows = (row for row in REASONS if row.key == key and row.valid_from <= issued_on)
    newest = max(rows, key=lambda row: row.valid_from, default=None)
    return newest.text if newest else ""


def _reasons(case: Case, issued_on: date) -> list[str]:
    """Each reason without tax once, after the category that the document's lines and VAT table show."""
    found = {
        (category, text)
        for category, exemption in case.reasons
        if (text := reason(category, exemption, issued_on, to_overseas=case.to_overseas))
    }
    return [f"TVA 0\u00a0% ({category})\u00a0: {text}" for category, text in sorted(found)]
