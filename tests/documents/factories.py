"""Documents to try things on: a seller file, buyers, orders and snapshots with sensible defaults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from documents import snapshot
from documents.seller import Seller, load
from documents.snapshot import DeliveryAddress, OrderFacts, Snapshot
from documents.totals import Line, Sale
from parties.details import Details

SELLER_FILE = Path(__file__).parents[2] / "dev" / "seller.toml"

INDIVIDUAL = Details("individual", "Claire", "Œuvrard", line1="3 rue des Lilas", postal_code="75011", city="Paris")
COMPANY = Details(
    "company",
    company_name="Les Compagnons du Textile",
    siret="73282932000074",
    vat_number="FR44732829320",
    line1="128 boulevard de la Croix-Rousse",
    postal_code="69001",
    city="Lyon",
)
GERLAND = DeliveryAddress("Entrepôt Gerland", "45 avenue Tony Garnier", "", "69007", "Lyon")


def a_seller(**changes: Any) -> Seller:
    return replace(load(SELLER_FILE).at(date(2026, 11, 22)), **changes)


def a_line(description: str = "T-shirt personnalisé", price: str = "14.90", **more: Any) -> Line:
    values: dict[str, Any] = {"quantity": Decimal(1), "vat_rate": Decimal("20.00"), **more}
    return Line(description, unit_price=Decimal(price), **values)


def a_sale(*lines: Line, order_discount: str = "0.00") -> Sale:
    """A TTC sale whose total is what its lines come to."""
    sold = lines or (
        a_line(quantity=Decimal(2), discount=Decimal("2.98")),
        a_line("Livraison", "4.90", kind="shipping"),
    )
    total = sum((line.amount for line in sold), Decimal("0.00")) - Decimal(order_discount)
    return Sale(True, sold, total, Decimal(order_discount))


def an_order(sale: Sale | None = None, **more: Any) -> OrderFacts:
    values: dict[str, Any] = {
        "number": "T-100234",
        "placed_at": datetime(2026, 11, 2, 9, 15, tzinfo=UTC),
        "paid_at": datetime(2026, 11, 2, 9, 16, tzinfo=UTC),
        "payment_method": "card",
        "shipped_at": datetime(2026, 11, 4, 9, 0, tzinfo=UTC),
        **more,
    }
    return OrderFacts(sale=sale or a_sale(), **values)


def a_snapshot(sale: Sale | None = None, **more: Any) -> Snapshot:
    """A snapshot; arguments that `build` does not take go to the order."""
    values: dict[str, Any] = {
        "number": "FA-2026-000123",
        "issue_date": date(2026, 11, 22),
        "trial": False,
        "language": "fr",
        "seller": a_seller(),
        "buyer": INDIVIDUAL,
        "purchase_order": "",
        "buyer_email": "",
    }
    order = {name: more.pop(name) for name in list(more) if name not in values}
    return snapshot.build(order=an_order(sale, **order), **{**values, **more})


def many_lines(count: int) -> tuple[Line, ...]:
    names = (
        "T-shirt bleu nuit",
        "Sweat à capuche brodé, coton biologique, broderie poitrine et marquage du dos",
        "Mug",
    )
    return tuple(
        a_line(
            names[i % 3],
            str(Decimal("4.90") + i % 17),
            quantity=Decimal(1 + i % 5),
            sku=f"REF-{i:04d}",
            vat_rate=Decimal("5.50" if i % 4 == 0 else "20.00"),
        )
        for i in range(count)
    )


def a_credit_note(invoice: Snapshot, **more: Any) -> Snapshot:
    """A credit note of all that is left of an invoice, repaid on the day it is issued."""
    values: dict[str, Any] = {
        "number": "AV-2026-000007",
        "issue_date": date(2026, 12, 1),
        "seller": invoice.seller,
        "earlier": (),
        "wanted": None,
        "reason": "Retour de la marchandise",
        "settlement": "refund",
        "refunded_on": date(2026, 12, 1),
    }
    return snapshot.credit(invoice, **{**values, **more})


def a_replacement(invoice: Snapshot, **more: Any) -> Snapshot:
    """An invoice made out to a company instead of whoever `invoice` names."""
    values: dict[str, Any] = {
        "number": "FA-2026-000124",
        "issue_date": date(2026, 12, 1),
        "seller": invoice.seller,
        "buyer": COMPANY,
        "purchase_order": invoice.order.purchase_order,
        "reason": "Adresse corrigée à la demande du client",
    }
    return snapshot.replacement(invoice, **{**values, **more})
