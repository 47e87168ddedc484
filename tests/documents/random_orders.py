"""Orders and documents by chance, the same for the same seed: every case that a French web shop meets, mixed.

What was charged is added up here, in whole cents and exact fractions, by none of the code under test. Each seed stands
for one situation in VAT law and one kind of document, in turn; everything else is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, Literal

from documents import snapshot
from documents.credits import Credit, LineCredit
from documents.seller import Seller
from documents.snapshot import OrderFacts, Snapshot
from documents.totals import Line, LineKind, Sale
from parties.details import Details

from . import random_people as people
from .factories import a_seller

ZERO = Decimal("0.00")
TODAY = date(2026, 11, 22)

GOODS: tuple[LineKind, ...] = ("goods",)
SERVICES: tuple[LineKind, ...] = ("service",)
ANYTHING: tuple[LineKind, ...] = ("goods", "goods", "service")


def mainland_seller(chance: Random) -> Seller:
    seller = a_seller()
    identity = seller.identity
    if chance.random() < 0.2:
        identity = replace(identity, iban="", bic="", email="", phone="", capital=None, rcs="", legal_form="EI")
    terms = replace(seller.terms, days=chance.choice((0, 0, 30, 45, 60)), early_discount=chance.choice(("", "1 %")))
    regime = replace(seller.vat_regime, on_debits=chance.random() < 0.2)
    return replace(seller, identity=identity, terms=terms, vat_regime=regime)


def franchise_seller(chance: Random) -> Seller:
    """Nobody without VAT needs a VAT number, and some have one all the same."""
    seller = mainland_seller(chance)
    number = chance.choice(("", seller.identity.vat_number))
    return replace(
        seller,
        identity=replace(seller.identity, vat_number=number),
        vat_regime=replace(seller.vat_regime, regime="franchise", on_debits=False),
    )


def overseas_seller(chance: Random) -> Seller:
    seller = mainland_seller(chance)
    return replace(seller, identity=replace(seller.identity, postal_code="97400", city="Saint-Denis"))


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a sale stands in VAT law: who sells and buys what, at which rates or why at none.

    `reason` is the (category, exemption) of lines at a rate of 0; a situation with both rates and a reason mixes them.
    """

    name: str
    buyer: Callable[[Random], Details]
    rates: tuple[str, ...] = ()
    reason: tuple[str, str | None] | None = None
    kinds: tuple[LineKind, ...] = GOODS
    seller: Callable[[Random], Seller] = mainland_seller


@dataclass(frozen=True, slots=True)
class RandomOrder:
    """What `snapshot.build` is called with, and what the customer was charged."""

    situation: Situation
    charged: Decimal
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RandomDocument:
    """A frozen document, and what the customer was charged or is credited by it."""

    name: str
    snapshot: Snapshot
    total: Decimal

    @property
    def is_french(self) -> bool:
        """Whether the French rules apply: a sale inside France, of which Monaco is a part for VAT."""
        return self.snapshot.buyer.country in ("FR", "MC")


SITUATIONS = (
    Situation("consumer", people.consumer, ("20.00", "10.00", "5.50", "2.10"), kinds=ANYTHING),
    Situation("company", people.company, ("20.00", "5.50"), kinds=ANYTHING),
    Situation("services", people.company, ("20.00", "10.00"), kinds=SERVICES),
    Situation("Corsica", people.corsican, ("20.00", "13.00", "10.00", "2.10", "0.90")),
    Situation("overseas seller", people.overseas, ("8.50", "2.10", "1.75", "1.05"), seller=overseas_seller),
    Situation("goods sent overseas", people.overseas, reason=("G", None)),
    Situation("Monaco", people.monegasque, ("20.00", "5.50")),
    Situation("franchise", people.buyer, reason=("E", "VATEX-FR-FRANCHISE"), kinds=ANYTHING, seller=franchise_seller),
    Situation("goods in the EU", people.european_company, reason=("K", None)),
    Situation("Northern Ireland", people.northern_irish, reason=("K", None)),
    Situation("services in the EU", people.european_company, reason=("AE", None), kinds=SERVICES),
    Situation("export", people.far_away, reason=("G", None)),
    Situation("second-hand", people.buyer, reason=("E", "VATEX-EU-F")),
    Situation("second-hand and new", people.buyer, ("20.00",), ("E", "VATEX-EU-F")),
    Situation("training", people.buyer, ("20.00",), ("E", "Exonération, art. 261, 4-4° du CGI"), ANYTHING),
    Situation("gift card", people.buyer, reason=("O", None), kinds=("voucher",)),
    Situation("gift card and goods", people.buyer, ("20.00",), ("O", None)),
    Situation("EU consumer", people.european_consumer, ("20.00", "5.50")),
    Situation("EU company without a number", people.unnumbered_company, ("20.00",)),
)

