"""Whether what was issued is what is there: numbers, chain, content, amounts and bytes. Nothing is changed.

The chain shows a partial alteration: whoever can rewrite the whole database can also rewrite the chain.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from flask_babel import gettext as _
from sqlalchemy import func, or_, select

import clock
import config
import storage
from documents import archive, checks, credits, facturx, pdf, renderer, snapshot
from documents.snapshot import Snapshot
from documents.totals import ZERO, Totals
from extensions import db
from models import FIRST_LINK, CreditNote, Document, NumberSeries, guards
from services import ledger

DRAWN_WITHIN = timedelta(hours=2)  # Longer than a worker tries before it puts a request in front of an admin.

UNREADABLE = (ValueError, TypeError, AttributeError, ArithmeticError)  # What a text raises that is no snapshot.


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a document, a series or the database; a warning is no deviation, but a person should look."""

    about: str
    text: str
    severity: Literal["deviation", "warning"] = "deviation"


@dataclass(frozen=True, slots=True)
class Checked:
    """One document that was looked at, or « » for what concerns none of them, and what was found."""

    number: str
    findings: tuple[Finding, ...]


def count() -> int:
    """Return how many documents there are to look at."""
    return db.session.scalar(select(func.count()).select_from(Document)) or 0


def verify(*, render: bool = False) -> Iterator[Checked]:
    """Look at every document, in the order of its series; with `render` each is drawn again and compared by its bytes.

    Only the version of the renderer that drew a document can draw it again to the byte: others are left at their
    digest. Documents that are issued meanwhile may or may not be looked at. Nothing is written.
    """
    yield Checked("", tuple(_triggers()))
    counters = {row.name: row for row in db.session.execute(select(NumberSeries.name, NumberSeries.last_number))}
    db.session.rollback()
    last: dict[str, int] = {}
    before: Document | None = None
    for batch in ledger.documents():
        credited, numbers = _credit_notes(batch), _numbers_referred_to(batch)
        for document in batch:
            neighbour = before if before is not None and before.series == document.series else None
            refers_to = numbers.get(document.credits_id or document.replaces_id or 0)
            found = [
                *_place(document, neighbour),
                *_document(document, refers_to, credited.get(document.id, ()), render=render),
            ]
            yield Checked(document.number, tuple(Finding(document.number, text) for text in found) + _undrawn(document))
            last[document.series], before = document.sequence, document
    for name, counter in counters.items():
        if last.get(name, 0) < counter.last_number:
            text = _(
                "le compteur est à %(counter)s, le dernier document à %(last)s",
                counter=counter.last_number,
                last=last.get(name, 0),
            )
            yield Checked("", (Finding(name, text),))
    yield Checked("", tuple(_beyond_their_counter()))
    yield Checked("", tuple(_lost()))


def _triggers() -> Iterator[Finding]:
    for name in guards.missing(db.session.connection()):
        yield Finding(_("base de données"), _("le déclencheur %(name)s ne protège plus les documents", name=name))


def _beyond_their_counter() -> Iterator[Finding]:
    """In one statement, so that a document issued meanwhile is seen with its counter."""
    found = (
        select(Document.number)
        .outerjoin(NumberSeries, NumberSeries.name == Document.series)
        .where(or_(NumberSeries.name.is_(None), Document.sequence > NumberSeries.last_number))
    )
    for number in db.session.scalars(found.order_by(Document.number)):
        yield Finding(number, _("le compteur de sa série ne l'a pas atteint"))


def _lost() -> Iterator[Finding]:
    for number in ledger.lost():
        yield Finding(number, _("émis, mais la base ne le connaît pas\u00a0: elle est plus ancienne que les documents"))


def _place(document: Document, before: Document | None) -> Iterator[str]:
    """Whether the document follows the one before it: number, date, link (CGI ann. II art. 242 nonies A)."""
    expected = before.sequence + 1 if before else _first_number(document)
    if document.sequence != expected:
        yield _(
            "le numéro attendu était %(expected)s : la série a un trou", expected=f"{document.series}-{expected:06d}"
        )
    if document.number != f"{document.series}-{document.sequence:06d}":
        yield _("le numéro n'est pas celui de sa place dans la série")
    if before and document.issue_date < before.issue_date:
        yield _("la date d'émission précède celle de %(before)s", before=before.number)
    if document.previous_sha256 != (before.link if before else FIRST_LINK):
        yield _("la chaîne est rompue : son lien n'est pas celui du document précédent")


def _first_number(document: Document) -> int:
    """Where the series begins: at `FIRST_NUMBER` for the very first of live invoices, else at 1."""
    settings = config.current()
    if document.trial or document.series.rpartition("-")[0] != settings.invoice_prefix:
        return 1
    first = select(func.min(NumberSeries.name)).where(NumberSeries.name.like(f"{settings.invoice_prefix}-____"))
    return settings.first_number if db.session.scalar(first) == document.series else 1


