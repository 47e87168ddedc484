"""Orders of a PrestaShop as its tables hold them, secrets included: rows by resource, made by keywords."""

from typing import Any

Row = dict[str, Any]
SECRET = "d41d8cd98f00b204e9800998ecf8427e"

STATES = [
    {"id": 2, "paid": "1", "shipped": "0", "template": "payment"},
    {"id": 4, "paid": "1", "shipped": "1", "template": "shipped"},
    {"id": 6, "paid": "0", "shipped": "0", "template": [{"id": "1", "value": "order_canceled"}]},
]
SHARED: dict[str, list[Row]] = {
    "order_states": STATES,
    "taxes": [{"id": 1, "rate": "20.000"}, {"id": 2, "rate": "5.500"}],
    "currencies": [{"id": 1, "iso_code": "EUR"}, {"id": 2, "iso_code": "GBP"}],
    "languages": [{"id": 1, "iso_code": "fr"}],
    "countries": [{"id": 8, "iso_code": "FR"}, {"id": 1, "iso_code": "DE"}, {"id": 21, "iso_code": "US"}],
}
TABLES = ("orders", "order_details", "customers", "addresses", "order_slip", "order_histories", "order_carriers")


def tables(count: int = 1, **changes: Any) -> dict[str, list[Row]]:
    """Return the tables of a shop with so many orders, each a second after the other."""
    found: dict[str, list[Row]] = {name: [] for name in TABLES} | {name: [*rows] for name, rows in SHARED.items()}
    for number in range(1, count + 1):
        for name, rows in an_order(number, **changes).items():
            found[name].extend(rows)
    return found


def joined(**changes: Any) -> dict[str, Any]:
    """Return one order as the reader joins it."""
    found = tables(**changes)
    return {"order": found.pop("orders")[0]} | found


def an_order(number: int = 1, **changes: Any) -> dict[str, list[Row]]:
    """Return the rows of one order of 31,72 € TTC: two T-shirts and their carriage; keywords change the order's row."""
    minutes, seconds = divmod(number, 60)
    at = f"2026-11-02 {10 + minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    order = {
        "id": number, "id_address_delivery": str(number), "id_address_invoice": str(number),
        "id_customer": str(number), "id_currency": "1", "id_lang": "1", "current_state": "2", "invoice_number": "0",
        "date_add": "2026-11-02 10:00:00", "date_upd": at, "reference": f"XKBK{number:05d}", "payment": "Carte",
        "total_discounts_tax_incl": "0.000000", "total_paid_tax_incl": "31.720000",
        "total_paid_tax_excl": "26.430000", "total_paid_real": "31.720000", "total_products_wt": "26.820000",
        "total_products": "22.350000", "total_shipping_tax_incl": "4.900000", "total_shipping_tax_excl": "4.080000",
        "carrier_tax_rate": "20.000", "total_wrapping_tax_incl": "0.000000", "total_wrapping_tax_excl": "0.000000",
        "secure_key": SECRET,
    } | changes.pop("order", {})  # fmt: skip
    detail = {
        "id": number * 10, "id_order": str(number), "product_name": "T-shirt personnalisé - Taille : M",
        "product_reference": "TS-M", "product_quantity": "2", "unit_price_tax_incl": "13.410000",
        "unit_price_tax_excl": "11.175000", "total_price_tax_incl": "26.820000", "total_price_tax_excl": "22.350000",
        "associations": {"taxes": [{"id": "1"}]},
    } | changes.pop("detail", {})  # fmt: skip
    customer = {
        "id": number, "email": f"client{number}@example.org", "company": "", "siret": "", "firstname": "Claire",
        "lastname": "Martin", "passwd": SECRET, "secure_key": SECRET,
    } | changes.pop("customer", {})  # fmt: skip
    address = {
        "id": number, "id_country": "8", "company": "", "firstname": "Claire", "lastname": "Martin",
        "address1": "12 rue Mercière", "address2": "", "postcode": "69002", "city": "Lyon", "vat_number": "",
    } | changes.pop("address", {})  # fmt: skip
    history = {"id": number, "id_order": str(number), "id_order_state": "2", "date_add": "2026-11-02 10:01:00"}
    found = {
        "orders": [order],
        "order_details": [detail],
        "customers": [customer],
        "addresses": [address],
        "order_histories": [history],
        "order_slip": [],
        "order_carriers": [],
    }
    return found | changes
