"""An order as a shop would send it, for tests; keywords say what is different."""

from typing import Any


def a_line(**changes: Any) -> dict[str, Any]:
    line = {
        "sku": "TS-M-BLEU",
        "description": "T-shirt personnalisé",
        "kind": "goods",
        "quantity": "2",
        "unit_price": "14.90",
        "discount": "2.98",
        "vat_rate": "20.00",
        "vat_category": None,
        "exemption": None,
        "tax": None,
    }
    return line | changes


def a_message(**changes: Any) -> dict[str, Any]:
    """Return an order that adds up: two T-shirts with a discount, and their delivery, for 31.72 TTC."""
    message = {
        "number": "T-100234",
        "version": 3,
        "email": "claire@example.org",
        "locale": "fr",
        "placed_at": "2026-11-02T10:15:00+01:00",
        "paid_at": "2026-11-02T10:16:04+01:00",
        "payment_method": "card",
        "shipped_at": None,
        "delivered_at": None,
        "cancelled_at": None,
        "existing_invoice": None,
        "purchase_order": None,
        "currency": "EUR",
        "exchange_rate": None,
        "prices_include_tax": True,
        "invoice_requested": False,
        "billing": None,
        "shipping_address": {
            "name": "Claire Martin",
            "line1": "3 rue de la Barre",
            "line2": "",
            "postal_code": "69007",
            "city": "Lyon",
            "country": "FR",
        },
        "lines": [
            a_line(),
            {
                "sku": "",
                "description": "Livraison standard",
                "kind": "shipping",
                "quantity": "1",
                "unit_price": "4.90",
                "discount": "0.00",
                "vat_rate": "20.00",
            },
        ],
        "order_discount": "0.00",
        "total_tax": None,
        "total": "31.72",
        "paid_amount": "31.72",
        "shipments": [],
        "refunds": [],
    }
    return message | changes


def a_shipment(**changes: Any) -> dict[str, Any]:
    shipment = {
        "id": "S1",
        "shipped_at": "2026-11-03T16:00:00+01:00",
        "carrier": "Colissimo",
        "tracking_number": "6A12345678901",
        "tracking_url": "https://www.laposte.example/suivi/6A12345678901",
    }
    return shipment | changes


def a_refund(**changes: Any) -> dict[str, Any]:
    refund = {
        "id": "R1",
        "at": "2026-11-12T09:00:00+01:00",
        "lines": [{"line": 0, "quantity": "1", "amount": "13.41"}],
        "amount": "13.41",
    }
    return refund | changes


def a_company(**changes: Any) -> dict[str, Any]:
    company = {
        "kind": "company",
        "company_name": "Exemple SAS",
        "siret": "732 829 320 00074",
        "vat_number": "FR44732829320",
        "line1": "1 rue du Lac",
        "postal_code": "69003",
        "city": "Lyon",
        "country": "FR",
    }
    return company | changes
