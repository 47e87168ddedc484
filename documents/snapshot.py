"""A document's frozen content: everything it says, copied at issue, so that nothing that changes later changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from documents import canonical, cases, credits, formatting, mentions, renderer, totals
from documents.credits import Credit
from documents.mentions import Nature
from documents.seller import Seller
from documents.totals import ZERO, Sale, Totals
from parties.details import Details

PARIS = ZoneInfo("Europe/Paris")

METHODS = {
    "card": "par carte bancaire",
    "paypal": "par PayPal",
    "transfer": "par virement",
    "bank_transfer": "par virement",
    "direct_debit": "par prélèvement",
    "cheque": "par chèque",
    "cash": "en espèces",
    "gift_card": "par carte cadeau",
    "voucher": "par carte cadeau",
    "apple_pay": "par Apple Pay",
    "google_pay": "par Google Pay",
}


@dataclass(frozen=True, slots=True)
class DeliveryAddress:
    """Where the goods went."""

    name: str = ""
    line1: str = ""
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = "FR"


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What a document takes from its order, as the shop sent it; moments are aware.

    `exchange_rate` is euros for one unit of `currency`; `paid_amount` None means « all of it, if `paid_at` is set ».
    """

    number: str
    placed_at: datetime
    sale: Sale
    currency: str = "EUR"
    exchange_rate: Decimal | None = None
    paid_at: datetime | None = None
    paid_amount: Decimal | None = None
    payment_method: str = ""
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    shipping_address: DeliveryAddress | None = None


@dataclass(frozen=True, slots=True)
class OrderReference:
    """The order as the document names it; dates are days in Europe/Paris."""

    number: str
    placed_on: date
    shipped_on: date | None
    delivered_on: date | None
    purchase_order: str


@dataclass(frozen=True, slots=True)
class Reference:
    """An earlier document that this one names, by number and date (BG-3, BR-FR-CO-05)."""

    number: str
    issue_date: date


