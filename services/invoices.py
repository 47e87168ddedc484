"""The issued documents as people read them: each with what it refers to and what became of it."""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

import clock
from extensions import db
from models import Correction, Customer, Delivery, Document, Invoice, Order

ZERO = Decimal("0.00")
LOST = ("failed", "unknown")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A document among the others of its order.

    `about` is the invoice that it credits or replaces. `left` is what of an invoice is not credited yet, TTC, `notes`
    how many credit notes it has; `correction` is the last one that was asked of it, `mail` the last that brought it.
    """

    document: Document
    about: Document | None = None
    replaced_by: Document | None = None
    left: Decimal = ZERO
    notes: int = 0
    correction: Correction | None = None
    mail: Delivery | None = None

    @property
    def unsent(self) -> Delivery | None:
        """Its last mail when that failed, or may have."""
        return self.mail if self.mail and self.mail.state in LOST else None

    @property
    def dated(self) -> datetime:
        """A moment of the day that the document bears, which a clock set back does not change (`numbering.take`)."""
        return datetime.combine(self.document.issue_date, time(12), clock.PARIS)

    @property
    def is_live(self) -> bool:
        """Whether this is the invoice that counts, with something left to credit."""
        invoice = isinstance(self.document, Invoice) and not self.document.trial
        return invoice and self.replaced_by is None and self.left > 0

    @property
    def waits_for_decision(self) -> bool:
        """Whether an admin has to decide a correction of it."""
        return self.correction is not None and self.correction.state == "requested"

    @property
    def refused_by(self) -> str:
        """The address that refused its last mail, or nothing."""
        return self.unsent.recipient if self.unsent and self.unsent.trouble == "recipient" else ""

    @property
    def is_correctable(self) -> bool:
        """Whether « Corriger » has a meaning for it; `corrections.require_correctable` has the last word."""
        return self.is_live and not self.waits_for_decision


@dataclass(frozen=True, slots=True)
class Year:
    """A year of the list: how many documents it has of those that are looked for, and their sum in each currency.

    `entries` are those of this run; `goes_on` says that the run before has shown others of the year already.
    """

    year: int
    count: int
    totals: dict[str, Decimal]
    entries: list[Entry]
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A run of a customer's documents by year, newest first; `next` leads to the following run, None at the end.

    `every_year` are the years of all their documents, `has_notes` whether there is a credit note among these.
    """

    years: list[Year]
    every_year: list[int]
    has_notes: bool
    next: str | None


def listing(customer: Customer, before: str = "", *, search: str = "", year: int = 0, kind: str = "") -> Listing:
    """Return the documents after the number `before`, of that year and kind, that hold each word of `search`.

    They are looked for in numbers, in the names and the articles that the document itself says, whatever the case and
    the accents: neither database compares these so. What is looked through are a few columns of one customer's
    documents; whole rows are read of one run alone.
    """
    rows = _outline(customer, with_content=bool(search.split()))
    words = _plain(search).replace("#", " ").split()
    found = [row for row in rows if _matches(row, words, year, kind)]
    start = next((place for place, row in enumerate(found, start=1) if row.number == before), 0)
    run = found[start : start + PAGE_SIZE]
    shown = {entry.document.id: entry for entry in _entries_of(customer, [row.id for row in run])}
    by_year: dict[int, list[Entry]] = defaultdict(list)
    for row in run:
        if row.id in shown:
            by_year[row.issue_date.year].append(shown[row.id])
    earlier = found[start - 1].issue_date.year if start else None
    return Listing(
        years=[_year(each, found, listed, goes_on=each == earlier) for each, listed in by_year.items()],
        every_year=sorted({row.issue_date.year for row in rows}, reverse=True),
        has_notes=any(row.kind == "credit_note" for row in rows),
        next=run[-1].number if run and len(found) > start + PAGE_SIZE else None,
    )


def _outline(customer: Customer, *, with_content: bool) -> list[Row[Any]]:
    """Return what the list is made from, newest first: a few columns of each of the customer's documents."""
    columns: list[Any] = [Document.id, Document.number, Document.kind, Document.issue_date, Document.currency]
    columns += [Document.gross, Order.number.label("order_number"), *([Document.snapshot] if with_content else [])]
    found = Document.visible_to(customer).with_only_columns(*columns, maintain_column_froms=True)
    return list(db.session.execute(found.order_by(Document.issue_date.desc(), Document.id.desc())))


