"""Orders of WooCommerce, as its webhooks and its REST API (v3) write them.

Amounts are without tax, each with its tax beside it, whatever the shop shows; `prices_include_tax` says which of both
the customer agreed to. Taxes are rounded by line or by order, as the shop is set; what was charged counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shops.amounts import CENT, ZERO, cents, cents_within, decimal, priced, rate_of, reason_of_zero, written
from shops.arrivals import Arrival, Ignored
from shops.readings import address, buyer, parcel, reading, text
from shops.schema import OrderMessage

DRAFTS = ("auto-draft", "checkout-draft", "trash", "new")
UNPAID = ("pending", "on-hold", "failed")
STATUSES = (*UNPAID, "processing", "completed", "cancelled", "refunded")
VAT_KEYS = (
    "_billing_vat_number", "_vat_number", "billing_vat_number", "vat_number", "_billing_eu_vat_number",
    "_billing_vat", "billing_vat", "_billing_eu_vat", "yweu_billing_vat", "_billing_tva", "billing_tva",
)  # fmt: skip
SIRET_KEYS = ("_billing_siret", "billing_siret", "siret", "_siret", "_billing_siren", "billing_siren")
INVOICE_KEYS = ("_wcpdf_invoice_number", "wf_invoice_number")
"""Where the common invoice plug-ins note the number of an invoice that they have issued for the order."""
LINES = ("line_items", "shipping_lines", "fee_lines")
TRACKING = "_wc_shipment_tracking_items"
REFUNDED_ITEM = "_refunded_item_id"
SPREAD = "Un remboursement est réparti sur les taux\u00a0: sans clé de lecture, la boutique n'en dit pas les lignes."
UNKNOWN_RATE = "Le taux de TVA de la ligne « %s » n'est pas connu\u00a0: la boutique ne l'a pas envoyé."


def ref_of(sent: Mapping[str, Any]) -> str:
    """Return the shop's own id of the order."""
    return str(sent.get("id") or "")


def order(sent: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]] | None) -> Arrival:
    """Return the order; `refunds` are what `/orders/{id}/refunds` says, None where nobody could ask.

    Raises Ignored for a draft, shops.schema.InvalidMessage for what is no order of WooCommerce.
    """
    if sent.get("status") in DRAFTS:
        raise Ignored("C'est un brouillon, ou une commande à la corbeille.")
    with reading("une commande de WooCommerce"):
        return _Reading(sent, refunds).arrival()


