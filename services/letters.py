"""What each kind of mail says, read at the moment of sending from what is true then."""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage

from flask import current_app, url_for

import clock
import config
from documents import formatting, page
from documents.seller import Sellers
from documents.snapshot import Snapshot
from extensions import db
from mail import messages
from mail.messages import Heading
from models import CreditNote, Customer, Delivery, Document, Invoice, Order
from services import code_sign_in, corrections, files, incidents, invoicing, issuing, tokens


def write(delivery_id: int) -> EmailMessage:
    """Return the message of a delivery: the same bytes at each try, under its own id and date.

    Only a mail with a one-time token bears a fresh one each time. A document that nobody has drawn yet is drawn now.
    Raises OSError or storage.Corrupt when the one it carries cannot be read as it was written, and whatever the
    renderer raises.
    """
    document_id = db.session.get_one(Delivery, delivery_id).document_id
    if document_id:
        files.ensure(document_id)
    delivery = db.session.get_one(Delivery, delivery_id)
    heading = head(delivery.recipient, delivery.message_id, delivery.created_at)
    return WRITERS[delivery.kind](heading, delivery)


def head(recipient: str, message_id: str, moment: datetime) -> Heading:
    """Return what heads and signs a mail of that moment: the shop as it shows itself, and who it is in law that day."""
    settings = config.current()
    sellers: Sellers = current_app.extensions["sellers"]
    return Heading(
        sender=settings.mail_from,
        reply_to=settings.support_email,
        to=recipient,
        message_id=message_id,
        date=moment,
        shop_name=sellers.shop.name,
        accent=sellers.shop.accent,
        imprint=page.legal_lines(sellers.at(clock.paris_date(moment)).identity),
    )


def _invoice(heading: Heading, delivery: Delivery) -> EmailMessage:
    return messages.invoice(heading, _document(delivery), area_url=_documents_url(delivery))


def _credit_note(heading: Heading, delivery: Delivery) -> EmailMessage:
    return messages.credit_note(heading, _document(delivery), area_url=_documents_url(delivery))


def _specimen(heading: Heading, delivery: Delivery) -> EmailMessage:
    return messages.specimen(heading, _document(delivery))


def _correction_declined(heading: Heading, delivery: Delivery) -> EmailMessage:
    correction = corrections.told_by(delivery)
    number, reason = correction.invoice.number, correction.reason or ""
    return messages.correction_declined(heading, number=number, reason=reason, area_url=_url("invoices.index"))


def _confirmation(heading: Heading, delivery: Delivery) -> EmailMessage:
    token, code = tokens.fresh(db.session.get_one(Customer, delivery.customer_id), "confirmation")
    write = messages.confirmation if delivery.kind == "confirmation" else messages.confirmation_reminder
    return write(heading, link=_url("auth.confirm", token=token), code=code)


def _password_reset(heading: Heading, delivery: Delivery) -> EmailMessage:
    token, _code = tokens.fresh(db.session.get_one(Customer, delivery.customer_id), "password_reset")
    return messages.password_reset(heading, link=_url("auth.reset", token=token))


def _email_change(heading: Heading, delivery: Delivery) -> EmailMessage:
    customer = db.session.get_one(Customer, delivery.customer_id)
    token, code = tokens.fresh(customer, "email_change", delivery.recipient)
    return messages.email_change(heading, link=_url("account.confirm_address", token=token), code=code)