def _matches(row: Row[Any], words: list[str], year: int, kind: str) -> bool:
    if (year and row.issue_date.year != year) or (kind and row.kind != kind):
        return False
    if not words:
        return True
    said = json.loads(row.snapshot)
    buyer, delivery = said["buyer"], said.get("delivery") or {}
    names = [buyer.get(each, "") for each in ("company_name", "first_name", "last_name")] + [delivery.get("name", "")]
    articles = [line["description"] for line in said["sale"]["lines"]]
    text = _plain(" ".join([row.number, row.order_number, *names, *articles]))
    return all(word in text for word in words)


def _plain(text: str) -> str:
    """Return a text as it is compared: « Étiquette » is « etiquette »."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()


def _year(year: int, found: list[Row[Any]], listed: list[Entry], *, goes_on: bool) -> Year:
    totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
    own = [row for row in found if row.issue_date.year == year]
    for row in own:
        totals[row.currency] += -row.gross if row.kind == "credit_note" else row.gross
    return Year(year, len(own), dict(sorted(totals.items())), listed, goes_on)


def _entries_of(customer: Customer, ids: list[int]) -> list[Entry]:
    """Return these documents with what became of them, each with its order and its file."""
    if not ids:
        return []
    orders = select(Document.order_id).where(Document.id.in_(ids))
    # All of an order's documents, or what became of one on the list would be unknown (`entries`).
    whole_orders = Document.visible_to(customer).where(Document.order_id.in_(orders)).order_by(Document.id)
    listed = whole_orders.options(contains_eager(Document.order), joinedload(Document.file))
    return entries(db.session.scalars(listed).all())


def entries(documents: Sequence[Document]) -> list[Entry]:
    """Return the documents in their order, each with what became of it; one query, whatever their number.

    The documents that they name are found among them: whoever lists an order's documents lists them all. A correction
    comes with what its invoice says, so that both can be compared.
    """
    by_id = {document.id: document for document in documents}
    replacements = {document.replaces_id: document for document in documents}
    notes: dict[int, list[Document]] = defaultdict(list)
    for document in documents:
        if document.credits_id:
            notes[document.credits_id].append(document)
    corrections, mails = _what_became_of(list(by_id))
    return [
        Entry(
            document=document,
            about=by_id.get(document.credits_id or document.replaces_id or 0),
            replaced_by=replacements.get(document.id),
            left=document.gross - sum((note.gross for note in notes[document.id]), ZERO),
            notes=len(notes[document.id]),
            correction=corrections.get(document.id),
            mail=mails.get(document.id),
        )
        for document in documents
    ]


def is_unsent() -> ColumnElement[bool]:
    """Say in SQL that a document's mail failed, or may have, and that none was sent after it."""
    return and_(Delivery.state.in_(LOST), Delivery.document_id.is_not(None), _is_last())


def _is_last() -> ColumnElement[bool]:
    """Say in SQL that no mail was made for a document after this one."""
    newer = aliased(Delivery)
    return ~exists().where(newer.document_id == Delivery.document_id, newer.id > Delivery.id)


def was_refused() -> ColumnElement[bool]:
    """Say in SQL that this is a document's last mail, and that its address refused it."""
    return and_(is_unsent(), Delivery.trouble == "recipient", Delivery.kind != "specimen")


def _what_became_of(document_ids: list[int]) -> tuple[dict[int, Correction], dict[int, Delivery]]:
    """Return the last correction asked of each of these documents, and the last mail that was made for it."""
    if not document_ids:
        return {}, {}
    found = select(Document.id, Delivery, Correction).outerjoin(Correction, Correction.invoice_id == Document.id)
    found = found.outerjoin(Delivery, and_(Delivery.document_id == Document.id, _is_last()))
    said = joinedload(Correction.invoice).undefer(Invoice.snapshot)
    listed = found.where(Document.id.in_(document_ids)).order_by(Correction.id).options(said)
    rows = db.session.execute(listed).all()
    return {row[0]: row[2] for row in rows if row[2]}, {row[0]: row[1] for row in rows if row[1]}