class _Reading:
    """One order while it is read."""

    def __init__(self, sent: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]] | None) -> None:
        self.sent, self.refunds = sent, refunds
        self.including = bool(sent["prices_include_tax"])
        self.meta = {str(each.get("key")): each.get("value") for each in sent.get("meta_data") or ()}
        self.rates = {each["rate_id"]: decimal(each.get("rate_percent")) for each in sent.get("tax_lines") or ()}
        self.doubts: list[str] = []
        self.vat_number = self._first(VAT_KEYS)
        self.place = self._place()
        self.positions: dict[int, int] = {}
        self.charged = self._charged()

    def arrival(self) -> Arrival:
        sent = self.sent
        lines = list(self._lines())
        refunds = list(self._refunds(lines))
        if self._is_spread(lines, refunds):
            self.doubts.append(SPREAD)
        message = {
            "number": str(sent.get("number") or sent["id"]),
            "version": self._version(),
            "email": sent["billing"]["email"],
            "locale": "fr",
            "placed_at": _moment(sent.get("date_created_gmt")),
            "paid_at": _moment(sent.get("date_paid_gmt")),
            "payment_method": str(sent.get("payment_method_title") or sent.get("payment_method") or "")[:60],
            "cancelled_at": self._cancelled_at(),
            "currency": sent["currency"],
            "prices_include_tax": self.including,
            "billing": self._billing(),
            "shipping_address": self._shipping(),
            "lines": lines,
            "total_tax": written(cents(decimal(sent["total_tax"]))),
            "total": written(cents(decimal(sent["total"]))),
            "refunds": refunds,
            "existing_invoice": self._first(INVOICE_KEYS)[:64] or None,
            **self._shipment(),
        }
        if message["paid_at"]:
            message["paid_amount"] = message["total"]
        return Arrival(OrderMessage.checked(message), ref_of(sent), tuple(self.doubts))

    def _version(self) -> int:
        """Order what happened in one second: a status further on, then more refunds."""
        status = self.sent.get("status")
        rank = STATUSES.index(status) * 100 if status in STATUSES else 0
        rank += min(len(self.sent.get("refunds") or ()), 99)
        changed = self.sent.get("date_modified_gmt") or self.sent.get("date_created_gmt")
        return int(datetime.fromisoformat(_moment(changed) or "").timestamp()) * 1000 + min(rank, 998)

    def _charged(self) -> dict[int, Decimal]:
        """Return what each line cost after its discount, in the price's own basis, by the line's id.

        A shop that rounds by order writes net and tax of a line rounded each, which together may be a cent beside what
        was charged (9,99 € is 8,325 and 1,665, and reads 8,33 and 1,67); price and taxes then say it more exactly.
        """
        lines = [each for name in LINES for each in self.sent.get(name) or ()]
        total = cents(decimal(self.sent["total"]) - (ZERO if self.including else decimal(self.sent["total_tax"])))
        said = [cents(decimal(each["total"]) + (_tax(each) if self.including else ZERO)) for each in lines]
        if sum(said, ZERO) != total:
            said = cents_within(total, [self._exactly(each) for each in lines]) or said
        return {each["id"]: amount for each, amount in zip(lines, said, strict=True)}

    def _exactly(self, each: Mapping[str, Any]) -> Decimal:
        net, tax = decimal(each["total"]), _tax(each)
        finer = decimal(each.get("price")) * decimal(each.get("quantity"))
        taxes = sum((decimal(one.get("total")) for one in each.get("taxes") or ()), ZERO)
        net = finer if abs(finer - net) < CENT else net
        return net + (taxes if abs(taxes - tax) < CENT else tax) if self.including else net

    def _lines(self) -> Iterator[dict[str, Any]]:
        for each in self.sent["line_items"]:
            kind = "voucher" if self._is_gift_card(each) else "goods"
            yield self._line(each, kind, each["name"], str(each.get("sku") or "")[:100], decimal(each["quantity"]))
        for each in self.sent.get("shipping_lines") or ():
            yield self._line(each, "shipping", each.get("method_title") or "Livraison")
        for each in self.sent.get("fee_lines") or ():
            yield self._line(each, "fee", each.get("name") or "Frais")

    def _line(
        self, each: Mapping[str, Any], kind: str, name: str, sku: str = "", quantity: Decimal = Decimal(1)
    ) -> dict[str, Any]:
        """Return one line; shipping and fees have no price before a discount."""
        self.positions[each["id"]] = len(self.positions)
        net, tax, after = decimal(each["total"]), _tax(each), self.charged[each["id"]]
        full, full_tax = decimal(each.get("subtotal", net)), decimal(each.get("subtotal_tax", tax))
        before = after if (full, full_tax) == (net, tax) else full + (full_tax if self.including else ZERO)
        rate = self._rate(each, net, tax, name)
        found: dict[str, Any] = {
            "sku": sku,
            "description": text(name) or "Article",
            "kind": kind,
            "vat_rate": written(rate),
            "tax": written(cents(tax)) if tax >= 0 else None,  # Below nothing, the whole tax says it.
            **priced(before, after, quantity),
        }
        if not rate:
            found["vat_category"] = reason_of_zero(self.place, self.vat_number, kind)
        return found

    def _rate(self, each: Mapping[str, Any], net: Decimal, tax: Decimal, name: str) -> Decimal:
        """Return the rate that the shop charged, of its own tax lines; what they do not say is never guessed."""
        charged = [one["id"] for one in each.get("taxes") or () if decimal(one.get("total"))]
        if charged and all(self.rates.get(rate_id) for rate_id in charged):
            return rate_of(self.rates[rate_id] for rate_id in charged)
        if not tax and not net:
            return max(self.rates.values(), default=ZERO)  # Free: it bears the rate of what it goes with.
        if tax:
            self.doubts.append(UNKNOWN_RATE % text(name, 60))
        return ZERO

    def _is_gift_card(self, each: Mapping[str, Any]) -> bool:
        return any("giftcard" in str(one.get("key")).replace("_", "") for one in each.get("meta_data") or ())

    def _billing(self) -> dict[str, Any]:
        billing = self.sent["billing"]
        found = {
            "first_name": text(billing.get("first_name")),
            "last_name": text(billing.get("last_name")),
            "company_name": text(billing.get("company")),
            "vat_number": self.vat_number,
            "siret": self._first(SIRET_KEYS),
            **_address(billing),
        }
        return buyer(found)

    def _shipping(self) -> dict[str, str] | None:
        to = self.sent.get("shipping") or {}
        place = _address(to)
        if not place.get("line1"):
            return None
        return {"name": text(" ".join(filter(None, (to.get("first_name"), to.get("last_name"))))), **place}

    def _place(self) -> dict[str, str]:
        """Return where the goods go: to the buyer where no other address is given."""
        place = _address(self.sent.get("shipping") or {})
        return place if place.get("country") else _address(self.sent["billing"])

    def _cancelled_at(self) -> str | None:
        if self.sent.get("status") not in ("cancelled", "failed"):
            return None
        return _moment(self.sent.get("date_modified_gmt") or self.sent.get("date_created_gmt"))

    def _shipment(self) -> dict[str, Any]:
        """Return when the order left: of the shipment plug-in's parcels, else when it was completed."""
        parcels = self.meta.get(TRACKING)
        if isinstance(parcels, list) and parcels:
            sent = [_parcel(each) for each in parcels]
            return {"shipped_at": max(each["shipped_at"] for each in sent), "shipments": sent}
        return {"shipped_at": _moment(self.sent.get("date_completed_gmt"))}

    def _refunds(self, lines: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield what went back: as the REST API says it, line by line, else amounts that are spread over the rates."""
        known = {str(each["id"]): each for each in self.refunds or ()}
        for each in self.sent.get("refunds") or ():
            told = known.get(str(each["id"]))
            amount = abs(cents(decimal(told["amount"] if told else each["total"])))
            if not amount:
                continue
            at = _moment((told or {}).get("date_created_gmt") or self.sent.get("date_modified_gmt"))
            yield {
                "id": str(each["id"]),
                "at": at,
                "amount": written(amount),
                "lines": _covered(amount, list(self._refunded(told, len(lines)))) if told else [],
            }

    def _is_spread(self, lines: Sequence[Mapping[str, Any]], refunds: Sequence[Mapping[str, Any]]) -> bool:
        """Whether it makes a difference of which lines the refunds are, and nobody could ask."""
        if self.refunds is not None or len({line["vat_rate"] for line in lines}) < 2:
            return False
        return ZERO < sum((Decimal(each["amount"]) for each in refunds), ZERO) < decimal(self.sent["total"])

    def _refunded(self, told: Mapping[str, Any], count: int) -> Iterator[dict[str, Any]]:
        for each in (one for name in LINES for one in told.get(name) or ()):
            metas = each.get("meta_data") or ()
            original = next((str(one.get("value")) for one in metas if one.get("key") == REFUNDED_ITEM), "")
            position = self.positions.get(int(original)) if original.isdigit() else None
            amount = -cents(decimal(each["total"]) + _tax(each))
            if position is not None and position < count and amount:
                quantity = abs(decimal(each.get("quantity")))
                yield {"line": position, "quantity": written(quantity), "amount": written(amount)}

    def _first(self, keys: Sequence[str]) -> str:
        found = (self.meta.get(key) for key in keys)
        return next((said for each in found if (said := text(str(each) if isinstance(each, int) else each))), "")


def _parcel(each: Mapping[str, Any]) -> dict[str, str]:
    """Return a parcel of the « Shipment Tracking » plug-in, whose moments are seconds since 1970."""
    at = datetime.fromtimestamp(int(decimal(each["date_shipped"])), UTC).isoformat()
    return parcel(
        parcel_id=each["tracking_id"],
        shipped_at=at,
        carrier=each.get("custom_tracking_provider") or each.get("tracking_provider"),
        number=each.get("tracking_number"),
        url=each.get("custom_tracking_link"),
    )


def _covered(amount: Decimal, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the refunded lines within what went back: all but the cents by which roundings of net and tax exceed it.

    None where they say something else, as when a reduction was taken back with what it was for.
    """
    amounts = [Decimal(line["amount"]) for line in lines]
    whole = sum(amounts, ZERO)
    if whole > amount and whole - amount <= CENT * len(lines):
        amounts = cents_within(amount, [each * amount / whole for each in amounts]) or amounts
    if min(amounts, default=ZERO) <= 0 or sum(amounts, ZERO) > amount:
        return []
    return [line | {"amount": written(share)} for line, share in zip(lines, amounts, strict=True)]


def _tax(each: Mapping[str, Any]) -> Decimal:
    return decimal(each.get("total_tax"))


def _address(place: Mapping[str, Any]) -> dict[str, str]:
    return address(
        line1=place.get("address_1"),
        line2=place.get("address_2"),
        postal_code=place.get("postcode"),
        city=place.get("city"),
        country=place.get("country"),
    )


def _moment(value: Any) -> str | None:
    """Return a moment of UTC, which WooCommerce writes without saying so."""
    return f"{value}Z" if isinstance(value, str) and value else None
