"""The bytes of issued documents: drawn once from what was frozen, written once, read as they were written."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import failpoints
import storage
from documents import archive, pdf, snapshot
from extensions import db, transaction
from models import Document, StoredFile


def ensure(document_id: int) -> None:
    """Afterwards the document's file is on disk and known; drawn only when it is not.

    No transaction is open while the page is drawn. Two workers at once write the same bytes, and one row. Raises
    whatever the renderer or the disk raises; the document keeps its number.
    """
    if db.session.scalar(select(StoredFile.id).where(StoredFile.document_id == document_id)) is not None:
        return
    document = db.session.get_one(Document, document_id)
    number, text = document.number, document.snapshot
    db.session.close()
    data = pdf.render(snapshot.from_json(text))
    failpoints.reach("render.drawn")
    xml = archive.embedded_xml(data)
    name = f"{number}.{storage.digest(data)[:12]}.pdf"
    stored = storage.write_once(name, data)
    row = StoredFile(document_id=document_id, name=name, sha256=stored.sha256, size=stored.size)
    row.xml_sha256 = storage.digest(xml) if xml else None
    try:
        with transaction():
            db.session.add(row)
    except IntegrityError:
        db.session.rollback()  # Another worker was first; what it wrote counts.


def read(document: Document) -> bytes | None:
    """Return the PDF as it was written, None while it is not drawn yet.

    Raises OSError or storage.Corrupt when the disk no longer gives what was written.
    """
    return storage.read(document.file.name, document.file.sha256) if document.file else None


def read_xml(document: Document) -> bytes | None:
    """Return the Factur-X data that the PDF carries, byte for byte; None where there is none. Raises as `read` does."""
    data = read(document)
    return archive.embedded_xml(data) if data else None
