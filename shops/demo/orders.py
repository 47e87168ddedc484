"""The orders of the demo shop: about four hundred over the two years before a given moment, in every state.

The same moment gives the same orders, so that a load that was interrupted goes on where it stopped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Literal

from shops.demo import baskets
from shops.demo.baskets import CENT, Basket
from shops.demo.people import CLAIRE, PAUL, Person, everybody_else
from shops.readings import PARIS
from shops.schema import OrderMessage

SEED = 20190401
DAYS = 730
INVOICED_ELSEWHERE_BEFORE = timedelta(days=60)
FIRST_NUMBER = 100_001

Fate = Literal[
    "usual", "unpaid", "stays", "cancelled", "refunded", "partly_refunded", "wrong", "two_parcels", "service"
]
FATES: tuple[Fate, ...] = ("usual", "cancelled", "refunded", "partly_refunded", "two_parcels")
FATE_WEIGHTS = (85, 5, 3, 4, 3)


@dataclass(slots=True, kw_only=True)
class Plan:
    """One order before it is written down; moments are aware."""

    buyer: Person
    placed_at: datetime
    basket: Basket
    fate: Fate = "usual"
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    method: str = "card"
    with_billing: bool = False
    invoice_requested: bool = False
    purchase_order: str | None = None
    invoiced_elsewhere: bool = False


def messages(anchor: datetime) -> list[OrderMessage]:
    """Return the orders as the shop would send them at that moment, the oldest first."""
    chance = Random(SEED)  # nosec B311  # noqa: S311  The demo wants the same orders every time.
    plans = [*_past(anchor, chance), *_chosen(anchor, chance)]
    plans.sort(key=lambda plan: plan.placed_at)
    return [_message(plan, index, anchor) for index, plan in enumerate(plans)]


def cancelled(message: OrderMessage, at: datetime) -> OrderMessage:
    """Return the shop's next message about an order that its customer cancelled."""
    return OrderMessage.checked(message.model_dump() | {"version": message.version + 1, "cancelled_at": at})


def _past(anchor: datetime, chance: Random) -> Iterator[Plan]:
    """Everybody's ordinary orders; Claire's and Paul's are old, since their newer ones are chosen by hand."""
    for buyer in (CLAIRE, PAUL, *everybody_else()):
        youngest = 62 if buyer in (CLAIRE, PAUL) else 2
        for _ in range(buyer.orders if buyer.account != "unconfirmed" else 0):
            days, minute = chance.randrange(youngest, DAYS), chance.randrange(7 * 60, 23 * 60)
            yield _ordinary(buyer, _at(anchor, days, minute), anchor, chance)


def _ordinary(buyer: Person, placed_at: datetime, anchor: datetime, chance: Random) -> Plan:
    """Let an order take its course: paid, made, sent and delivered within days, unless something happens to it."""
    basket = baskets.usual(
        chance, country=buyer.country, vat_category=buyer.vat_category, professional=buyer.is_company
    )
    fate = chance.choices(FATES, FATE_WEIGHTS)[0]
    shipped_at = placed_at + timedelta(hours=chance.randrange(20, 96))
    delivered_at = shipped_at + timedelta(hours=chance.randrange(24, 96))
    elsewhere = buyer.is_company or chance.random() < 0.75
    knows_billing = buyer.is_company or (not buyer.account and chance.random() < 0.4)
    at_checkout = not buyer.account and not buyer.is_company and chance.random() < 0.25
    reference = f"BC-{chance.randrange(1000, 9999)}" if buyer.is_company and chance.random() < 0.4 else None
    if buyer is PAUL or buyer is CLAIRE:
        knows_billing = at_checkout = False
    return Plan(
        buyer=buyer,
        placed_at=placed_at,
        basket=basket,
        fate=fate,
        shipped_at=shipped_at if shipped_at < anchor else None,
        delivered_at=delivered_at if delivered_at < anchor else None,
        method=chance.choices(("card", "paypal", "bank_transfer", "cheque"), (70, 18, 9, 3))[0],
        with_billing=knows_billing or at_checkout,
        invoice_requested=at_checkout,
        purchase_order=reference,
        invoiced_elsewhere=elsewhere and placed_at < anchor - INVOICED_ELSEWHERE_BEFORE and shipped_at < anchor,
    )


