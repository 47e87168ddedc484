"""Orders of PrestaShop (1.7, 8, 9), as its web service gives them: an order joined with what stands elsewhere.

Only the fields named in `FIELDS` are ever asked for: whole answers carry password hashes and `secure_key`. Moments are
written in the shop's own time without saying which; a French shop's is Paris time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from shops.amounts import CENT, ZERO, cents, cents_within, decimal, priced, rate_of, reason_of_zero, written
from shops.arrivals import Arrival, Ignored
from shops.readings import PARIS, address, buyer, parcel, reading, text
from shops.schema import OrderMessage

NEVER = ("", "0000-00-00 00:00:00", "0000-00-00")
CANCELLED = ("order_canceled",)
"""The mail template by which PrestaShop's own states of cancelled orders are known, whatever they are called."""

FIELDS = {
    "orders": (
        "id", "id_address_delivery", "id_address_invoice", "id_customer", "id_currency", "id_lang", "current_state",
        "invoice_number", "date_add", "date_upd", "reference", "payment", "total_discounts_tax_incl",
        "total_paid_tax_incl", "total_paid_tax_excl", "total_paid_real", "total_products_wt", "total_products",
        "total_shipping_tax_incl", "total_shipping_tax_excl", "carrier_tax_rate", "total_wrapping_tax_incl",
        "total_wrapping_tax_excl",
    ),
    "order_details": (
        "id", "id_order", "product_name", "product_reference", "product_quantity", "unit_price_tax_incl",
        "unit_price_tax_excl", "total_price_tax_incl", "total_price_tax_excl", "associations",
    ),
    "customers": ("id", "email", "company", "siret", "firstname", "lastname"),
    "addresses": (
        "id", "id_country", "company", "firstname", "lastname", "address1", "address2", "postcode", "city",
        "vat_number",
    ),
    "order_slip": (
        "id", "id_order", "total_products_tax_incl", "total_shipping_tax_incl", "date_add", "associations",
    ),
    "order_histories": ("id", "id_order", "id_order_state", "date_add"),
    "order_carriers": ("id", "id_order", "tracking_number", "date_add"),
    "order_states": ("id", "paid", "shipped", "template"),
    "taxes": ("id", "rate"),
    "currencies": ("id", "iso_code"),
    "languages": ("id", "iso_code"),
    "countries": ("id", "iso_code"),
}  # fmt: skip

Row = Mapping[str, Any]


def order(joined: Mapping[str, Any]) -> Arrival:
    """Return the order: `joined` holds it under `order`, and under the names of `FIELDS` what belongs to it.

    `same_reference` are the ids of all orders that bear its reference, itself among them.
    Raises Ignored for an order without a line, shops.schema.InvalidMessage for what is no order of PrestaShop.
    """
    with reading("une commande de PrestaShop"):
        if not joined["order_details"]:
            raise Ignored("Cette commande n'a pas de ligne.")
        return _Reading(joined).arrival()


@dataclass(frozen=True, slots=True)
class _Sold:
    """A line before vouchers: `net` and `gross` are the whole line's."""

    kind: str
    name: str
    quantity: Decimal
    net: Decimal
    gross: Decimal
    rate: Decimal
    sku: str = ""


