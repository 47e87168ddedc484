"""The list of what the system before this one has invoiced: `order number; invoice number; date`, one a row."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from shops.candidates import UnreadableFile, csv_text, shown
from shops.notation import AS_EXPORTED, Notation
from shops.numbers import is_order_number, order_key
from shops.problems import FieldProblem

COLUMNS = 3
LONGEST_NUMBER = 64


@dataclass(frozen=True, slots=True)
class Issued:
    """One row: an order's number as the shop writes it, and the invoice it has; `problems` where it cannot be taken."""

    line: int
    order_number: str
    number: str = ""
    issued_on: date | None = None
    problems: tuple[FieldProblem, ...] = ()


def read(stream: BinaryIO, notation: Notation = AS_EXPORTED) -> Iterator[Issued]:
    """Yield each row, the first one left out where it names the columns; a broken one says why.

    Raises UnreadableFile when the file is empty or not of this shape.
    """
    with csv_text(stream, notation.codec) as text:
        first = text.readline(1000)
        delimiter = ";" if ";" in first else "," if "," in first else "\t"
        if not first.strip():
            raise UnreadableFile("Le fichier est vide.")
        heading = next(csv.reader([first], delimiter=delimiter))
        if len(heading) != COLUMNS:
            raise UnreadableFile("Trois colonnes sont attendues\u00a0: numéro de commande; numéro de facture; date.")
        if any(sign.isdigit() for cell in heading for sign in cell):  # A heading names columns, and no number.
            yield _issued(heading, 1, notation)
        for line, cells in enumerate(csv.reader(text, delimiter=delimiter), start=2):
            if any(cell.strip() for cell in cells):
                yield _issued(cells, line, notation)


def _issued(cells: list[str], line: int, notation: Notation) -> Issued:
    if len(cells) != COLUMNS:
        return _refused(line, cells[0] if cells else "", "", "Trois colonnes sont attendues.")
    order_number, number, day = (cell.strip() for cell in cells)
    if not is_order_number(order_key(order_number)):
        return _refused(line, order_number, "number", "Ce n'est pas un numéro de commande.")
    if not number or len(number) > LONGEST_NUMBER or not number.isprintable():
        return _refused(line, order_number, "invoice", "Un numéro de facture est attendu, de 64 caractères au plus.")
    try:
        issued_on = notation.day(day)
    except ValueError as example:
        return _refused(line, order_number, "date", f"Une date est attendue, par exemple {example}.")
    return Issued(line, order_number, number, issued_on)


def _refused(line: int, order_number: str, field: str, reason: str) -> Issued:
    return Issued(line, shown(order_number), problems=(FieldProblem(field, reason),))
