"""Issued documents in the order of their series, a few at a time, so that ten years of them need no more memory."""

import re
from collections.abc import Iterator

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session, joinedload, undefer

import storage
from config import TRIAL_PREFIX
from extensions import db
from models import Document, NumberSeries

AT_A_TIME = 50
NUMBER = re.compile(rf"(?P<series>(?!{TRIAL_PREFIX})[A-Z0-9]+-[0-9]{{4}})-(?P<sequence>[0-9]{{6,}})")


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


def lost() -> list[str]:
    """Return the real numbers that files in the documents folder bear and the database has not given, in order.

    They were issued, and the database is older than they are: a copy that was restored. It would give them again.
    """
    files = {name.partition(".")[0] for name in storage.names()}
    # Read after the folder: a number is committed before its file is written.
    given = {
        row.name: row.last_number for row in db.session.execute(select(NumberSeries.name, NumberSeries.last_number))
    }
    numbers = (NUMBER.fullmatch(name) for name in sorted(files))
    return [each[0] for each in numbers if each and int(each["sequence"]) > given.get(each["series"], 0)]
