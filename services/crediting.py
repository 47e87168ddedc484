"""Credit notes: one for each refund of an order that is invoiced, and those that an admin decides."""

from collections.abc import Iterable
from decimal import Decimal

from flask_babel import gettext as _
from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

import clock
import config
from documents import cases, credits, formatting
from documents.credits import Credit, LineCredit
from documents.snapshot import Snapshot
from documents.words import words
from extensions import DomainError, db, transaction
from models import AuditEntry, CreditNote, Invoice, Order, Refund
from services import history, invoicing, issuing, outbox, review
from services.orders import sale_of

LONGEST_REASON = 300
MOST_AT_ONCE = 100  # Orders that one sweep settles: the next takes the others.


def settle_refunds(order: Order) -> list[CreditNote]:
    """Afterwards every refund of the order is credited on its current invoice; return the credit notes that are new.

    Inside the caller's transaction, which holds the order. A refund is credited once, on the lines it names while the
    order's lines are still the invoice's, else spread over the rates; never more than is left of the invoice. What was
    spread and what is not credited stands in the audit. Nothing happens before there is an invoice.
    """
    invoice = issuing.current_invoice(order) if order.refunds else None
    if invoice is None:
        return []
    found = select(CreditNote.occasion, CreditNote.gross).where(CreditNote.credits_id == invoice.id)
    credited = {row.occasion: row.gross for row in db.session.execute(found)}
    issued = []
    for refund in sorted(order.refunds, key=lambda each: (each.at, each.ref)):
        occasion = refund_occasion(refund.ref, invoice)
        if occasion not in credited and (note := _credit_refund(refund, invoice, order, occasion)):
            credited[occasion] = note.gross
            issued.append(note)
        if credited.get(occasion) != refund.amount:
            said = f"{refund.ref}: {refund.amount}, {invoice.number}: {credited.get(occasion, 0)}"
            _note_once("refund.not_credited", order, said)
    return issued


def settle_forgotten() -> None:
    """Afterwards refunds of invoices without any credit note are credited: those from before there were credit notes.

    Whatever a shop sends is settled as it arrives. The sweep sends the mails.
    """
    live, note = config.current().live, aliased(CreditNote)
    counts = (Invoice.trial.is_not(live), Invoice.gross > 0, ~exists().where(note.credits_id == Invoice.id))
    found = select(Refund.order_id).join(Invoice, Invoice.order_id == Refund.order_id).where(*counts).distinct()
    for order_id in db.session.scalars(found.order_by(Refund.order_id).limit(MOST_AT_ONCE)).all():
        with transaction():
            order = invoicing.lock_order(order_id)
            settle_refunds(order)
            review.renew(order)


def credit(invoice: Invoice, *, amount: Decimal | None, reason: str, refund: bool, shown: int) -> CreditNote | None:
    """Afterwards the invoice is credited by this amount (TTC; None: by all that is left), and the mail is on its way.

    `reason` is printed as it is written. With `refund` the document says that the money has still to go back, else
    that nothing is refunded. `shown` is the number of the invoice's credit notes that the admin saw: when there are
    more by now somebody has pressed already, and nothing is done (None). Raises DomainError when it cannot be credited.
    """
    invoice_id, order_id = invoice.id, invoice.order_id
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise DomainError(_("Indiquez le motif de l'avoir, en %(count)s caractères au plus.", count=LONGEST_REASON))
    with transaction():
        order = invoicing.lock_order(order_id)
        invoice = db.session.get_one(Invoice, invoice_id)
        if _count(invoice) != shown:
            return None
        _require_creditable(invoice, amount)
        note = issuing.credit_note(
            invoice,
            None if amount is None else Credit(amount),
            reason=reason,
            settlement="refund" if refund else "set_off",
            refunded_on=None,
            occasion=f"credit:{invoice.id}:{shown + 1}",
        )
        review.renew(order)
    outbox.ring_documents(order_id)
    return note


def refund_occasion(ref: str, invoice: Invoice) -> str:
    """Name the reason for which a refund is credited on this invoice, once."""
    return f"refund:{ref}:on:{invoice.id}"


def _credit_refund(refund: Refund, invoice: Invoice, order: Order, occasion: str) -> CreditNote | None:
    said = issuing.frozen(invoice)
    remainder = credits.left(said.totals, issuing.earlier_credits(invoice))
    if remainder.gross <= 0:
        return None
    wanted = None
    if refund.amount < remainder.gross:
        lines = _named_lines(refund, said, order)
        wanted = Credit(refund.amount, lines)
        if len(remainder.rates) > 1 and sum((line.amount for line in lines), Decimal(0)) != refund.amount:
            history.record("refund.spread", order=order, customer=order.customer, detail=refund.ref)
    return issuing.credit_note(
        invoice,
        wanted,
        reason=words(said.language).refund,
        settlement="refund",
        refunded_on=clock.paris_date(refund.at),
        occasion=occasion,
    )


def _named_lines(refund: Refund, said: Snapshot, order: Order) -> tuple[LineCredit, ...]:
    """Return the lines that a refund names, none once the order's lines are no longer the invoice's."""
    if cases.effective(sale_of(order), said.seller).lines != said.sale.lines:
        return ()
    return tuple(_line_credits(refund.lines))


def _line_credits(lines: Iterable[dict[str, str]]) -> Iterable[LineCredit]:
    for line in lines:
        yield LineCredit(int(line["line"]), Decimal(line["quantity"]), Decimal(line["amount"]))


def _require_creditable(invoice: Invoice, amount: Decimal | None) -> None:
    if not issuing.is_of_this_mode(invoice):
        raise DomainError(_("Un spécimen ne se crédite pas."))
    remainder = issuing.left(invoice)
    if remainder <= 0:
        raise DomainError(_("La facture %(number)s est déjà entièrement créditée.", number=invoice.number))
    if amount is not None and not 0 < amount <= remainder:
        most = formatting.money(remainder, invoice.currency)
        raise DomainError(_("Indiquez un montant de 0,01 à %(most)s TTC\u00a0: il ne reste pas plus.", most=most))


def _count(invoice: Invoice) -> int:
    found = select(func.count()).select_from(CreditNote).where(CreditNote.credits_id == invoice.id)
    return db.session.scalar(found) or 0


def _note_once(action: str, order: Order, detail: str) -> None:
    """Add a row to the audit unless it is there: a shop sends the same refunds with every version."""
    same = (AuditEntry.order_id == order.id, AuditEntry.action == action, AuditEntry.detail == detail)
    if db.session.scalar(select(AuditEntry.id).where(*same).limit(1)) is None:
        history.record(action, order=order, customer=order.customer, detail=detail)
        db.session.flush()
