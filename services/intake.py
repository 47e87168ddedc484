"""Orders in: what a shop sends becomes the order that we mirror, once and only once."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from extensions import DomainError, db, transaction
from mail import addresses
from models import Customer, EarlierInvoice, InvoiceRequest, Order, Shop
from services import crediting, history, invoicing, merging, mirroring, outbox, review, sums, tombstones
from shops.arrivals import Arrival
from shops.numbers import NUMBER_LENGTH, order_key
from shops.problems import FieldProblem
from shops.schema import OrderMessage

CHUNK = 100
LAST_OF_A_SECOND = 999
"""A connector's version is the second of a change × 1000 and a rank within it; a deletion is the last of its second."""

Outcome = Literal["new", "updated", "unchanged", "older"]


class Refused(DomainError):
    """The order contradicts itself and nothing of it was kept; `problems` says where, in French."""

    def __init__(self, number: str, problems: tuple[FieldProblem, ...]) -> None:
        """Carry the problems."""
        super().__init__(" ".join(map(str, problems)))
        self.number = number
        self.problems = problems


class VersionConflict(Refused):
    """This version of the order is known with other content; nothing was changed (409)."""


class NumberTaken(Refused):
    """Another order bears this number: one of another shop, or one that differs by its letters' case (409)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message; `review` says, in French, why the order is « à vérifier ».

    `opened` says that the message has opened a request for an invoice; `version` is the one that is known by now.
    """

    number: str
    order_id: int
    outcome: Outcome
    review: tuple[str, ...] = ()
    opened: bool = False
    version: int = 0

    @property
    def applied(self) -> bool:
        """Whether anything was written."""
        return self.outcome in ("new", "updated")


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who sends: `prefix` is put before the own numbers of a shop, `strict` refuses sums that do not add up."""

    source: str
    strict: bool
    shop_id: int | None
    prefix: str


class _Undone(Exception):
    """A dry run has seen enough: nothing of it is kept."""


def receive(message: OrderMessage | Arrival, *, source: str, strict: bool, shop: Shop | None = None) -> Receipt:
    """Afterwards the order is what the newest message of it says, whatever the order they came in and how often.

    Lines are replaced; refunds and shipments are merged by their id, of each the newest message that names it counts,
    and those that a message leaves out stay. Billing details that the customer changed by « Modifier » win over
    whatever the shop sends later. The order goes to the confirmed account of its e-mail address, a request opens by
    itself where one is due, and an open one is reconsidered. What was refunded of an order that is invoiced gets its
    credit note. What an earlier system has invoiced stays its own. `strict` (API, contract files) refuses sums that do
    not add up and other content under a known version; connectors keep such an order under review, never to be
    invoiced until it adds up, and of two contents of one version the same one always wins. An order that belonged to no
    shop becomes that of the first one that sends it. Of an order whose buyer had their data erased the figures are
    taken and nothing of the buyer, also when it is first seen later; what they order afterwards is a new contract.

    Raises VersionConflict for a known version with other content, NumberTaken when the number is another order's,
    Refused when the sums do not add up.
    """
    sender = _sender(source, strict, shop)
    try:
        with transaction():
            receipt = _apply_all([_arrival(message)], sender)[0]
    except IntegrityError:
        # Another process brought the same new order first; now it is known, and compared.
        with transaction():
            receipt = _apply_all([_arrival(message)], sender)[0]
    if isinstance(receipt, Refused):
        raise receipt
    ring([receipt])
    return receipt


def receive_many(
    messages: Iterable[OrderMessage | Arrival],
    *,
    source: str,
    strict: bool,
    shop: Shop | None = None,
    dry_run: bool = False,
) -> Iterator[Receipt | Refused]:
    """Do for each message what `receive` does, 100 a transaction, and yield what became of it, in order.

    What is yielded is committed. A refused order leaves the others alone. A dry run says what would become of each, and
    keeps and rings nothing; an order that comes twice, in two transactions, would be new twice to it.
    """
    # The shop is looked at now: what comes of it may be asked for when the session that has read it is over.
    return _in_chunks(map(_arrival, messages), _sender(source, strict, shop), dry_run=dry_run)


def _in_chunks(remaining: Iterator[Arrival], sender: _Sender, *, dry_run: bool) -> Iterator[Receipt | Refused]:
    while chunk := list(islice(remaining, CHUNK)):
        if dry_run:
            yield from _tried(chunk, sender)
            continue
        try:
            with transaction():
                results = _apply_all(chunk, sender)
        except IntegrityError:
            results = [_one_by_one(arrival, sender) for arrival in chunk]
        else:
            ring([result for result in results if isinstance(result, Receipt)])
        yield from results


def withdraw(ref: str, *, at: datetime, source: str, shop: Shop) -> Receipt | None:
    """Afterwards the order that the shop has deleted is cancelled, unless it says a newer version of it than that.

    Only for connectors, whose versions are moments. None when the order is not known.
    """
    shop_id = shop.id
    found = select(Order.id).where(Order.shop_id == shop_id, Order.shop_ref == ref)
    with transaction():
        order_id = db.session.scalar(found)
        if order_id is None:
            return None
        order = invoicing.lock_order(order_id)
        former, order.withdrawn_at = order.withdrawn_at, max(at, order.withdrawn_at or at)
        if order.withdrawn_at == former:
            return receipt_of(order, "older")
        if order.cancelled_at in (None, former):
            order.cancelled_at = _withdrawn(order)
        history.record("order.withdrawn", order=order, detail=source)
        db.session.flush()
        receipt = settle(order, "updated")
    ring([receipt])
    return receipt


def _withdrawn(order: Order) -> datetime | None:
    """Return when the shop deleted the order; None when it was not, or when its newest version is newer than that."""
    deleted = order.withdrawn_at
    return deleted if deleted and int(deleted.timestamp()) * 1000 + LAST_OF_A_SECOND > order.version else None


def _sender(source: str, strict: bool, shop: Shop | None) -> _Sender:
    return _Sender(source, strict, shop.id if shop else None, shop.number_prefix if shop else "")


def _arrival(message: OrderMessage | Arrival) -> Arrival:
    return message if isinstance(message, Arrival) else Arrival(message)


def _one_by_one(arrival: Arrival, sender: _Sender) -> Receipt | Refused:
    for last in (False, True):
        try:
            with transaction():
                result = _apply_all([arrival], sender)[0]
            break
        except IntegrityError:
            if last:
                raise
    if isinstance(result, Receipt):
        ring([result])
    return result


def _tried(chunk: list[Arrival], sender: _Sender) -> list[Receipt | Refused]:
    """Return what would become of the messages; nothing of it stays."""
    results: list[Receipt | Refused] = []
    with suppress(_Undone), transaction():
        results = _apply_all(chunk, sender)
        raise _Undone
    return results


def _apply_all(arrivals: list[Arrival], sender: _Sender) -> list[Receipt | Refused]:
    """Apply the messages inside the caller's transaction; a refused one has written nothing."""
    known = _known_orders(arrivals, sender)
    around = _Around(_accounts(arrivals), _earlier_invoices(arrivals, sender), _erasures(arrivals))
    results: list[Receipt | Refused] = []
    for run in _runs(arrivals):
        written = [_tried_writing(arrival, known, around, sender) for arrival in run]
        db.session.flush()  # All of them at once: one by one, this would be most of the work.
        results += [_settled(each) if isinstance(each, _Written) else each for each in written]
    return results


