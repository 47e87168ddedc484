"""Documents issued: the one place where a number is taken and content is frozen, in one transaction.

There is no number without a document, nor the reverse (CGI ann. II art. 242 nonies A). Every function here runs inside
the caller's transaction, which holds the order.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Literal, TypeVar

from flask import current_app
from sqlalchemy import select

import clock
import config
import storage
from documents import snapshot
from documents.credits import Credit
from documents.seller import Seller, Sellers
from documents.snapshot import DeliveryAddress, OrderFacts, Snapshot
from documents.totals import ZERO, Totals
from documents.words import LANGUAGES, words
from extensions import db
from models import FIRST_LINK, CreditNote, Delivery, Document, Invoice, InvoiceRequest, Milestone, Order
from parties.details import Details
from services import history, ledger, numbering, outbox
from services.numbering import Number
from services.orders import amendment_of, exchange_rate_of, sale_of

D = TypeVar("D", bound=Document)


class WrongMode(Exception):
    """Live documents were issued, and the installation is now on trial, or would number otherwise than they are."""


def require_mode() -> None:
    """Raise WrongMode when documents exist that `ISSUE_MODE`, the prefixes or `FIRST_NUMBER` would not have made."""
    settings = config.current()
    if db.session.get(Milestone, "live") is None:
        return
    if not settings.live:
        raise WrongMode("ISSUE_MODE is trial, but live invoices have been issued: the switch to live is one-way.")
    prefixes = {
        "INVOICE_PREFIX": (Invoice, settings.invoice_prefix),
        "CREDIT_PREFIX": (CreditNote, settings.credit_prefix),
    }
    for name, (model, prefix) in prefixes.items():
        latest = db.session.scalar(
            select(model.series).where(model.trial.is_(False)).order_by(model.id.desc()).limit(1)
        )
        if latest is not None and latest.rpartition("-")[0] != prefix:
            raise WrongMode(
                f"{name} is {prefix}, but documents have been issued in the series {latest}: the first has locked it."
            )
    first = db.session.scalar(select(Invoice.sequence).where(Invoice.trial.is_(False)).order_by(Invoice.id).limit(1))
    if first not in (None, settings.first_number):
        raise WrongMode(f"FIRST_NUMBER is {settings.first_number}, but the first invoice took {first}: it is locked.")


def require_latest() -> None:
    """Raise WrongMode when documents were issued that the database does not know, whose numbers it would give again.

    Each process looks once: a database is restored while nothing runs.
    """
    if current_app.extensions.get("has_latest_numbers") or not config.current().live:
        return
    if lost := ledger.lost():
        raise WrongMode(
            f"{lost[-1]} lies in the documents folder and the database has not given it: it is an older copy, and "
            "would give that number again. See « Backup and restore » in docs/operations.md."
        )
    current_app.extensions["has_latest_numbers"] = True


def invoice(request: InvoiceRequest, order: Order, details: Details) -> Invoice:
    """Afterwards the request has its invoice, numbered and frozen."""
    number = _take("invoice")
    trial = not config.current().live
    content = snapshot.build(
        number=number.text,
        issue_date=number.date,
        trial=trial,
        language=_language(order),
        seller=seller_of(order, number.date),
        buyer=details,
        buyer_email=request.recipient,
        order=_facts(order),
        purchase_order=request.purchase_order or "",
    )
    issued = Invoice(occasion=f"request:{request.id}{':trial' if trial else ''}", request_id=request.id)
    return _write_sale(issued, number, content, order)


def credit_note(
    invoice: Invoice,
    wanted: Credit | None,
    *,
    reason: str,
    settlement: Literal["refund", "set_off"],
    refunded_on: date | None,
    occasion: str,
) -> CreditNote:
    """Afterwards the invoice is credited by what is wanted (None: all that is left), and the mail is in the outbox.

    `reason` is printed. Raises documents.credits.ExceedsInvoice when more is wanted than is left of the invoice.
    """
    _require_same_mode(invoice)
    credited, number = frozen(invoice), _take("credit_note", not_before=invoice.issue_date)
    content = snapshot.credit(
        credited,
        number=number.text,
        issue_date=number.date,
        seller=seller_of(invoice.order, number.date),
        earlier=earlier_credits(invoice),
        wanted=wanted,
        reason=reason,
        settlement=settlement,
        refunded_on=refunded_on,
    )
    issued = CreditNote(occasion=occasion, request_id=invoice.request_id, credits_id=invoice.id)
    _write(issued, number, content, invoice.order)
    mail(issued)
    return issued


def replacement(invoice: Invoice, buyer: Details, purchase_order: str, *, reason: str, occasion: str) -> Invoice:
    """Afterwards another invoice of the same sale stands in this one's place, and its mail is in the outbox."""
    _require_same_mode(invoice)
    replaced, number = frozen(invoice), _take("invoice")
    content = snapshot.replacement(
        replaced,
        number=number.text,
        issue_date=number.date,
        seller=seller_of(invoice.order, number.date),
        buyer=buyer,
        purchase_order=purchase_order,
        reason=reason,
        shipping_address=replaced.delivery or _shipping_address(invoice.order),
    )
    issued = Invoice(occasion=occasion, request_id=invoice.request_id, replaces_id=invoice.id)
    _write(issued, number, content, invoice.order)
    mail(issued)
    return issued