class _Reading:
    """One order while it is read."""

    def __init__(self, joined: Mapping[str, Any]) -> None:
        self.joined, self.sent = joined, joined["order"]
        self.details: Sequence[Row] = joined["order_details"]
        self.rates = {str(each["id"]): decimal(each["rate"]) for each in joined["taxes"]}
        self.countries = {str(each["id"]): str(each["iso_code"]).upper() for each in joined["countries"]}
        self.buyer = self._row("addresses", self.sent["id_address_invoice"])
        self.goes_to = self._address(self._row("addresses", self.sent["id_address_delivery"]))
        self.vat_number = text(self.buyer.get("vat_number"))
        gross = sum((cents(decimal(each["total_price_tax_incl"])) for each in self.details), ZERO)
        # Rounded by item or by line the prices with tax are what was charged; rounded by order those without are.
        self.including = gross == cents(decimal(self.sent["total_products_wt"]))
        self.doubts: list[str] = []

    def arrival(self) -> Arrival:
        sent, total = self.sent, written(cents(decimal(self.sent["total_paid_tax_incl"])))
        paid_at, shipped_at, cancelled_at = self._moments()
        invoiced = str(sent.get("invoice_number") or "0")
        sold = list(self._sold())
        amounts = self._amounts(sold)
        taken_off = self._vouchers(sold, amounts)
        paid = [amount - off for amount, off in zip(amounts, taken_off or [ZERO] * len(sold), strict=True)]
        message = {
            "number": self._number(),
            "version": int(_moment(sent["date_upd"]).timestamp()) * 1000 + self._rank(),
            "email": self._row("customers", sent["id_customer"])["email"],
            "locale": str(self._row("languages", sent["id_lang"]).get("iso_code") or "fr").lower()[:2],
            "placed_at": _moment(sent["date_add"]).isoformat(),
            "paid_at": paid_at,
            "payment_method": text(sent.get("payment"), 60),
            "shipped_at": shipped_at,
            "cancelled_at": cancelled_at,
            "existing_invoice": None if invoiced == "0" else f"PrestaShop {invoiced}",
            "currency": self._row("currencies", sent["id_currency"])["iso_code"],
            "prices_include_tax": self.including,
            "billing": self._billing(),
            "shipping_address": self._shipping(),
            "lines": list(map(self._line, sold, amounts, taken_off or [ZERO] * len(sold))),
            "order_discount": "0" if taken_off else written(cents(decimal(sent.get("total_discounts_tax_incl")))),
            "total_tax": self._tax(sold, paid),
            "total": total,
            "shipments": self._parcels(shipped_at),
            "refunds": list(self._refunds()),
        }
        if paid_at:
            message["paid_amount"] = total
        return Arrival(OrderMessage.checked(message), str(sent["id"]), tuple(self.doubts))

    def _tax(self, sold: Sequence[_Sold], paid: Sequence[Decimal]) -> str | None:
        """Return the VAT of the order; None where PrestaShop has rounded each item with tax and without.

        Then both columns are exact multiples of an item's prices, and what lies between them is no VAT of any rate: of
        twelve at 9,99 € it is six cents beside. The prices with tax were paid, and the rates say the VAT in them.
        """
        tax = cents(decimal(self.sent["total_paid_tax_incl"]) - decimal(self.sent["total_paid_tax_excl"]))
        inside = [amount * each.rate / (100 + each.rate) for amount, each in zip(paid, sold, strict=True)]
        missed, pieces = abs(tax - sum(inside, ZERO)), sum((each.quantity for each in sold), ZERO)
        explained = CENT * len(sold) - CENT / 2 < missed <= CENT * pieces
        return None if explained and self._is_rounded_by_item(sold) else written(tax)

    def _is_rounded_by_item(self, sold: Sequence[_Sold]) -> bool:
        """Whether each sum of goods is a multiple of a rounded price, and one is not what rounding its line gives.

        Where the prices themselves were written rounded, their multiples say it alone.
        """
        sums = [
            (total, decimal(detail.get(f"unit_price_tax_{column}")), each.quantity)
            for each, detail in zip(sold, self.details, strict=False)
            for column, total in (("excl", each.net), ("incl", each.gross))
        ]
        multiples = all(total == cents(unit) * quantity for total, unit, quantity in sums)
        of_lines = all(total == cents(unit * quantity) for total, unit, quantity in sums)
        return multiples and (not of_lines or all(unit == cents(unit) for _total, unit, _quantity in sums))

    def _number(self) -> str:
        """Return the order's reference; of several that share one, all but the first have their id behind it.

        PrestaShop splits a cart by carrier and warehouse into orders of one reference. The ids say which was the first,
        whichever is read first.
        """
        reference, own = text(self.sent["reference"]), int(self.sent["id"])
        first = min(map(int, self.joined.get("same_reference", ())), default=own)
        return reference if own <= first else f"{reference}-{own}"

    def _rank(self) -> int:
        return min(len(self.joined["order_histories"]) * 20 + len(self.joined["order_slip"]), 998)

    def _moments(self) -> tuple[str | None, str | None, str | None]:
        """Return since when the order is paid, shipped and cancelled, as the histories of its states tell."""
        states = {str(each["id"]): each for each in self.joined["order_states"]}
        past = sorted(self.joined["order_histories"], key=lambda each: (each["date_add"], int(each["id"])))
        told = [(_moment(each["date_add"]).isoformat(), states.get(str(each["id_order_state"]), {})) for each in past]
        paid = next((at for at, state in told if _is_on(state, "paid")), None)
        shipped = next((at for at, state in told if _is_on(state, "shipped")), None)
        last_at, last = told[-1] if told else ("", {})
        return paid, shipped, last_at if _template(last) in CANCELLED else None

    def _sold(self) -> Iterator[_Sold]:
        for each in self.details:
            rate = rate_of(self.rates[str(tax["id"])] for tax in _associated(each, "taxes") if int(tax["id"]))
            quantity = decimal(each["product_quantity"])
            net, gross = decimal(each["total_price_tax_excl"]), decimal(each["total_price_tax_incl"])
            name, sku = text(each["product_name"]), text(each.get("product_reference"))
            yield _Sold("goods", name or "Article", quantity, net, gross, rate, sku[:100])
        sent = self.sent
        shipping_rate = decimal(sent.get("carrier_tax_rate"))
        for kind, name, column in (
            ("shipping", "Livraison", "total_shipping"),
            ("fee", "Emballage cadeau", "total_wrapping"),
        ):
            net, gross = decimal(sent.get(f"{column}_tax_excl")), decimal(sent.get(f"{column}_tax_incl"))
            rate = shipping_rate if kind == "shipping" else self._nearest(net, gross)
            if gross:
                yield _Sold(kind, name, Decimal(1), net, gross, rate)

    def _line(self, sold: _Sold, amount: Decimal, discount: Decimal) -> dict[str, Any]:
        exact = sold.gross if self.including else sold.net
        before = exact if cents(exact) == amount else amount
        found: dict[str, Any] = {
            "sku": sold.sku,
            "description": sold.name,
            "kind": sold.kind,
            "vat_rate": written(sold.rate.quantize(Decimal("0.01"))),
            **priced(before, amount - discount, sold.quantity),
        }
        if not sold.rate:
            found["vat_category"] = reason_of_zero(self.goes_to, self.vat_number, sold.kind)
            if sold.gross != sold.net:
                self.doubts.append(f"Le taux de TVA de la ligne « {sold.name[:60]} » n'est pas connu.")
        return found

    def _amounts(self, sold: Sequence[_Sold]) -> list[Decimal]:
        """Return what each line costs to the cent; goods that are rounded together come to their sum."""
        exact = [each.gross if self.including else each.net for each in sold]
        goods = exact[: len(self.details)]
        total = cents(decimal(self.sent["total_products_wt" if self.including else "total_products"]))
        charged = cents_within(total, goods) if sum(map(cents, goods), ZERO) != total else None
        return (charged or list(map(cents, goods))) + list(map(cents, exact[len(goods) :]))

    def _vouchers(self, sold: Sequence[_Sold], amounts: Sequence[Decimal]) -> list[Decimal] | None:
        """Return what vouchers took off each line; None where that cannot be told line by line.

        PrestaShop gives their sum alone, with and without tax. Which of both it was, goods for less or carriage for
        nothing, is what comes nearer to the sum without tax.
        """
        gross = cents(decimal(self.sent.get("total_discounts_tax_incl")))
        net = cents(sum((each.net for each in sold), ZERO)) - cents(decimal(self.sent["total_paid_tax_excl"]))
        ways = [way for free in (False, True) if (way := _taken_off(gross, sold, free_carriage=free))]
        way = min(ways, key=lambda way: abs(net - sum(_without_tax(way, sold), ZERO)), default=None)
        if not gross or way is None:
            return None
        found = cents_within(gross, way) if self.including else cents_within(net, _without_tax(way, sold))
        fits = found and all(ZERO <= off <= amount for off, amount in zip(found, amounts, strict=True))
        return found if fits else None

    def _nearest(self, net: Decimal, gross: Decimal) -> Decimal:
        """Return the shop's own rate that these amounts bear to the cent; 0 when none does."""
        fits = (rate for rate in self.rates.values() if cents(net * (1 + rate / 100)) == cents(gross))
        return max(fits, default=ZERO) if net != gross else ZERO

    def _billing(self) -> dict[str, Any]:
        place, customer = self.buyer, self._row("customers", self.sent["id_customer"])
        found = {
            "first_name": text(place.get("firstname") or customer.get("firstname")),
            "last_name": text(place.get("lastname") or customer.get("lastname")),
            "company_name": text(place.get("company") or customer.get("company")),
            "vat_number": self.vat_number,
            "siret": text(customer.get("siret")),
            **self._address(place),
        }
        return buyer(found)

    def _shipping(self) -> dict[str, str] | None:
        to = self._row("addresses", self.sent["id_address_delivery"])
        name = text(" ".join(filter(None, (to.get("firstname"), to.get("lastname")))))
        return {"name": name, **self.goes_to} if self.goes_to.get("line1") else None

    def _address(self, place: Row) -> dict[str, str]:
        return address(
            line1=place.get("address1"),
            line2=place.get("address2"),
            postal_code=place.get("postcode"),
            city=place.get("city"),
            country=self.countries.get(str(place.get("id_country"))),
        )

    def _parcels(self, shipped_at: str | None) -> list[dict[str, str]]:
        """Return the parcels with a number; PrestaShop says when the order left, and of no parcel when."""
        if shipped_at is None:
            return []
        return [
            parcel(parcel_id=each["id"], shipped_at=shipped_at, number=each["tracking_number"])
            for each in self.joined["order_carriers"]
            if text(each.get("tracking_number"))
        ]

    def _refunds(self) -> Iterator[dict[str, Any]]:
        """Yield the slips (« avoirs » of PrestaShop), line by line."""
        places = {str(each["id"]): place for place, each in enumerate(self.details)}
        shipping = len(self.details) if decimal(self.sent.get("total_shipping_tax_incl")) else None
        for slip in self.joined["order_slip"]:
            lines: list[dict[str, Any]] = []
            for each in _associated(slip, "order_slip_details"):
                amount, place = cents(decimal(each["amount_tax_incl"])), places.get(str(each["id_order_detail"]))
                if amount and place is not None:
                    quantity = written(decimal(each.get("product_quantity")))
                    lines.append({"line": place, "quantity": quantity, "amount": written(amount)})
            carriage = cents(decimal(slip.get("total_shipping_tax_incl")))
            if carriage and shipping is not None:
                lines.append({"line": shipping, "quantity": "1", "amount": written(carriage)})
            amount = cents(decimal(slip.get("total_products_tax_incl"))) + carriage
            if amount:
                at = _moment(slip["date_add"]).isoformat()
                exact = lines if sum((Decimal(line["amount"]) for line in lines), ZERO) <= amount else []
                yield {"id": str(slip["id"]), "at": at, "amount": written(amount), "lines": exact}

    def _row(self, name: str, row_id: Any) -> Row:
        return next((each for each in self.joined[name] if str(each["id"]) == str(row_id)), {})