def _runs(arrivals: list[Arrival]) -> Iterator[list[Arrival]]:
    """Cut the messages where an order comes again: its former message is settled before the next one is looked at."""
    run: list[Arrival] = []
    named: set[tuple[str, str | None]] = set()
    for arrival in arrivals:
        names = {("number", order_key(arrival.message.number)), ("ref", arrival.ref or arrival.message.number)}
        if names & named:
            yield run
            run, named = [], set()
        run.append(arrival)
        named |= names
    yield run


@dataclass(frozen=True, slots=True)
class _Around:
    """What is known beside the orders: accounts and erasures by e-mail key, earlier invoices by order key."""

    accounts: dict[str, Customer]
    earlier: dict[str, str]
    erasures: dict[str, datetime]

    def erased_at(self, message: OrderMessage) -> datetime | None:
        """Return when who placed the order had their data erased, None where they placed it since then."""
        erased = self.erasures.get(addresses.email_key(message.email))
        return erased if erased and message.placed_at <= erased else None


def _tried_writing(
    arrival: Arrival, known: "_Known", around: _Around, sender: _Sender
) -> "_Written | Receipt | Refused":
    try:
        return _apply(arrival, known, around, sender)
    except Refused as refused:
        return refused


@dataclass(frozen=True, slots=True)
class _Written:
    """A message that changed its order; what follows from it is still to be settled."""

    order: Order
    outcome: Outcome
    version: int


