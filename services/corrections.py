"""Corrections of issued invoices: a credit note over the wrong one, and another invoice in its place.

Address and own reference are corrected at once, by the customer's own press; whose invoice it is, an admin decides.
"""

from dataclasses import asdict, dataclass, fields

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

import config
from documents import cases
from documents.snapshot import Snapshot
from documents.words import words
from extensions import DomainError, db, transaction
from models import BillingDetails, Correction, CreditNote, Customer, Delivery, Invoice, Order
from parties import rules
from parties.details import Details
from services import crediting, history, invoicing, issuing, outbox, review

SELF_SERVICE = ("line1", "line2", "postal_code", "city")
CONTACT = ("first_name", "last_name")
"""Corrected at once too while it is a company's: they say who bought for it, not whose invoice it is."""

PURCHASE_ORDER = "purchase_order"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a corrected invoice would say; `changes` names the fields that differ from the invoice's.

    `immediate`: the customer's press is enough, no admin has to look at it.
    """

    invoice: Invoice
    details: Details
    purchase_order: str
    changes: tuple[str, ...]
    immediate: bool


def require_correctable(invoice: Invoice) -> None:
    """Raise DomainError, with the reason in French, when this invoice is not to be corrected (any more)."""
    pending = select(Correction.id).where(Correction.invoice_id == invoice.id, Correction.state == "requested")
    if db.session.scalar(pending) is not None:
        raise DomainError(_("Votre demande de correction de cette facture est déjà en cours d'examen."))
    _require_current(invoice)


def propose(invoice: Invoice, details: Details, purchase_order: str) -> Proposal:
    """Return what the corrected invoice would say and whether it comes at once; nothing is written.

    Raises DomainError when nothing changes, when the sale could not have been made to such a buyer, and as
    `require_correctable` does.
    """
    require_correctable(invoice)
    said, details = issuing.frozen(invoice), rules.normalise(details)
    purchase_order = " ".join(purchase_order.split())
    changes = _changed(rules.normalise(said.buyer), details)
    if purchase_order != said.order.purchase_order:
        changes += (PURCHASE_ORDER,)
    if not changes:
        raise DomainError(_("Rien ne change\u00a0: la facture dit déjà cela."))
    _require_fitting(said, details)
    free = {*SELF_SERVICE, PURCHASE_ORDER, *(CONTACT if details.kind == "company" else ())}
    immediate = set(changes) <= free and invoice.replaces_id is None
    return Proposal(invoice, details, purchase_order, changes, immediate)


def buyer_problems(said: Snapshot, details: Details) -> dict[str, str]:
    """Return what these details lack for the sale that was invoiced: a French sentence by field."""
    country, postal_code = (said.delivery.country, said.delivery.postal_code) if said.delivery else ("", "")
    return cases.buyer_problems(said.sale, said.seller, details, country=country, postal_code=postal_code)


def submit(invoice: Invoice, details: Details, purchase_order: str, customer: Customer) -> Correction:
    """Afterwards the invoice is replaced, or an admin is asked to; a second press gives the same correction.

    Replaced means: a credit note over all that is left of it, for which no money goes back, and an invoice of the same
    sale in its place, both mailed; the order bears the corrected details. Raises DomainError as `propose` does,
    NotTheirs when the order has left its account meanwhile.
    """
    invoice_id, order_id, customer_id, owner_id = invoice.id, invoice.order_id, customer.id, invoice.order.customer_id
    with transaction():
        order = invoicing.lock_order_of(owner_id, order_id)
        invoice = db.session.get_one(Invoice, invoice_id)
        same = _same(invoice, rules.normalise(details), " ".join(purchase_order.split()))
        if same is not None:
            return same
        proposal = propose(invoice, details, purchase_order)
        correction = Correction(
            invoice_id=invoice_id,
            customer_id=customer_id,
            state="requested",
            details=asdict(proposal.details),
            purchase_order=proposal.purchase_order,
        )
        db.session.add(correction)
        db.session.flush()
        history.record("correction.requested", order=order, customer=order.customer, detail=", ".join(proposal.changes))
        if proposal.immediate:
            _carry_out(correction, order)
    outbox.ring_documents(order_id)
    return correction


def accept(correction_id: int) -> bool:
    """Afterwards the invoice is replaced as the customer asked; False when that was decided already.

    Raises DomainError when there is nothing left to replace: the invoice was credited meanwhile.
    """
    with transaction():
        correction, order = _locked(correction_id)
        if correction.state != "requested":
            return False
        _require_current(correction.invoice)
        _carry_out(correction, order)
        order_id = order.id
    outbox.ring_documents(order_id)
    return True


def decline(correction_id: int, reason: str) -> bool:
    """Afterwards the invoice stays as it is, and the customer is told why; False when that was decided already.

    Raises DomainError without a reason.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > crediting.LONGEST_REASON:
        most = crediting.LONGEST_REASON
        raise DomainError(_("Indiquez au client le motif du refus, en %(count)s caractères au plus.", count=most))
    with transaction():
        correction, order = _locked(correction_id)
        if correction.state != "requested":
            return False
        correction.become("declined", reason=reason)
        told = Delivery(
            kind="correction_declined", recipient=correction.customer.email, customer=correction.customer, order=order
        )
        outbox.add(told, occasion=f"correction:{correction.id}:declined")
        history.record("correction.declined", order=order, customer=order.customer, detail=correction.invoice.number)
    outbox.ring(told)
    return True


