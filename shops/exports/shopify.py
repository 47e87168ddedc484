"""The export of orders of Shopify's admin (« Plain CSV file »): one row a line, the order's own cells on the first.

It names taxes of the whole order alone, so that an order with several rates is « à vérifier »; refunds only by their
sum: one of everything cancels the order here, a part is « à vérifier ». What Shopify sends by webhook says more of the
same orders, and is newer: its versions are later moments.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

from shops.amounts import ZERO, cents, priced, reason_of_zero, written
from shops.arrivals import Arrival
from shops.candidates import Candidate
from shops.exports import table
from shops.notation import AS_EXPORTED, Notation
from shops.readings import address, buyer, text
from shops.schema import OrderMessage

REQUIRED = (
    "Name", "Email", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Created at",
    "Lineitem quantity", "Lineitem name", "Lineitem price", "Billing Name", "Billing Country", "Id",
)  # fmt: skip
PAID = ("paid", "partially_refunded", "refunded")
TAXES = 5
SEVERAL_RATES = "L'export ne dit pas à quel taux est chaque ligne, et la commande en a plusieurs."
UNKNOWN_RATE = "Le taux de TVA n'est pas lisible dans l'export\u00a0: %s."


@dataclass(slots=True)
class _Rows:
    """The consecutive rows of one order."""

    first_line: int
    last_line: int
    order: Mapping[str, str]
    notation: Notation
    lines: list[Mapping[str, str]] = field(default_factory=list)
    problem: str = ""

    def amount(self, cells: Mapping[str, str], name: str) -> Decimal:
        return self.notation.amount(cells.get(name, ""))

    def moment(self, name: str) -> datetime | None:
        return self.notation.moment(self.order.get(name, ""))


def read(stream: BinaryIO, notation: Notation = AS_EXPORTED) -> Iterator[Candidate]:
    """Yield each order of the export; one that cannot be read says why, and the next ones are still read.

    Raises UnreadableFile when it is no export of orders of Shopify.
    """
    rows = table.rows(stream, notation, REQUIRED, "l'export des commandes de Shopify")
    for found in _by_name(rows, notation):
        number = "".join(found.order["Name"].split()).lstrip("#")
        place = table.Row(found.first_line, found.last_line, {}, found.problem)
        yield table.candidate(number, found.order.get("Email", ""), place, "Shopify", partial(_arrival, number, found))


def _by_name(rows: Iterator[table.Row], notation: Notation) -> Iterator[_Rows]:
    current: _Rows | None = None
    for row in rows:
        if current is None or row.cells["Name"] != current.order["Name"]:
            if current:
                yield current
            current = _Rows(row.first_line, row.last_line, row.cells, notation)
        current.last_line, current.problem = row.last_line, current.problem or row.problem
        if row.cells["Lineitem name"]:
            current.lines.append(row.cells)
    if current:
        yield current


def _arrival(number: str, rows: _Rows) -> Arrival:
    order = rows.order
    subtotal, shipping, taxes, total = (rows.amount(order, name) for name in ("Subtotal", "Shipping", "Taxes", "Total"))
    including = subtotal + shipping == total or not taxes
    goes_to = _address(order, "Shipping") or _address(order, "Billing")
    rate, doubts = _rate(order, taxes)
    moments = {name: rows.moment(name) for name in ("Created at", "Paid at", "Fulfilled at", "Cancelled at")}
    last = max(filter(None, moments.values()))
    lines = list(_lines(rows, subtotal, shipping, rate, goes_to))
    refunded = rows.amount(order, "Refunded Amount")
    sent: dict[str, Any] = {
        "number": number,
        "version": int(last.timestamp()) * 1000 + bool(refunded),
        "email": order["Email"],
        "placed_at": moments["Created at"],
        "paid_at": moments["Paid at"] if order["Financial Status"] in PAID else None,
        "payment_method": text(order.get("Payment Method"), 60),
        "shipped_at": moments["Fulfilled at"] if order.get("Fulfillment Status") == "fulfilled" else None,
        "cancelled_at": moments["Cancelled at"] or (last if refunded and refunded >= total else None),
        "currency": order["Currency"],
        "prices_include_tax": including,
        "billing": buyer({**_name(order), "vat_number": "", "siret": "", **_address(order, "Billing")}),
        "shipping_address": {"name": text(order.get("Shipping Name")), **goes_to} if goes_to.get("line1") else None,
        "lines": lines,
        "total_tax": written(cents(taxes)),
        "total": written(cents(total)),
        "paid_amount": written(cents(total)) if order["Financial Status"] in PAID else None,
    }
    return Arrival(OrderMessage.checked(sent), order["Id"] or None, (*doubts, *table.doubts_of(refunded, total)))


def _lines(
    rows: _Rows, subtotal: Decimal, shipping: Decimal, rate: Decimal, goes_to: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield the lines; what the order's discount leaves of them is spread as its subtotal says."""
    before = [rows.amount(row, "Lineitem price") * rows.amount(row, "Lineitem quantity") for row in rows.lines]
    own = [amount - rows.amount(row, "Lineitem discount") for row, amount in zip(rows.lines, before, strict=True)]
    left, rest = subtotal, sum(own, ZERO)
    for row, was, amount in zip(rows.lines, before, own, strict=True):
        after = cents(amount * left / rest) if rest else ZERO
        left, rest = left - after, rest - amount
        kind = "service" if row.get("Lineitem requires shipping") == "false" else "goods"
        taxed = row.get("Lineitem taxable") != "false"
        found = priced(was, after, rows.amount(row, "Lineitem quantity"))
        yield _line(kind, row["Lineitem name"], rate if taxed else ZERO, goes_to, found, row.get("Lineitem sku"))
    if shipping:
        name = rows.order.get("Shipping Method") or "Livraison"
        yield _line("shipping", name, rate, goes_to, priced(shipping, shipping, Decimal(1)))


