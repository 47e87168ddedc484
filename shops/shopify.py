"""Orders and refunds of Shopify, as its webhooks write them.

Amounts are those that the customer saw and paid (presentment money); `taxes_included` says whether prices hold the tax.
A gift card that is sold is a line, one that is used a payment. Lines keep the quantity that was ordered: what an edit
took off them again stands among the refunds, without money.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from shops import shopify_refunds
from shops.amounts import ZERO, cents, decimal, priced, rate_of, reason_of_zero, written
from shops.arrivals import Arrival, Ignored
from shops.numbers import is_order_number
from shops.readings import address, buyer, parcel, reading, text
from shops.schema import OrderMessage, RefundMessage
from shops.shopify_refunds import Part, Sold, money

PAID = ("paid", "partially_refunded", "refunded")
FINANCIAL = ("pending", "authorized", "partially_paid", *PAID, "voided")
FULFILLED = (None, "partial", "fulfilled")
# Paid as the order is placed; of any other way of paying Shopify does not tell the day.
AT_ONCE = {"shopify_payments": "card", "gift_card": "gift_card", "paypal": "paypal", "stripe": "card"}
VAT_KEYS = (
    "vat", "vatnumber", "vatid", "euvat", "euvatnumber", "tva", "tvaintracommunautaire", "numerotva", "numerodetva",
    "ntva", "numerodetvaintracommunautaire", "tvaintra", "ntvaintra", "vatregistrationnumber",
)  # fmt: skip
SIRET_KEYS = ("siret", "numerosiret", "numerodesiret", "nsiret")
COMPANY_KEYS = ("company", "companyname", "societe", "raisonsociale", "entreprise")
WISH_KEYS = ("facture", "invoice", "demandedefacture", "facturesouhaitee", "invoicerequested")
YES = ("oui", "yes", "true", "on", "1")
RATE_UNIT = Decimal("0.00000001")


class Line(Protocol):
    """A line of an order that is here already."""

    sku: str
    description: str
    kind: Any
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal


def order(sent: Mapping[str, Any]) -> Arrival:
    """Return the order.

    Raises Ignored for a test and the like, shops.schema.InvalidMessage for what is no order of Shopify.
    """
    if "order_edit" in sent:
        raise Ignored("Ce message ne dit que le changement\u00a0: « orders/updated » envoie la commande entière.")
    if sent.get("test"):
        raise Ignored("C'est une commande d'essai.")
    with reading("une commande de Shopify"):
        if not _email(sent):
            raise Ignored("La commande n'a pas d'adresse e-mail\u00a0: personne ne pourrait demander sa facture.")
        return _Reading(sent).arrival()


def refund(sent: Mapping[str, Any], lines: Sequence[Line], *, prices_include_tax: bool, currency: str) -> RefundMessage:
    """Return the refund of an order whose lines, as they are here, are given: Shopify does not send them with it.

    Raises Ignored when no money went back, shops.schema.InvalidMessage for what is no refund of Shopify.
    """
    sold = [Sold(at, each.quantity, _amount(each)) for at, each in enumerate(lines)]
    pairs = [((each.sku, each.description), one) for each, one in zip(lines, sold, strict=True)]
    names = [name for name, _one in pairs]
    with reading("un remboursement de Shopify"):
        found = shopify_refunds.message(
            sent,
            shopify_refunds.Order(
                including=prices_include_tax,
                currency=currency,
                goods={name: one for name, one in pairs if names.count(name) == 1},
                shipping=[one for each, one in zip(lines, sold, strict=True) if each.kind == "shipping"],
                name=lambda each: (_sku(each["line_item"]), _description(each["line_item"])),
            ),
        )
        if found is None:
            raise Ignored("Aucun argent n'a été rendu\u00a0: la commande elle-même dit ce qui a changé.")
        return RefundMessage.checked(found)


class _Reading:
    """One order while it is read."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        self.sent = sent
        self.including = bool(sent["taxes_included"])
        both = sent.get("total_price_set")
        self.currency = str(both["presentment_money"]["currency_code"] if both else sent["currency"])
        self.notes = {_key(each.get("name")): each.get("value") for each in sent.get("note_attributes") or ()}
        self.place = _address(sent.get("shipping_address") or sent.get("billing_address") or {})
        self.vat_number = self._registration(VAT_KEYS, 20)
        self.doubts: list[str] = []
        self.goods: dict[Any, Sold] = {}
        self.shipping: list[Sold] = []
        self.lines: list[dict[str, Any]] = []
        self.paired = self._paired()
        self.gone = self._gone()

    def arrival(self) -> Arrival:
        sent = self.sent
        self._read_lines()
        refunds = list(self._refunds())
        total = self._total(refunds)
        message = {
            "number": self._number(),
            "version": self._version(),
            "email": _email(sent),
            "locale": _language(sent.get("customer_locale")),
            "placed_at": sent.get("processed_at") or sent["created_at"],
            "cancelled_at": sent.get("cancelled_at"),
            "purchase_order": text(sent.get("po_number"), 100),
            "currency": self.currency,
            "exchange_rate": self._exchange_rate(),
            "prices_include_tax": self.including,
            "invoice_requested": self._note(WISH_KEYS).casefold() in YES,
            "billing": self._billing(),
            "shipping_address": self._shipping_address(),
            "lines": self.lines,
            "total_tax": None if self.gone else written(money(sent, "total_tax")),
            "total": written(total),
            "refunds": refunds,
            **self._payment(total),
            **self._shipment(),
        }
        if sent.get("financial_status") == "voided" and not sent.get("cancelled_at"):
            self.doubts.append("Le paiement a été annulé dans Shopify, mais pas la commande.")
        return Arrival(OrderMessage.checked(message), str(sent["id"]), tuple(dict.fromkeys(self.doubts)))

    def _number(self) -> str:
        """Return the name that customers know the order by, without its #; else the bare number."""
        name = "".join(str(self.sent.get("name") or "").split()).lstrip("#")
        return name if is_order_number(name) else str(self.sent["order_number"])

    def _version(self) -> int:
        """Order what happened in one second: a state further on, then more refunds; a cancellation last."""
        sent = self.sent
        rank = 500 if sent.get("cancelled_at") else 0
        rank += 60 * _place_in(FINANCIAL, sent.get("financial_status"))
        rank += 20 * _place_in(FULFILLED, sent.get("fulfillment_status"))
        rank += min(len(sent.get("refunds") or ()), 19)
        return int(datetime.fromisoformat(sent.get("updated_at") or sent["created_at"]).timestamp()) * 1000 + rank

    def _read_lines(self) -> None:
        for each in self.sent["line_items"]:
            quantity = decimal(each["quantity"])
            name, sku = _description(each), _sku(each)
            if each.get("tip") is not None:
                self._add(each, "fee", name, quantity=quantity)
            elif each.get("gift_card"):
                self._add(each, "voucher", name, quantity=quantity, sku=sku)
            else:
                kind = "service" if each.get("requires_shipping") is False else "goods"
                self._add(each, kind, name, quantity=quantity, sku=sku)
        for each in self.sent.get("shipping_lines") or ():
            if not each.get("is_removed"):
                self._add(each, "shipping", text(each.get("title")) or "Livraison")
        for item in self.sent["line_items"]:
            for each in item.get("duties") or ():
                self._add_duty(each, _description(item))
        self._add_tip()

    def _add(
        self, each: Mapping[str, Any], kind: str, name: str, *, quantity: Decimal = Decimal(1), sku: str = ""
    ) -> None:
        """Add a line of goods or shipping, less what left the order without money."""
        price = money(each, "price")
        amount = price * quantity - _discount(each)
        tax = sum((money(one, "price") for one in each.get("tax_lines") or ()), ZERO)
        if kind == "shipping":
            self.shipping.append(Sold(len(self.lines), quantity, amount))
        sold = quantity
        for part in self.gone.get(each.get("id"), ()):
            sold -= part.quantity
            amount, tax = amount - (part.amount if self.including else part.before), tax - part.tax
        if sold <= 0:
            return
        if kind != "shipping":
            self.goods[each.get("id")] = Sold(len(self.lines), sold, amount)
        self._append(each, kind, name, tax, sku=sku, **priced(price * sold, amount, sold))

    def _append(self, each: Mapping[str, Any], kind: str, name: str, tax: Decimal, **changes: Any) -> None:
        """Add a line, with the rate that was charged on it."""
        net = decimal(changes["unit_price"]) * decimal(changes["quantity"]) - decimal(changes["discount"])
        rate = self._rate(each.get("tax_lines") or (), tax, net - tax if self.including else net)
        line = {"description": name, "kind": kind, "vat_rate": written(rate), "tax": written(cents(tax)), **changes}
        if not rate:
            line["vat_category"] = reason_of_zero(self.place, self.vat_number, kind)
        if any(one.get("channel_liable") for one in each.get("tax_lines") or ()):
            self.doubts.append("La TVA a été perçue par la place de marché (channel_liable), pas par le vendeur.")
        self.lines.append(line)

    def _rate(self, tax_lines: Sequence[Mapping[str, Any]], tax: Decimal, net: Decimal) -> Decimal:
        """Return the rate in percent as Shopify names it; what bears no tax although it names one has been exempted."""
        named = rate_of(decimal(each.get("rate")) * 100 for each in tax_lines)
        if not tax and cents(net * named / 100):
            charged = ZERO
        elif not tax and not net and not named:  # Free: it bears the rate of what it goes with.
            charged = max((decimal(line["vat_rate"]) for line in self.lines), default=ZERO)
        else:
            charged = named
        if tax and not named:
            self.doubts.append("Une taxe a été facturée sans que Shopify en dise le taux.")
        return cents(charged)

    def _add_duty(self, duty: Mapping[str, Any], name: str) -> None:
        net = cents(decimal(duty["presentment_money"]["amount"]))
        tax = sum((money(one, "price") for one in duty.get("tax_lines") or ()), ZERO)
        amount = net + tax if self.including else net
        if amount:
            self._append(duty, "fee", f"Droits de douane – {name}"[:1000], tax, **priced(amount, amount, Decimal(1)))

    def _add_tip(self) -> None:
        """Add the tip that is no line of its own."""
        tip = cents(decimal(self.sent.get("total_tip_received")))
        if tip and self.currency == self.sent["currency"] and all(each.get("tip") is None for each in self._items()):
            self._append({}, "fee", "Pourboire", ZERO, **priced(tip, tip, Decimal(1)))

    def _items(self) -> Sequence[Mapping[str, Any]]:
        return self.sent["line_items"] or ()

    def _paired(self) -> shopify_refunds.Paired:
        """Return the refunds, read against the order as it was placed."""
        placed = {each["id"]: Sold(0, decimal(each["quantity"]), self._ordered(each)) for each in self._items()}
        return shopify_refunds.paired(self.sent.get("refunds") or (), self._against(placed))

    def _gone(self) -> dict[Any, list[Part]]:
        """Return what left the order without money, by line; nothing of an order that is cancelled or all gone."""
        found: dict[Any, list[Part]] = {}
        for part in self.paired.unpaid:
            found.setdefault(part.name, []).append(part)
        if not found or self.sent.get("cancelled_at"):
            return {}
        left = {name: sum((part.quantity for part in taken), ZERO) for name, taken in found.items()}
        if all(left.get(each["id"], ZERO) >= decimal(each["quantity"]) for each in self._items()):
            self.doubts.append("Tous les articles ont été retirés de la commande, qui n'est pas annulée.")
            return {}
        return found

    def _ordered(self, item: Mapping[str, Any]) -> Decimal:
        return money(item, "price") * decimal(item["quantity"]) - _discount(item)

    def _against(self, goods: Mapping[Any, Sold]) -> shopify_refunds.Order:
        return shopify_refunds.Order(
            self.including, self.currency, goods, self.shipping, name=lambda each: each["line_item_id"]
        )

    def _refunds(self) -> Iterator[dict[str, Any]]:
        against = self._against(self.goods)
        for each, pays_for in self.paired.paid:
            taken = pays_for and [
                replace(part, position=self.goods[part.name].position) for part in pays_for if part.name in self.goods
            ]
            if found := shopify_refunds.message(each, against, taken):
                yield found

    def _total(self, refunds: Sequence[Mapping[str, Any]]) -> Decimal:
        """Return what was charged: where lines have left without money, what is left now and what went back."""
        if self.gone and (self.sent.get("current_total_price_set") or self.sent.get("current_total_price")):
            back = sum((decimal(each["amount"]) for each in refunds), ZERO)
            return money(self.sent, "current_total_price") + back
        return money(self.sent, "total_price")

    def _exchange_rate(self) -> str | None:
        """Return what one unit of the customer's currency is in euros, where the shop's own is the euro."""
        both = self.sent.get("total_price_set")
        if self.currency == "EUR" or not both or both["shop_money"]["currency_code"] != "EUR":
            return None
        euros, paid = decimal(both["shop_money"]["amount"]), decimal(both["presentment_money"]["amount"])
        return written((euros / paid).quantize(RATE_UNIT)) if paid else None

    def _payment(self, total: Decimal) -> dict[str, Any]:
        sent = self.sent
        gateways = [str(each) for each in sent.get("payment_gateway_names") or ()]
        words = [AT_ONCE.get(each, each) for each in gateways]
        found: dict[str, Any] = {"payment_method": ", ".join(dict.fromkeys(words))[:60]}
        if sent.get("financial_status") == "partially_paid" and self.currency == sent["currency"]:
            found["paid_amount"] = written(max(total - cents(decimal(sent.get("total_outstanding"))), ZERO))
        if sent.get("financial_status") in PAID:
            found["paid_amount"] = written(total)
            if gateways and all(each in AT_ONCE for each in gateways):
                found["paid_at"] = sent.get("processed_at") or sent["created_at"]
        return found

    def _shipment(self) -> dict[str, Any]:
        """Return the parcels, and when the last one left once nothing is left to send."""
        parcels = [each for each in self.sent.get("fulfillments") or () if each.get("status") in (None, "success")]
        found: dict[str, Any] = {"shipments": [_parcel(each) for each in parcels]}
        if self.sent.get("fulfillment_status") == "fulfilled":
            moments = [each["created_at"] for each in parcels]
            found["shipped_at"] = max(moments, key=datetime.fromisoformat, default=self.sent.get("closed_at"))
            if parcels and all(each.get("shipment_status") == "delivered" for each in parcels):
                found["delivered_at"] = max((each["updated_at"] for each in parcels), key=datetime.fromisoformat)
        return found

    def _billing(self) -> dict[str, Any]:
        sent = self.sent
        person = sent.get("billing_address") or sent.get("shipping_address") or sent.get("customer") or {}
        found = {
            "first_name": text(person.get("first_name")),
            "last_name": text(person.get("last_name")),
            "company_name": text(person.get("company")) or self._note(COMPANY_KEYS),
            "vat_number": self.vat_number,
            "siret": self._registration(SIRET_KEYS, 14),
            **_address(person),
        }
        return buyer(found)

    def _shipping_address(self) -> dict[str, str] | None:
        to = self.sent.get("shipping_address")
        if not to:
            return None
        name = text(to.get("name")) or text(f"{to.get('first_name') or ''} {to.get('last_name') or ''}")
        return {"name": name, **_address(to)}

    def _note(self, keys: Sequence[str]) -> str:
        """Return what the buyer wrote into one of these fields of the cart."""
        return next((said for key in keys if (said := text(self.notes.get(key)))), "")

    def _registration(self, keys: Sequence[str], most: int) -> str:
        """Return a number that the buyer wrote there; a « non » or a sentence is none."""
        number = re.sub(r"[\s.-]", "", self._note(keys))
        return number if len(number) <= most and any(sign.isdigit() for sign in number) else ""


