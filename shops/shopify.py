"""Orders of Shopify, as its webhooks write them (REST Admin API).

What the customer saw and paid counts: the amounts in the currency of the checkout (`presentment_money`). Prices are
with or without tax, as `taxes_included` says; a gift card that is used is a payment and no discount.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from shops.amounts import ZERO, UnreadableAmount, cents, decimal, priced, rate_of, reason_of_zero, written
from shops.arrivals import Arrival, Ignored
from shops.codes import COUNTRIES
from shops.problems import FieldProblem
from shops.schema import InvalidMessage, OrderMessage, RefundMessage

PAID = ("paid", "partially_refunded", "refunded")
VAT_NAMES = ("vat_number", "vat number", "tva", "numéro de tva", "n° tva", "tva intracommunautaire", "vat_id", "vat id")
SIRET_NAMES = ("siret", "siren", "numéro de siret")
HUNDRED = Decimal(100)


class KnownLine(Protocol):
    """A line of an order that is known, which a refund names by what it is."""

    position: int
    sku: str
    description: str


def order(sent: Mapping[str, Any]) -> Arrival:
    """Return the order. Raises Ignored for a test order, InvalidMessage for what is no order of Shopify."""
    if sent.get("test"):
        raise Ignored("C'est une commande d'essai.")
    try:
        return _Reading(sent).arrival()
    except UnreadableAmount as error:
        raise InvalidMessage((FieldProblem("", f"Ce n'est pas un montant\u00a0: {error}."),)) from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _foreign(error) from None


def refund(sent: Mapping[str, Any], lines: Sequence[KnownLine]) -> RefundMessage:
    """Return a refund that came by itself; its lines are those of the order of the same article.

    Raises Ignored where no money went back, InvalidMessage for what is no refund of Shopify.
    """
    try:
        by_id = {each["line_item_id"]: _position(each["line_item"], lines) for each in sent["refund_line_items"]}
        shipping = next((line.position for line in lines if getattr(line, "kind", "") == "shipping"), None)
        found = _refund(sent, {key: place for key, place in by_id.items() if place is not None}, shipping)
    except UnreadableAmount as error:
        raise InvalidMessage((FieldProblem("", f"Ce n'est pas un montant\u00a0: {error}."),)) from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _foreign(error) from None
    if found is None:
        raise Ignored("Ce remboursement ne rend pas d'argent.")
    return RefundMessage.checked(found)


class _Reading:
    """One order while it is read."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        self.sent = sent
        self.including = bool(sent["taxes_included"])
        self.doubts: list[str] = []
        self.notes = {
            str(each.get("name", "")).strip().lower(): _text(each.get("value"))
            for each in sent.get("note_attributes") or ()
        }
        self.vat_number = self._note(VAT_NAMES)
        self.place = _address(sent.get("shipping_address") or sent.get("billing_address") or {})
        self.positions: dict[int, int] = {}
        self.shipping: int | None = None

    def arrival(self) -> Arrival:
        sent = self.sent
        lines = list(self._lines())
        paid = sent.get("financial_status") in PAID
        message = {
            "number": str(sent.get("name") or sent["order_number"]).lstrip("#"),
            "version": self._version(),
            "email": sent.get("email") or sent.get("contact_email") or "",
            "locale": _language(sent.get("customer_locale")),
            "placed_at": sent.get("processed_at") or sent["created_at"],
            "paid_at": (sent.get("processed_at") or sent["created_at"]) if paid else None,
            "payment_method": ", ".join(sent.get("payment_gateway_names") or ())[:60],
            "cancelled_at": sent.get("cancelled_at"),
            "currency": sent.get("presentment_currency") or sent["currency"],
            "prices_include_tax": self.including,
            "billing": self._billing(),
            "shipping_address": self._shipping(),
            "lines": lines,
            "total_tax": written(cents(_money(sent, "total_tax"))),
            "total": written(cents(_money(sent, "total_price"))),
            "refunds": [found for each in sent.get("refunds") or () if (found := self._refund(each))],
            **self._shipments(),
        }
        if paid:
            message["paid_amount"] = message["total"]
        return Arrival(OrderMessage.checked(message), str(sent["id"]), tuple(self.doubts))

    def _version(self) -> int:
        """Order what happened in one second: more refunds and parcels, paid, cancelled."""
        sent = self.sent
        rank = min(len(sent.get("refunds") or ()), 19) * 20 + min(len(sent.get("fulfillments") or ()), 19)
        rank += 400 * (sent.get("financial_status") in PAID) + 100 * bool(sent.get("cancelled_at"))
        return int(datetime.fromisoformat(sent["updated_at"]).timestamp()) * 1000 + rank

    def _lines(self) -> Iterator[dict[str, Any]]:
        for each in self.sent["line_items"]:
            kind = "voucher" if each.get("gift_card") else "goods" if each.get("requires_shipping", True) else "service"
            self.positions[each["id"]] = len(self.positions)
            yield self._line(each, kind, each.get("name") or each["title"], Decimal(each["quantity"]))
        for each in self.sent.get("shipping_lines") or ():
            self.positions[each["id"]] = self.shipping = len(self.positions)
            yield self._line(each, "shipping", each.get("title") or "Livraison", Decimal(1))

    def _line(self, each: Mapping[str, Any], kind: str, name: str, quantity: Decimal) -> dict[str, Any]:
        before = _money(each, "price") * quantity
        after = before - sum((_money(one, "amount") for one in each.get("discount_allocations") or ()), ZERO)
        taxes = [one for one in each.get("tax_lines") or () if decimal(one.get("rate"))]
        rate = rate_of(decimal(one["rate"]) * HUNDRED for one in taxes)
        found: dict[str, Any] = {
            "sku": _text(each.get("sku"))[:100],
            "description": _text(name) or "Article",
            "kind": kind,
            "vat_rate": written(rate.quantize(Decimal("0.01"))),
            "tax": written(cents(sum((_money(one, "price") for one in taxes), ZERO))),
            **priced(before, after, quantity),
        }
        if not rate:
            found["vat_category"] = reason_of_zero(self.place, self.vat_number, kind)
        return found

    def _refund(self, each: Mapping[str, Any]) -> dict[str, Any] | None:
        return _refund(each, self.positions, self.shipping)

    def _billing(self) -> dict[str, Any]:
        address = self.sent.get("billing_address") or self.sent.get("shipping_address") or {}
        found = {
            "first_name": _text(address.get("first_name")),
            "last_name": _text(address.get("last_name")),
            "company_name": _text(address.get("company")),
            "vat_number": self.vat_number,
            "siret": self._note(SIRET_NAMES),
            **_address(address),
        }
        company = found["company_name"] or found["vat_number"] or found["siret"]
        return {"kind": "company" if company else "individual"} | {key: value for key, value in found.items() if value}

    def _shipping(self) -> dict[str, str] | None:
        to = self.sent.get("shipping_address") or {}
        address = _address(to)
        name = _text(to.get("name") or " ".join(filter(None, (to.get("first_name"), to.get("last_name")))))
        return {"name": name, **address} if address.get("line1") else None

    def _shipments(self) -> dict[str, Any]:
        """Return the parcels; the order has left as a whole when Shopify calls it fulfilled."""
        parcels = [
            {
                "id": str(each["id"]),
                "shipped_at": each["created_at"],
                "carrier": _text(each.get("tracking_company"))[:100],
                "tracking_number": _text(each.get("tracking_number"))[:100],
                "tracking_url": url if str(url := each.get("tracking_url") or "").startswith("https://") else "",
            }
            for each in self.sent.get("fulfillments") or ()
            if each.get("status") == "success"
        ]
        left = max((each["shipped_at"] for each in parcels), key=datetime.fromisoformat, default=None)
        whole = self.sent.get("fulfillment_status") == "fulfilled"
        return {"shipments": parcels, "shipped_at": left if whole else None}

    def _note(self, names: Sequence[str]) -> str:
        return next((self.notes[name] for name in names if self.notes.get(name)), "")


