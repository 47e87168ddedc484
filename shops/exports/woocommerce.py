"""Orders of WooCommerce as « Order Export & Order Import for WooCommerce » writes them: one row an order.

WooCommerce itself exports no orders; this plug-in, which its makers offer too, is the common one. Its rows are turned
into what the REST API says of the same order, and read like that. What a row leaves out:
- whether prices were shown with tax: they are taken so, and the lines come to the same;
- when an order was completed, unless a column says it: then the last moment that the row names;
- of which lines a refund was: one of everything cancels the order here, a part is « à vérifier ».
What WooCommerce sends by webhook says more of the same orders, and is newer.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

from shops import woocommerce
from shops.amounts import ZERO, cents, decimal
from shops.arrivals import Arrival
from shops.candidates import Candidate
from shops.exports import table
from shops.notation import AS_EXPORTED, Notation
from shops.readings import text

REQUIRED = (
    "order_id", "order_number", "order_date", "paid_date", "status", "shipping_total", "shipping_tax_total",
    "tax_total", "order_total", "order_currency", "billing_email", "billing_country", "shipping_items", "fee_items",
    "tax_items", "refund_items", "line_item_1",
)  # fmt: skip
META = "meta:"
COMPLETED = ("meta:_date_completed", "meta:_completed_date", "completed_date")

LINE = re.compile(r"line_item_[0-9]+")
# Each of these reads a cell once, whatever stands in it: none tries a part of it a second time.
ITEM = re.compile(
    r"name:(?P<name>(?:[^|]|\|(?!product_id:))*+)\|product_id:[^|]*\|sku:(?P<sku>(?:[^|]|\|(?!quantity:))*+)"
    r"\|quantity:(?P<quantity>[^|]*)\|total:(?P<total>[^|]*)\|sub_total:(?P<subtotal>[^|]*)"
    r"(?:\|tax:(?P<tax>[^|]*)\|tax_data:(?P<taxes>[^|]*))?(?:\|(?P<rest>.*))?",
    re.DOTALL,
)
FEE = re.compile(
    r"name:(?P<name>(?:[^|]|\|(?!total:))*+)\|total:(?P<total>[^|]*)\|tax:(?P<tax>[^|]*)\|tax_data:(?P<taxes>.*)",
    re.DOTALL,
)
RATE = re.compile(r"(?:^|;)rate_id:([0-9]+)\|[^;]*?\|rate_percent:([0-9.]*)")
REFUND = re.compile(r"(?:^|;)amount:(-?[0-9.]+)\|")
SERIALISED = re.compile(r's:[0-9]+:"(total|subtotal)";a:[0-9]+:\{([^{}]*)\}')
SHARE = re.compile(r'i:([0-9]+);(?:s:[0-9]+:"([^"]*)"|[di]:([^;]+));')


def read(stream: BinaryIO, notation: Notation = AS_EXPORTED) -> Iterator[Candidate]:
    """Yield each order of the export; one that cannot be read says why, and the next ones are still read.

    Raises UnreadableFile when it is no export of that plug-in.
    """
    what = "l'export des commandes de WooCommerce par « Order Export & Order Import »"
    for row in table.rows(stream, notation, REQUIRED, what):
        number = "".join(row.cells["order_number"].split())
        arrive = partial(_arrival, row.cells, notation)
        yield table.candidate(number, row.cells["billing_email"], row, "WooCommerce", arrive)


def _arrival(cells: Mapping[str, str], notation: Notation) -> Arrival:
    total = notation.amount(cells["order_total"])
    refunded = sum((decimal(amount) for amount in REFUND.findall(cells["refund_items"])), ZERO)
    found = woocommerce.order(_as_the_api_says(cells, notation, gone=total > 0 and refunded >= total), None)
    # Of the same second, what the shop itself sends is the newer one.
    message = found.message.model_copy(update={"version": found.message.version - 1})
    return Arrival(message, found.ref, (*found.doubts, *table.doubts_of(refunded, total)))


def _as_the_api_says(cells: Mapping[str, str], notation: Notation, *, gone: bool) -> dict[str, Any]:
    """Return the order as the REST API would; one that is `gone` was refunded whole."""
    placed, paid = (notation.moment(cells[name]) for name in ("order_date", "paid_date"))
    if placed is None:
        raise ValueError("order_date")
    status = cells["status"].removeprefix("wc-")
    completed = _completed(cells, notation) if status == "completed" else None
    last = max(moment for moment in (placed, paid, completed) if moment)
    rates = {int(rate): decimal(percent) for rate, percent in RATE.findall(cells["tax_items"])}
    return {
        "id": int(cells["order_id"]),
        "number": "".join(cells["order_number"].split()),
        "status": "cancelled" if gone else status,
        "currency": cells["order_currency"],
        "prices_include_tax": True,
        "date_created_gmt": _utc(placed),
        "date_paid_gmt": _utc(paid),
        "date_completed_gmt": _utc(last) if status == "completed" else None,
        "date_modified_gmt": _utc(last),
        "total": notation.amount(cells["order_total"]),
        "total_tax": notation.amount(cells["tax_total"]),
        "payment_method_title": cells.get("payment_method_title") or cells.get("payment_method"),
        "billing": _part(cells, "billing_"),
        "shipping": _part(cells, "shipping_"),
        "meta_data": list(_meta(cells)),
        "tax_lines": [{"rate_id": rate, "rate_percent": percent} for rate, percent in rates.items()],
        "line_items": [_item(cells[name], place, rates) for place, name in enumerate(cells) if _is_item(name, cells)],
        "shipping_lines": list(_shipping(cells, notation, rates)),
        "fee_lines": [_fee(fee, -place, rates) for place, fee in enumerate(_fees(cells["fee_items"]), start=2)],
    }


def _completed(cells: Mapping[str, str], notation: Notation) -> datetime | None:
    """Return when the order was completed, of a column that the merchant has added; seconds since 1970 are one too."""
    said = next((cells[name] for name in COMPLETED if cells.get(name)), "")
    return datetime.fromtimestamp(int(said), UTC) if said.isdecimal() else notation.moment(said)


def _part(cells: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): cell for name, cell in cells.items() if name.startswith(prefix)}


def _meta(cells: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, cell in cells.items():
        if name.startswith(META) and cell:
            key = name.removeprefix(META)
            yield {"key": key, "value": json.loads(cell) if key == woocommerce.TRACKING else cell}


def _is_item(name: str, cells: Mapping[str, str]) -> bool:
    return bool(LINE.fullmatch(name) and cells[name])


def _item(cell: str, item_id: int, rates: Mapping[int, Decimal]) -> dict[str, Any]:
    found = ITEM.fullmatch(cell)
    if found is None:
        raise ValueError(text(cell, 60))
    quantity, net, tax = (decimal(found[name]) for name in ("quantity", "total", "tax"))
    taxed, before = _taxed(net, tax, found["taxes"] or "", rates), decimal(found["subtotal"])
    taxed_before = cents(sum(_shares(found["taxes"] or "", "subtotal").values(), ZERO))
    return {
        "id": item_id,
        "name": found["name"],
        "sku": found["sku"],
        "quantity": quantity,
        "price": taxed.pop("net") / quantity,
        "subtotal": before,
        "subtotal_tax": tax if before == net else taxed_before,
        "meta_data": [{"key": each.partition(":")[0]} for each in (found["rest"] or "").split("|")],
        **taxed,
    }


def _shipping(cells: Mapping[str, str], notation: Notation, rates: Mapping[int, Decimal]) -> Iterator[dict[str, Any]]:
    """Yield the shipping, as one line: the row has one amount for it, whatever the parcels."""
    net, tax = (notation.amount(cells[name]) for name in ("shipping_total", "shipping_tax_total"))
    if net or cells.get("shipping_method"):
        yield {
            "id": -1,
            "method_title": cells.get("shipping_method"),
            **_taxed(net, tax, cells["shipping_items"], rates),
        }


def _fees(cell: str) -> list[str]:
    return [each for each in cell.split("||") if each]


def _fee(cell: str, fee_id: int, rates: Mapping[int, Decimal]) -> dict[str, Any]:
    found = FEE.fullmatch(cell)
    if found is None:
        raise ValueError(text(cell, 60))
    net, tax = decimal(found["total"]), decimal(found["tax"])
    return {"id": fee_id, "name": found["name"], **_taxed(net, tax, found["taxes"], rates)}


def _taxed(net: Decimal, tax: Decimal, serialised: str, rates: Mapping[int, Decimal]) -> dict[str, Any]:
    """Return the tax of a line, rate by rate; `net` is what it was taken of, more exactly.

    The export rounds net and tax each to the cent; a shop that rounds by order keeps more places of its taxes.
    """
    after = _shares(serialised, "total")
    if not after and len(rates) == 1:
        after = dict.fromkeys(rates, tax)
    percent = sum((rates.get(rate, ZERO) for rate, share in after.items() if share), ZERO)
    exact = sum(after.values(), ZERO) * 100 / percent if percent else net
    return {
        "net": exact,
        "total": net,
        "total_tax": tax,
        "taxes": [{"id": rate, "total": share} for rate, share in after.items()],
    }


def _shares(serialised: str, which: str) -> dict[int, Decimal]:
    """Return what each rate took, of the text in which PHP writes it."""
    found: dict[int, Decimal] = {}
    for name, shares in SERIALISED.findall(serialised):
        for rate, quoted, bare in SHARE.findall(shares) if name == which else ():
            found[int(rate)] = found.get(int(rate), ZERO) + decimal(quoted or bare)
    return found


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") if moment else None
