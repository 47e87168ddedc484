"""An order as the API tells it."""

from flask import url_for

import clock
from models import Document, InvoiceRequest, Order
from services.intake import Receipt
from shops import answers


def order_state(order: Order) -> answers.OrderState:
    """Return where the order and its invoice stand; trial documents are nobody's but the merchant's."""
    facts = {name: getattr(order, name) for name in ("number", "version", "status", "currency", "shipped_at")}
    return answers.OrderState.model_validate(
        {
            **facts,
            "total": format(order.total, "f"),
            "existing_invoice": order.existing_invoice,
            "review": order.review or [],
            "request": _request_state(order.request) if order.request else None,
            "documents": [_document_state(each) for each in order.documents if not each.trial],
            "url": url_for("orders.show", number=order.number, _external=True),
        }
    )


def taken(receipt: Receipt) -> answers.Taken:
    """Return what became of a message."""
    return answers.Taken(
        number=receipt.number, version=receipt.version, applied=receipt.applied, review=list(receipt.review)
    )


def _request_state(request: InvoiceRequest) -> answers.RequestState:
    names = ("state", "waiting_for", "reason", "requested_at", "earliest_at", "deadline_at", "sent_at")
    return answers.RequestState(**{name: getattr(request, name) for name in names})


def _document_state(document: Document) -> answers.DocumentState:
    return answers.DocumentState.model_validate(
        {
            "kind": document.kind,
            "number": document.number,
            "issued_on": clock.paris_date(document.issued_at).isoformat(),
            "currency": document.currency,
            **{name: format(getattr(document, name), "f") for name in ("net", "vat", "gross")},
            "url": url_for("invoices.pdf", number=document.number, _external=True),
        }
    )
