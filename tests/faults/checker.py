"""The judge of the laboratory: reads what is left once the dust has settled, and names each promise that is broken.

Never lost, never doubled: each accepted request is sent, as exactly one invoice; or cancelled, with a reason; or in
front of an admin, with a reason. Nothing is written here, and nothing is asked of the code that is judged but
`services.verification`, whose every deviation is a finding too.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import undefer

import clock
import config
from extensions import db
from models import AuditEntry, CreditNote, Delivery, Document, Invoice, InvoiceRequest, NumberSeries, Order
from services import verification
from tests.support.mail_server import Accepted

WRITTEN_ANEW = (
    "confirmation", "confirmation_reminder", "password_reset", "email_change", "request_received", "request_problem",
)  # fmt: skip
"""Mails with a one-time code, or of what is true when they are sent: the second copy may differ from the first."""

EXPECTED_ERRORS = (
    "Failed",  # What a failpoint raises.
    "OSError",
    "FileNotFoundError",
    "OperationalError",
    "InterfaceError",
    "ConnectionError",
    "TimeoutError",
    "InvalidJobOperation",  # Redis forgot a job that was under way.
    "BusyLoadingError",  # Redis is back and reads its data.
)
"""What injected faults look like in the log; anything else was not injected, and is a fault of ours."""

FORGOTTEN = ("rq.worker", "ValueError")
"""What the queue's own worker says when Redis forgot who was at work: it ends, and a new one takes its place."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: its name, and what it is about."""

    name: str
    about: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.about}{f' ({self.text})' if self.text else ''}"


class World:
    """What is there: the rows, and the messages that arrived."""

    def __init__(self, mails: Sequence[Accepted], asked: Iterable[str], doubtful: int) -> None:
        """Read everything in one go; `asked` are the orders whose request a customer or a shop saw accepted."""
        db.session.rollback()
        self.asked, self.doubtful = set(asked), doubtful
        self.orders = {row.id: row.number for row in db.session.execute(select(Order.id, Order.number))}
        self.requests = db.session.scalars(select(InvoiceRequest).order_by(InvoiceRequest.id)).all()
        self.deliveries = db.session.scalars(select(Delivery).order_by(Delivery.id)).all()
        documents = select(Document).where(Document.trial.is_(not config.current().live))
        self.documents = db.session.scalars(documents.options(undefer(Document.snapshot)).order_by(Document.id)).all()
        self.invoices: dict[int, list[Invoice]] = defaultdict(list)
        self.mails_of: dict[int, list[Delivery]] = defaultdict(list)
        self.arrived: dict[str, list[Accepted]] = defaultdict(list)
        for document in self.documents:
            if isinstance(document, Invoice):
                self.invoices[document.request_id].append(document)
        for delivery in self.deliveries:
            self.mails_of[delivery.document_id or 0].append(delivery)
        for mail in mails:
            self.arrived[mail.message_id].append(mail)

    def first_invoices(self, request: InvoiceRequest) -> list[Invoice]:
        """The invoices that were asked for: one that replaces another is not."""
        return [each for each in self.invoices[request.id] if each.replaces_id is None]

    def copies(self, document: Document) -> list[Accepted]:
        """What arrived of a document."""
        return [copy for mail in self.mails_of[document.id] for copy in self.arrived[mail.message_id]]


def check(mails: Sequence[Accepted], *, asked: Iterable[str] = (), doubtful: int = 0) -> list[Finding]:
    """Return every broken promise, none when all is well.

    `doubtful` is how many mails the injected faults left in doubt at most: who died between DATA and its answer, or
    whose answer was lost. Only so many may be doubted, and only what is doubted may arrive twice.
    """
    world = World(mails, asked, doubtful)
    return [finding for rule in RULES for finding in rule(world)]


def check_log(lines: Iterable[str]) -> list[Finding]:
    """Return what the processes said that no injected fault explains: other errors, and tracebacks that nobody caught.

    A number that two workers took, or a step that is not legal, is refused by the database: here it is heard of.
    """
    found = []
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            found.append(Finding("uncaught", line.strip()[:200]))
            continue
        if said.get("level") not in ("ERROR", "CRITICAL"):
            continue
        error = str(said.get("error") or str(said.get("exc_info") or "").rpartition("\n")[2]).partition(":")[0]
        if error and error not in EXPECTED_ERRORS and (said.get("logger"), error) != FORGOTTEN:
            found.append(Finding("unexpected_error", error, str(said.get("message"))))
    return [finding for finding in found if finding.about]


def _lost(world: World) -> Iterator[Finding]:
    """Whether each request that was accepted is there."""
    there = {world.orders[request.order_id] for request in world.requests}
    for number in sorted(world.asked - there):
        yield Finding("lost", number, "accepted, and no request is there")


def _ended(world: World) -> Iterator[Finding]:
    """Whether each request has ended, or waits for something that is not ours."""
    for request in world.requests:
        about, first = world.orders[request.order_id], world.first_invoices(request)
        if len(first) > 1:
            yield Finding("two_invoices", about, " ".join(each.number for each in first))
        if request.state == "sent":
            if not first:
                yield Finding("sent_without_invoice", about)
            elif not world.copies(first[0]):
                yield Finding("sent_without_mail", about, first[0].number)
        elif request.state == "waiting" or (request.state == "scheduled" and not request.is_due):
            if first:
                yield Finding("invoiced_but_waiting", about, first[0].number)
        elif request.state not in ("cancelled", "needs_attention"):
            yield Finding("unfinished", about, f"{request.state}, attempt {request.attempts}: {request.last_error}")


