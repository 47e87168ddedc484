"""« Télécharger toutes les factures de 2026 »: a customer's documents of one year and their table, in one ZIP.

It is a data export with a year: the same row, lease, sweep and incident (`services.data_exports`). Its bytes
are written into a file beside, then kept in parts, so that two thousand documents need no more memory than one.
"""

import csv
import shutil
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO, Any

from flask_babel import gettext as _
from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.orm import Session, joinedload, undefer

import clock
import task_queue
from documents import archive, snapshot
from extensions import db, transaction
from models import Customer, DataExport, Document, ExportPart
from services import export, files, history, invoicing, leases, limits
from services.leases import Lease

PART = 1024 * 1024  # Bytes of the ZIP that are in memory at once, and in one row.
MOST_TOLD = 20  # How often a sign of life says how far it is: every twentieth of the documents, or more often.
SHAPE = export.FORMATS["fr"]
"""As spreadsheets open a table here by a double click: semicolons, a mark that it is UTF-8, 24/11/2026 and 31,72."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Where the pack of a year stands: `state` is one of the export's, or nothing when there is none to be had.

    `missing` is how many documents of the year are not in it, since they were issued after it was made.
    """

    year: int
    state: str = ""
    done: int = 0
    total: int = 0
    missing: int = 0
    size: int = 0
    made_at: datetime | None = None


def of(customer: Customer, years: Collection[int]) -> dict[int, Pack]:
    """Return where the customer's pack of each of these years stands; one with a document that left them is none."""
    if not years:
        return {}
    own = select(DataExport).where(DataExport.customer_id == customer.id, DataExport.year.in_(years))
    newest = {row.year: row for row in db.session.scalars(own.order_by(DataExport.id))}
    there, packs = _ids(customer, years), {}
    for year in years:
        row, now = newest.get(year), there.get(year, [])
        if row is None or not set(row.documents or ()) <= set(now):
            packs[year] = Pack(year, missing=len(now))
        else:
            missing = len(now) - len(row.documents or ())
            packs[year] = Pack(year, row.state, row.done, row.total, missing, row.size, row.made_at)
    return packs


def request(customer: Customer, year: int) -> bool:
    """Afterwards the pack of that year is made or on its way, once however often it is pressed; False: there is none.

    One that holds every document of the year is that one. Raises limits.TooMany after twelve in a day, and NotTheirs
    when the account was deleted meanwhile.
    """
    customer_id = customer.id
    if not _ids(customer, [year]):
        return False
    if _is_underway_or_whole(customer, year):
        return True
    limits.hit(limits.YEAR_PACKS_BY_DAY, str(customer_id))
    with transaction():
        invoicing.lock_account(customer_id)
        if _is_underway_or_whole(customer, year):
            return True  # The other press of a double click has asked for it.
        row = DataExport(customer_id=customer_id, year=year, total=len(_ids(customer, [year]).get(year, [])))
        db.session.add(row)
        history.record("year_pack.requested", customer=customer, detail=str(year))
    task_queue.ring("export_data", row.id)
    return True


def content(customer: Customer, year: int) -> tuple[int, Iterator[bytes]] | None:
    """Return the size and the pieces of the newest pack of that year; None before there is one, and for anybody else.

    None as well when a document in it is not the customer's any more.
    """
    made = select(DataExport).where(DataExport.year == year, DataExport.state == "made")
    newest = made.where(DataExport.customer_id == customer.id).order_by(DataExport.id.desc()).limit(1)
    row = db.session.scalar(newest)
    if row is None or not set(row.documents or ()) <= set(_ids(customer, [year]).get(year, [])):
        return None
    return row.size, _parts(db.engine, row.id)  # It is read after the request has ended.


def make(lease: Lease) -> None:
    """Afterwards the pack is made; one that was killed is begun again, and nobody sees a part of it before its end.

    Documents that nobody has drawn yet are drawn. Raises LeaseLost, and OSError or storage.Corrupt when the documents
    cannot be read now.
    """
    year, wanted = _begin(lease)
    with TemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as zipped:
            _fill(zipped, lease, year, wanted)
        size = _store(lease, file)
    with transaction():
        row = leases.held(DataExport, lease)
        row.become("made")
        row.documents, row.size, row.made_at = wanted, size, clock.now()
        leases.release(row)
        former = delete(DataExport).where(DataExport.customer_id == row.customer_id, DataExport.year == year)
        db.session.execute(former.where(DataExport.id < row.id))
        history.record("year_pack.made", customer=row.customer, detail=str(year))


def _is_underway_or_whole(customer: Customer, year: int) -> bool:
    pack = of(customer, [year])[year]
    return pack.state == "requested" or (pack.state == "made" and not pack.missing)


