"""What Shopify sends, signed as Shopify signs it, becomes orders and invoices that agree with the shop to the cent."""

import itertools
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

from documents import formatting
from extensions import db
from models import Invoice, Order, Shop, ShopMessage
from services import issuing, orders, production
from tests.shops import recorded
from tests.support.client import LintingClient
from tests.support.shops import a_shop, send_webhook
from tests.support.taken_in import by_rate, invoiced, notes, take_in, the_message, the_order

CHARGED = {
    "guest": {"20": ("28.91", "5.79")},
    "guest_fulfilled": {"20": ("28.91", "5.79")},
    "company": {"20": ("88.33", "17.67")},
    "several_rates": {"20": ("14.17", "2.83"), "5.5": ("18.86", "1.04")},
    "net_prices": {"20": ("250.01", "50.00")},
    "rounding_per_line": {"20": ("7.33", "1.45")},
    "rounding_per_total": {"20": ("7.33", "1.47")},
    "discount": {"20": ("41.43", "8.29")},
    "free_shipping": {"20": ("24.83", "4.97")},
    "gift_card_sold": {"20": ("24.83", "4.97"), "O": ("50.00", "0.00")},
    "gift_card_used": {"20": ("28.91", "5.79")},
    "duties": {"G": ("147.60", "0.00")},
    "foreign_currency": {"20": ("25.00", "5.00")},
    "company_in_the_union": {"K": ("435.00", "0.00")},
    "digital": {"20": ("7.50", "1.50")},
    "on_account": {"20": ("208.30", "41.66")},
    "before_the_refund": {"20": ("28.91", "5.79")},
    "partial_refund": {"20": ("28.91", "5.79")},
    "amount_refunded": {"20": ("28.91", "5.79")},
    "edited": {"20": ("26.49", "5.31")},
    "edited_and_refunded": {"20": ("38.91", "7.79")},
}
"""Net and VAT of each rate or reason, as an accountant adds them up from what Shopify's own page of the order says."""
LESS_THAN_ORDERED = {"edited"}


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(name="boutique", system="shopify")


def send(
    client: LintingClient, shop: Shop, case: str, topic: str = "orders/updated", *, delivery: str = "", **changes: Any
) -> None:
    """Send what is recorded, and take it in as the worker does."""
    headers = {"X-Shopify-Topic": topic} | ({"X-Shopify-Webhook-Id": delivery} if delivery else {})
    answer = send_webhook(client, shop, "shopify", recorded.body("shopify", case, **changes), headers)
    assert answer.status_code == 200
    take_in()


@pytest.mark.parametrize("case", CHARGED)
def test_the_invoice_is_what_the_shop_charged(client: LintingClient, shop: Shop, case: str) -> None:
    send(client, shop, case)
    order, sent = the_order(), recorded.sent("shopify", case)
    assert (order.review, order.doubts, the_message().state) == (None, None, "applied")
    assert (order.number, order.shop_ref, order.shop_id) == (str(sent["order_number"]), str(sent["id"]), shop.id)

    invoice = invoiced(order)

    assert by_rate(invoice) == CHARGED[case]
    if case not in LESS_THAN_ORDERED:
        money = {
            name: Decimal(sent[f"{name}_set"]["presentment_money"]["amount"]) for name in ("total_price", "total_tax")
        }
        assert (invoice.gross, invoice.vat) == (money["total_price"], money["total_tax"])
    assert invoice.currency == sent["presentment_currency"]


def test_every_case_is_tried() -> None:
    tried = {*CHARGED, "cancelled", "full_refund", "refund_create", "tip", "test_order", "does_not_add_up", "broken"}

    assert set(recorded.cases("shopify")) == tried


@pytest.mark.parametrize("topic", ["orders/create", "orders/paid", "orders/fulfilled", "orders/updated"])
def test_every_topic_of_orders_brings_the_whole_order(client: LintingClient, shop: Shop, topic: str) -> None:
    send(client, shop, "guest_fulfilled", topic)

    order = the_order()
    assert (order.email, order.payment_method, order.paid_amount) == ("claire@example.org", "card", Decimal("34.70"))
    assert order.shipped_at is not None
    assert [(one.carrier, one.tracking_number) for one in order.shipments] == [("Colissimo", "6A12345678901")]


