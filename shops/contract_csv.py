"""CSV files of the contract: one row a line of an order, the order's own columns repeated on each of its rows.

Columns bear the names of the contract: those of the order as they are, and those of its parts behind `billing_`,
`shipping_` and `line_`. The delimiter is a comma or a semicolon, whichever the header uses; with semicolons a
decimal comma is read too, since spreadsheets in French write one; moments are ISO 8601 whatever the rest is. Shipments
and refunds do not fit in a row.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from shops.candidates import Candidate, UnreadableFile, check, csv_text, refuse_all
from shops.notation import AS_EXPORTED, Notation
from shops.problems import FieldProblem
from shops.schema import MAX_LINES, AddressMessage, BillingMessage, LineMessage, OrderMessage

_PARTS: dict[str, tuple[str, type[BillingMessage | AddressMessage]]] = {
    "billing_": ("billing", BillingMessage),
    "shipping_": ("shipping_address", AddressMessage),
}
_LINE = "line_"
_NOT_IN_A_ROW = {"billing", "shipping_address", "lines", "shipments", "refunds"}

ORDER_COLUMNS = tuple(name for name in OrderMessage.model_fields if name not in _NOT_IN_A_ROW)
LINE_COLUMNS = tuple(_LINE + name for name in LineMessage.model_fields)
PART_COLUMNS = tuple(prefix + name for prefix, (_part, model) in _PARTS.items() for name in model.model_fields)
COLUMNS = (*ORDER_COLUMNS, *PART_COLUMNS, *LINE_COLUMNS)

_REQUIRED = tuple(name for name in ORDER_COLUMNS if OrderMessage.model_fields[name].is_required()) + tuple(
    _LINE + name for name, column in LineMessage.model_fields.items() if column.is_required()
)
_FLAGS = ("prices_include_tax", "invoice_requested")
_FLAG_WORDS = {"true": True, "1": True, "oui": True, "false": False, "0": False, "non": False}
_ORDER_DECIMALS = ("exchange_rate", "order_discount", "total_tax", "total", "paid_amount")
_LINE_DECIMALS = ("line_quantity", "line_unit_price", "line_discount", "line_vat_rate", "line_tax")
_DECIMALS = frozenset((*_ORDER_DECIMALS, *_LINE_DECIMALS))
_DECIMAL_COMMA = re.compile(r"(-?[0-9]+),([0-9]+)")
_LINE_PATH = re.compile(r"lines\[([0-9]+)\]")
_LONGEST_HEADER = 10_000


@dataclass(slots=True)
class _Rows:
    """The consecutive rows of one order."""

    number: str
    first_line: int
    last_line: int
    order: dict[str, str]
    lines: list[dict[str, str]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    problems: list[FieldProblem] = field(default_factory=list)


def read(stream: BinaryIO, notation: Notation = AS_EXPORTED) -> Iterator[Candidate]:
    """Yield each order of the file with its lines; one with a broken row is refused and the next ones are still read.

    The rows of one order follow each other. Raises UnreadableFile when the header is missing, lacks a required
    column or has an unknown one.
    """
    with csv_text(stream, notation.codec) as text:
        yield from _read(text, notation)


def _read(text: io.TextIOWrapper, notation: Notation) -> Iterator[Candidate]:
    header = text.readline(_LONGEST_HEADER)
    delimiter = ";" if header.count(";") > header.count(",") else ","
    columns = _checked_header([name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])])
    seen: set[str] = set()
    for rows in _by_number(csv.reader(text, delimiter=delimiter), columns):
        if rows.number and rows.number in seen:
            rows.problems.append(FieldProblem("number", "Les lignes de cette commande ne se suivent pas."))
        seen.add(rows.number)
        yield _candidate(rows, decimal_comma=delimiter == ";" or notation.decimals == "comma")


def _checked_header(columns: list[str]) -> list[str]:
    if not any(columns):
        raise UnreadableFile("Le fichier est vide\u00a0: la première ligne doit nommer les colonnes.")
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise UnreadableFile(f"Colonnes inconnues\u00a0: {', '.join(map(repr, unknown[:10]))}.")
    if missing := [name for name in _REQUIRED if name not in columns]:
        raise UnreadableFile(f"Colonnes obligatoires absentes\u00a0: {', '.join(missing)}.")
    if len(set(columns)) < len(columns):
        raise UnreadableFile("Une colonne figure deux fois dans la première ligne.")
    return columns


def _by_number(rows: Any, columns: list[str]) -> Iterator[_Rows]:
    current: _Rows | None = None
    last_line = 1
    while True:
        first_line = last_line + 1
        try:
            cells = next(rows)
        except StopIteration:
            break
        except csv.Error:
            # Beyond csv's own limit (128 KiB a cell), which is what a quote that never closes comes to.
            last_line = rows.line_num + 1
            if current:
                yield current
            problem = FieldProblem(
                "", "Cette ligne n'est pas du CSV valable\u00a0: un guillemet n'est pas fermé\u00a0?"
            )
            current = _Rows("", first_line, last_line, {}, problems=[problem])
            continue
        last_line = rows.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(columns, cells, strict=False))
        number = row["number"].strip() if "number" in row else ""
        if current is None or number != current.number or not number:
            if current:
                yield current
            current = _Rows(number, first_line, last_line, row)
        current.last_line = last_line
        _add(current, row, len(cells) - len(columns), first_line)
    if current:
        yield current


def _add(rows: _Rows, row: dict[str, str], surplus: int, line: int) -> None:
    """Take one row in; of an order with too many lines, one more than allowed is kept, for the schema to refuse."""
    if surplus:
        what = ("colonnes" if abs(surplus) > 1 else "colonne") + (" en trop" if surplus > 0 else " en moins")
        rows.problems.append(FieldProblem("", f"Ligne {line}\u00a0: {abs(surplus)} {what}."))
        return
    for name, value in row.items():
        if not name.startswith(_LINE) and value != rows.order.get(name):
            reason = f"Ligne {line}\u00a0: la valeur diffère de la ligne {rows.first_line}."
            rows.problems.append(FieldProblem(name, reason))
    if len(rows.lines) <= MAX_LINES:
        rows.lines.append({name: value for name, value in row.items() if name.startswith(_LINE)})
        rows.places.append(line)


def _candidate(rows: _Rows, *, decimal_comma: bool) -> Candidate:
    number, first_line, last_line = rows.number, rows.first_line, rows.last_line
    if rows.problems:
        return refuse_all(rows.problems[:50], number=number, first_line=first_line, last_line=last_line)
    order = _values(rows.order, decimal_comma)
    sent: dict[str, Any] = {name: order[name] for name in ORDER_COLUMNS if name in order}
    for prefix, (part, _model) in _PARTS.items():
        if found := {name.removeprefix(prefix): value for name, value in order.items() if name.startswith(prefix)}:
            sent[part] = found
    sent["lines"] = [
        {name.removeprefix(_LINE): value for name, value in _values(line, decimal_comma).items()} for line in rows.lines
    ]
    candidate = check(sent, number=number, first_line=first_line, last_line=last_line)
    return replace(candidate, problems=tuple(_in_columns(problem, rows) for problem in candidate.problems))


def _in_columns(problem: FieldProblem, rows: _Rows) -> FieldProblem:
    """Name the column and the row of the file, which is what its author sees, instead of the message's field."""
    part, _dot, name = problem.path.partition(".")
    if found := _LINE_PATH.fullmatch(part):
        return FieldProblem(_LINE + name, f"Ligne {rows.places[int(found[1])]}\u00a0: {problem.message}")
    prefix = next((prefix for prefix, (field_name, _model) in _PARTS.items() if field_name == part), "")
    return FieldProblem(prefix + name, problem.message) if prefix and name else problem


def _values(row: dict[str, str], decimal_comma: bool) -> dict[str, Any]:
    """Return what the cells say; an empty one says nothing."""
    said: dict[str, Any] = {}
    for name, cell in row.items():
        if not (value := cell.strip()):
            continue
        said[name] = value
        if name in _FLAGS:
            said[name] = _FLAG_WORDS.get(value.lower(), value)
        elif name == "version" and re.fullmatch("[0-9]{1,10}", value):
            said[name] = int(value)
        elif decimal_comma and name in _DECIMALS and (found := _DECIMAL_COMMA.fullmatch(value)):
            said[name] = f"{found[1]}.{found[2]}"
    return said
