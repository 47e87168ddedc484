"""What is in the baskets of the demo shop, and what each comes to."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

CENT = Decimal("0.01")
FREE_SHIPPING_FROM = Decimal("60.00")
HOME_SHIPPING, ABROAD_SHIPPING = Decimal("4.90"), Decimal("9.90")


@dataclass(frozen=True, slots=True)
class Article:
    """One thing on sale; `price` is TTC, `vat_rate` in percent."""

    sku: str
    description: str
    kind: str
    price: Decimal
    vat_rate: Decimal


@dataclass(frozen=True, slots=True)
class Basket:
    """Lines as the shop sends them, and the amounts that go with them."""

    lines: tuple[dict[str, Any], ...]
    prices_include_tax: bool
    order_discount: Decimal
    total: Decimal


@cache
def catalogue() -> tuple[Article, ...]:
    """Return everything on sale."""
    with (Path(__file__).parent / "articles.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Article(row["sku"], row["description"], row["kind"], Decimal(row["price"]), Decimal(row["vat_rate"]))
            for row in csv.DictReader(file)
        )


def usual(chance: Random, *, country: str, vat_category: str, professional: bool, count: int = 0) -> Basket:
    """Return a basket of `count` articles (one to five when not said), with its shipping and its discounts.

    Professionals buy more of each and, in half of the cases, at prices HT; so does who pays no VAT (`vat_category`).
    """
    count = count or chance.choices((1, 2, 3, 4, 5), (40, 30, 16, 9, 5))[0]
    include_tax = not (vat_category or (professional and chance.random() < 0.5))
    articles = chance.sample(catalogue(), min(count, len(catalogue())))
    articles += [chance.choice(catalogue()) for _ in range(count - len(articles))]
    lines = [
        _line(article, _quantity(chance, professional), chance, include_tax=include_tax, vat_category=vat_category)
        for article in articles
    ]
    goods = sum((_amount(line) for line in lines), Decimal(0))
    if goods < FREE_SHIPPING_FROM:
        lines.append(_shipping(country, include_tax=include_tax, vat_category=vat_category))
    discounted = include_tax and chance.random() < 0.12
    discount = (goods * Decimal("0.10")).quantize(CENT, ROUND_HALF_UP) if discounted else Decimal("0.00")
    return _summed(lines, include_tax, discount)


def design() -> Basket:
    """Return a service alone: nothing is shipped, and its completion counts."""
    line = {
        "sku": "CREA", "description": "Création graphique sur mesure, deux propositions", "kind": "service",
        "quantity": "1", "unit_price": "120.00", "vat_rate": "20",
    }  # fmt: skip
    return _summed([line], True, Decimal("0.00"))


def gift_card() -> Basket:
    """Return a gift card sold: a voucher that bears no VAT until it is used (CGI art. 256 ter)."""
    line = {
        "sku": "CARTE-50", "description": "Carte cadeau de 50 €", "kind": "voucher",
        "quantity": "1", "unit_price": "50.00", "vat_rate": "0", "vat_category": "O",
    }  # fmt: skip
    return _summed([line], True, Decimal("0.00"))


def _line(article: Article, quantity: int, chance: Random, *, include_tax: bool, vat_category: str) -> dict[str, Any]:
    price = article.price
    if not include_tax:
        price = (price / (1 + article.vat_rate / 100)).quantize(CENT, ROUND_HALF_UP)
    share = chance.choices((0, 10, 20), (82, 12, 6))[0]
    line: dict[str, Any] = {
        "sku": article.sku,
        "description": article.description,
        "kind": article.kind,
        "quantity": str(quantity),
        "unit_price": str(price),
        "discount": str((price * quantity * share / 100).quantize(CENT, ROUND_HALF_UP)),
        "vat_rate": str(article.vat_rate),
    }
    return line | ({"vat_rate": "0", "vat_category": vat_category} if vat_category else {})


def _quantity(chance: Random, professional: bool) -> int:
    if professional:
        return chance.choice((5, 6, 8, 10, 12, 20, 24))
    return chance.choices((1, 2, 3, 4), (70, 20, 7, 3))[0]


def _shipping(country: str, *, include_tax: bool, vat_category: str) -> dict[str, Any]:
    price = HOME_SHIPPING if country in ("FR", "MC") else ABROAD_SHIPPING
    if not include_tax:
        price = (price / Decimal("1.2")).quantize(CENT, ROUND_HALF_UP)
    line = {
        "sku": "", "description": "Livraison standard", "kind": "shipping",
        "quantity": "1", "unit_price": str(price), "vat_rate": "20",
    }  # fmt: skip
    return line | ({"vat_rate": "0", "vat_category": vat_category} if vat_category else {})


def _amount(line: dict[str, Any]) -> Decimal:
    return Decimal(line["quantity"]) * Decimal(line["unit_price"]) - Decimal(line.get("discount", "0"))


def _summed(lines: list[dict[str, Any]], include_tax: bool, discount: Decimal) -> Basket:
    by_rate: dict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        by_rate[Decimal(line["vat_rate"])] += _amount(line)
    total = sum(by_rate.values(), Decimal("0.00"))
    if not include_tax:
        total += sum(((net * rate / 100).quantize(CENT, ROUND_HALF_UP) for rate, net in by_rate.items()), Decimal(0))
    return Basket(tuple(lines), include_tax, discount, total - discount)