def _settled(written: _Written) -> Receipt:
    order = written.order
    history.record(f"order.{written.outcome}", order=order, detail=f"{order.source}, version {written.version}")
    return settle(order, written.outcome)


class _Known:
    """The orders that exist already, by number key and by the shop's own id."""

    def __init__(self, orders: Iterable[Order]) -> None:
        self.by_key: dict[str, Order] = {}
        self.by_ref: dict[str, Order] = {}
        for order in orders:
            self.add(order)

    def add(self, order: Order) -> None:
        self.by_key[order.number_key] = order
        if order.shop_ref:
            self.by_ref[order.shop_ref] = order

    def renumber(self, order: Order, number: str) -> None:
        """Afterwards the order bears another number, as its shop says."""
        self.by_key.pop(order.number_key, None)
        order.number, order.number_key = number, order_key(number)
        self.by_key[order.number_key] = order


def _known_orders(arrivals: list[Arrival], sender: _Sender) -> _Known:
    """Return the orders that exist already, held until the end of the transaction.

    They are locked by id, as everywhere, so that two imports of the same orders do not wait for each other crosswise;
    then their requests, since whoever saves an account's details holds its requests before the account.
    """
    named: ColumnElement[bool] = Order.number_key.in_(
        [order_key(sender.prefix + arrival.message.number) for arrival in arrivals]
    )
    refs = [arrival.ref for arrival in arrivals if arrival.ref]
    if refs and sender.shop_id is not None:
        named = or_(named, and_(Order.shop_id == sender.shop_id, Order.shop_ref.in_(refs)))
    found = (
        select(Order)
        .where(named)
        .order_by(Order.id)
        .options(*(selectinload(each) for each in (Order.lines, Order.refunds, Order.shipments, Order.documents)))
        .options(selectinload(Order.billing))  # Not joined: after a wait for the lock it would be the row of before.
        .with_for_update(of=Order, key_share=True)
        .execution_options(populate_existing=True)
    )
    orders = db.session.scalars(found).unique().all()
    requests = select(InvoiceRequest).where(InvoiceRequest.order_id.in_([order.id for order in orders]))
    db.session.scalars(requests.order_by(InvoiceRequest.id).with_for_update()).all()
    return _Known(orders)


def _accounts(arrivals: list[Arrival]) -> dict[str, Customer]:
    """Return the accounts whose mailbox is proven, by e-mail key."""
    keys = {addresses.email_key(arrival.message.email) for arrival in arrivals}
    found = select(Customer).where(Customer.email_key.in_(keys), Customer.confirmed_at.is_not(None))
    return {customer.email_key: customer for customer in db.session.scalars(found)}


def _erasures(arrivals: list[Arrival]) -> dict[str, datetime]:
    return tombstones.of(addresses.email_key(arrival.message.email) for arrival in arrivals)


def _earlier_invoices(arrivals: list[Arrival], sender: _Sender) -> dict[str, str]:
    """Return what the system before this one has invoiced: the invoice's number by order key, prefixed or not."""
    numbers = [arrival.message.number for arrival in arrivals]
    keys = {order_key(number) for own in numbers for number in (own, sender.prefix + own)}
    found = select(EarlierInvoice.order_key, EarlierInvoice.number).where(EarlierInvoice.order_key.in_(keys))
    return {row.order_key: row.number for row in db.session.execute(found)}


def _apply(arrival: Arrival, known: _Known, around: _Around, sender: _Sender) -> _Written | Receipt:
    """Write the message to its order, new or known; raises Refused before anything is written."""
    message, number = arrival.message, sender.prefix + arrival.message.number
    order = _find(arrival, number, known, sender)
    content_hash = message.content_hash()
    if order is not None and not _is_newer(message, content_hash, order, strict=sender.strict):
        return _apply_parts(message, order)
    if sender.strict and (problems := sums.problems(message)):
        raise Refused(message.number, problems)
    outcome: Outcome = "updated" if order else "new"
    if order is None:
        nothing: dict[str, Any] = {"request": None, "billing": None, "review": None, "documents": []}
        order = Order(number=number, number_key=order_key(number), erased_at=around.erased_at(message), **nothing)
        db.session.add(order)
    elif order.number != number:
        known.renumber(order, number)
        db.session.flush()  # The former number is free from now on.
    order.version, order.content_hash, order.source = message.version, content_hash, sender.source
    order.own_key = order_key(message.number)
    order.shop_id, order.shop_ref = order.shop_id or sender.shop_id, order.shop_ref or arrival.ref
    order.cancelled_at = message.cancelled_at or _withdrawn(order)
    invoiced = (around.earlier.get(order.number_key), around.earlier.get(order.own_key))
    order.existing_invoice = message.existing_invoice or invoiced[0] or invoiced[1]
    order.doubts = list(arrival.doubts) or None
    mirroring.mirror(order, message, around.accounts)
    known.add(order)
    return _Written(order, outcome, message.version)