def _ids(customer: Customer, years: Collection[int]) -> dict[int, list[int]]:
    """Return the ids of the customer's documents of these years, by year, in the order of their issue."""
    since, until = date(min(years), 1, 1), date(max(years), 12, 31)
    found = Document.visible_to(customer).where(Document.issue_date.between(since, until))
    rows = found.with_only_columns(Document.id, Document.issue_date, maintain_column_froms=True)
    ids: dict[int, list[int]] = {}
    for row in db.session.execute(rows.order_by(Document.issue_date, Document.id)):
        ids.setdefault(row.issue_date.year, []).append(row.id)
    return ids


def _begin(lease: Lease) -> tuple[int, list[int]]:
    """Take away what a run before has left, and return the year and the documents that are to be packed."""
    with transaction():
        row = leases.keep(DataExport, lease)
        year = row.year or 0
        db.session.execute(delete(ExportPart).where(ExportPart.export_id == lease.id))
        wanted = _ids(row.customer, [year]).get(year, [])
        row.done, row.total = 0, len(wanted)
    return year, wanted


def _fill(zipped: zipfile.ZipFile, lease: Lease, year: int, wanted: list[int]) -> None:
    """Write the documents one by one, and a row of each into a file beside, which becomes the last entry."""
    portion = min(MOST_TOLD, max(1, len(wanted) // MOST_TOLD))
    with TemporaryFile() as kept:
        table = TextIOWrapper(kept, encoding=SHAPE.encoding, newline="", write_through=True)
        rows = csv.writer(table, delimiter=SHAPE.delimiter)
        rows.writerow(_head())
        for place, document_id in enumerate(wanted, start=1):
            rows.writerow(_pack(zipped, document_id))
            if place % portion == 0:
                _tell(lease, place)
        kept.seek(0)
        with zipped.open(export.zip_entry(f"factures-{year}.csv", date(year, 1, 1), zipfile.ZIP_DEFLATED), "w") as last:
            shutil.copyfileobj(kept, last)
        table.detach()


def _pack(zipped: zipfile.ZipFile, document_id: int) -> list[str]:
    """Write a document as it was issued, with its data beside it, and return its row of the table."""
    files.ensure(document_id)
    whole = (undefer(Document.snapshot), joinedload(Document.order), joinedload(Document.file))
    document = db.session.get_one(Document, document_id, options=whole)
    day, name, pdf = document.issue_date, f"{document.number}.pdf", files.read(document) or b""
    row = _row(document, name)
    number = document.number
    db.session.rollback()  # No transaction is open while the PDF is taken apart.
    export.add_file(zipped, name, day, pdf, zipfile.ZIP_STORED)
    if xml := archive.embedded_xml(pdf):
        export.add_file(zipped, f"{number}.xml", day, xml, zipfile.ZIP_DEFLATED)
    return row


def _head() -> list[str]:
    return [
        _("Numéro"), _("Type"), _("Date"), _("Commande"), _("Client"), _("Total HT"), _("TVA"), _("Total TTC"),
        _("Devise"), _("Facture d'origine"), _("Fichier"),
    ]  # fmt: skip


def _row(document: Document, name: str) -> list[str]:
    """What a credit note takes back is negative, as accountants add a column up."""
    said = snapshot.from_json(document.snapshot)
    is_note = document.kind == "credit_note"
    sign = Decimal(-1 if is_note else 1)
    cells: list[Any] = [
        document.number, _("Avoir") if is_note else _("Facture"), document.issue_date, said.order.number,
        said.buyer.display_name, sign * document.net, sign * document.vat, sign * document.gross, document.currency,
        said.refers_to.number if said.refers_to else "", name,
    ]  # fmt: skip
    return [export.cell_of(cell, SHAPE) for cell in cells]


def _tell(lease: Lease, done: int) -> None:
    with transaction():
        leases.keep(DataExport, lease).done = done


def _store(lease: Lease, file: IO[bytes]) -> int:
    """Keep the ZIP in parts, each written by whoever holds the lease alone; return its size."""
    file.seek(0)
    position = size = 0
    while piece := file.read(PART):
        with transaction():
            leases.keep(DataExport, lease)
            part = {"export_id": lease.id, "position": position, "content": piece}
            db.session.execute(insert(ExportPart).values(part))
        position, size = position + 1, size + len(piece)
    return size


def _parts(engine: Engine, export_id: int) -> Iterator[bytes]:
    """Yield the pieces one after the other; no connection is held while one of them travels."""
    position, found = 0, select(ExportPart.content).where(ExportPart.export_id == export_id)
    while True:
        with Session(engine) as session:
            piece = session.scalar(found.where(ExportPart.position == position))
        if piece is None:
            return
        yield piece
        position += 1
