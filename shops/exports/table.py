"""A table that a shop system exported: its rows by the names of their columns, each with the lines where it stands."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from shops.candidates import UnreadableFile, csv_text
from shops.notation import Notation

DELIMITERS = ",;\t"
LONGEST_HEADER = 200_000
MISSHAPEN = "Cette ligne a %s cellules et la première du fichier en a %s\u00a0: un guillemet n'est pas fermé\u00a0?"


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
