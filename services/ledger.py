"""Issued documents in the order of their series, a few at a time, so that ten years of them need no more memory."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session, joinedload, undefer

from extensions import db
from models import Document

AT_A_TIME = 50


def documents(*where: ColumnElement[bool]) -> Iterator[list[Document]]:
    """Yield the documents series by series, by number, each with its content, its order and its file.

    They are read in a session of their own, which is closed meanwhile: no transaction is open while they are worked on.
    """
    place = tuple_(Document.series, Document.sequence)
    found = select(Document).where(*where).order_by(Document.series, Document.sequence).limit(AT_A_TIME)
    found = found.options(undefer(Document.snapshot), joinedload(Document.order), joinedload(Document.file))
    after = ("", 0)
    while True:
        with Session(db.engine) as session:
            batch = list(session.scalars(found.where(place > after)))
        if not batch:
            return
        yield batch
        after = (batch[-1].series, batch[-1].sequence)
