"""Parcels and refunds: each is known by the shop's own id, and is what the newest message that names it says."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from models import Order, Refund, Shipment
from shops.schema import RefundMessage, ShipmentMessage

_SHIPMENT = ("shipped_at", "carrier", "tracking_number", "tracking_url")
REPORTED = -1
"""The version of what a report says by itself: whatever version of the order says otherwise counts."""

_UNTRACKED = {"tracking_number": "", "tracking_url": ""}


def shipments(order: Order, sent: Sequence[ShipmentMessage], version: int) -> bool:
    """Afterwards each parcel is what the newest message that names it says; return whether anything has changed.

    `version` is the order's that names them, or REPORTED; of two reports the greater one counts. What leads to the
    recipient is not taken once the order was erased. Inside the caller's transaction, which holds the order.
    """
    if order.erased_at:
        sent = [each.model_copy(update=_UNTRACKED) for each in sent]
    known = {shipment.ref: shipment for shipment in order.shipments}
    changed = False
    for shipment in sent:
        row = known.get(shipment.id)
        said = tuple(getattr(shipment, name) for name in _SHIPMENT)
        if row is None:
            row = Shipment(ref=shipment.id, version=version)
            order.shipments.append(row)
        else:
            has = tuple(getattr(row, name) for name in _SHIPMENT)
            if said == has or (version, said) < (row.version, has):
                row.version = max(version, row.version) if said == has else row.version
                continue
        for name, value in zip(_SHIPMENT, said, strict=True):
            setattr(row, name, value)
        row.version, changed = version, True
    return changed


def last_shipment(order: Order) -> datetime | None:
    """Return when the order has left as a whole, as the shop says: its last parcel starts the clock.

    What a report of the shipment said counts while no version of the order says it.
    """
    left = order.sent_shipped_at or order.reported_shipped_at
    return left and max([left, *(shipment.shipped_at for shipment in order.shipments)])


def refunds(order: Order, sent: Sequence[RefundMessage], version: int) -> bool:
    """Afterwards each refund is what the newest message that names it says; return whether anything has changed.

    `version` is as for `shipments`. Inside the caller's transaction, which holds the order.
    """
    known = {refund.ref: refund for refund in order.refunds}
    changed = False
    for refund in sent:
        row = known.get(refund.id)
        said = _refund_of(refund)
        if row is None:
            row = Refund(ref=refund.id, version=version)
            order.refunds.append(row)
        else:
            has = (row.at, row.amount, row.lines)
            if said == has or (version, _ordered(said)) < (row.version, _ordered(has)):
                row.version = max(version, row.version) if said == has else row.version
                continue
        row.at, row.amount, row.lines = said
        row.version, changed = version, True
    return changed


def says_the_same(known: Refund, refund: RefundMessage) -> bool:
    """Whether the refund is known just as the message says it."""
    return (known.at, known.amount, known.lines) == _refund_of(refund)


def _refund_of(refund: RefundMessage) -> tuple[datetime, Decimal, list[dict[str, Any]]]:
    lines = [
        {"line": line.line, "quantity": _written(line.quantity), "amount": _written(line.amount)}
        for line in refund.lines
    ]
    return refund.at, refund.amount, lines


def _ordered(said: tuple[datetime, Decimal, list[dict[str, Any]]]) -> tuple[datetime, Decimal, str]:
    """Lists of objects have no order of their own."""
    return said[0], said[1], json.dumps(said[2], sort_keys=True)


def _written(number: Decimal) -> str:
    return format(number, "f")