DOCUMENTS = (
    "invoice",
    "credit of all",
    "invoice",
    "credit of an amount",
    "replacement",
    "credit of lines",
    "invoice",
    "credit of the rest",
)


def random_document(seed: int) -> RandomDocument:
    """The document of a seed; raises what `snapshot.build` and its neighbours raise."""
    kind = DOCUMENTS[seed % len(DOCUMENTS)]
    order = random_order(seed)
    document, total = _continued(kind, snapshot.build(**order.arguments), order, _chance(f"document {seed}"))
    return RandomDocument(f"{order.situation.name}, {kind}", document, total)


def random_order(seed: int) -> RandomOrder:
    """The order of a seed, whose amounts add up."""
    chance = _chance(f"order {seed}")
    situation = SITUATIONS[seed % len(SITUATIONS)]
    sale = _random_sale(chance, situation)
    buyer, seller = situation.buyer(chance), situation.seller(chance)
    placed = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=chance.randrange(320 * 24 * 60))
    shipped = placed + timedelta(hours=chance.randrange(1, 90))
    currency, exchange_rate = _currency(chance)
    facts = OrderFacts(
        number=f"T-{100_000 + seed}",
        placed_at=placed,
        sale=sale,
        currency=currency,
        exchange_rate=exchange_rate,
        shipped_at=shipped,
        delivered_at=shipped + timedelta(days=2) if chance.random() < 0.5 else None,
        shipping_address=people.delivery(chance, buyer),
        **_payment(chance, sale.total, placed),
    )
    arguments = {
        "number": f"FA-2026-{seed + 1:06d}",
        "issue_date": min(shipped.date() + timedelta(days=chance.randrange(1, 9)), TODAY),
        "trial": chance.random() < 0.1,
        "language": chance.choice(("fr", "fr", "en", "es")),
        "seller": seller,
        "buyer": buyer,
        "buyer_email": people.email(chance, buyer),
        "order": facts,
        "purchase_order": chance.choice(("", "", "BC-2026/118", "Projet « Été » n° 7 & <suite>")),
    }
    return RandomOrder(situation, sale.total, arguments)


def _chance(seed: str) -> Random:
    return Random(seed)  # noqa: S311 (nothing secret: the same order at every run)


def _random_sale(chance: Random, situation: Situation) -> Sale:
    """Goods or services in one to eight lines, and what shops add to them."""
    includes_tax = chance.random() < 0.6
    count = chance.choice((1, 1, 2, 3, 3, 4, 8)) if chance.random() < 0.97 else 45
    lines = [_sold(chance, situation) for _ in range(count)]
    if situation.rates and situation.reason:
        lines += [_sold(chance, replace(situation, rates=())), _sold(chance, replace(situation, reason=None))]
    lines += _additions(chance, situation, lines)
    discount, total_tax = ZERO, None
    if chance.random() < (0.15 if includes_tax else 0.4) and not any(_cents(line) < 0 for line in lines):
        stated = [_tax(line, includes_tax) for line in lines]
        if chance.random() < 0.5:
            lines = [replace(line, tax=_money(tax)) for line, tax in zip(lines, stated, strict=True)]
        else:
            total_tax = _money(sum(stated))
    elif chance.random() < 0.3:
        largest = sum(max(_cents(line), 0) for line in lines) * 3 // 10
        discount = _money(chance.randrange(1, largest)) if largest > 1 else ZERO
    return Sale(includes_tax, tuple(lines), _charged(lines, includes_tax, discount, total_tax), discount, total_tax)


