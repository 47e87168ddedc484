"""Orders of a real shop, and prices that no rounding of net amounts can hit, issued and held against every rule."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from documents import snapshot
from documents.snapshot import DeliveryAddress, OrderFacts, Snapshot
from documents.totals import Line, Sale
from parties.details import Details
from shops import online_retail
from shops.schema import OrderMessage

from .checking import problems_of
from .factories import INDIVIDUAL, a_line, a_sale, a_seller, a_snapshot

FRENCH, OTHERS = 18, 50
LINE_FIELDS = ("description", "quantity", "unit_price", "vat_rate", "sku", "kind", "discount")

pytestmark = pytest.mark.usefixtures("poppler", "qpdf")


@cache
def _orders(file: Path) -> tuple[list[OrderMessage], list[OrderMessage]]:
    """The French orders, and others spread over the whole file, from one line to hundreds."""
    with file.open("rb") as stream:
        orders = [each.message for each in online_retail.read(stream) if each.message]
    french = [order for order in orders if _country(order) == "FR"]
    others = [order for order in orders if _country(order) != "FR"]
    return french, others[:: len(others) // OTHERS][:OTHERS]


def _country(order: OrderMessage) -> str:
    address = order.shipping_address
    return (address.country if address else None) or "FR"


def _invoice(order: OrderMessage, index: int) -> Snapshot:
    """The order's invoice to a buyer in its country, who the data set does not name."""
    country = _country(order)
    lines = tuple(Line(**{name: getattr(line, name) for name in LINE_FIELDS}) for line in order.lines)
    return snapshot.build(
        number=f"FA-2026-{index + 1:06d}",
        issue_date=date(2026, 11, 22),
        trial=False,
        language="fr" if country == "FR" else "en",
        seller=a_seller(),
        buyer=Details("individual", "Customer", order.email.partition("@")[0], city="?", country=country),
        buyer_email=order.email,
        order=OrderFacts(
            number=order.number,
            placed_at=order.placed_at,
            sale=Sale(order.prices_include_tax, lines, order.total),
            paid_at=order.paid_at,
            shipped_at=order.shipped_at,
            shipping_address=DeliveryAddress(country=country),
        ),
    )


@pytest.mark.parametrize("index", range(FRENCH))
def test_each_french_order_of_the_real_shop_meets_every_rule(index: int, online_retail_file: Path) -> None:
    french, _others = _orders(online_retail_file)
    order = french[index]

    assert len(french) == FRENCH
    assert problems_of(_invoice(order, index), order.total, french=True) == [], order.number


@pytest.mark.parametrize("index", range(OTHERS))
def test_orders_from_elsewhere_meet_every_rule(index: int, online_retail_file: Path) -> None:
    _french, others = _orders(online_retail_file)
    order = others[index]

    assert problems_of(_invoice(order, index), order.total, french=False) == [], order.number


@pytest.mark.parametrize("price", ["9.99", "10.05", "0.03", "10.11"])
def test_a_price_that_no_net_amount_gives_is_charged_to_the_cent(price: str) -> None:
    document = a_snapshot(a_sale(a_line(price=price)), buyer=INDIVIDUAL, buyer_email="claire@example.org")

    assert problems_of(document, Decimal(price), french=True) == []