def _refund(sent: Mapping[str, Any], positions: Mapping[int, int], shipping: int | None) -> dict[str, Any] | None:
    """Return what went back to the customer, by line where Shopify names lines; None when no money did."""
    back = [one for one in sent.get("transactions") or () if one.get("kind") == "refund"]
    amount = cents(sum((_money(one, "amount") for one in back if one.get("status") == "success"), ZERO))
    if not amount:
        return None
    lines: list[dict[str, Any]] = []
    for each in sent.get("refund_line_items") or ():
        part = cents(_money(each, "subtotal") + (ZERO if each.get("taxes_included") else _money(each, "total_tax")))
        if each["line_item_id"] in positions and part:
            quantity = written(Decimal(each["quantity"]))
            lines.append({"line": positions[each["line_item_id"]], "quantity": quantity, "amount": written(part)})
    for each in sent.get("order_adjustments") or ():
        part = cents(abs(_money(each, "amount") + _money(each, "tax_amount")))
        if each.get("kind") == "shipping_refund" and shipping is not None and part:
            lines.append({"line": shipping, "quantity": "1", "amount": written(part)})
    named = sum((Decimal(line["amount"]) for line in lines), ZERO)
    exact = lines if named == amount else []
    return {"id": str(sent["id"]), "at": sent["created_at"], "amount": written(amount), "lines": exact}


def _position(item: Mapping[str, Any], lines: Sequence[KnownLine]) -> int | None:
    """Return the place of the one line of this article; None when there is none, or several."""
    wanted = (_text(item.get("sku"))[:100], _text(item.get("name") or item.get("title")))
    found = [line.position for line in lines if (line.sku, line.description) == wanted]
    return found[0] if len(found) == 1 else None


def _money(sent: Mapping[str, Any], name: str) -> Decimal:
    """Return an amount in the currency of the checkout; older messages know one currency alone."""
    both = sent.get(f"{name}_set")
    if isinstance(both, Mapping) and isinstance(both.get("presentment_money"), Mapping):
        return decimal(both["presentment_money"]["amount"])
    return decimal(sent.get(name))


def _address(place: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "line1": _text(place.get("address1")),
        "line2": _text(place.get("address2")),
        "postal_code": _text(place.get("zip"))[:20],
        "city": _text(place.get("city")),
        "country": country if (country := _text(place.get("country_code"))) in COUNTRIES else "",
    }
    return {key: value for key, value in found.items() if value}


def _language(locale: Any) -> str:
    found = str(locale or "fr").partition("-")[0].lower()
    return found if len(found) == 2 and found.isascii() and found.isalpha() else "fr"


def _text(value: Any) -> str:
    """Return a text on one line, of 200 characters at most."""
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _foreign(error: Exception) -> InvalidMessage:
    return InvalidMessage((FieldProblem("", f"Ce n'est pas une commande de Shopify ({str(error)[:80]})."),))
