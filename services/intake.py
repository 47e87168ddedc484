"""Orders in: what a shop sends becomes the order that we mirror, once and only once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from documents import totals
from extensions import DomainError, db, transaction
from mail import addresses
from models import BillingDetails, Customer, InvoiceRequest, Order, OrderLine, Refund, Shipment
from parties import rules
from parties.details import Details
from services import crediting, history, invoicing, outbox, review
from shops.numbers import order_key
from shops.problems import FieldProblem
from shops.schema import BillingMessage, LineMessage, OrderMessage, RefundMessage, ShipmentMessage

CHUNK = 100

Outcome = Literal["new", "updated", "unchanged", "older"]

# What an order mirrors as it is sent; the rest of the message is normalised, merged or computed below.
_MIRRORED = (
    "locale", "placed_at", "paid_at", "payment_method", "delivered_at", "cancelled_at", "existing_invoice",
    "purchase_order", "currency", "exchange_rate", "prices_include_tax", "invoice_requested", "order_discount",
    "total_tax", "total", "paid_amount",
)  # fmt: skip
_LINE_MIRRORED = (
    "sku", "description", "kind", "quantity", "unit_price", "discount", "vat_rate", "exemption", "tax",
)  # fmt: skip


class Refused(DomainError):
    """The order contradicts itself and nothing of it was kept; `problems` says where, in French."""

    def __init__(self, number: str, problems: tuple[FieldProblem, ...]) -> None:
        """Carry the problems."""
        super().__init__(" ".join(map(str, problems)))
        self.number = number
        self.problems = problems


class VersionConflict(Refused):
    """This version of the order is known with other content; nothing was changed (409)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message; `review` says, in French, why the order is « à vérifier »."""

    number: str
    order_id: int
    outcome: Outcome
    review: tuple[str, ...] = ()

    @property
    def applied(self) -> bool:
        """Whether anything was written."""
        return self.outcome in ("new", "updated")


def receive(message: OrderMessage, *, source: str, strict: bool) -> Receipt:
    """Afterwards the order is what the message says, unless this or a newer version was known already.

    Lines are replaced; refunds and shipments are merged by their id, and those the message leaves out stay. Billing
    details that the customer changed by « Modifier » win over whatever the shop sends later. The order goes to the
    confirmed account of its e-mail address, a request opens by itself where one is due, and an open one is
    reconsidered. What was refunded of an order that is invoiced gets its credit note. `strict` (API, contract files)
    refuses sums that do not add up; connectors keep such an order under review, never to be invoiced until it adds up.

    Raises VersionConflict for a known version with other content, Refused when the sums do not add up or the number
    is another order's but for its letters' case.
    """
    try:
        with transaction():
            receipt = _apply_all([message], source=source, strict=strict)[0]
    except IntegrityError:
        # Another process brought the same new order first; now it is known, and compared.
        with transaction():
            receipt = _apply_all([message], source=source, strict=strict)[0]
    if isinstance(receipt, Refused):
        raise receipt
    _ring([receipt])
    return receipt


def receive_many(messages: Iterable[OrderMessage], *, source: str, strict: bool) -> Iterator[Receipt | Refused]:
    """Do for each message what `receive` does, 100 a transaction, and yield what became of it, in order.

    What is yielded is committed. A refused order leaves the others alone.
    """
    remaining = iter(messages)
    while chunk := list(islice(remaining, CHUNK)):
        try:
            with transaction():
                results = _apply_all(chunk, source=source, strict=strict)
        except IntegrityError:
            results = [_one_by_one(message, source, strict) for message in chunk]
        else:
            _ring([result for result in results if isinstance(result, Receipt)])
        yield from results


def _one_by_one(message: OrderMessage, source: str, strict: bool) -> Receipt | Refused:
    try:
        return receive(message, source=source, strict=strict)
    except Refused as refused:
        return refused


def _apply_all(messages: list[OrderMessage], *, source: str, strict: bool) -> list[Receipt | Refused]:
    """Apply the messages inside the caller's transaction; a refused one has written nothing."""
    known = _known_orders(messages)
    accounts = _accounts(messages)
    results: list[Receipt | Refused] = []
    for message in messages:
        key = order_key(message.number)
        try:
            order, outcome = _apply(message, known.get(key), accounts, source=source, strict=strict)
        except Refused as refused:
            results.append(refused)
            continue
        known[key] = order
        results.append(Receipt(order.number, order.id, outcome, tuple(order.review or ())))
    return results


