"""A table that a shop system exported: its rows by the names of their columns, and the orders that are made of them."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

from shops.amounts import ZERO, cents, written
from shops.arrivals import Arrival, Ignored
from shops.candidates import Candidate, UnreadableFile, csv_text, refuse, refuse_all
from shops.notation import Notation
from shops.readings import reading
from shops.schema import InvalidMessage

DELIMITERS = ",;\t"
LONGEST_HEADER = 200_000
MISSHAPEN = "Cette ligne a %s cellules et la première du fichier en a %s\u00a0: un guillemet n'est pas fermé\u00a0?"
REFUNDED = "L'export dit qu'une partie a été remboursée (%s), et pas de quelles lignes."


@dataclass(frozen=True, slots=True)
class Row:
    """One row, empty cells too; `problem` says why its cells cannot be told apart."""

    first_line: int
    last_line: int
    cells: dict[str, str]
    problem: str = ""


def rows(stream: BinaryIO, notation: Notation, required: Sequence[str], what: str) -> Iterator[Row]:
    """Yield the rows below the first one, which names the columns; `what` names the export in French.

    The delimiter is the sign that stands between these names. Raises UnreadableFile where a required one is missing.
    """
    with csv_text(stream, notation.codec) as text:
        header = text.readline(LONGEST_HEADER)
        delimiter = max(DELIMITERS, key=header.count)
        columns = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        if missing := [name for name in required if name not in columns]:
            raise UnreadableFile(f"Ce n'est pas {what}\u00a0; il y manque\u00a0: {', '.join(missing)}.")
        reader = csv.reader(text, delimiter=delimiter)
        last_line = 1
        for cells in reader:
            first_line, last_line = last_line + 1, reader.line_num + 1
            if any(cells):
                yield _row(columns, cells, first_line, last_line)


def _row(columns: Sequence[str], cells: list[str], first_line: int, last_line: int) -> Row:
    problem = "" if len(cells) == len(columns) else MISSHAPEN % (len(cells), len(columns))
    return Row(first_line, last_line, dict.fromkeys(columns, "") | dict(zip(columns, cells, strict=False)), problem)


def candidate(number: str, email: str, row: Row, system: str, arrive: Callable[[], Arrival]) -> Candidate:
    """Return the order that `arrive` reads of its row, or why there is none; `system` is the shop system's name."""
    place: dict[str, Any] = {"number": number, "first_line": row.first_line, "last_line": row.last_line}
    if row.problem:
        return refuse(row.problem, **place)
    if not email:
        return refuse("La commande n'a pas d'adresse e-mail.", path="email", **place)
    try:
        with reading(f"une commande de {system}"):
            arrival = arrive()
    except Ignored as ignored:
        return refuse(str(ignored), **place)
    except InvalidMessage as invalid:
        return refuse_all(invalid.problems, **place)
    return Candidate(message=arrival.message, ref=arrival.ref, doubts=arrival.doubts, **place)


def doubts_of(refunded: Decimal, total: Decimal) -> tuple[str, ...]:
    """Return the doubt that a refund in part leaves."""
    return (REFUNDED % written(cents(refunded)).replace(".", ","),) if ZERO < refunded < total else ()
