"""`flask orders …`: bring the orders of a file in."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask.cli import AppGroup
from flask_babel import gettext as _

from services import batches, intake, issuing
from shops import contract_csv, contract_json, online_retail
from shops.candidates import Candidate, UnreadableFile
from shops.problems import FieldProblem

orders_cli = AppGroup("orders", help="Les commandes de la boutique.")

READERS: dict[str, Callable[[BinaryIO], Iterator[Candidate]]] = {
    "contract-json": contract_json.read,
    "contract-csv": contract_csv.read,
    "online-retail": online_retail.read,
}
STRICT = ("contract-json", "contract-csv")

REPORT_COLUMNS = ("première ligne", "dernière ligne", "numéro", "champ", "raison")

_MOST_REASONS = 20
_MOST_PLACES = 5


@orders_cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--format", "shape", type=click.Choice(list(READERS)), required=True, help="La forme du fichier.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Écrire les refus dans ce fichier CSV.")
def import_orders(file: Path, shape: str, report: Path | None) -> None:
    """Reprendre les commandes de FILE et dire lesquelles sont refusées, à quelles lignes et pourquoi.

    Recommencer ne change rien. Le code de sortie est 0 quand le fichier a été lu, même si des commandes sont
    refusées\u00a0; il est 1 quand le fichier est illisible.
    """
    if shape == "online-retail":
        click.echo(_("Ce que le fichier ne dit pas est supposé :"))
        for assumption in online_retail.ASSUMPTIONS:
            click.echo(f"  - {assumption}")
    try:
        with ExitStack() as files:
            tally = Tally(files.enter_context(report.open("w", encoding="utf-8-sig", newline="")) if report else None)
            stream = files.enter_context(file.open("rb"))
            bar = files.enter_context(_progress_bar(file.stat().st_size))
            for candidate, result in batches.taken_in(READERS[shape](stream), source=shape, strict=shape in STRICT):
                tally.count(candidate, result)
                bar.update(stream.tell() - bar.pos)
    except (UnreadableFile, issuing.WrongMode) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}\u00a0: {error.strerror}") from None
    tally.show()
    if report:
        click.echo(_("Les refus sont dans %(file)s.", file=report))


@dataclass(slots=True)
class _Reason:
    """How often one reason refused an order, and where first."""

    count: int = 0
    places: list[str] = field(default_factory=list)


class Tally:
    """Counts what became of each document, and writes down the refused ones as they come."""

    def __init__(self, report: Any = None) -> None:
        """Write refusals to this open text file, if there is one."""
        self.outcomes: Counter[str] = Counter()
        self.reasons: dict[str, _Reason] = {}
        self.writer = csv.writer(report) if report else None
        if self.writer:
            self.writer.writerow(REPORT_COLUMNS)

    def count(self, candidate: Candidate, result: intake.Receipt | intake.Refused) -> None:
        """Take one document in."""
        if isinstance(result, intake.Receipt):
            self.outcomes[result.outcome] += 1
            self.outcomes["review"] += result.applied and bool(result.review)
            return
        self.outcomes["refused"] += 1
        for problem in result.problems:
            self._note(candidate, problem)
        if self.writer:
            place = (candidate.first_line, candidate.last_line, candidate.number)
            self.writer.writerows(
                [harmless(str(cell)) for cell in (*place, each.path, each.message)] for each in result.problems
            )

    def show(self) -> None:
        """Print the summary; places are given for the first few orders of each reason, the report has them all."""
        for outcome, label in (
            ("new", _("Nouvelles")),
            ("updated", _("Mises à jour")),
            ("unchanged", _("Inchangées")),
            ("older", _("Plus anciennes que celles connues")),
            ("review", _("À vérifier")),
            ("refused", _("Refusées")),
        ):
            click.echo(f"{label}\u00a0: {self.outcomes[outcome]}")
        for text, reason in self.reasons.items():
            more = ["…"] if reason.count > len(reason.places) else []
            click.echo(f"  {reason.count} × {text}")
            click.echo(f"      {', '.join(reason.places + more)}")

    def _note(self, candidate: Candidate, problem: FieldProblem) -> None:
        message = re.sub(r"^Ligne \d+\u00a0: ", "", problem.message)  # The same slip in many rows is one reason.
        text = str(FieldProblem(re.sub(r"\[\d+\]", "[]", problem.path), message))
        if text not in self.reasons and len(self.reasons) >= _MOST_REASONS:
            text = _("Autres raisons")
        reason = self.reasons.setdefault(text, _Reason())
        reason.count += 1
        if len(reason.places) < _MOST_PLACES:
            reason.places.append(_place(candidate))


def harmless(cell: str) -> str:
    """Return the cell so that no spreadsheet takes it for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _place(candidate: Candidate) -> str:
    first, last = candidate.first_line, candidate.last_line
    lines = (
        _("ligne %(line)s", line=first) if first == last else _("lignes %(first)s à %(last)s", first=first, last=last)
    )
    return f"{lines} ({candidate.number})" if candidate.number else lines


def _progress_bar(size: int) -> Any:
    return click.progressbar(length=size, label=_("Reprise"), update_min_steps=max(1, size // 100))