def reinvoice(invoice: Invoice, order: Order, *, reason: str, occasion: str) -> Invoice:
    """Afterwards an invoice of what the order comes to now stands in this one's place, made out to the same buyer.

    Its mail is in the outbox.
    """
    _require_same_mode(invoice)
    replaced, number, facts = frozen(invoice), _take("invoice"), _facts(order)
    content = snapshot.build(
        number=number.text,
        issue_date=number.date,
        trial=invoice.trial,
        language=replaced.language,
        seller=seller_of(order, number.date),
        buyer=replaced.buyer,
        buyer_email=replaced.buyer_email,
        order=replace(facts, shipping_address=replaced.delivery) if order.erased_at else facts,
        purchase_order=replaced.order.purchase_order,
        refers_to=snapshot.Reference(invoice.number, invoice.issue_date),
        reason=reason,
    )
    issued = Invoice(occasion=occasion, request_id=invoice.request_id, replaces_id=invoice.id)
    _write_sale(issued, number, content, order)
    mail(issued)
    return issued


def restate(note: CreditNote, invoice: Invoice, *, occasion: str) -> CreditNote:
    """Afterwards the invoice bears the same credit note as the one that it replaces, and its mail is in the outbox."""
    said, number = frozen(note), _take("credit_note", not_before=invoice.issue_date)
    content = snapshot.restated(
        said,
        frozen(invoice),
        number=number.text,
        issue_date=number.date,
        seller=seller_of(invoice.order, number.date),
        reason=words(said.language).restated.format(number=note.number, reason=said.reason),
    )
    issued = CreditNote(occasion=occasion, request_id=invoice.request_id, credits_id=invoice.id)
    _write(issued, number, content, invoice.order)
    mail(issued)
    return issued


def mail(document: Document, *, again: int = 0) -> Delivery:
    """Put the document's mail into the outbox; a trial document goes to the merchant only.

    `again` is how many of its mails there are already.
    """
    request = db.session.get_one(InvoiceRequest, document.request_id)
    delivery = Delivery(
        kind="specimen" if document.trial else document.kind,
        recipient=recipient_of(document, request),
        customer_id=request.customer_id,
        order_id=document.order_id,
        document_id=document.id,
    )
    return outbox.add(delivery, occasion=f"document:{document.id}{f':resend:{again}' if again else ''}")


def recipient_of(document: Document, request: InvoiceRequest) -> str:
    """Return where the document's mail goes: to the merchant on trial, and once the customer had their data erased."""
    own = not document.trial and request.order.erased_at is None
    return request.recipient if own else config.current().alert_emails[0]


def current_invoice(order: Order) -> Invoice | None:
    """Return the invoice of the order that counts in the present mode: the first, or the last that replaced one."""
    found = select(Invoice).where(Invoice.order_id == order.id, Invoice.trial.is_(not config.current().live))
    return db.session.scalar(found.order_by(Invoice.id.desc()).limit(1))


def frozen(document: Document) -> Snapshot:
    """Return what a document says, as it was issued."""
    return snapshot.from_json(document.snapshot)


