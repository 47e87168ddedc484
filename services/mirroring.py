"""An order as its newest message says it: what is mirrored as it is sent, and what is not taken word by word."""

from dataclasses import asdict

from documents import cases
from extensions import db
from mail import addresses
from models import BillingDetails, Customer, Order, OrderLine
from parties import rules
from parties.details import Details
from services import invoicing, merging, sums
from shops.schema import BillingMessage, LineMessage, OrderMessage

# What an order mirrors as it is sent; the rest of the message is normalised, merged or computed below.
_MIRRORED = (
    "locale", "placed_at", "paid_at", "payment_method", "delivered_at", "purchase_order",
    "currency", "exchange_rate", "prices_include_tax", "order_discount",
    "total_tax", "total", "paid_amount",
)  # fmt: skip


def mirror(order: Order, message: OrderMessage, accounts: dict[str, Customer]) -> None:
    """Afterwards the order says what its newest message says; inside the caller's transaction, which holds the order.

    `accounts` are those whose mailbox is proven, by e-mail key. Refunds and shipments merge (`services.merging`), and
    billing details that the customer changed stay. Of an order that was erased only the figures and the VAT's place are
    taken (`services.erasure`).
    """
    for name in _MIRRORED:
        setattr(order, name, getattr(message, name))
    if order.erased_at:
        _name_nobody(order, message)
    else:
        order.shipping_address = _address(message)
        _address_to_customer(order, message, accounts)
        _take_billing(order, message.billing)
    _replace_lines(order, message.lines)
    merging.shipments(order, message.shipments, message.version)
    merging.refunds(order, message.refunds, message.version)
    order.sent_shipped_at = message.shipped_at
    order.shipped_at = merging.last_shipment(order)
    take_wish(order, message)


def place_of(address: dict[str, str] | None, buyer: Details | None) -> dict[str, str] | None:
    """Return of where an order goes what VAT depends on, and no more; None where nobody knows."""
    given = address or (asdict(buyer) if buyer else {})
    country = given.get("country", "")
    kept = {"country": country, "postal_code": cases.start_of_postal_code(country, given.get("postal_code", ""))}
    return kept if country else None


def take_wish(order: Order, message: OrderMessage) -> bool:
    """Afterwards an invoice is wished for if any message of the order ever did so; return whether that is news.

    A wish that was made at checkout, or a registered company that was named, is not taken back by a version without it:
    its request is open by then, or would be had the two come the other way round.
    """
    if order.erased_at:
        return False
    details = _details(message.billing)
    wished = message.invoice_requested or (details is not None and rules.names_a_registered_company(details))
    former, order.invoice_requested = bool(order.invoice_requested), bool(order.invoice_requested) or wished
    return order.invoice_requested != former


def _name_nobody(order: Order, message: OrderMessage) -> None:
    """Take of an order whose buyer had their data erased the place alone: who they are and where stays unsaid."""
    order.shop_email = order.email = order.email_key = ""
    order.purchase_order = None
    order.shipping_address = place_of(_address(message), _details(message.billing))


def _address(message: OrderMessage) -> dict[str, str] | None:
    if message.shipping_address is None:
        return None
    return {name: value or "" for name, value in message.shipping_address}


def _address_to_customer(order: Order, message: OrderMessage, accounts: dict[str, Customer]) -> None:
    """Give the order to the confirmed account of its address; whoever owns it already keeps it while that is theirs.

    An address that was corrected here stays until the shop sends another one than it did before.
    """
    if order.shop_email == message.email:
        return
    key = addresses.email_key(message.email)
    if order.email_key != key or order.customer_id is None:
        invoicing.hand_over(order, accounts.get(key))
    order.shop_email, order.email, order.email_key = message.email, message.email, key
    invoicing.readdress(order)


def _replace_lines(order: Order, sent: tuple[LineMessage, ...]) -> None:
    """Lines have no id of their own: each place is rewritten, places too many go, missing ones come."""
    del order.lines[len(sent) :]
    for position, line in enumerate(sent):
        if position == len(order.lines):
            order.lines.append(OrderLine(position=position))
        row = order.lines[position]
        for name in sums.LINE_FIGURES:
            setattr(row, name, getattr(line, name))
        row.vat_category = sums.category(line)


def _take_billing(order: Order, sent: BillingMessage | None) -> None:
    """Keep what the shop knows of the buyer; what names nobody is nothing, and the account's details then count."""
    if order.billing is not None and order.billing.edited_by_customer:
        return
    details = _details(sent)
    if details is None:
        former, order.billing = order.billing, None
        if former is not None:
            db.session.delete(former)
    else:
        order.billing = (order.billing or BillingDetails()).take(details)


def _details(sent: BillingMessage | None) -> Details | None:
    if sent is None:
        return None
    given = {name: value for name, value in sent if value}
    names = given.keys() & {"first_name", "last_name", "company_name", "siret", "vat_number", "tax_id"}
    if not names:
        return None
    given.setdefault("kind", "company" if names & {"company_name", "siret", "vat_number"} else "individual")
    return rules.normalise(Details(**given))