@dataclass(frozen=True, slots=True)
class Payment:
    """What was paid of this document, how and when, and what is left; `due_on` is the day of payment once all is.

    Of a credit note: what was paid back. « set off » ones pay nothing back, since a new invoice takes their place.
    """

    words: str
    paid_on: date | None
    paid: Decimal
    left: Decimal
    due_on: date | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One document. `delivery` is None where it is the buyer's address, `vat_in_euros` of documents in euros.

    `refers_to` is the invoice that a credit note credits, or that an invoice replaces; `reason` says why, in words that
    the document prints. What came later than the first release has a default: documents of then are read as well.
    """

    number: str
    kind: Literal["invoice", "credit_note"]
    issue_date: date
    language: str
    trial: bool
    renderer: str
    seller: Seller
    buyer: Details
    delivery: DeliveryAddress | None
    order: OrderReference
    currency: str
    exchange_rate: Decimal | None
    vat_in_euros: Decimal | None
    sale: Sale
    totals: Totals
    payment: Payment
    nature: Nature
    mentions: tuple[str, ...]
    buyer_email: str = ""
    refers_to: Reference | None = None
    reason: str = ""
    settlement: Literal["payment", "refund", "set_off"] = "payment"


def build(
    *,
    number: str,
    issue_date: date,
    trial: bool,
    language: str,
    seller: Seller,
    buyer: Details,
    order: OrderFacts,
    purchase_order: str = "",
    buyer_email: str = "",
    refers_to: Reference | None = None,
    reason: str = "",
) -> Snapshot:
    """Freeze one invoice. Nothing is read but the arguments: no clock, no settings.

    `refers_to` is the invoice whose place it takes because the order has changed since, `reason` says so.
    Raises totals.DoesNotAddUp when the order's figures contradict each other, and ValueError for another currency
    without its exchange rate (BR-FR-CO-12) or goods to another member state without their day (BR-IC-11).
    """
    sale = cases.effective(order.sale, seller)
    amounts = totals.compute(sale)
    if order.currency != "EUR" and not order.exchange_rate:
        raise ValueError(f"order {order.number} is in {order.currency} without an exchange rate")
    if not (order.shipped_at or order.delivered_at) and any(row.category == "K" for row in amounts.rates):
        raise ValueError(f"order {order.number} goes to another member state on no known day")
    return _with_mentions(
        Snapshot(
            number=number,
            kind="invoice",
            issue_date=issue_date,
            language=language,
            trial=trial,
            renderer=renderer.fingerprint(),
            seller=seller,
            buyer=buyer,
            delivery=_delivery(order.shipping_address, buyer),
            order=OrderReference(
                number=order.number,
                placed_on=_day(order.placed_at),
                shipped_on=_day(order.shipped_at) if order.shipped_at else None,
                delivered_on=_day(order.delivered_at) if order.delivered_at else None,
                purchase_order=purchase_order,
            ),
            currency=order.currency,
            exchange_rate=order.exchange_rate,
            vat_in_euros=_in_euros(order.currency, order.exchange_rate, amounts.vat),
            sale=sale,
            totals=amounts,
            payment=_payment(order, amounts.gross, issue_date, seller.terms.days),
            nature=nature_of(sale),
            mentions=(),
            buyer_email=buyer_email,
            refers_to=refers_to,
            reason=reason,
        )
    )


def credit(
    invoice: Snapshot,
    *,
    number: str,
    issue_date: date,
    seller: Seller,
    earlier: Sequence[Totals],
    wanted: Credit | None,
    reason: str,
    settlement: Literal["refund", "set_off"],
    refunded_on: date | None,
) -> Snapshot:
    """Freeze a credit note of `invoice`, after those with the totals `earlier`; `wanted` None is all that is left.

    It keeps the invoice's buyer, rates, currency and language (CGI art. 272, 1; art. 289, I-5; BR-FR-CO-05). `seller`
    is who sells on `issue_date`, under the VAT regime of the order; `refunded_on` None: the money of a refund has
    still to go back. Raises what credits.compute raises.
    """
    sale, amounts = credits.compute(invoice, earlier, wanted)
    before = sum((each.vat for each in earlier), ZERO)
    in_euros = [_in_euros(invoice.currency, invoice.exchange_rate, vat) for vat in (before, before + amounts.vat)]
    return _with_mentions(
        replace(
            invoice,
            number=number,
            kind="credit_note",
            issue_date=issue_date,
            renderer=renderer.fingerprint(),
            seller=seller,
            # Cumulated, so that all credit notes of an invoice come to its euros as well.
            vat_in_euros=None if in_euros[0] is None or in_euros[1] is None else in_euros[1] - in_euros[0],
            sale=sale,
            totals=amounts,
            payment=_repayment(invoice.payment.words, amounts.gross, issue_date, settlement, refunded_on),
            refers_to=Reference(invoice.number, invoice.issue_date),
            reason=reason,
            settlement=settlement,
        )
    )


def replacement(
    invoice: Snapshot,
    *,
    number: str,
    issue_date: date,
    seller: Seller,
    buyer: Details,
    purchase_order: str,
    reason: str,
    shipping_address: DeliveryAddress | None = None,
) -> Snapshot:
    """Freeze the invoice that takes the place of one made out wrongly: same sale, amounts, order and payment.

    `shipping_address` is where the goods went: an invoice keeps it only where it is not the buyer's, who now changes
    (décret 2022-1299); None is what the invoice says (CGI art. 289, I-5: it names the invoice it corrects).
    """
    return _with_mentions(
        replace(
            invoice,
            number=number,
            issue_date=issue_date,
            renderer=renderer.fingerprint(),
            seller=seller,
            buyer=buyer,
            delivery=_delivery(shipping_address or invoice.delivery, buyer),
            order=replace(invoice.order, purchase_order=purchase_order),
            refers_to=Reference(invoice.number, invoice.issue_date),
            reason=reason,
        )
    )


def restated(
    credit: Snapshot, invoice: Snapshot, *, number: str, issue_date: date, seller: Seller, reason: str
) -> Snapshot:
    """Freeze a credit note once more, on the `invoice` that replaces the one it credits: same lines, amounts, money.

    The replacement is over the whole sale, so that without it more would seem to have been paid than was.
    """
    return _with_mentions(
        replace(
            credit,
            number=number,
            issue_date=issue_date,
            renderer=renderer.fingerprint(),
            seller=seller,
            buyer=invoice.buyer,
            delivery=invoice.delivery,
            order=invoice.order,
            refers_to=Reference(invoice.number, invoice.issue_date),
            reason=reason,
        )
    )


def to_json(snapshot: Snapshot) -> str:
    """The snapshot as canonical JSON; equal snapshots give equal texts."""
    return canonical.dumps(snapshot)


def from_json(text: str) -> Snapshot:
    """The snapshot that `to_json` wrote."""
    return canonical.loads(Snapshot, text)


def nature_of(sale: Sale) -> Nature:
    """Goods, services or both (décret 2022-1299, BT-23); shipping and fees follow what they were charged for.

    A gift card sold without VAT is neither; its carriage is then a service of its own (CGI art. 256 ter).
    """
    sold = {line.kind for line in sale.lines if line.kind != "voucher" or line.vat_rate}
    if "service" in sold:
        return "mixed" if sold & {"goods", "voucher"} else "services"
    if any(line.kind == "voucher" for line in sale.lines) and not sold & {"goods", "voucher"}:
        return "services" if any(line.amount for line in sale.lines if line.kind in sold) else "voucher"
    return "goods"


def payment_words(method: str) -> str:
    """How it was paid, in French, « par carte bancaire »; a method we have no words for stays as the shop names it."""
    known = METHODS.get(method.strip().lower().replace("-", "_").replace(" ", "_"))
    return known or (f"({method.strip()})" if method.strip() else "")


def _payment(order: OrderFacts, gross: Decimal, issue_date: date, days: int) -> Payment:
    """What was paid beyond the total is not of this document, so that what is left follows from what it shows (BT-115).

    Companies read the due date in any case (Code de commerce L441-9); of what is paid it is that day (BR-FR-CO-09).
    """
    received = order.paid_amount if order.paid_amount is not None else (gross if order.paid_at else ZERO)
    paid = min(received, gross)
    paid_on = _day(order.paid_at) if order.paid_at else None
    return Payment(
        words=payment_words(order.payment_method),
        paid_on=paid_on,
        paid=paid,
        left=gross - paid,
        due_on=(paid_on or issue_date) if paid == gross else issue_date + timedelta(days=days),
    )


def _repayment(
    words: str, gross: Decimal, issue_date: date, settlement: Literal["refund", "set_off"], refunded_on: date | None
) -> Payment:
    """What a credit note settles (BT-113, BT-115): all of it once the money is back, or where a new invoice counts."""
    if settlement == "set_off":
        return Payment(words="", paid_on=None, paid=gross, left=ZERO, due_on=issue_date)
    paid = gross if refunded_on else ZERO
    return Payment(words=words, paid_on=refunded_on, paid=paid, left=gross - paid, due_on=refunded_on or issue_date)


def _with_mentions(document: Snapshot) -> Snapshot:
    """The document with the legal texts that its own day and content want."""
    place = document.delivery or document.buyer
    case = mentions.Case(
        trial=document.trial,
        buyer_is_company=document.buyer.kind == "company",
        vat_regime=document.seller.vat_regime,
        terms=document.seller.terms,
        nature=document.nature,
        reasons=frozenset((row.category, row.exemption) for row in document.totals.rates),
        to_overseas=cases.is_sent_overseas(document.seller, place.country, place.postal_code),
        credit_note=document.kind == "credit_note",
    )
    return replace(document, mentions=mentions.applying(case, document.issue_date))


def _in_euros(currency: str, exchange_rate: Decimal | None, amount: Decimal) -> Decimal | None:
    return None if currency == "EUR" or exchange_rate is None else formatting.rounded(amount * exchange_rate)


def _delivery(address: DeliveryAddress | None, buyer: Details) -> DeliveryAddress | None:
    """The delivery address where it is not the buyer's own (décret 2022-1299)."""
    if address is None or not (address.line1 or address.city):
        return None
    mine = (buyer.display_name, buyer.line1, buyer.line2, buyer.postal_code, buyer.city, buyer.country)
    theirs = (address.name or mine[0], address.line1, address.line2, address.postal_code, address.city, address.country)
    return None if [_key(text) for text in mine] == [_key(text) for text in theirs] else address


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


def _day(moment: datetime) -> date:
    """The day in France; raises ValueError for a moment that names no time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone")
    return moment.astimezone(PARIS).date()