def _email_changed(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.email_changed(heading)


def _password_changed(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.password_changed(heading, reset_url=_url("auth.forgot"))


def _second_factor_changed(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.second_factor_changed(heading, reset_url=_url("auth.forgot"))


def _account_erased(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.account_erased(heading)


def _invitation(heading: Heading, delivery: Delivery) -> EmailMessage:
    customer = db.session.get_one(Customer, delivery.customer_id)
    token, _code = tokens.fresh(customer, "invitation")
    return messages.invitation(
        heading, link=_url("team.accept", token=token), manages=customer.invited_role == "managing"
    )


def _data_export(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.data_export(heading, page_url=_url("data_exports.show"))


def _order_code(heading: Heading, delivery: Delivery) -> EmailMessage:
    order = db.session.get_one(Order, delivery.order_id)
    free = order.customer_id is None
    asker = db.session.get_one(Customer, delivery.customer_id)
    code = tokens.fresh(asker, "order_claim", order=order)[1] if free else ""
    return messages.order_code(heading, order_number=order.number, code=code, sign_in_url=_url("auth.sign_in"))


def _sign_in_code(heading: Heading, delivery: Delivery) -> EmailMessage:
    code, until = code_sign_in.sent_by(delivery.id) or ("", None)
    return messages.sign_in_code(heading, code=code, until=until)


def _account_exists(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.account_exists(heading, sign_in_url=_url("auth.sign_in"), reset_url=_url("auth.forgot"))


def _request_received(heading: Heading, delivery: Delivery) -> EmailMessage:
    order, settings = db.session.get_one(Order, delivery.order_id), config.current()
    request = invoicing.of_order(order.id)
    details = invoicing.details_for(request, order) if request.details_complete_at else None
    proven = delivery.customer is not None and delivery.customer.is_confirmed
    asked = messages.Asked(
        order_number=order.number,
        ordered_on=clock.paris_date(order.placed_at),
        amount=formatting.money(order.total, order.currency),
        asked_at=request.requested_at,
        waits_for=request.waiting_for or "",
        earliest=request.earliest_at,
        deadline=request.deadline_at,
        delay_hours=settings.invoice_delay_hours,
        deadline_hours=settings.invoice_deadline_hours,
        made_out_to=(details.display_name, *page.address_lines(details)) if details and proven else (),
        purchase_order=(request.purchase_order or "") if proven else "",
    )
    return messages.request_received(heading, asked, order_url=_url("orders.show", number=order.number))


def _request_problem(heading: Heading, delivery: Delivery) -> EmailMessage:
    order = db.session.get_one(Order, delivery.order_id)
    invoice = issuing.current_invoice(order)
    return messages.request_problem(
        heading,
        order_number=order.number,
        ordered_on=clock.paris_date(order.placed_at),
        amount=formatting.money(order.total, order.currency),
        is_issued=invoice is not None and invoice.file is not None,
        area_url=_documents_url(delivery),
    )


def _request_cancelled(heading: Heading, delivery: Delivery) -> EmailMessage:
    order = db.session.get_one(Order, delivery.order_id)
    reason = invoicing.of_order(order.id).reason or ""
    url = _url("orders.show", number=order.number)
    return messages.request_cancelled(heading, order_number=order.number, reason=reason, order_url=url)


def _alert(heading: Heading, delivery: Delivery) -> EmailMessage:
    return messages.alert(heading, incidents.told_by(delivery), admin_url=_url("admin.index"))


def _test(heading: Heading, _delivery: Delivery) -> EmailMessage:
    return messages.test(heading)


def _document(delivery: Delivery) -> messages.Document:
    document = db.session.get_one(Document, delivery.document_id)
    said = issuing.frozen(document)
    return messages.Document(
        number=document.number,
        kind=said.kind,
        issued_on=said.issue_date,
        order_number=document.order.number,
        ordered_on=clock.paris_date(document.order.placed_at),
        amount=formatting.money(document.gross, document.currency),
        file_name=f"{document.number}.pdf",
        pdf=files.read(document) or b"",
        refers_to=said.refers_to.number if said.refers_to else "",
        reason=said.reason,
        repayment=_repayment(said),
        replaced_by=_replacement_of(document.invoice if isinstance(document, CreditNote) else document),
        for_company=said.buyer.kind == "company",
        is_orphan=document.order.erased_at is not None,
    )


def _repayment(said: Snapshot) -> messages.Repayment:
    """What a credit note does with the money; nothing for an invoice."""
    if said.settlement == "refund":
        return "due" if said.payment.left else "made"
    return "none" if said.settlement == "set_off" else ""


def _replacement_of(invoice: Document) -> str:
    replaced = isinstance(invoice, Invoice) and invoice.replaced_by
    return replaced.number if replaced else ""


def _documents_url(delivery: Delivery) -> str | None:
    return _url("invoices.index") if delivery.customer_id else None


def _url(endpoint: str, **values: str) -> str:
    return url_for(endpoint, _external=True, **values)


WRITERS: dict[str, Callable[[Heading, Delivery], EmailMessage]] = {
    "invoice": _invoice,
    "credit_note": _credit_note,
    "specimen": _specimen,
    "correction_declined": _correction_declined,
    "confirmation": _confirmation,
    "confirmation_reminder": _confirmation,
    "password_reset": _password_reset,
    "password_changed": _password_changed,
    "second_factor_changed": _second_factor_changed,
    "account_erased": _account_erased,
    "invitation": _invitation,
    "data_export": _data_export,
    "order_code": _order_code,
    "sign_in_code": _sign_in_code,
    "account_exists": _account_exists,
    "request_received": _request_received,
    "request_problem": _request_problem,
    "request_cancelled": _request_cancelled,
    "email_change": _email_change,
    "email_changed": _email_changed,
    "alert": _alert,
    "test": _test,
}