def earlier_credits(invoice: Invoice) -> Sequence[Totals]:
    """Return the amounts of the credit notes that an invoice already has, oldest first."""
    found = select(CreditNote).where(CreditNote.credits_id == invoice.id).order_by(CreditNote.id)
    return [frozen(each).totals for each in db.session.scalars(found)]


def left(invoice: Invoice) -> Decimal:
    """Return what of the invoice is not credited yet, TTC."""
    credited = db.session.scalars(select(CreditNote.gross).where(CreditNote.credits_id == invoice.id))
    return invoice.gross - sum(credited, ZERO)


def is_of_this_mode(document: Document) -> bool:
    """Whether the document was issued in the mode that the installation is in: once live, no specimen counts."""
    return document.trial is not config.current().live


def seller_of(order: Order, day: date | None = None) -> Seller:
    """Return who sells on `day` (today), under the VAT regime of the order's own day."""
    sellers: Sellers = current_app.extensions["sellers"]
    return sellers.at(day or clock.paris_date(clock.now()), regime_on=clock.paris_date(order.placed_at))


def _require_same_mode(invoice: Invoice) -> None:
    if not is_of_this_mode(invoice):
        raise WrongMode(f"{invoice.number} was issued in the other mode: nothing corrects it in this one.")


def _take(kind: Literal["invoice", "credit_note"], not_before: date = date.min) -> Number:
    """Take the next number of the present mode; a credit note is never dated before the invoice that it is about."""
    require_mode()
    require_latest()
    settings = config.current()
    if not settings.live:
        prefix, first = (config.TRIAL_PREFIX if kind == "invoice" else config.TRIAL_CREDIT_PREFIX), 1
    elif kind == "invoice":
        prefix, first = settings.invoice_prefix, settings.first_number
    else:
        prefix, first = settings.credit_prefix, 1
    number = numbering.take(prefix, clock.now(), first=first, not_before=not_before)
    if settings.live and db.session.get(Milestone, "live") is None:
        db.session.add(Milestone(name="live"))
    return number


def _write(document: D, number: Number, content: Snapshot, order: Order) -> D:
    """Freeze the content in the document's row and chain it to the one before it in its series.

    The caller has taken the number, so the counter's row is ours until the commit: nobody comes in between.
    """
    text = snapshot.to_json(content)
    before = db.session.scalar(
        select(Document).where(Document.series == number.series).order_by(Document.sequence.desc()).limit(1)
    )
    document.order_id = order.id
    document.number, document.series, document.sequence = number.text, number.series, number.sequence
    document.trial = content.trial
    document.issue_date, document.issued_at = content.issue_date, clock.now()
    document.currency = content.currency
    document.net, document.vat, document.gross = content.totals.net, content.totals.vat, content.totals.gross
    document.snapshot, document.snapshot_sha256 = text, storage.digest(text.encode())
    document.previous_sha256 = before.link if before else FIRST_LINK
    db.session.add(document)
    history.record(f"{document.kind}.issued", order=order, customer=order.customer, detail=number.text)
    db.session.flush()
    return document


def _write_sale(document: Invoice, number: Number, content: Snapshot, order: Order) -> Invoice:
    """Write an invoice of the order as it stands; the audit says when that is not what the shop charged."""
    _write(document, number, content, order)
    if amendment := amendment_of(order):
        history.record("invoice.amended", order=order, detail=f"{number.text}: {amendment.decision}")
    return document


def _language(order: Order) -> str:
    """The language that the customer bought in, where documents have it; else French."""
    wanted = order.locale[:2].lower()
    return wanted if wanted in LANGUAGES else "fr"


def _facts(order: Order) -> OrderFacts:
    """Return what the document says about the order, as a value that no later change can reach."""
    return OrderFacts(
        number=order.number,
        placed_at=order.placed_at,
        sale=sale_of(order),
        currency=order.currency,
        exchange_rate=exchange_rate_of(order),
        paid_at=order.paid_at,
        paid_amount=order.paid_amount,
        payment_method=order.payment_method,
        shipped_at=order.shipped_at,
        delivered_at=order.delivered_at,
        shipping_address=_shipping_address(order),
    )


def _shipping_address(order: Order) -> DeliveryAddress | None:
    """Return where the order went, None once it was erased: what is left then is no address."""
    return DeliveryAddress(**order.shipping_address) if order.shipping_address and not order.erased_at else None