def _sold(chance: Random, situation: Situation) -> Line:
    price = chance.choice(("9.99", "10.05", "0.03", "10.11", "14.90", "0.425", "12.416667", "")) or str(
        Decimal(chance.randrange(1, 40_000)) / 100
    )
    quantity = chance.choice(("1", "1", "1", "2", "3", "12", "0.5", "1.75", "2.3333", "144"))
    line = Line(
        people.description(chance),
        Decimal(quantity),
        Decimal(price),
        sku=chance.choice(("", "TS-M-BLEU", "réf. 12/3")),
        kind=chance.choice(situation.kinds),
        **_rate(chance, situation),
    )
    if not _cents(line):
        line = replace(line, quantity=Decimal(1000))
    if chance.random() < 0.2:
        line = replace(line, discount=_money(chance.randrange(_cents(line) // 2 + 1)))
    return line


def _rate(chance: Random, situation: Situation) -> dict[str, Any]:
    if situation.reason and (not situation.rates or chance.random() < 0.4):
        category, exemption = situation.reason
        return {"vat_rate": Decimal(0), "vat_category": category, "exemption": exemption}
    return {"vat_rate": Decimal(chance.choice(situation.rates))}


def _additions(chance: Random, situation: Situation, lines: Sequence[Line]) -> list[Line]:
    """Carriage, fees, a gift, and a correction that the shop writes as a negative line of a rate that it sold at."""
    rate = _rate(chance, replace(situation, reason=None) if situation.rates else situation)
    added = []
    if chance.random() < 0.5:
        added.append(
            Line("Livraison standard", Decimal(1), Decimal(chance.choice(("4.90", "0.00"))), kind="shipping", **rate)
        )
    if chance.random() < 0.15:
        added.append(Line("Éco-participation", Decimal(2), Decimal("0.12"), kind="fee", **rate))
    if chance.random() < 0.15:
        unsaid = {"vat_rate": Decimal(0)}
        added.append(Line("Cadeau de bienvenue", Decimal(1), ZERO, **chance.choice((rate, unsaid))))
    if chance.random() < 0.1:
        free = chance.choice(lines)
        added.append(replace(free, description="Offert", discount=_money(_cents(replace(free, discount=ZERO)))))
    if chance.random() < 0.12:
        dearest = max(lines, key=_cents)
        reduction = _money(_cents(dearest) * 3 // 10)
        added.append(
            replace(
                dearest,
                description="Geste commercial",
                sku="",
                quantity=Decimal(-1),
                unit_price=reduction,
                discount=ZERO,
            )
        )
    return added


def _charged(lines: Sequence[Line], includes_tax: bool, discount: Decimal, total_tax: Decimal | None) -> Decimal:
    """What the customer paid: TTC prices add up; on net ones comes VAT, once a rate unless the shop stated its own."""
    amount = sum(_cents(line) for line in lines)
    if not includes_tax:
        stated = [line.tax for line in lines if line.tax is not None]
        if total_tax is not None:
            amount += int(total_tax * 100)
        elif stated:
            amount += sum(int(tax * 100) for tax in stated)
        else:
            for rate in {line.vat_rate for line in lines}:
                net = sum(_cents(line) for line in lines if line.vat_rate == rate)
                amount += _half_up(Fraction(net) * Fraction(rate) / 100)
    return _money(amount) - discount


def _tax(line: Line, includes_tax: bool) -> int:
    """The VAT of one line by itself, in cents, as WooCommerce rounds it."""
    rate, amount = Fraction(line.vat_rate) / 100, _cents(line)
    return amount - _half_up(amount / (1 + rate)) if includes_tax else _half_up(amount * rate)


def _cents(line: Line) -> int:
    """What a line costs after its discount, in its own basis."""
    return _half_up((Fraction(line.quantity) * Fraction(line.unit_price) - Fraction(line.discount)) * 100)


def _half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2)) if value >= 0 else -int(-value + Fraction(1, 2))


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _currency(chance: Random) -> tuple[str, Decimal | None]:
    if chance.random() < 0.85:
        return "EUR", None
    return chance.choice(
        (
            ("USD", Decimal("0.91743119")),
            ("GBP", Decimal("1.1862")),
            ("CHF", Decimal("1.05")),
            ("JPY", Decimal("0.0061")),
        )
    )


def _payment(chance: Random, total: Decimal, placed: datetime) -> dict[str, Any]:
    """Paid, mostly; or later, in part, by a gift card, or a little too much."""
    paid_at = placed + timedelta(minutes=2)
    method = chance.choice(("card", "paypal", "transfer", "gift_card", "cheque", "alma-3x", ""))
    part = _money(int(total * 100) // 2)
    return chance.choice((
        {"paid_at": paid_at, "payment_method": method},
        {"paid_at": paid_at, "payment_method": method, "paid_amount": total},
        {"paid_at": paid_at, "payment_method": method, "paid_amount": total + 1},
        {"paid_at": paid_at, "payment_method": "gift_card", "paid_amount": part},
        {"payment_method": "transfer"},
        {"payment_method": ""},
    ))  # fmt: skip


def _continued(kind: str, invoice: Snapshot, order: RandomOrder, chance: Random) -> tuple[Snapshot, Decimal]:
    """The document of this kind that follows the invoice, or the invoice itself, and its total."""
    if kind == "invoice":
        return invoice, order.charged
    if kind == "replacement":
        return _replacement(invoice, order, chance), order.charged
    if kind == "credit of an amount":
        amount = _money(chance.randrange(1, int(order.charged * 100) + 1))
        return _credit(invoice, chance, Credit(amount)), amount
    if kind == "credit of lines":
        wanted = _some_lines(invoice, order, chance)
        return _credit(invoice, chance, wanted), wanted.amount
    if kind == "credit of the rest":
        amount = _money(chance.randrange(1, int(order.charged * 100) + 1) // 2)
        earlier = [_credit(invoice, chance, Credit(amount))] if amount else []
        return _credit(invoice, chance, None, earlier), order.charged - amount
    return _credit(invoice, chance, None), order.charged


def _credit(invoice: Snapshot, chance: Random, wanted: Credit | None, earlier: Sequence[Snapshot] = ()) -> Snapshot:
    issued = invoice.issue_date + timedelta(days=9)
    settlements: tuple[Literal["refund", "set_off"], ...] = ("refund", "refund", "set_off")
    settlement = chance.choice(settlements)
    return snapshot.credit(
        invoice,
        number=invoice.number.replace("FA", "AV"),
        issue_date=issued,
        seller=invoice.seller,
        earlier=[document.totals for document in earlier],
        wanted=wanted,
        reason=chance.choice(("Retour des articles", "Geste commercial", "Adresse corrigée à votre demande")),
        settlement=settlement,
        refunded_on=issued if settlement == "refund" and chance.random() < 0.7 else None,
    )


def _some_lines(invoice: Snapshot, order: RandomOrder, chance: Random) -> Credit:
    """A return of one line: the whole of it, or some of it where reductions have taken from its rate."""
    sale = order.arguments["order"].sale
    reduced = sale.order_discount or any(_cents(line) < 0 for line in sale.lines)
    gross = [int(amounts.gross * 100) for amounts in invoice.totals.lines]
    index = chance.choice([index for index, amount in enumerate(gross) if amount > 0])
    amount = _money(gross[index] * 4 // 10 or 1) if reduced else _money(gross[index])
    quantity = sale.lines[index].quantity
    return Credit(amount, (LineCredit(index, quantity, amount),))


def _replacement(invoice: Snapshot, order: RandomOrder, chance: Random) -> Snapshot:
    buyer = replace(invoice.buyer, line1="12 ter, impasse de la Faute-de-Frappe", line2="")
    return snapshot.replacement(
        invoice,
        number=f"{invoice.number[:-6]}{900_000 + chance.randrange(99_999):06d}",
        issue_date=invoice.issue_date + timedelta(days=3),
        seller=invoice.seller,
        buyer=buyer,
        purchase_order="BC-2026/119",
        reason="Adresse corrigée à votre demande",
    )