def _chosen(anchor: datetime, chance: Random) -> Iterator[Plan]:
    """The orders that a visitor of the demo should meet, each in a state of its own."""
    people = {person.email.partition("@")[0]: person for person in everybody_else()}

    def ago(**span: float) -> datetime:
        return anchor - timedelta(**span)

    def order(buyer: Person, placed_at: datetime, count: int = 2, **facts: Any) -> Plan:
        basket = facts.pop("basket", None) or baskets.usual(
            chance,
            country=buyer.country,
            vat_category=buyer.vat_category,
            professional=buyer.is_company and count < 10,
            count=count,
        )
        return Plan(buyer=buyer, placed_at=placed_at, basket=basket, **facts)

    yield from _claires(anchor, order, ago)
    # Paul's order is the one to look up as a guest: sent, and nothing known of its invoice.
    yield order(PAUL, _at(anchor, 6, 1175), 3, shipped_at=ago(hours=70), delivered_at=ago(hours=20))
    for name, days in (("emma.rousseau", 4), ("noah.klein", 5)):
        yield order(people[name], _at(anchor, days, 780), shipped_at=ago(hours=60))
    # Freshly sold: not paid, just paid, sent today.
    yield order(people["lucie.moreau"], ago(hours=1), fate="unpaid", method="bank_transfer")
    yield order(people["hugo.bernard"], ago(hours=3), fate="stays")
    yield order(people["zoe.noel"], ago(hours=5), fate="stays", method="paypal")
    yield order(people["atelier"], ago(hours=7), 3, fate="stays", with_billing=True, purchase_order="BC-2048")
    yield order(people["lea.fournier"], _at(anchor, 3, 600), shipped_at=ago(hours=4))
    yield order(people["contact"], _at(anchor, 3, 840), 4, shipped_at=ago(hours=6), with_billing=True)
    # A club equips itself: one long order, which fills more than one page.
    yield order(people["compta"], _at(anchor, 8, 700), 60, shipped_at=ago(hours=76), with_billing=True)
    yield order(
        people["einkauf"], _at(anchor, 9, 650), 3, shipped_at=ago(hours=90), with_billing=True, purchase_order="4500017"
    )
    # Asked for at checkout: complete; without the NIF that Spain wants; with amounts that do not add up.
    yield order(
        people["marie-helene.saint-cyr"], _at(anchor, 5, 900), shipped_at=ago(hours=50), with_billing=True,
        invoice_requested=True,
    )  # fmt: skip
    yield order(
        people["diego.iglesias"], _at(anchor, 6, 900), shipped_at=ago(hours=52), with_billing=True,
        invoice_requested=True,
    )  # fmt: skip
    yield order(
        people["gael.kermarrec"], _at(anchor, 7, 640), fate="wrong", shipped_at=ago(hours=80), with_billing=True,
        invoice_requested=True,
    )  # fmt: skip
    yield order(
        people["direction"], _at(anchor, 12, 555), basket=baskets.design(), fate="service",
        delivered_at=ago(days=2, hours=3), with_billing=True,
    )  # fmt: skip
    yield order(
        people["theo.marchand"], _at(anchor, 15, 980), basket=baskets.gift_card(), fate="service",
        delivered_at=_at(anchor, 15, 981),
    )  # fmt: skip
    # From abroad: each with what its country's invoices want.
    for name, days in (("ines.garcia", 11), ("giulia.rossi", 13), ("soren.hvid", 16), ("princesse.monaco", 18)):
        yield order(people[name], _at(anchor, days, 1010 + days), shipped_at=ago(days=days - 3))
    yield order(people["ordini"], _at(anchor, 17, 570), 3, shipped_at=ago(days=14), with_billing=True)
    yield order(people["nadege.hoarau"], _at(anchor, 19, 800), shipped_at=ago(days=16))
    yield order(people["antoine.petit"], _at(anchor, 10, 615), fate="two_parcels", shipped_at=ago(days=6))


def _claires(anchor: datetime, order: Callable[..., Plan], ago: Callable[..., datetime]) -> Iterator[Plan]:
    """What Claire bought since the shop came to us: of each state one, and nothing known of who to invoice."""
    yield order(CLAIRE, ago(hours=2), 1, fate="stays")
    yield order(CLAIRE, _at(anchor, 3, 1290), 2, shipped_at=ago(hours=12))
    yield order(CLAIRE, _at(anchor, 5, 610), 4, shipped_at=ago(hours=49))
    yield order(CLAIRE, _at(anchor, 9, 1250), 2, fate="cancelled")
    # The one order that knows who to invoice: its invoice is issued at the first start.
    yield order(
        CLAIRE, _at(anchor, 14, 745), 3, shipped_at=ago(days=11), delivered_at=ago(days=9), with_billing=True,
        invoice_requested=True,
    )  # fmt: skip
    yield order(
        CLAIRE, _at(anchor, 21, 690), 3, fate="partly_refunded", shipped_at=ago(days=19), delivered_at=ago(days=17)
    )
    yield order(CLAIRE, _at(anchor, 27, 1100), 1, fate="refunded", shipped_at=ago(days=25), delivered_at=ago(days=23))
    yield order(CLAIRE, _at(anchor, 34, 520), 2, fate="wrong", shipped_at=ago(days=32), delivered_at=ago(days=30))
    yield order(
        CLAIRE, _at(anchor, 41, 1005), 2, fate="two_parcels", shipped_at=ago(days=37), delivered_at=ago(days=35)
    )
    yield order(CLAIRE, _at(anchor, 55, 860), 5, shipped_at=ago(days=52), delivered_at=ago(days=50))