def _taken_off(gross: Decimal, sold: Sequence[_Sold], *, free_carriage: bool) -> list[Decimal] | None:
    """Share vouchers out: the whole carriage where that was free, and the rest over the goods by what they cost."""
    off = [each.gross if free_carriage and each.kind == "shipping" else ZERO for each in sold]
    goods = [each.gross if each.kind == "goods" else ZERO for each in sold]
    rest, whole = gross - sum(off, ZERO), sum(goods, ZERO)
    if rest < 0 or rest > whole:
        return None
    return [free + (rest * share / whole if whole else ZERO) for free, share in zip(off, goods, strict=True)]


def _without_tax(amounts: Sequence[Decimal], sold: Sequence[_Sold]) -> list[Decimal]:
    return [amount * 100 / (100 + each.rate) for amount, each in zip(amounts, sold, strict=True)]


def _associated(each: Row, name: str) -> Sequence[Row]:
    """Return what hangs on a row; none is written as an empty text."""
    found = (each.get("associations") or {}).get(name)
    return found if isinstance(found, list) else ()


def _is_on(state: Row, name: str) -> bool:
    return str(state.get(name, "0")) == "1"


def _template(state: Row) -> str:
    """Return the name of a state's mail: a text, or one in each language."""
    found = state.get("template")
    if isinstance(found, list):
        found = next((each.get("value") for each in found), "")
    return str(found or "")


def _moment(said: str) -> datetime:
    if said in NEVER:
        raise ValueError("a moment is missing")
    return datetime.fromisoformat(said).replace(tzinfo=PARIS)
