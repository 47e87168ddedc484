"""Why a person has to look at an order (« à vérifier »): sums, VAT, and what the shop changed after the invoice."""

from decimal import Decimal

from flask_babel import gettext as _

from documents import cases, formatting, totals
from documents.totals import ZERO, Totals
from models import Invoice, Order
from services import history, issuing
from services.orders import amendment_of, exchange_rate_of, sale_of


def renew(order: Order) -> None:
    """Afterwards the order says why a person has to look at it, or that nobody has; inside the caller's transaction.

    What an admin decided answers the reasons of then, and lapses once the shop charges anything else.
    """
    amendment = amendment_of(order)
    if amendment is None and order.amendment is not None:
        history.record("review.lapsed", order=order, detail=order.amendment["decision"])
        order.amendment = None
    found = [*unsound(order), *_after_invoice(order), *_refunds(order)]
    order.review = [reason for reason in found if not (amendment and reason in amendment.settled)] or None


def unsound(order: Order) -> list[str]:
    """Return why the order's own figures cannot be invoiced as they stand."""
    return [*(order.doubts or ()), *_sums(order), *_case(order)]


def changed_amounts(order: Order) -> Totals | None:
    """Return what the order comes to now, when that is neither its invoice nor what credit notes have left of it.

    The shop may keep charging what it charged and send refunds, or charge what these have left.
    """
    invoice = order.issued_invoice
    if invoice is None or _gave_up(order, invoice):
        return None
    try:
        amounts = totals.compute(sale_of(order))
    except totals.DoesNotAddUp:
        return None  # That is said already.
    same = (amounts.net, amounts.vat, amounts.gross) == (invoice.net, invoice.vat, invoice.gross)
    return None if same or amounts.gross == issuing.left(invoice) else amounts


def uncredited(order: Order) -> Decimal:
    """Return what went back to the customer beyond all credit notes of the invoice that counts, TTC; 0 without one."""
    invoice = order.issued_invoice
    if invoice is None or not order.refunds:
        return ZERO
    return max(order.refunded_amount - (invoice.gross - issuing.left(invoice)), ZERO)


def _sums(order: Order) -> list[str]:
    try:
        totals.compute(sale_of(order))
    except totals.DoesNotAddUp as error:
        return [str(error), *(line.text for line in error.by_line if line.difference)]
    return []


def _case(order: Order) -> tuple[str, ...]:
    country, postal_code = _place(order)
    return cases.problems(
        sale_of(order),
        issuing.seller_of(order),
        country=country,
        postal_code=postal_code,
        currency=order.currency,
        exchange_rate=exchange_rate_of(order),
    )


def _place(order: Order) -> tuple[str, str]:
    """Where the order goes, by country and postal code: its own address, else the buyer's, else nobody knows yet."""
    if order.shipping_address:
        return order.shipping_address.get("country", ""), order.shipping_address.get("postal_code", "")
    buyer = order.effective_details()
    return (buyer.country, buyer.postal_code) if buyer else ("", "")


def _gave_up(order: Order, invoice: Invoice) -> list[str]:
    """Return why the order is no longer to have this invoice at all."""
    if order.cancelled_at:
        return [
            _("La commande a été annulée après la facture %(number)s\u00a0: il faut un avoir.", number=invoice.number)
        ]
    if order.existing_invoice and order.existing_invoice not in {each.number for each in order.documents}:
        return [
            _(
                "La boutique dit l'avoir facturée sous le n° %(other)s, mais la facture %(number)s existe\u00a0: "
                "il faut un avoir.",
                other=order.existing_invoice,
                number=invoice.number,
            )
        ]
    return []


def _after_invoice(order: Order) -> list[str]:
    """Return how the shop departed from an invoice that is issued, which only credit notes correct."""
    invoice = order.issued_invoice
    if invoice is None:
        return []
    if why := _gave_up(order, invoice):
        return why if issuing.left(invoice) else []
    if changed_amounts(order) is None:
        return []
    return [
        _(
            "La boutique a changé les montants après la facture %(number)s (%(amount)s TTC)\u00a0: il faut un avoir.",
            number=invoice.number,
            amount=formatting.money(invoice.gross, invoice.currency),
        )
    ]


def _refunds(order: Order) -> list[str]:
    """Return what no credit note explains: more was paid back than invoiced, or a refund was changed afterwards."""
    beyond = uncredited(order)
    if not beyond:
        return []
    return [
        _(
            "La boutique a remboursé %(amount)s de plus que ce que disent les avoirs de la facture.",
            amount=formatting.money(beyond, order.currency),
        )
    ]