def _line(
    kind: str, name: str, rate: Decimal, goes_to: Mapping[str, str], found: dict[str, str], sku: Any = ""
) -> dict[str, Any]:
    line: dict[str, Any] = {"description": text(name) or "Article", "kind": kind, "sku": text(sku, 100), **found}
    line["vat_rate"] = written(rate)
    if not rate:
        line["vat_category"] = reason_of_zero(goes_to, "", kind)
    return line


def _rate(order: Mapping[str, str], taxes: Decimal) -> tuple[Decimal, list[str]]:
    """Return the one rate of the order, as its tax is called (« FR TVA 20% »), and what stands in its way."""
    names = [order.get(f"Tax {place} Name") or "" for place in range(1, TAXES + 1)]
    found = {name: _percent(name) for name in names if name}
    if len(found) > 1:
        return ZERO, [SEVERAL_RATES]
    for name, rate in found.items():
        return (ZERO, [UNKNOWN_RATE % text(name, 60)]) if rate is None else (rate, [])
    return ZERO, [UNKNOWN_RATE % "–"] if taxes else []


def _percent(name: str) -> Decimal | None:
    figure = name.rstrip().removesuffix("%").rstrip().rpartition(" ")[2].replace(",", ".")
    return Decimal(figure) if figure.replace(".", "", 1).isdigit() and figure.isascii() else None


def _name(order: Mapping[str, str]) -> dict[str, str]:
    first, _blank, last = text(order["Billing Name"]).rpartition(" ")
    return {"first_name": first, "last_name": last, "company_name": text(order.get("Billing Company"))}


def _address(order: Mapping[str, str], which: str) -> dict[str, str]:
    """Return an address; a postal code is written with a ' before it, so that no spreadsheet takes it for a number."""
    return address(
        line1=order.get(f"{which} Address1") or order.get(f"{which} Street"),
        line2=order.get(f"{which} Address2"),
        postal_code=(order.get(f"{which} Zip") or "").lstrip("'"),
        city=order.get(f"{which} City"),
        country=order.get(f"{which} Country"),
    )
