"""The change from another system: what that one has invoiced is never invoiced here."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from extensions import db, transaction
from models import EarlierInvoice, Order
from services import history, invoicing, review
from shops.issued_invoices import Issued
from shops.numbers import order_key
from shops.problems import FieldProblem

CHUNK = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of a row: its order is blocked, or will be when it comes; or it was known, or is refused."""

    row: Issued
    outcome: Literal["blocked", "noted", "unchanged", "refused"]
    problems: tuple[FieldProblem, ...] = ()


class _Undone(Exception):
    """A dry run has seen enough: nothing of it is kept."""


def take_list(rows: Iterable[Issued], *, dry_run: bool = False) -> Iterator[Listed]:
    """Yield what became of each row: afterwards its order, there or to come, says « Déjà facturée : n° … ».

    A request that was open is cancelled with that reason. A row is refused where the order is invoiced here already, or
    listed under another invoice. A number without its shop's prefix means the orders of every shop that bear it. 100 a
    transaction; what is yielded is committed, except in a dry run.
    """
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        try:
            yield from _take_chunk(chunk, dry_run=dry_run)
        except IntegrityError:  # Another process listed one of these first; now it is known, and compared.
            yield from _take_chunk(chunk, dry_run=dry_run)


def look_again(order: Order) -> None:
    """Afterwards an order that the list names is blocked, though both came in at one moment and neither saw the other.

    Inside the caller's transaction, which holds the order and is about to invoice it.
    """
    keys = (order.number_key, order.own_key)
    listed = select(EarlierInvoice.number).where(EarlierInvoice.order_key.in_(keys))
    number = None if order.existing_invoice else db.session.scalar(listed.limit(1))
    if number:
        _block(order, number)


def _take_chunk(chunk: list[Issued], *, dry_run: bool) -> list[Listed]:
    found: list[Listed] = []
    with suppress(_Undone), transaction():
        found = _take(chunk)
        if dry_run:
            raise _Undone
    return found


def _take(chunk: list[Issued]) -> list[Listed]:
    keys = {order_key(row.order_number) for row in chunk if not row.problems}
    listed = select(EarlierInvoice).where(EarlierInvoice.order_key.in_(keys))
    known = {each.order_key: each for each in db.session.scalars(listed)}
    orders = _orders(keys)
    return [_take_one(row, known, orders) for row in chunk]


def _take_one(row: Issued, known: dict[str, EarlierInvoice], orders: dict[str, list[Order]]) -> Listed:
    if row.problems or row.issued_on is None:
        return Listed(row, "refused", row.problems)
    key = order_key(row.order_number)
    concerned = orders.get(key, [])
    if invoiced := next((order for order in concerned if order.issued_invoice), None):
        number = invoiced.issued_invoice and invoiced.issued_invoice.number
        return _refused(row, _("Cette commande est déjà facturée ici\u00a0: %(number)s.", number=number))
    if key in known and known[key].number != row.number:
        return _refused(row, _("La liste donne déjà une autre facture\u00a0: %(number)s.", number=known[key].number))
    new = key not in known
    if new:
        known[key] = EarlierInvoice(order_key=key, number=row.number, issued_on=row.issued_on)
        db.session.add(known[key])
    blocked = [order for order in concerned if order.existing_invoice is None]
    for order in blocked:
        _block(order, row.number)
        db.session.flush()
        review.renew(order)
        invoicing.reconsider(order)
    return Listed(row, "blocked" if blocked else "noted" if new else "unchanged")


def _block(order: Order, number: str) -> None:
    order.existing_invoice = number
    history.record("order.invoiced_before", order=order, detail=number)


def _refused(row: Issued, reason: str) -> Listed:
    return Listed(row, "refused", (FieldProblem("number", reason),))


def _orders(keys: set[str]) -> dict[str, list[Order]]:
    """Return the orders of these numbers, prefixed or not, held until the end of the transaction, by each of both."""
    named = or_(Order.number_key.in_(keys), Order.own_key.in_(keys))
    ids = db.session.scalars(select(Order.id).where(named).order_by(Order.id)).all()
    found: dict[str, list[Order]] = {}
    for order in [invoicing.lock_order(order_id) for order_id in ids]:
        invoicing.lock_request(order)
        for key in {order.number_key, order.own_key} & keys:
            found.setdefault(key, []).append(order)
    return found
