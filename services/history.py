"""The audit: who did what, for the admin who has to explain it later."""

from flask import g, has_request_context
from flask_login import current_user

from extensions import db
from models import AuditEntry, Customer, Order


def record(action: str, *, order: Order | None = None, customer: Customer | None = None, detail: str = "") -> None:
    """Add a row to the audit, inside the caller's transaction, so that the act and its trace live or die together.

    `action` is a past participle with its object, such as `invoice.issued`; `detail` holds no secret and no address.
    """
    db.session.add(
        AuditEntry(
            actor=_actor(),
            action=action,
            order_id=order.id if order else None,
            customer_id=customer.id if customer else None,
            detail=detail[:500],
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