def test_a_registered_company_is_invoiced_by_itself(client: LintingClient, shop: Shop) -> None:
    fulfilled = recorded.sent("shopify", "guest_fulfilled")["fulfillments"]
    send(client, shop, "company", fulfillment_status="fulfilled", fulfillments=fulfilled)

    order = the_order()
    assert order.billing is not None
    assert (order.billing.company_name, order.billing.vat_number) == ("Imprimerie Martin SARL", "FR44732829320")
    assert (order.billing.siret, order.purchase_order) == ("73282932000074", "BC-2026-17")
    assert order.request is not None
    lease = production.claim(order.request.id)
    assert lease is not None
    production.issue(lease)
    invoice = db.session.scalars(select(Invoice)).one()
    assert (invoice.order_id, invoice.gross) == (the_order().id, Decimal("106.00"))


def test_what_was_paid_in_another_currency_says_its_value_in_euros(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "foreign_currency")

    assert (the_order().currency, the_order().exchange_rate) == ("CHF", Decimal("1.04166667"))


def test_a_tip_waits_for_a_person_who_knows_its_vat(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "tip")

    order = the_order()
    assert [(line.kind, line.description, line.vat_category) for line in order.lines][1:] == [("fee", "Tip", None)]
    assert order.review is not None
    assert order.review[0].startswith("Ligne 2\u00a0: un taux de 0 sans le code qui l'explique")


def test_what_does_not_add_up_is_kept_and_waits_for_a_person(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "does_not_add_up")

    assert the_order().review is not None
    assert orders.amounts(the_order()) is None
    assert (the_order().total, the_message().state) == (Decimal("35.70"), "applied")


def test_what_cannot_be_read_waits_for_an_admin_with_its_reason(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "broken")

    assert (the_message().state, the_message().problem) == ("failed", "Ce n'est pas un montant\u00a0: quatorze.")
    assert the_message().payload


@pytest.mark.parametrize(
    ("case", "changes", "why"),
    [
        ("test_order", {}, "C'est une commande d'essai."),
        ("guest", {"email": "", "contact_email": None, "customer": None}, "La commande n'a pas d'adresse e-mail"),
        ("guest", {"order_edit": {"id": 1}}, "Ce message ne dit que le changement"),
    ],
)
def test_what_is_no_order_to_mirror_is_left_alone(
    client: LintingClient, shop: Shop, case: str, changes: dict[str, Any], why: str
) -> None:
    send(client, shop, case, **changes)

    assert the_message().state == "ignored"
    assert (the_message().problem or "").startswith(why)
    assert db.session.scalar(select(func.count()).select_from(Order)) == 0


def test_a_cancelled_order_is_cancelled_with_what_went_back(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "cancelled", "orders/cancelled")

    assert the_order().cancelled_at is not None
    assert [(refund.amount, len(refund.lines)) for refund in the_order().refunds] == [(Decimal("34.70"), 2)]


def test_an_order_wholly_refunded_before_its_invoice_has_none(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "full_refund")

    assert the_order().refunded_amount == the_order().total == Decimal("34.70")
    assert (the_order().request, the_order().review) == (None, None)


def test_a_refund_becomes_a_credit_note_of_its_lines_once(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "before_the_refund")
    invoice = invoiced(the_order())

    send(client, shop, "refund_create", "refunds/create", delivery="r1")
    send(client, shop, "refund_create", "refunds/create", delivery="r1")
    send(client, shop, "refund_create", "refunds/create", delivery="r2")
    send(client, shop, "partial_refund")

    assert [(note.credits_id, note.gross) for note in notes()] == [(invoice.id, Decimal("19.80"))]
    assert by_rate(notes()[0]) == {"20": ("16.50", "3.30")}
    shown = [(line.quantity, line.gross) for line in issuing.frozen(notes()[0]).totals.lines]
    assert [(formatting.quantity(quantity), gross) for quantity, gross in shown] == [
        ("1", Decimal("14.90")),
        ("1", Decimal("4.90")),
    ]
    assert the_order().review is None


