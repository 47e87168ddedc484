"""VAT as EN 16931 writes it: one category for each row, and the reason of those without tax.

The standard wants one row for each category without tax (BR-E-01, BR-AE-01, BR-IC-01, BR-G-01), where a document may
name several reasons, and refuses « not subject » beside any other category (BR-O-11 to BR-O-14).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from documents import mentions
from documents.snapshot import Snapshot
from documents.totals import ZERO, Line, RateAmounts

FREE = "Z"  # A document on which nothing costs anything, and no rate or reason is known.

CODES = {"K": "VATEX-EU-IC", "AE": "VATEX-EU-AE", "G": "VATEX-EU-G", "O": "VATEX-EU-O"}
# Those of the VATEX list (2025) that give the reason of an exemption, category E.
_EXEMPTION_CODE = re.compile(
    r"""
    VATEX-EU-(79-C|132(-1[A-Q])?|135-1|143(-1([A-L]|FA))?|144|146-1E|148(-[A-G])?|151(-1(AA?|[B-E]))?|153|159|309|[DFIJ])
    | VATEX-FR-CGI(261-[1-57-8]|261A|261B|261C-[1-3]|261D-(1BIS|[1-4])|261E-[12]|275|277A|295)
    | VATEX-FR-(FRANCHISE|CNWVAT|298SEXDECIESA)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One row of BG-23; `rate` is None where the standard wants none (BR-O-05), amounts to the cent."""

    category: str
    rate: Decimal | None
    net: Decimal
    vat: Decimal
    reason: str
    code: str


def of_line(snapshot: Snapshot, line: Line) -> RateAmounts:
    """The line's row of the VAT table; the first one for a free line that the table has no row for (BR-CO-04)."""
    return snapshot.totals.row_of(line) or snapshot.totals.rates[0]


def category(snapshot: Snapshot, row: RateAmounts) -> str:
    """The category (BT-95, BT-118, BT-151) of a row of the VAT table or of one rate's discount."""
    if row.category == "O" and any(other.category != "O" for other in snapshot.totals.rates):
        return "E"
    return row.category or FREE


def rate(snapshot: Snapshot, row: RateAmounts) -> Decimal | None:
    """The rate that goes with the category, in percent; None where there is to be none (BR-O-05)."""
    return None if category(snapshot, row) == "O" else row.rate


def rows(snapshot: Snapshot) -> list[TaxRow]:
    """The VAT table, rows that share category and rate as one; their sums are the snapshot's."""
    groups: dict[tuple[str, Decimal | None], list[RateAmounts]] = {}
    for row in snapshot.totals.rates:
        groups.setdefault((category(snapshot, row), rate(snapshot, row)), []).append(row)
    return [
        TaxRow(
            category=key[0],
            rate=key[1],
            net=sum((row.net for row in found), ZERO),
            vat=sum((row.vat for row in found), ZERO),
            reason=_reason(snapshot, found),
            code=_code(key[0], found),
        )
        for key, found in groups.items()
    ]


def hides_vat_numbers(snapshot: Snapshot) -> bool:
    """Whether the VAT numbers of both parties must be left out: nothing on the document is subject to VAT (BR-O-02)."""
    return all(row.category == "O" for row in snapshot.totals.rates)


def is_code(exemption: str) -> bool:
    """Whether a shop gave the reason of an exemption as a code of the VATEX list rather than in words."""
    return _EXEMPTION_CODE.fullmatch(exemption) is not None


def _reason(snapshot: Snapshot, found: list[RateAmounts]) -> str:
    """The words of the law as the snapshot froze them, else the shop's own (BT-120)."""
    categories = {row.category for row in found}
    printed = [match for text in snapshot.mentions if (match := mentions.WITHOUT_VAT.fullmatch(text))]
    texts = [match[2] for match in printed if match[1] in categories]
    worded = {match[1] for match in printed}
    texts += [row.exemption for row in found if row.category not in worded and not is_code(row.exemption)]
    return " ; ".join(dict.fromkeys(text for text in texts if text))


def _code(written: str, found: list[RateAmounts]) -> str:
    """The VATEX code (BT-121) where one stands for the whole row."""
    if written != "E":
        return CODES.get(written, "")
    given = {row.exemption if row.category == "E" else "" for row in found}
    code = given.pop()
    return code if not given and is_code(code) else ""