def _known_orders(messages: list[OrderMessage]) -> dict[str, Order]:
    """Return the orders that exist already, by number key, held until the end of the transaction.

    They are locked by id, as everywhere, so that two imports of the same orders do not wait for each other crosswise;
    then their requests, since whoever saves an account's details holds its requests before the account.
    """
    keys = [order_key(message.number) for message in messages]
    found = (
        select(Order)
        .where(Order.number_key.in_(keys))
        .order_by(Order.id)
        .options(*(selectinload(each) for each in (Order.lines, Order.refunds, Order.shipments, Order.documents)))
        .options(selectinload(Order.billing))  # Not joined: after a wait for the lock it would be the row of before.
        .with_for_update(of=Order, key_share=True)
        .execution_options(populate_existing=True)
    )
    orders = {order.number_key: order for order in db.session.scalars(found).unique()}
    requests = select(InvoiceRequest).where(InvoiceRequest.order_id.in_([order.id for order in orders.values()]))
    db.session.scalars(requests.order_by(InvoiceRequest.id).with_for_update()).all()
    return orders


def _accounts(messages: list[OrderMessage]) -> dict[str, Customer]:
    """Return the accounts whose mailbox is proven, by e-mail key."""
    keys = {addresses.email_key(message.email) for message in messages}
    found = select(Customer).where(Customer.email_key.in_(keys), Customer.confirmed_at.is_not(None))
    return {customer.email_key: customer for customer in db.session.scalars(found)}


def _apply(
    message: OrderMessage, order: Order | None, accounts: dict[str, Customer], *, source: str, strict: bool
) -> tuple[Order, Outcome]:
    """Write the message to its order, new or known; raises Refused before anything is written."""
    content_hash = message.content_hash()
    if order is not None:
        _require_same_number(order, message)
        if message.version < order.version:
            return order, "older"
        if message.version == order.version:
            if content_hash != order.content_hash:
                raise VersionConflict(message.number, (_conflict(message),))
            return order, "unchanged"
    if strict:
        _require_sums(message)
    outcome: Outcome = "updated" if order else "new"
    if order is None:
        nothing: dict[str, Any] = {"request": None, "billing": None, "documents": []}
        order = Order(number=message.number, number_key=order_key(message.number), **nothing)
        db.session.add(order)
    order.version, order.content_hash, order.source = message.version, content_hash, source
    for name in _MIRRORED:
        setattr(order, name, getattr(message, name))
    order.shipping_address = _address(message)
    _address_to_customer(order, message, accounts)
    _replace_lines(order, message.lines)
    _merge_shipments(order, message.shipments)
    _merge_refunds(order, message.refunds)
    order.shipped_at = _last_shipment(order, message)
    _take_billing(order, message.billing)
    db.session.flush()
    history.record(f"order.{outcome}", order=order, detail=f"{source}, version {message.version}")
    if outcome == "updated":
        crediting.settle_refunds(order)
    review.renew(order)
    if outcome == "updated":
        invoicing.reconsider(order)
    invoicing.open_automatic(order)
    return order, outcome


def _require_same_number(order: Order, message: OrderMessage) -> None:
    if order.number != message.number:
        reason = _("Une autre commande porte déjà ce numéro, à la casse près : %(number)s.", number=order.number)
        raise Refused(message.number, (FieldProblem("number", reason),))


def _conflict(message: OrderMessage) -> FieldProblem:
    reason = _(
        "La version %(version)s de cette commande est déjà connue avec un autre contenu.", version=message.version
    )
    return FieldProblem("version", reason)


def _require_sums(message: OrderMessage) -> None:
    """Raise Refused, with the difference by line, when the sums contradict each other."""
    try:
        totals.compute(_sale(message))
    except totals.DoesNotAddUp as error:
        raise Refused(message.number, _differences(error)) from None


def _differences(error: totals.DoesNotAddUp) -> tuple[FieldProblem, ...]:
    return (
        FieldProblem("total", str(error)),
        *(FieldProblem(f"lines[{line.index}]", line.text) for line in error.by_line),
    )


