"""The *Online Retail* data set's own shape: the books of a British web shop, one row a line of a document.

D. Chen, UCI Machine Learning Repository, 2015, DOI 10.24432/C5BW33: InvoiceNo, StockCode, Description, Quantity,
InvoiceDate (DD/MM/YYYY HH:MM, London time), UnitPrice, CustomerID, Country. What it does not say, ASSUMPTIONS say.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from shops.candidates import Candidate, UnreadableFile, check, csv_text, refuse
from shops.codes import COUNTRIES_BY_ENGLISH_NAME

ASSUMPTIONS = (
    "TVA à 20 % sur chaque ligne, prix de vente TTC.",
    "Les montants en livres sont repris en euros, au pair.",
    "Chaque commande est payée et expédiée au moment de sa première ligne (InvoiceDate, heure de Londres).",
    "L'adresse e-mail est customer<CustomerID>@example.com\u00a0; sans CustomerID, guest<InvoiceNo>@example.com.",
    "POST, DOT et C2 sont des frais de port, BANK CHARGES, AMAZONFEE et CRUK des frais, le reste des biens.",
    "Un bon d'achat vendu (gift_…) est à usage unique, donc taxé à la vente comme un bien.",
    "Une ligne négative dans une vente est une réduction au taux de la ligne.",
    "EIRE est l'Irlande, RSA l'Afrique du Sud, USA les États-Unis, et les îles Anglo-Normandes sont notées Jersey.",
)

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")

_LONDON = ZoneInfo("Europe/London")
_RATE = "20.00"
_CENT = Decimal("0.01")
_FIGURE = re.compile(r"-?[0-9]{1,8}(\.[0-9]{1,6})?")
_KINDS = {
    "POST": "shipping", "DOT": "shipping", "C2": "shipping",
    "BANK CHARGES": "fee", "AMAZONFEE": "fee", "CRUK": "fee",
}  # fmt: skip
_OTHER_COUNTRY_NAMES = {
    "eire": "IE",
    "rsa": "ZA",
    "usa": "US",
    "hong kong": "HK",
    "czech republic": "CZ",
    "channel islands": "JE",
}


class _Refused(Exception):
    """This document is no order; the text is French and says why."""


@dataclass(slots=True)
class _Document:
    """The consecutive rows of one InvoiceNo."""

    number: str
    first_line: int
    last_line: int
    rows: list[dict[str, str]] = field(default_factory=list)
    broken_row: str = ""


def read(stream: BinaryIO) -> Iterator[Candidate]:
    """Yield each document of the file with its lines: an order, or why it is none.

    Raises UnreadableFile when the header does not name the eight columns.
    """
    with csv_text(stream) as text:
        yield from _read(text)


def _read(text: io.TextIOWrapper) -> Iterator[Candidate]:
    rows = csv.reader(text)
    header = tuple(cell.strip() for cell in next(rows, []))
    if sorted(header) != sorted(COLUMNS):
        raise UnreadableFile(f"La première ligne doit nommer les colonnes {', '.join(COLUMNS)}.")
    seen: set[str] = set()
    for document in _by_number(rows, header):
        yield _candidate(document, comes_back=document.number in seen)
        seen.add(document.number)


def _by_number(rows: Any, header: tuple[str, ...]) -> Iterator[_Document]:
    current: _Document | None = None
    while True:
        first_line = rows.line_num + 1
        try:
            cells = next(rows, None)
        except csv.Error:
            cells = []
        if cells is None:
            break
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        number = row.get("InvoiceNo", "")
        if current is None or number != current.number:
            if current:
                yield current
            current = _Document(number, first_line, first_line)
        current.last_line = rows.line_num
        current.rows.append(row)
        if len(cells) != len(header):
            current.broken_row = f"La ligne {first_line} n'a pas les huit colonnes."
    if current:
        yield current


def _candidate(document: _Document, *, comes_back: bool) -> Candidate:
    number, first_line, last_line = document.number, document.first_line, document.last_line
    try:
        if comes_back:
            raise _Refused("Les lignes de ce document ne se suivent pas.")
        sent = _order(document)
    except _Refused as refused:
        return refuse(str(refused), number=number, first_line=first_line, last_line=last_line)
    return check(sent, number=number, first_line=first_line, last_line=last_line)


def _order(document: _Document) -> dict[str, Any]:
    """Return the document in the shape of `shops.schema`; raises _Refused when it is not a sale."""
    if document.broken_row:
        raise _Refused(document.broken_row)
    if document.number[:1].upper() == "C":
        raise _Refused("Annulation (numéro en C)\u00a0: ce n'est pas une commande.")
    if document.number[:1].upper() == "A":
        raise _Refused("Écriture comptable (numéro en A)\u00a0: ce n'est pas une commande.")
    quantities = [_figure(row, "Quantity") for row in document.rows]
    prices = [_figure(row, "UnitPrice") for row in document.rows]
    total = sum((_rounded(quantity * price) for quantity, price in zip(quantities, prices, strict=True)), Decimal(0))
    if all(quantity <= 0 for quantity in quantities):
        raise _Refused("Sortie de stock (quantités négatives)\u00a0: rien n'a été vendu.")
    if total == 0:
        raise _Refused("Total nul\u00a0: rien n'a été facturé.")
    if total < 0:
        raise _Refused("Total négatif\u00a0: ce n'est pas une vente.")
    first = document.rows[0]
    moment = _moment(first["InvoiceDate"])
    customer = first["CustomerID"]
    return {
        "number": document.number,
        "version": 1,
        "email": f"customer{customer}@example.com" if customer else f"guest{document.number}@example.com",
        "locale": "fr",
        "placed_at": moment,
        "paid_at": moment,
        "shipped_at": moment,
        "currency": "EUR",
        "prices_include_tax": True,
        "shipping_address": {"country": _country(first["Country"])},
        "lines": [_line(*each) for each in zip(document.rows, quantities, prices, strict=True) if each[1]],
        "total": total,
        "paid_amount": total,
    }


def _line(row: dict[str, str], quantity: Decimal, price: Decimal) -> dict[str, Any]:
    code = row["StockCode"]
    return {
        "sku": code,
        "description": row["Description"] or code,
        "kind": _KINDS.get(code.upper(), "goods"),
        "quantity": -quantity if price < 0 else quantity,
        "unit_price": abs(price),
        "vat_rate": _RATE,
    }


def _figure(row: dict[str, str], column: str) -> Decimal:
    if not _FIGURE.fullmatch(row[column]):
        raise _Refused(f"La colonne {column} contient autre chose qu'un nombre.")
    return Decimal(row[column])


def _moment(written: str) -> datetime:
    """Return the moment; the hour that London lives twice in autumn is the first one."""
    try:
        naive = datetime.strptime(written, "%d/%m/%Y %H:%M")  # noqa: DTZ007 (the zone is given on the next line)
    except ValueError:
        raise _Refused("InvoiceDate n'est pas une date de la forme JJ/MM/AAAA HH:MM.") from None
    return naive.replace(tzinfo=_LONDON)


def _country(name: str) -> str:
    key = name.casefold()
    code = _OTHER_COUNTRY_NAMES.get(key) or COUNTRIES_BY_ENGLISH_NAME.get(key)
    if code is None:
        raise _Refused("Le pays n'est pas connu sous ce nom.")
    return code


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)