def _stopped(world: World) -> Iterator[Finding]:
    """Whether what was stopped says why, and what was cancelled left no invoice that counts."""
    for request in world.requests:
        about = world.orders[request.order_id]
        if request.state in ("cancelled", "needs_attention") and not request.reason:
            yield Finding("stopped_without_reason", about, request.state)
        if request.state == "cancelled" and any(_left(world, each) for each in world.invoices[request.id]):
            yield Finding("cancelled_but_invoiced", about)


def _numbered(world: World) -> Iterator[Finding]:
    """Whether numbers are 1..n without gap, as far as their counter, and dates never run backwards."""
    counters = {row.name: row.last_number for row in db.session.scalars(select(NumberSeries))}
    series: dict[str, list[Document]] = defaultdict(list)
    for document in world.documents:
        series[document.series].append(document)
    for name, documents in series.items():
        documents.sort(key=lambda each: each.sequence)
        sequences = [each.sequence for each in documents]
        if sequences != list(range(1, len(sequences) + 1)):
            yield Finding("gap_or_duplicate", name, f"{len(sequences)} documents end at {sequences[-1]}")
        if counters.get(name) != sequences[-1]:
            yield Finding("counter_elsewhere", name, f"{counters.get(name)}, last document {sequences[-1]}")
        if any(after.issue_date < before.issue_date for before, after in pairwise(documents)):
            yield Finding("date_backwards", name)


def _verified(_world: World) -> Iterator[Finding]:
    """Whether chain, content, amounts and bytes are what was issued."""
    for checked in verification.verify():
        for found in checked.findings:
            if found.severity == "deviation":
                yield Finding("not_as_issued", found.about, found.text)


def _mailed(world: World) -> Iterator[Finding]:
    """Whether each mail arrived as its row says: once, or twice in doubt; and to whom it was meant for."""
    known = {delivery.message_id for delivery in world.deliveries}
    for message_id in sorted(world.arrived.keys() - known):
        yield Finding("mail_of_nobody", message_id)
    if (doubts := sum(delivery.doubts for delivery in world.deliveries)) > world.doubtful:
        yield Finding("doubted_without_cause", f"{doubts} doubts", f"the faults explain {world.doubtful}")
    for delivery in world.deliveries:
        copies, about = world.arrived[delivery.message_id], f"{delivery.kind} {delivery.id}"
        if delivery.state == "sending" or (delivery.state == "pending" and _is_due(delivery)):
            yield Finding("mail_left", about, f"{delivery.state}, attempt {delivery.attempts}: {delivery.last_error}")
        if delivery.state == "sent" and not copies:
            yield Finding("sent_but_never_accepted", about)
        if delivery.state == "pending" and copies and not delivery.doubts:
            yield Finding("accepted_but_not_sent", about)
        if len(copies) > 1 and not delivery.doubts:
            yield Finding("doubled", about, f"{len(copies)} copies")
        if len(copies) > 2:
            yield Finding("more_than_two", about, f"{len(copies)} copies")
        if len({copy.sha256 for copy in copies}) > 1 and delivery.kind not in WRITTEN_ANEW:
            yield Finding("copies_differ", about)
        if copies and delivery.recipient not in copies[-1].recipients and "," not in delivery.recipient:
            yield Finding("sent_elsewhere", about)


def _one_mail_a_document(world: World) -> Iterator[Finding]:
    """Whether a document has a second mail only where somebody wanted it sent again."""
    asked = select(AuditEntry.detail).where(AuditEntry.action.like("%.resent"))
    wanted = Counter(db.session.scalars(asked))
    for document in world.documents:
        mails = world.mails_of[document.id]
        if len(mails) > 1 + wanted[document.number]:
            yield Finding("second_mail", document.number, f"{len(mails)} mails")


def _filed(world: World) -> Iterator[Finding]:
    """Whether what arrived is what is kept (that the file is what was written, `verification` looks at)."""
    for document in world.documents:
        for copy in world.copies(document):
            if document.file is None:
                yield Finding("mailed_without_file", document.number)
            elif document.file.sha256 not in copy.attachments:
                yield Finding("other_bytes_mailed", document.number)


def _left(world: World, invoice: Invoice) -> Decimal:
    """What of an invoice is not credited."""
    notes = (each for each in world.documents if isinstance(each, CreditNote) and each.credits_id == invoice.id)
    return invoice.gross - sum((each.gross for each in notes), Decimal(0))


def _is_due(delivery: Delivery) -> bool:
    return delivery.due_at is not None and delivery.due_at <= clock.now()


RULES: tuple[Callable[[World], Iterator[Finding]], ...] = (
    _lost,
    _ended,
    _stopped,
    _numbered,
    _verified,
    _mailed,
    _one_mail_a_document,
    _filed,
)