def _document(
    document: Document, refers_to: str | None, credit_notes: Sequence[Totals], *, render: bool
) -> Iterator[str]:
    if storage.digest(document.snapshot.encode()) != document.snapshot_sha256:
        yield _("le contenu n'a plus l'empreinte enregistrée à l'émission")
    try:
        said = snapshot.from_json(document.snapshot)
    except UNREADABLE as error:
        yield _("le contenu est illisible (%(error)s)", error=type(error).__name__)
        said = None
    if said:
        yield from _columns(document, said, refers_to)
        yield from checks.contradictions(said)
        yield from _credited(said, credit_notes)
    if document.file:
        yield from _file(document, said, render=render)


def _columns(document: Document, said: Snapshot, refers_to: str | None) -> Iterator[str]:
    """Whether the row, by which documents are found, listed and exported, says what the document says."""
    pairs = {
        "number": (document.number, said.number),
        "kind": (document.kind, said.kind),
        "issue_date": (document.issue_date, said.issue_date),
        "trial": (document.trial, said.trial),
        "order": (document.order.number, said.order.number),
        "currency": (document.currency, said.currency),
        "net": (document.net, said.totals.net),
        "vat": (document.vat, said.totals.vat),
        "gross": (document.gross, said.totals.gross),
        "series": (document.series.rpartition("-")[2], str(said.issue_date.year)),
    }
    for name, (row, content) in pairs.items():
        if row != content:
            yield _("la colonne %(name)s dit %(row)s, le contenu %(content)s", name=name, row=row, content=content)
    if refers_to != (said.refers_to.number if said.refers_to else None):
        yield _("le document corrigé n'est pas celui que le contenu nomme")


def _credited(said: Snapshot, credit_notes: Sequence[Totals]) -> Iterator[str]:
    """Whether credit notes together stay within their invoice, in each row of its VAT table."""
    known = {row.key for row in said.totals.rates}
    if any(row.key not in known for each in credit_notes for row in each.rates):
        yield _("un avoir porte un taux que la facture n'a pas")
    left = credits.left(said.totals, credit_notes)
    for whole, rest in zip(said.totals.rates, left.rates, strict=True):
        pairs = ((whole.net, rest.net), (whole.vat, rest.vat), (whole.gross, rest.gross))
        if not all(min(charged, ZERO) <= remains <= max(charged, ZERO) for charged, remains in pairs):
            yield _("les avoirs dépassent la facture au taux de %(rate)s %%", rate=whole.rate)


def _file(document: Document, said: Snapshot | None, *, render: bool) -> Iterator[str]:
    """Whether the bytes on disk are those that were written, and carry the XML that the content gives."""
    stored = document.file
    assert stored is not None  # nosec B101  # noqa: S101 - The caller has looked.
    try:
        data = storage.read(stored.name, stored.sha256)
    except storage.Corrupt:
        yield _("le fichier %(name)s a été modifié", name=stored.name)
        return
    except (OSError, ValueError) as error:
        yield _("le fichier %(name)s est illisible (%(error)s)", name=stored.name, error=type(error).__name__)
        return
    if len(data) != stored.size:
        yield _("le fichier %(name)s n'a pas la taille enregistrée", name=stored.name)
    xml = archive.embedded_xml(data)
    if (storage.digest(xml) if xml else None) != stored.xml_sha256:
        yield _("le XML du fichier %(name)s n'est pas celui qui a été enregistré", name=stored.name)
    if said is None or said.renderer != renderer.fingerprint():
        return
    try:
        if xml != facturx.xml(said):
            yield _("le XML du fichier %(name)s n'est pas celui que le contenu donne", name=stored.name)
        if render and pdf.render(said) != data:
            yield _("le fichier %(name)s n'est pas celui que le contenu donne", name=stored.name)
    except Exception as error:  # Whatever the renderer raises over content that somebody has changed.
        yield _("le contenu ne peut plus être dessiné (%(error)s)", error=type(error).__name__)


def _undrawn(document: Document) -> tuple[Finding, ...]:
    if document.file or document.issued_at >= clock.now() - DRAWN_WITHIN:
        return ()
    return (Finding(document.number, _("émis, mais son fichier n'a pas encore été produit"), "warning"),)


def _credit_notes(batch: Iterable[Document]) -> dict[int, list[Totals]]:
    """The amounts of the credit notes of these invoices, oldest first; one that cannot be read is named elsewhere."""
    found = select(CreditNote.credits_id, CreditNote.snapshot).order_by(CreditNote.id)
    totals: dict[int, list[Totals]] = {}
    for invoice_id, text in db.session.execute(found.where(CreditNote.credits_id.in_([each.id for each in batch]))):
        with suppress(*UNREADABLE):
            totals.setdefault(invoice_id or 0, []).append(snapshot.from_json(text).totals)
    db.session.rollback()
    return totals


def _numbers_referred_to(batch: Iterable[Document]) -> dict[int, str]:
    """The numbers of the invoices that these documents credit or replace."""
    wanted = [document.credits_id or document.replaces_id for document in batch]
    found = db.session.execute(select(Document.id, Document.number).where(Document.id.in_(filter(None, wanted))))
    numbers = {row.id: row.number for row in found}
    db.session.rollback()
    return numbers