def _sale(message: OrderMessage) -> totals.Sale:
    return totals.Sale(
        prices_include_tax=message.prices_include_tax,
        lines=tuple(
            totals.Line(vat_category=_category(line), **{name: getattr(line, name) for name in _LINE_MIRRORED})
            for line in message.lines
        ),
        total=message.total,
        order_discount=message.order_discount,
        total_tax=message.total_tax,
    )


def _category(line: LineMessage) -> str | None:
    """A gift card that is sold says by its kind why it bears no VAT (CGI art. 256 ter)."""
    return line.vat_category or ("O" if line.kind == "voucher" and not line.vat_rate else None)


def _address(message: OrderMessage) -> dict[str, str] | None:
    if message.shipping_address is None:
        return None
    return {name: value or "" for name, value in message.shipping_address}


def _address_to_customer(order: Order, message: OrderMessage, accounts: dict[str, Customer]) -> None:
    """Give the order to the confirmed account of its address; whoever owns it already keeps it while that is theirs.

    An address that was corrected here stays until the shop sends another one than it did before.
    """
    if order.shop_email == message.email:
        return
    key = addresses.email_key(message.email)
    if order.email_key != key or order.customer_id is None:
        invoicing.hand_over(order, accounts.get(key))
    order.shop_email, order.email, order.email_key = message.email, message.email, key
    invoicing.readdress(order)


def _replace_lines(order: Order, sent: tuple[LineMessage, ...]) -> None:
    """Lines have no id of their own: each place is rewritten, places too many go, missing ones come."""
    del order.lines[len(sent) :]
    for position, line in enumerate(sent):
        if position == len(order.lines):
            order.lines.append(OrderLine(position=position))
        row = order.lines[position]
        for name in _LINE_MIRRORED:
            setattr(row, name, getattr(line, name))
        row.vat_category = _category(line)


def _merge_shipments(order: Order, sent: tuple[ShipmentMessage, ...]) -> None:
    known = {shipment.ref: shipment for shipment in order.shipments}
    for shipment in sent:
        row = known.get(shipment.id)
        if row is None:
            row = Shipment(ref=shipment.id)
            order.shipments.append(row)
        for name in ("shipped_at", "carrier", "tracking_number", "tracking_url"):
            setattr(row, name, getattr(shipment, name))


def _last_shipment(order: Order, message: OrderMessage) -> datetime | None:
    """The shop says when the order has left as a whole; the clock then starts at its last parcel."""
    if message.shipped_at is None:
        return None
    return max([message.shipped_at, *(shipment.shipped_at for shipment in order.shipments)])


def _merge_refunds(order: Order, sent: tuple[RefundMessage, ...]) -> None:
    known = {refund.ref: refund for refund in order.refunds}
    for refund in sent:
        row = known.get(refund.id)
        if row is None:
            row = Refund(ref=refund.id)
            order.refunds.append(row)
        row.at, row.amount = refund.at, refund.amount
        row.lines = [
            {"line": line.line, "quantity": _written(line.quantity), "amount": _written(line.amount)}
            for line in refund.lines
        ]


def _written(number: Decimal) -> str:
    return format(number, "f")


def _take_billing(order: Order, sent: BillingMessage | None) -> None:
    """Keep what the shop knows of the buyer; what names nobody is nothing, and the account's details then count."""
    if order.billing is not None and order.billing.edited_by_customer:
        return
    details = _details(sent)
    if details is None:
        former, order.billing = order.billing, None
        if former is not None:
            db.session.delete(former)
    else:
        order.billing = (order.billing or BillingDetails()).take(details)


def _details(sent: BillingMessage | None) -> Details | None:
    if sent is None:
        return None
    given = {name: value for name, value in sent if value}
    names = given.keys() & {"first_name", "last_name", "company_name", "siret", "vat_number", "tax_id"}
    if not names:
        return None
    given.setdefault("kind", "company" if names & {"company_name", "siret", "vat_number"} else "individual")
    return rules.normalise(Details(**given))


def _ring(receipts: list[Receipt]) -> None:
    """Tell a worker about the requests that are due at once, and about new credit notes; after the commit."""
    ids = [receipt.order_id for receipt in receipts if receipt.applied]
    outbox.ring_documents(*ids)
    for request in db.session.scalars(select(InvoiceRequest).where(InvoiceRequest.order_id.in_(ids))).all():
        invoicing.ring_if_due(request)
