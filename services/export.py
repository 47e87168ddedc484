"""What an accountant takes home once a month: the documents, and a table of their amounts per VAT rate."""

import csv
import filecmp
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, func, select

import clock
import storage
from documents import archive, formatting, snapshot
from documents.snapshot import Snapshot
from documents.totals import RateAmounts, apportion
from extensions import db, transaction
from models import Document
from services import files, history, ledger

# What a spreadsheet would take for a formula (OWASP, CSV injection), behind blanks and apostrophes of our own or not.
FORMULA = re.compile(r"'*(\s*[=+\-@＝＋－＠]|[\t\r\n])")
COLUMNS = (
    "Numéro", "Type", "Date", "Commande", "Date de commande", "Client", "SIREN", "N° de TVA", "Pays",
    "Taux de TVA", "Catégorie de TVA", "Motif sans TVA", "HT", "TVA", "TTC", "Devise", "TVA en euros",
    "Réglé le", "Mode de règlement", "Document d'origine", "Motif",
)  # fmt: skip
KINDS = {"invoice": "Facture", "credit_note": "Avoir"}


class NotReadable(Exception):
    """A document cannot be exported, because it cannot be drawn or read; the text is French and names it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table writes dates, amounts and itself."""

    encoding: str
    delimiter: str
    day: str
    decimal: str


FORMATS = {
    "standard": Shape("utf-8", ",", "%Y-%m-%d", "."),
    "fr": Shape("utf-8-sig", ";", "%d/%m/%Y", ","),
}


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of issue dates, which are days in Paris."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read « 2026-11 ». Raises ValueError for anything else."""
        if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", text):
            raise ValueError(f"{text!r} is no month")
        return cls(*map(int, text.split("-")))

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def after(self) -> date:
        """The first day of the month that follows."""
        return date(self.year + self.month // 12, self.month % 12 + 1, 1)

    def is_over(self) -> bool:
        """Whether no document can be issued in it any more."""
        return clock.paris_date(clock.now()) >= self.after

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def count(month: Month) -> int:
    """Return how many documents the month has."""
    return db.session.scalar(select(func.count()).select_from(Document).where(_issued_in(month))) or 0


def write(month: Month, target: Path, *, shape: str = "standard", progress: Callable[[], object] = int) -> int:
    """Afterwards `target` is a ZIP with every live document of the month and their table; return how many there are.

    The same documents give the same bytes. Documents that nobody has drawn yet are drawn. Nothing stands at `target`
    before it is complete. Raises FileExistsError when something else stands there, NotReadable naming a document that
    cannot be drawn or read, and OSError when the file cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb", opener=storage.for_us_alone) as file:
            with zipfile.ZipFile(file, "w") as zipped:
                written = _fill(zipped, month, FORMATS[shape], progress)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            if not filecmp.cmp(temporary, target, shallow=False):
                raise FileExistsError(target)
        else:
            temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    with transaction():
        history.record("invoices.exported", detail=f"{month}, {shape}")
    return written


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; `original` gives it back."""
    return f"'{text}" if FORMULA.match(text) else text


def original(cell: str) -> str:
    """Return the text that `harmless` made into this cell."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _issued_in(month: Month) -> ColumnElement[bool]:
    return and_(Document.trial.is_(False), Document.issue_date >= month.first, Document.issue_date < month.after)


def _fill(zipped: zipfile.ZipFile, month: Month, shape: Shape, progress: Callable[[], object]) -> int:
    """Write the documents one by one, and their rows into a file beside, which becomes the last entry."""
    written = 0
    with TemporaryFile() as kept:
        table = TextIOWrapper(kept, encoding=shape.encoding, newline="", write_through=True)
        rows = csv.writer(table, delimiter=shape.delimiter)
        rows.writerow(COLUMNS)
        for batch in ledger.documents(_issued_in(month)):
            for document in batch:
                said = snapshot.from_json(document.snapshot)
                pdf, xml = _bytes(document)
                add_file(zipped, f"{document.number}.pdf", said.issue_date, pdf, zipfile.ZIP_STORED)
                if xml:
                    add_file(zipped, f"{document.number}.xml", said.issue_date, xml, zipfile.ZIP_DEFLATED)
                rows.writerows(_rows(said, shape))
                written += 1
                progress()
        kept.seek(0)
        with zipped.open(zip_entry(f"factures-{month}.csv", month.first, zipfile.ZIP_DEFLATED), "w") as entry:
            shutil.copyfileobj(kept, entry)
        table.detach()
    return written


def _bytes(document: Document) -> tuple[bytes, bytes | None]:
    """The document's PDF and the XML inside, drawn first where nobody has."""
    try:
        if document.file is None:
            files.ensure(document.id)
            document = db.session.get_one(Document, document.id)
        pdf = files.read(document)
        assert pdf is not None  # nosec B101  # noqa: S101 - It is drawn.
        return pdf, archive.embedded_xml(pdf)
    except Exception as error:
        number, name = document.number, type(error).__name__
        raise NotReadable(_("%(number)s ne peut pas être exporté (%(error)s).", number=number, error=name)) from error
    finally:
        db.session.rollback()


def add_file(zipped: zipfile.ZipFile, name: str, day: date, data: bytes, method: int) -> None:
    """Afterwards the ZIP has this file, dated that day."""
    with zipped.open(zip_entry(name, day, method), "w") as entry:
        entry.write(data)


def zip_entry(name: str, day: date, method: int) -> zipfile.ZipInfo:
    """An entry that says nothing about the machine and the moment that wrote it."""
    entry = zipfile.ZipInfo(name, (day.year, day.month, day.day, 0, 0, 0))
    entry.compress_type, entry.create_system, entry.external_attr = method, 3, 0o600 << 16
    return entry


def _rows(said: Snapshot, shape: Shape) -> Iterator[list[str]]:
    """One row per VAT rate; what a credit note takes back is negative, as accountants add a column up."""
    sign = -1 if said.kind == "credit_note" else 1
    for row, vat_in_euros in zip(said.totals.rates, _vat_in_euros(said), strict=True):
        cells: list[Any] = [
            said.number, KINDS[said.kind], said.issue_date, said.order.number, said.order.placed_on,
            said.buyer.display_name, said.buyer.siret[:9], said.buyer.vat_number, said.buyer.country,
            formatting.rounded(row.rate), row.category, row.exemption,
            sign * row.net, sign * row.vat, sign * row.gross, said.currency,
            None if vat_in_euros is None else sign * vat_in_euros,
            said.payment.paid_on, said.payment.words,
            said.refers_to.number if said.refers_to else "", said.reason,
        ]  # fmt: skip
        yield [cell_of(cell, shape) for cell in cells]


def _vat_in_euros(said: Snapshot) -> list[Decimal] | list[None]:
    """The VAT of each rate in euros, which come to what the document says in all (BR-FR-CO-12)."""
    rates: tuple[RateAmounts, ...] = said.totals.rates
    if said.currency == "EUR":
        return [row.vat for row in rates]
    if said.vat_in_euros is None or said.exchange_rate is None:
        return [None for _row in rates]
    return apportion([row.vat * said.exchange_rate for row in rates], said.vat_in_euros)


def cell_of(value: str | date | Decimal | None, shape: Shape) -> str:
    """Return what stands in a cell of a table of that shape; no spreadsheet takes it for a formula."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.strftime(shape.day)
    if isinstance(value, Decimal):
        return f"{value:.2f}".replace(".", shape.decimal)
    return harmless(value)
