"""An invoice of any length, as an ordinary customer gets it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from documents import seller, snapshot
from documents.snapshot import OrderFacts, Snapshot
from documents.totals import Line, Sale
from parties.details import Details

SELLER_FILE = Path(__file__).parent.parent / "dev" / "seller.toml"
THINGS = (
    ("T-shirt bleu nuit, taille M", "14.90", "20.00"),
    ("Sweat à capuche brodé, coton biologique, broderie poitrine et marquage du dos", "49.00", "20.00"),
    ("Livre « Teindre et broder »", "18.50", "5.50"),
)


def invoice(lines: int) -> Snapshot:
    """A company's paid invoice with so many lines at two rates."""
    sold = tuple(
        Line(text, Decimal(1 + index % 4), Decimal(price), Decimal(rate), sku=f"REF-{index:04d}")
        for index in range(lines)
        for text, price, rate in (THINGS[index % len(THINGS)],)
    )
    placed = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
    return snapshot.build(
        number="FA-2026-000123",
        issue_date=date(2026, 11, 22),
        trial=False,
        language="fr",
        seller=seller.load(SELLER_FILE).at(date(2026, 11, 22)),
        buyer=Details(
            "company",
            company_name="Les Compagnons du Textile",
            siret="73282932000074",
            vat_number="FR44732829320",
            line1="128 boulevard de la Croix-Rousse",
            postal_code="69001",
            city="Lyon",
        ),
        buyer_email="compta@compagnons.example",
        order=OrderFacts(
            number="T-100234",
            placed_at=placed,
            paid_at=placed,
            payment_method="card",
            shipped_at=datetime(2026, 11, 4, 9, 0, tzinfo=UTC),
            sale=Sale(True, sold, sum((line.amount for line in sold), Decimal("0.00"))),
        ),
    )
