"""Orders of WooCommerce as the plug-in « Order Export & Order Import » writes them, made of what the REST API says."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
MOST_ITEMS = 9
COLUMNS = (
    "order_id", "order_number", "order_date", "paid_date", "status", "shipping_total", "shipping_tax_total",
    "fee_total", "fee_tax_total", "tax_total", "order_total", "order_currency", "payment_method",
    "payment_method_title", "shipping_method", "customer_id", "billing_first_name", "billing_last_name",
    "billing_company", "billing_email", "billing_address_1", "billing_address_2", "billing_postcode", "billing_city",
    "billing_country", "shipping_first_name", "shipping_last_name", "shipping_address_1", "shipping_address_2",
    "shipping_postcode", "shipping_city", "shipping_country", "shipping_items", "fee_items", "tax_items",
    "coupon_items", "refund_items", "order_notes", "meta:_billing_vat_number", "meta:_vat_number", "meta:billing_siret",
    "meta:_wcpdf_invoice_number", "meta:_date_completed",
    *(f"line_item_{place}" for place in range(1, MOST_ITEMS + 1)),
)  # fmt: skip


def row(sent: Mapping[str, Any], **changes: str) -> dict[str, str]:
    """Return the row of an order."""
    meta = {f"meta:{each['key']}": str(each["value"]) for each in sent["meta_data"]}
    shipping, fees = sent["shipping_lines"], sent["fee_lines"]
    items = {f"line_item_{place}": _item(each) for place, each in enumerate(sent["line_items"], start=1)}
    completed = sent.get("date_completed_gmt")
    own = {
        "order_id": str(sent["id"]),
        "order_number": str(sent["number"]),
        "order_date": _local(sent["date_created_gmt"]).strftime("%Y-%m-%d %H:%M:%S"),
        "paid_date": _local(sent["date_paid_gmt"]).isoformat() if sent.get("date_paid_gmt") else "",
        "status": sent["status"],
        "shipping_total": _cents(sum(Decimal(str(each["total"])) for each in shipping)),
        "shipping_tax_total": _cents(sum(Decimal(str(each["total_tax"])) for each in shipping)),
        "tax_total": str(sent["total_tax"]),
        "order_total": str(sent["total"]),
        "order_currency": sent["currency"],
        "payment_method_title": sent["payment_method_title"],
        "shipping_method": ", ".join(each.get("method_title") or "Livraison" for each in shipping),
        "shipping_items": ";".join(f"items:|method_id:flat_rate|taxes:{_php(each['taxes'])}" for each in shipping),
        "fee_items": "||".join(
            f"name:{each.get('name') or 'Frais'}|total:{each['total']}|tax:{each['total_tax']}"
            f"|tax_data:{_php(each['taxes'])}"
            for each in fees
        ),
        "tax_items": ";".join(
            f"rate_id:{each['rate_id']}|code:FR-TVA-{each['rate_id']}|total:0.00|label:TVA|tax_rate_compound:"
            f"|rate_percent:{each['rate_percent']}"
            for each in sent["tax_lines"]
        ),
        "refund_items": ";".join(
            f"amount:{each['total'].lstrip('-')}|reason:|date:2026-11-12 09:00:00" for each in sent["refunds"]
        ),
        "meta:_date_completed": str(int(_local(completed).timestamp())) if completed else "",
        **{f"billing_{name}": str(value) for name, value in sent["billing"].items()},
        **{f"shipping_{name}": str(value) for name, value in sent["shipping"].items()},
        **items,
        **{name: value for name, value in meta.items() if name in COLUMNS},
    }
    return {name: own.get(name, "") for name in COLUMNS} | changes


def written(rows: Sequence[Mapping[str, str]], *, delimiter: str = ",", encoding: str = "utf-8") -> io.BytesIO:
    """Return the file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode(encoding))


def _item(each: Mapping[str, Any]) -> str:
    said = {
        "name": each["name"],
        "product_id": "91",
        "sku": each.get("sku") or "",
        "quantity": str(each["quantity"]),
        "total": _cents(each["total"]),
        "sub_total": _cents(each["subtotal"]),
    }
    if Decimal(str(each["total_tax"])):
        said |= {"tax": _cents(each["total_tax"]), "tax_data": _php(each["taxes"])}
    said |= {str(one["key"]): str(one["value"]) for one in each.get("meta_data") or ()}
    return "|".join(f"{name}:{value}" for name, value in said.items())


def _php(taxes: Sequence[Mapping[str, Any]]) -> str:
    """Return what each rate took as PHP's serialize() writes it."""
    named = [name for name in ("total", "subtotal") if all(name in each for each in taxes)]
    parts = "".join(f's:{len(name)}:"{name}";{_array(taxes, name)}' for name in named)
    return f"a:{len(named)}:{{{parts}}}"


def _array(taxes: Sequence[Mapping[str, Any]], name: str) -> str:
    shares = [(each["id"], str(each[name])) for each in taxes if str(each[name])]
    return f"a:{len(shares)}:{{" + "".join(f'i:{rate};s:{len(share)}:"{share}";' for rate, share in shares) + "}"


def _cents(amount: Any) -> str:
    return str(Decimal(str(amount)).quantize(Decimal("0.01")))


def _local(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(PARIS)
