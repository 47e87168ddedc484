"""What became of the documents of a file: counted by outcome, and the refused ones written down as they come."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from models import Shop
from services import batches, cutover, export, intake
from shops import issued_invoices
from shops.candidates import Candidate
from shops.notation import Notation
from shops.problems import FieldProblem

LIST = "issued-invoices"
"""The shape of the list of what another system has invoiced."""
SHAPES = (*batches.READERS, LIST)
REPORT_COLUMNS = ("première ligne", "dernière ligne", "numéro", "champ", "raison")
ORDERS: Mapping[str, Any] = {
    "new": _l("Nouvelles"),
    "updated": _l("Mises à jour"),
    "unchanged": _l("Inchangées"),
    "older": _l("Plus anciennes que celles connues"),
    "review": _l("À vérifier"),
    "opened": _l("Demandes de facture ouvertes"),
    "refused": _l("Refusées"),
}
"""What becomes of orders; those to be verified and the requests are counted besides."""
LISTED: Mapping[str, Any] = {
    "blocked": _l("Commandes désormais déjà facturées"),
    "noted": _l("Notées pour des commandes à venir"),
    "unchanged": _l("Déjà notées"),
    "refused": _l("Refusées"),
}
"""What becomes of the rows of a list of earlier invoices."""

_MOST_REASONS = 20
_MOST_PLACES = 5


@dataclass(slots=True)
class _Reason:
    """How often one reason refused a document, and where first."""

    count: int = 0
    places: list[str] = field(default_factory=list)


class Tally:
    """Counts what became of each document, under these labels, and writes down the refused ones as they come."""

    def __init__(self, labels: Mapping[str, Any], report: Any = None) -> None:
        """Write refusals to this open text file, if there is one."""
        self.labels = labels
        self.outcomes: Counter[str] = Counter()
        self.reasons: dict[str, _Reason] = {}
        self.writer = csv.writer(report) if report else None
        if self.writer:
            self.writer.writerow(REPORT_COLUMNS)

    def count(self, candidate: Candidate, result: batches.Result) -> None:
        """Take one order in."""
        if isinstance(result, intake.Refused):
            self._refuse(candidate.first_line, candidate.last_line, candidate.number, result.problems)
            return
        self.outcomes[result.outcome] += 1
        self.outcomes["review"] += result.applied and bool(result.review)
        self.outcomes["opened"] += result.opened

    def count_listed(self, listed: cutover.Listed) -> None:
        """Take one row of a list of earlier invoices in."""
        if listed.outcome == "refused":
            self._refuse(listed.row.line, listed.row.line, listed.row.order_number, listed.problems)
        else:
            self.outcomes[listed.outcome] += 1

    def said(self) -> Iterator[str]:
        """Give the summary line by line; the first few places of each reason, the report has them all."""
        for outcome, label in self.labels.items():
            yield f"{label}\u00a0: {self.outcomes[outcome]}"
        for text, reason in self.reasons.items():
            more = ["…"] if reason.count > len(reason.places) else []
            yield f"  {reason.count} × {text}"
            yield f"      {', '.join(reason.places + more)}"

    def _refuse(self, first: int, last: int, number: str, problems: Iterable[FieldProblem]) -> None:
        self.outcomes["refused"] += 1
        for problem in problems:
            self._note(first, last, number, problem)
            if self.writer:
                cells = (first, last, number, problem.path, problem.message)
                self.writer.writerow([export.harmless(str(cell)) for cell in cells])

    def _note(self, first: int, last: int, number: str, problem: FieldProblem) -> None:
        message = re.sub(r"^Ligne \d+\u00a0: ", "", problem.message)  # The same slip in many rows is one reason.
        text = str(FieldProblem(re.sub(r"\[\d+\]", "[]", problem.path), message))
        if text not in self.reasons and len(self.reasons) >= _MOST_REASONS:
            text = _("Autres raisons")
        reason = self.reasons.setdefault(text, _Reason())
        reason.count += 1
        if len(reason.places) < _MOST_PLACES:
            reason.places.append(_place(first, last, number))


def labels(shape: str) -> Mapping[str, Any]:
    """Return what may become of the documents of a file of that shape, each with its words."""
    return LISTED if shape == LIST else ORDERS


def take_in(
    counted: Tally, stream: BinaryIO, shape: str, notation: Notation, shop: Shop | None, *, dry_run: bool
) -> Iterator[None]:
    """Take the documents of a file in, or try them, and count each as it comes; yield after each.

    What was yielded is committed, except in a dry run, which keeps nothing. Raises UnreadableFile.
    """
    if shape == LIST:
        for listed in cutover.take_list(issued_invoices.read(stream, notation), dry_run=dry_run):
            counted.count_listed(listed)
            yield
        return
    documents, strict = batches.READERS[shape](stream, notation), shape in batches.STRICT
    for candidate, result in batches.taken_in(documents, source=shape, strict=strict, shop=shop, dry_run=dry_run):
        counted.count(candidate, result)
        yield


def _place(first: int, last: int, number: str) -> str:
    alone = first == last
    lines = _("ligne %(line)s", line=first) if alone else _("lignes %(first)s à %(last)s", first=first, last=last)
    return f"{lines} ({number})" if number else lines