def pending() -> list[Correction]:
    """Return the corrections that wait for an admin, the oldest first, each with its invoice and customer."""
    found = select(Correction).where(Correction.state == "requested").order_by(Correction.id)
    whose = (joinedload(Correction.invoice).joinedload(Invoice.order), joinedload(Correction.customer))
    return list(db.session.scalars(found.options(*whose)))


def told_by(mail: Delivery) -> Correction:
    """Return the correction whose refusal a mail tells: its occasion names it."""
    return db.session.get_one(Correction, int(mail.occasion.split(":")[1]))


def _require_current(invoice: Invoice) -> None:
    if not issuing.is_of_this_mode(invoice):
        raise DomainError(_("Un spécimen ne se corrige pas."))
    newer = db.session.scalar(select(Invoice.number).where(Invoice.replaces_id == invoice.id))
    if newer is not None:
        raise DomainError(_("Cette facture est déjà remplacée par la facture %(number)s.", number=newer))
    if issuing.left(invoice) <= 0:
        raise DomainError(_("Cette facture est entièrement créditée\u00a0: il n'y a plus rien à corriger."))


def _changed(before: Details, after: Details) -> tuple[str, ...]:
    return tuple(field.name for field in fields(Details) if getattr(before, field.name) != getattr(after, field.name))


def _require_fitting(said: Snapshot, details: Details) -> None:
    """Raise DomainError when an invoice of this sale could not have been made out to these details."""
    rule, wrong = config.current().tax_id_required, buyer_problems(said, details)
    if not rules.enough_for_invoice(details, rule):
        wrong = rules.problems(details, rule) | wrong
    if wrong:
        raise DomainError(next(iter(wrong.values())))


def _same(invoice: Invoice, details: Details, purchase_order: str) -> Correction | None:
    """Return the correction that says just this already, whether it is decided or waits."""
    live = select(Correction).where(Correction.invoice_id == invoice.id, Correction.state != "declined")
    found = db.session.scalar(live.execution_options(populate_existing=True))
    return found if found and (found.wanted, found.purchase_order) == (details, purchase_order) else None


def _locked(correction_id: int) -> tuple[Correction, Order]:
    """Return the correction as it is now and its order, held until the end of the transaction."""
    correction = db.session.get_one(Correction, correction_id)
    order = invoicing.lock_order(correction.invoice.order_id)
    db.session.refresh(correction)
    return correction, order


def _carry_out(correction: Correction, order: Order) -> None:
    """Afterwards the invoice is credited and replaced; inside the caller's transaction, which holds the order.

    What it was credited by before is stated on the new one again, so that of it too what is left is what was paid.
    """
    invoice, wanted = correction.invoice, correction.wanted
    found = select(CreditNote).where(CreditNote.credits_id == invoice.id).order_by(CreditNote.id)
    before = db.session.scalars(found).all()
    why = words(issuing.frozen(invoice).language).correction
    # The invoice's number before those of credit notes, as when one is issued: else two would wait for each other.
    current = issuing.replacement(
        invoice, wanted, correction.purchase_order, reason=why, occasion=f"correction:{correction.id}:invoice"
    )
    issuing.credit_note(
        invoice,
        None,
        reason=why,
        settlement="set_off",
        refunded_on=None,
        occasion=f"correction:{correction.id}:credit",
    )
    for note in before:
        issuing.restate(note, current, occasion=_occasion_on(note, current))
    order.billing = (order.billing or BillingDetails()).take(wanted)
    order.billing.edited_by_customer = True
    if request := invoicing.lock_request(order):
        request.purchase_order = correction.purchase_order or None
    correction.become("accepted")
    history.record("correction.accepted", order=order, customer=order.customer, detail=current.number)
    db.session.flush()
    review.renew(order)


def _occasion_on(note: CreditNote, current: Invoice) -> str:
    """A refund is known by its own name on each invoice, so that it is not credited again."""
    if note.occasion.startswith("refund:"):
        ref = note.occasion.removeprefix("refund:").rpartition(":on:")[0]
        return crediting.refund_occasion(ref, current)
    return f"restated:{note.id}:on:{current.id}"