def _find(arrival: Arrival, number: str, known: _Known, sender: _Sender) -> Order | None:
    """Return the order that the message is about. Raises NumberTaken when its number is another one's."""
    if len(number) > NUMBER_LENGTH:
        reason = _("Ce numéro est trop long avec le préfixe de la boutique (%(prefix)s).", prefix=sender.prefix)
        raise Refused(number, (FieldProblem("number", reason),))
    order = (known.by_ref.get(arrival.ref) if arrival.ref else None) or known.by_key.get(order_key(number))
    bearer = known.by_key.get(order_key(number), order)
    if bearer is None:
        return None
    if bearer is not order:
        reason = _("Une autre commande porte déjà ce numéro.")
    elif order.number != number and not arrival.ref:
        reason = _("Une autre commande porte déjà ce numéro, à la casse près : %(number)s.", number=order.number)
    elif None not in (order.shop_id, sender.shop_id) and order.shop_id != sender.shop_id:
        reason = _("Une commande d'une autre boutique porte déjà ce numéro.")
    elif None not in (order.shop_ref, arrival.ref) and order.shop_ref != arrival.ref:
        reason = _("Une autre commande porte déjà ce numéro.")
    else:
        return order
    raise NumberTaken(number, (FieldProblem("number", reason),))


def _is_newer(message: OrderMessage, content_hash: str, order: Order, *, strict: bool) -> bool:
    """Whether the order becomes what the message says. Raises VersionConflict where a shop contradicts itself."""
    if message.version != order.version or content_hash == order.content_hash:
        return message.version > order.version
    if strict:
        raise VersionConflict(message.number, (_conflict(message),))
    return content_hash > order.content_hash  # The same one whichever came first.


def _apply_parts(message: OrderMessage, order: Order) -> _Written | Receipt:
    """Take of a message that is not the newest the parts that no newer one has named, and the wish for an invoice."""
    outcome: Outcome = "unchanged" if message.version == order.version else "older"
    if not (
        merging.shipments(order, message.shipments, message.version)
        | merging.refunds(order, message.refunds, message.version)
        | mirroring.take_wish(order, message)
    ):
        return receipt_of(order, outcome)
    order.shipped_at = merging.last_shipment(order)
    return _Written(order, "updated", message.version)


def settle(order: Order, outcome: Outcome) -> Receipt:
    """Afterwards credit notes, review and request follow what was written to the order.

    Inside the caller's transaction, which holds the order.
    """
    if outcome == "updated":
        crediting.settle_refunds(order)
    review.renew(order)
    asked = order.request is not None and order.request.state != "cancelled"
    if outcome == "updated":
        invoicing.reconsider(order)
    invoicing.open_automatic(order)
    opened = not asked and order.request is not None and order.request.state != "cancelled"
    return receipt_of(order, outcome, opened=opened)


def receipt_of(order: Order, outcome: Outcome, *, opened: bool = False) -> Receipt:
    """Return what became of a message of this order."""
    return Receipt(order.number, order.id, outcome, tuple(order.review or ()), opened, order.version)


def _conflict(message: OrderMessage) -> FieldProblem:
    reason = _(
        "La version %(version)s de cette commande est déjà connue avec un autre contenu.", version=message.version
    )
    return FieldProblem("version", reason)


def ring(receipts: list[Receipt]) -> None:
    """Tell a worker about the requests that are due at once, and about new credit notes; after the commit."""
    ids = [receipt.order_id for receipt in receipts if receipt.applied]
    outbox.ring_documents(*ids)
    for request in db.session.scalars(select(InvoiceRequest).where(InvoiceRequest.order_id.in_(ids))).all():
        invoicing.ring_if_due(request)