def test_an_amount_that_went_back_without_lines_is_credited(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "amount_refunded", refunds=[])
    invoiced(the_order())
    changed = "2026-11-12T09:00:01+01:00"
    send(client, shop, "amount_refunded", updated_at=changed)

    assert [note.gross for note in notes()] == [Decimal("5.00")]
    assert the_order().review is None


def test_an_order_edited_after_its_invoice_is_flagged_until_its_money_is_back(
    client: LintingClient, shop: Shop
) -> None:
    as_ordered: dict[str, Any] = {"refunds": [], "updated_at": "2026-11-02T10:16:04+01:00", "financial_status": "paid"}
    send(client, shop, "edited_and_refunded", **as_ordered)
    order = the_order()
    assert invoiced(order).gross == Decimal("46.70")

    only_edited = recorded.sent("shopify", "edited_and_refunded")["refunds"][:1]
    edited: dict[str, Any] = {
        "refunds": only_edited,
        "financial_status": "paid",
        "updated_at": "2026-11-03T08:00:00+01:00",
    }
    send(client, shop, "edited_and_refunded", **edited)
    assert (the_order().total, bool(the_order().review)) == (Decimal("31.80"), True)
    send(client, shop, "edited_and_refunded")

    assert [note.gross for note in notes()] == [Decimal("14.90")]
    assert the_order().review is None


def test_a_refund_of_no_line_lets_the_order_say_first_what_it_is_of(
    client: LintingClient, shop: Shop, frozen_clock: Traveller
) -> None:
    sent = recorded.sent("shopify", "edited_and_refunded")
    edited, refunded = sent["refunds"]
    before: dict[str, Any] = {
        "refunds": [edited],
        "updated_at": "2026-11-03T08:00:00+01:00",
        "financial_status": "paid",
    }
    send(client, shop, "edited_and_refunded", **before)
    send(client, shop, "refund_create", "refunds/create", **(refunded | {"order_id": sent["id"]}))
    assert (the_message().state, len(the_order().refunds)) == ("received", 0)

    send(client, shop, "edited_and_refunded")
    frozen_clock.shift(120)
    take_in()

    assert [(refund.amount, len(refund.lines)) for refund in the_order().refunds] == [(Decimal("14.90"), 1)]
    assert {message.state for message in db.session.scalars(select(ShopMessage))} == {"applied"}


def test_a_refund_of_no_line_is_taken_in_when_no_order_comes(
    client: LintingClient, shop: Shop, frozen_clock: Traveller
) -> None:
    sent = recorded.sent("shopify", "amount_refunded")
    send(client, shop, "amount_refunded", refunds=[])
    send(client, shop, "refund_create", "refunds/create", **(sent["refunds"][0] | {"order_id": sent["id"]}))
    assert not the_order().refunds
    frozen_clock.shift(120)
    take_in()

    assert [(refund.amount, refund.lines) for refund in the_order().refunds] == [(Decimal("5.00"), [])]


def test_a_refund_that_comes_before_its_order_waits_for_it(
    client: LintingClient, shop: Shop, frozen_clock: Traveller
) -> None:
    send(client, shop, "refund_create", "refunds/create")
    assert (the_message().state, the_message().attempts) == ("received", 1)

    send(client, shop, "before_the_refund")
    frozen_clock.shift(120)
    take_in()

    assert [refund.amount for refund in the_order().refunds] == [Decimal("19.80")]


@pytest.mark.parametrize(
    "sequence",
    list(itertools.permutations(["before_the_refund", "refund_create", "partial_refund", "partial_refund"]))[::3],
)
def test_messages_end_in_the_same_order_however_they_come(
    client: LintingClient, shop: Shop, frozen_clock: Traveller, sequence: tuple[str, ...]
) -> None:
    for case in sequence:
        send(client, shop, case, "refunds/create" if case == "refund_create" else "orders/updated")
        frozen_clock.shift(120)
    take_in()

    order = the_order()
    assert (order.version % 1000, order.total, order.review) == (60 * 4 + 20 * 2 + 1, Decimal("34.70"), None)
    assert [(refund.amount, [line["line"] for line in refund.lines]) for refund in order.refunds] == [
        (Decimal("19.80"), [0, 1])
    ]
    assert {message.state for message in db.session.scalars(select(ShopMessage))} == {"applied"}
