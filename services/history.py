"""The audit: who did what, for the admin who has to explain it later."""

import re
from ipaddress import ip_address, ip_network

from flask import g, has_request_context, request
from flask_login import current_user
from sqlalchemy import select

from extensions import db, transaction
from models import AuditEntry, Customer, Order
from parties import texts
from services import limits

VIEWED = "customer.viewed"
LOOKED_UP = "order.looked_up"
LASTING = ("correction", "credit_note", "invoice", "refund", "request", "review")
"""What it was done to where the row is kept as long as the document that came of it."""

_BREAKS = re.compile("[\0\t\n\r\u2028\u2029\ud800-\udfff]+")


def record(
    action: str, *, order: Order | None = None, customer: Customer | None = None, detail: str = "", actor: str = ""
) -> None:
    """Add a row to the audit, inside the caller's transaction, so that the act and its trace live or die together.

    `action` is a past participle with its object, such as `invoice.issued`; `detail` holds no secret and no address,
    and becomes one line, whatever of it strangers have written. `actor` is whoever is signed in, unless given.
    """
    _add(action, order.id if order else None, customer.id if customer else None, detail, actor)


def once_an_hour(
    action: str, *, order: Order | None = None, customer: Customer | None = None, detail: str = ""
) -> None:
    """Afterwards it is on record that this was done within the hour, by this account or else from this network.

    In a transaction of its own. What anybody can do as often as they like must not fill the audit: the first of an hour
    is written down with its detail, for each order apart.
    """
    order_id, customer_id, actor = order.id if order else None, customer.id if customer else None, _actor()
    who = _from() if actor == "visitor" else actor
    if limits.allows(limits.AUDITED_BY_HOUR, f"{action} {who} {order_id or ''}"):
        with transaction():
            _add(action, order_id, customer_id, detail, actor)


def viewed(number: str, *, detail: str = "") -> None:
    """Afterwards it is on record that an admin has looked at the order of that number and at its customer's data.

    In a transaction of its own; `detail` names the document, if it was one. What is no order leaves no trace.
    """
    actor = _actor()
    with transaction():
        found = db.session.execute(select(Order.id, Order.customer_id).where(Order.number == number)).one_or_none()
        if found:
            _add(VIEWED, found.id, found.customer_id, detail, actor)


def _add(action: str, order_id: int | None, customer_id: int | None, detail: str, actor: str = "") -> None:
    db.session.add(
        AuditEntry(
            actor=_line(actor or _actor())[:60],
            action=action,
            order_id=order_id,
            customer_id=customer_id,
            detail=_line(detail)[:500],
            lasting=action.partition(".")[0] in LASTING,
            network=_from(),
            http_request_id=g.get("request_id", "") if has_request_context() else "",
        )
    )


def _actor() -> str:
    if not has_request_context():
        return "system"
    if "shop" in g:
        return f"shop:{g.shop}"
    if not current_user.is_authenticated:
        return "visitor"
    return f"admin:{current_user.id}" if current_user.is_admin else f"customer:{current_user.id}"


def _line(text: str) -> str:
    """Return the text with nothing in it that ends a line, turns one around or is no text at all."""
    return _BREAKS.sub(" ", texts.visible(text))


def _from() -> str:
    """Return what of a visitor's address says from where without saying who: /24 of IPv4, /48 of IPv6."""
    try:
        found = ip_address((request.remote_addr or "") if has_request_context() else "")
    except ValueError:
        return ""
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((found.packed, 24 if found.version == 4 else 48), strict=False))