def _parcel(each: Mapping[str, Any]) -> dict[str, str]:
    return parcel(
        parcel_id=each["id"],
        shipped_at=each["created_at"],
        carrier=each.get("tracking_company"),
        number=each.get("tracking_number"),
        url=each.get("tracking_url"),
    )


def _discount(each: Mapping[str, Any]) -> Decimal:
    """Return what was taken off the whole line: of its own discounts and its share of those of the order."""
    allocated = each.get("discount_allocations")
    if allocated is None:
        return money(each, "total_discount")
    return sum((money(one, "amount") for one in allocated), ZERO)


def _amount(line: Line) -> Decimal:
    return line.quantity * line.unit_price - line.discount


def _email(sent: Mapping[str, Any]) -> str:
    return str(sent.get("email") or sent.get("contact_email") or (sent.get("customer") or {}).get("email") or "")


def _language(locale: Any) -> str:
    code = str(locale or "").partition("-")[0].lower()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else "fr"


def _description(item: Mapping[str, Any]) -> str:
    return text(item.get("name")) or text(item.get("title")) or "Article"


def _sku(item: Mapping[str, Any]) -> str:
    return text(item.get("sku"), 100)


def _address(place: Mapping[str, Any]) -> dict[str, str]:
    return address(
        line1=place.get("address1"),
        line2=place.get("address2"),
        postal_code=place.get("zip"),
        city=place.get("city"),
        country=place.get("country_code"),
    )


def _place_in(states: Sequence[str | None], state: str | None) -> int:
    return states.index(state) if state in states else 0


def _key(name: Any) -> str:
    """Return the bare letters of a field's name: « N° TVA » and `vat_number` are written in many ways."""
    plain = unicodedata.normalize("NFKD", str(name or "")).casefold()
    return "".join(sign for sign in plain if sign.isascii() and sign.isalnum())
