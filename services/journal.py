"""« Journal »: what the audit holds, run by run for the page, and as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask import current_app
from flask.ctx import AppContext
from sqlalchemy import ColumnElement, Select, false, or_, select

import clock
from extensions import db, transaction
from models import AuditEntry, Order
from services import accounts, export, history, history_words
from services.orders import LARGEST_ID
from shops.numbers import order_key

PAGE_SIZE = 100
BATCH = 1000
COLUMNS = ("moment", "qui", "action", "quoi", "commande", "compte", "détail", "réseau", "requête")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a group of acts, a person, an order, days in Paris; what is empty leaves nothing out."""

    group: str = ""
    who: str = ""
    number: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the audit, with the number of the order that it is about."""

    row: AuditEntry
    number: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A run of entries, the newest first; `next` leads to the following run, None at the end."""

    entries: Sequence[Entry]
    next: int | None = None


def page(wanted: Wanted, before: str = "") -> Page:
    """Return the entries before the cursor, which is the id of an entry; what is no cursor begins with the newest."""
    found = _find(wanted)
    if before.isascii() and before.isdigit() and len(before) < 11:
        found = found.where(AuditEntry.id < min(int(before), LARGEST_ID))
    entries = [Entry(row, number) for row, number in db.session.execute(found.limit(PAGE_SIZE + 1))]
    shown = entries[:PAGE_SIZE]
    return Page(shown, shown[-1].row.id if len(entries) > PAGE_SIZE else None)


def table(wanted: Wanted) -> Iterator[str]:
    """Afterwards it is on record that the audit was taken away; return it as CSV, piece by piece.

    Moments are those of Paris. No cell is a formula: `export.original` gives back what was written.
    """
    about = (wanted.group, _whose(wanted.who), order_key(wanted.number), wanted.since, wanted.until)
    with transaction():
        history.record("audit.exported", detail=", ".join(str(each) for each in about if each))
    return _pieces(_find(wanted), current_app.app_context())


def _pieces(found: Select[AuditEntry, str], context: AppContext) -> Iterator[str]:
    """Nothing is held between two pieces, written when the request is over: a slow reader keeps nobody waiting."""
    before = LARGEST_ID
    yield _csv([COLUMNS])
    while before:
        with context:
            batch = db.session.execute(found.where(AuditEntry.id < before).limit(BATCH)).all()
            before = batch[-1][0].id if len(batch) == BATCH else 0
            piece = _csv(_cells(Entry(row, number)) for row, number in batch)
        yield piece


def _csv(rows: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _cells(entry: Entry) -> list[str]:
    row = entry.row
    moment = row.at.astimezone(clock.PARIS).isoformat(sep=" ", timespec="seconds")
    said = history_words.ACTIONS.get(row.action, row.action)
    cells = (moment, row.actor, row.action, said, entry.number, row.customer_id, row.detail, row.network)
    return [export.harmless(str(cell or "")) for cell in (*cells, row.http_request_id)]


def _find(wanted: Wanted) -> Select[AuditEntry, str]:
    return (
        select(AuditEntry, Order.number)
        .outerjoin(Order, Order.id == AuditEntry.order_id)
        .where(*_conditions(wanted))
        .order_by(AuditEntry.id.desc())
    )


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.group:
        _words, objects = history_words.GROUPS[wanted.group]
        yield or_(*(AuditEntry.action.startswith(f"{each}.", autoescape=True) for each in objects))
    if wanted.who:
        yield _is_by(_whose(wanted.who))
    if key := order_key(wanted.number):
        yield AuditEntry.order_id.in_(select(Order.id).where(or_(Order.number_key == key, Order.own_key == key)))
    if wanted.since:
        yield AuditEntry.at >= _midnight(wanted.since)
    if wanted.until:
        yield AuditEntry.at < _midnight(wanted.until + timedelta(days=1))


def _whose(text: str) -> str:
    """Return how the audit writes whom an admin means, « account:12 » whatever the account did or had done to it.

    They give the address or the number of an account, the name of a shop, or a kind of people: « visiteur ».
    """
    text = text.strip()
    kinds = {str(words): kind for kind, words in history_words.ACTORS.items()}
    if not text or text.casefold() in kinds:
        return kinds.get(text.casefold(), "")
    if "@" in text:
        customer = accounts.find(text)
        return f"account:{customer.id if customer else 0}"
    if text.isascii() and text.isdigit():
        return f"account:{min(int(text[:10]), LARGEST_ID)}"
    return f"shop:{text}"


def _is_by(who: str) -> ColumnElement[bool]:
    kind, _colon, which = who.partition(":")
    if kind == "account":
        mine = AuditEntry.actor.in_([f"admin:{which}", f"customer:{which}"])
        return or_(AuditEntry.customer_id == int(which), mine) if int(which) else false()
    return or_(AuditEntry.actor == who, false() if which else AuditEntry.actor.startswith(f"{who}:", autoescape=True))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, clock.PARIS)
