"""An order that its shop changed after the invoice: a credit note over that one, and an invoice of what it is now."""

from dataclasses import dataclass
from decimal import Decimal

from flask_babel import gettext as _
from sqlalchemy import select

from documents import cases
from documents.credits import Credit
from documents.totals import ZERO, Totals
from documents.words import words
from extensions import DomainError, db, transaction
from models import CreditNote, Invoice, Order
from services import crediting, history, invoicing, issuing, outbox, review
from services.orders import sale_of


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one press would issue: a credit note of `credited` over `invoice`, and an invoice of `amounts`.

    `refunded` is what went back to the customer and is credited on the new one again; all of it TTC.
    """

    invoice: Invoice
    credited: Decimal
    amounts: Totals
    refunded: Decimal

    @property
    def left(self) -> Decimal:
        """What is charged in the end."""
        return self.amounts.gross - self.refunded


def proposal(order: Order) -> Proposal | None:
    """Return what would bring the documents and the order together; None while nothing would, or could."""
    amounts, invoice = review.changed_amounts(order), order.issued_invoice
    if invoice is None or amounts is None or _obstacles(order, invoice):
        return None
    refunded = order.refunded_amount + sum((note.gross for note in _paid_back_by_hand(invoice)), ZERO)
    return Proposal(invoice, issuing.left(invoice), amounts, min(refunded, amounts.gross))


def carry_out(order: Order, shown: int) -> bool:
    """Afterwards the invoice `shown` is credited and one of what the order comes to now stands in its place.

    Both are mailed. Of the invoice all that is left is credited, for which no money goes back; what did go back is
    credited on the new one, so that what is left there is what was paid. False when it was done already, or when the
    shop has taken its change back. Raises DomainError while the order's own figures do not stand.
    """
    order_id = order.id
    with transaction():
        order = invoicing.lock_order(order_id)
        invoice = issuing.current_invoice(order)
        if invoice is None or invoice.id != shown or review.changed_amounts(order) is None:
            return False
        if obstacles := _obstacles(order, invoice):
            raise DomainError(obstacles[0])
        _replace(invoice, order)
        review.renew(order)
    outbox.ring_documents(order_id)
    return True


def _replace(invoice: Invoice, order: Order) -> None:
    """Issue both; inside the caller's transaction, which holds the order."""
    by_hand, why = _paid_back_by_hand(invoice), words(issuing.frozen(invoice).language)
    # The invoice's number before those of credit notes, as when one is issued: else two would wait for each other.
    current = issuing.reinvoice(invoice, order, reason=why.amounts_changed, occasion=f"reinvoice:{invoice.id}:invoice")
    if issuing.left(invoice) > 0:
        issuing.credit_note(
            invoice,
            None,
            reason=why.amounts_changed,
            settlement="set_off",
            refunded_on=None,
            occasion=f"reinvoice:{invoice.id}:credit",
        )
    for note in by_hand:
        _repeat(note, current)
    history.record("invoice.replaced", order=order, customer=order.customer, detail=current.number)
    db.session.flush()
    db.session.refresh(order, ["documents"])
    crediting.settle_refunds(order)


def _repeat(note: CreditNote, current: Invoice) -> None:
    """Credit on the new invoice what an admin has paid back, as far as it goes: its lines may be others."""
    said, amount = issuing.frozen(note), min(note.gross, issuing.left(current))
    if amount <= 0:
        return
    issuing.credit_note(
        current,
        Credit(amount),
        reason=words(said.language).restated.format(number=note.number, reason=said.reason),
        settlement="refund",
        refunded_on=said.payment.paid_on,
        occasion=f"restated:{note.id}:on:{current.id}",
    )


def _paid_back_by_hand(invoice: Invoice) -> list[CreditNote]:
    """Return the credit notes for money that went back outside the shop: it will not send these refunds again."""
    found = select(CreditNote).where(CreditNote.credits_id == invoice.id).order_by(CreditNote.id)
    notes = [note for note in db.session.scalars(found) if not note.occasion.startswith("refund:")]
    return [note for note in notes if issuing.frozen(note).settlement == "refund"]


def _obstacles(order: Order, invoice: Invoice) -> list[str]:
    """Return why what the order comes to now cannot be invoiced: nothing when it can."""
    settled = (order.amendment or {}).get("settled", ())
    found = [reason for reason in review.unsound(order) if reason not in settled]
    said, place = issuing.frozen(invoice), order.shipping_address or {}
    wrong = cases.buyer_problems(
        sale_of(order),
        issuing.seller_of(order),
        said.buyer,
        country=place.get("country", ""),
        postal_code=place.get("postal_code", ""),
    )
    if order.total <= 0:
        found.append(_("Rien n'est plus facturé pour cette commande\u00a0: établissez un avoir."))
    return [*found, *wrong.values()]
