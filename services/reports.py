"""What a shop says of an order beside the order itself: that it has left, and that money went back."""

from flask_babel import gettext as _
from sqlalchemy import or_, select

from extensions import db, transaction
from models import Order, Shop
from services import history, intake, invoicing, merging
from shops.numbers import order_key
from shops.problems import FieldProblem
from shops.schema import RefundMessage, ShipmentReport


class UnknownOrder(Exception):
    """This shop has no such order; one of another shop does not exist for it."""


class Contradiction(intake.Refused):
    """A refund of this id is known with other content; nothing was changed (409)."""


def find(shop: Shop, number: str) -> Order | None:
    """Return the shop's order by the shop's own number, else by the number with the shop's prefix.

    One that came by a file and belongs to no shop yet is found as well, under the number that would make it the shop's.
    """
    prefix, whole = order_key(shop.number_prefix), order_key(number)
    own = prefix + whole
    keys = [own, whole] if whole.startswith(prefix) else [own]
    found = select(Order).where(Order.number_key.in_(keys), or_(Order.shop_id == shop.id, Order.shop_id.is_(None)))
    return db.session.scalar(found.order_by((Order.number_key == own).desc()).limit(1))


def ship(shop: Shop, number: str, report: ShipmentReport) -> intake.Receipt:
    """Afterwards the order has left as reported, unless a version of the order says something else of it.

    Of two reports the later one counts; parcels are merged by their id. Raises UnknownOrder.
    """
    order_id = _id(shop, number)
    with transaction():
        order = invoicing.lock_order(order_id)
        invoicing.lock_request(order)
        before = order.reported_shipped_at
        if report.shipped_at is not None:
            order.reported_shipped_at = max(report.shipped_at, before or report.shipped_at)
        changed = merging.shipments(order, report.shipments, merging.REPORTED) or order.reported_shipped_at != before
        receipt = _settled(order, changed, "order.shipment_reported", "")
    intake.ring([receipt])
    return receipt


def refund(shop: Shop, number: str, refund: RefundMessage) -> intake.Receipt:
    """Afterwards the refund is known, and credited where the order is invoiced; saying it twice is saying it once.

    Raises UnknownOrder, intake.Refused when it names a line that the order does not have, Contradiction when the refund
    is known with other content.
    """
    order_id = _id(shop, number)
    with transaction():
        order = invoicing.lock_order(order_id)
        invoicing.lock_request(order)
        known = next((each for each in order.refunds if each.ref == refund.id), None)
        if known is None:
            _require_lines(order, refund)
        elif not merging.says_the_same(known, refund):
            reason = _("Ce remboursement est déjà connu avec un autre contenu.")
            raise Contradiction(order.number, (FieldProblem("id", reason),))
        changed = merging.refunds(order, (refund,), merging.REPORTED)
        receipt = _settled(order, changed, "order.refund_reported", refund.id)
    intake.ring([receipt])
    return receipt


def _id(shop: Shop, number: str) -> int:
    order = find(shop, number)
    if order is None:
        raise UnknownOrder
    return order.id


def _require_lines(order: Order, refund: RefundMessage) -> None:
    if any(line.line >= len(order.lines) for line in refund.lines):
        reason = _("Un remboursement désigne une ligne qui n'existe pas (la première est 0).")
        raise intake.Refused(order.number, (FieldProblem("lines", reason),))


def _settled(order: Order, changed: bool, action: str, detail: str) -> intake.Receipt:
    if not changed:
        return intake.receipt_of(order, "unchanged")
    order.shipped_at = merging.last_shipment(order)
    db.session.flush()
    history.record(action, order=order, detail=detail)
    return intake.settle(order, "updated")