def _at(anchor: datetime, days: int, minute: int) -> datetime:
    """Return that minute of the Paris day so many days before."""
    day = anchor.astimezone(PARIS).date() - timedelta(days=days)
    return datetime.combine(day, time(minute // 60, minute % 60), PARIS)


def _message(plan: Plan, index: int, anchor: datetime) -> OrderMessage:
    buyer, basket = plan.buyer, plan.basket
    paid = plan.fate != "unpaid"
    sent_off = plan.fate not in ("unpaid", "stays", "cancelled")
    shipped_at = plan.shipped_at if sent_off and plan.fate != "service" else None
    total = basket.total + (Decimal("1.37") if plan.fate == "wrong" else 0)
    return OrderMessage.checked(
        {
            "number": f"T-{FIRST_NUMBER + index}",
            "version": 1,
            "email": buyer.email,
            "placed_at": plan.placed_at,
            "paid_at": plan.placed_at + timedelta(minutes=2) if paid else None,
            "payment_method": plan.method,
            "shipped_at": shipped_at,
            "delivered_at": plan.delivered_at if sent_off else None,
            "cancelled_at": plan.placed_at + timedelta(hours=9) if plan.fate == "cancelled" else None,
            "existing_invoice": _number_elsewhere(plan, index),
            "purchase_order": plan.purchase_order,
            "currency": "EUR",
            "prices_include_tax": basket.prices_include_tax,
            "invoice_requested": plan.invoice_requested,
            "billing": buyer.billing() if plan.with_billing else None,
            "shipping_address": buyer.address(),
            "lines": basket.lines,
            "order_discount": basket.order_discount,
            "total": total,
            "paid_amount": total if paid else None,
            "shipments": _parcels(plan, index, shipped_at),
            "refunds": _refunds(plan, total, shipped_at, anchor),
        }
    )


def _number_elsewhere(plan: Plan, index: int) -> str | None:
    """The number of the program that the shop invoiced with before ours."""
    if not plan.invoiced_elsewhere or plan.fate in ("cancelled", "refunded", "wrong"):
        return None
    return f"F{plan.placed_at.year}-{index + 1:05d}"


def _parcels(plan: Plan, index: int, shipped_at: datetime | None) -> list[dict[str, Any]]:
    if shipped_at is None:
        return []
    carrier = "Colissimo" if plan.buyer.country in ("FR", "MC") else "DHL"
    moments = [shipped_at - timedelta(hours=21), shipped_at] if plan.fate == "two_parcels" else [shipped_at]
    return [
        {
            "id": f"C{place}",
            "shipped_at": max(moment, plan.placed_at),
            "carrier": carrier,
            "tracking_number": f"6A{index + 10_000:07d}{place}",
            "tracking_url": f"https://suivi.colis.example/6A{index + 10_000:07d}{place}",
        }
        for place, moment in enumerate(moments, 1)
    ]


def _refunds(plan: Plan, total: Decimal, shipped_at: datetime | None, anchor: datetime) -> list[dict[str, Any]]:
    """All of it, or one piece of the first line at what it cost; nothing for what has not left yet."""
    if plan.fate not in ("refunded", "partly_refunded") or shipped_at is None:
        return []
    at = min(shipped_at + timedelta(days=6), anchor - timedelta(minutes=30))
    if plan.fate == "refunded":
        return [{"id": "R1", "at": at, "amount": total}]
    line = plan.basket.lines[0]
    piece = Decimal(line["unit_price"]) - Decimal(line.get("discount", "0")) / Decimal(line["quantity"])
    if not plan.basket.prices_include_tax:
        piece *= 1 + Decimal(line["vat_rate"]) / 100
    amount = piece.quantize(CENT)
    return [{"id": "R1", "at": at, "amount": amount, "lines": [{"line": 0, "quantity": "1", "amount": amount}]}]
