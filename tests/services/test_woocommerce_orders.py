"""What WooCommerce sends, signed as it signs it, becomes orders and invoices that agree with the shop to the cent."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

from extensions import db
from models import Order, Shop
from shops import woocommerce
from tests.shops import recorded
from tests.support.client import LintingClient
from tests.support.shop_servers import WooCommerce, serving
from tests.support.shops import a_shop, send_webhook
from tests.support.taken_in import by_rate, invoiced, notes, take_in, the_message, the_order

CHARGED = {
    "guest": {"20": ("26.43", "5.29")},
    "completed": {"20": ("26.43", "5.29")},
    "company": {"20": ("100.00", "20.00")},
    "company_in_the_union": {"K": ("162.00", "0.00")},
    "several_rates": {"20": ("20.00", "4.00"), "5.5": ("10.00", "0.55")},
    "net_prices": {"20": ("34.97", "6.99")},
    "rounding_per_line": {"20": ("7.38", "1.47")},
    "rounding_per_total": {"20": ("7.37", "1.48")},
    "net_prices_rounded_per_total": {"20": ("3.12", "0.62")},
    "coupon": {"20": ("45.00", "9.00")},
    "fee": {"20": ("27.33", "5.47")},
    "negative_fee": {"20": ("20.66", "4.14")},
    "free_shipping": {"20": ("24.83", "4.97")},
    "gift_card_sold": {"20": ("24.83", "4.97"), "O": ("50.00", "0.00")},
    "export": {"G": ("85.00", "0.00")},
    "tracked": {"20": ("26.43", "5.29")},
    "partial_refund": {"20": ("26.43", "5.29")},
    "edited": {"20": ("37.61", "7.53")},
}
"""Net and VAT of each rate or reason, as an accountant adds them up from the shop's own page of the order."""
NOT_INVOICED = {
    "full_refund", "cancelled", "foreign_currency", "unknown_rate", "does_not_add_up", "draft", "broken",
}  # fmt: skip
REFUND = {
    "id": 801, "date_created_gmt": "2026-11-12T08:00:00", "amount": "13.41", "reason": "Taille",
    "line_items": [{"id": 900, "quantity": -1, "total": "-11.18", "total_tax": "-2.23",
                    "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": "301"}]}],
    "shipping_lines": [], "fee_lines": [],
}  # fmt: skip
CREDITED = {"20": ("11.17", "2.24")}
"""Of prices with tax the VAT is counted from what went back, 13.41: 2.235 rounds up, where the shop says 2.23."""
BEFORE: dict[str, Any] = {"refunds": [], "date_modified_gmt": "2026-11-03T15:00:00"}


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(name="boutique", system="woocommerce")


@pytest.fixture
def server() -> Iterator[WooCommerce]:
    with serving(WooCommerce("ck_1:cs_2")) as shop:
        assert isinstance(shop, WooCommerce)
        yield shop


def send(client: LintingClient, shop: Shop, case: str, topic: str = "order.updated", **changes: Any) -> None:
    """Send what is recorded, and take it in as the worker does."""
    send_raw(client, shop, recorded.body("woocommerce", case, **changes), topic)


def send_raw(client: LintingClient, shop: Shop, body: bytes, topic: str) -> None:
    assert send_webhook(client, shop, "woocommerce", body, {"X-WC-Webhook-Topic": topic}).status_code == 200
    take_in()


@pytest.mark.parametrize("case", CHARGED)
def test_the_invoice_is_what_the_shop_charged(client: LintingClient, shop: Shop, case: str) -> None:
    send(client, shop, case)
    order, sent = the_order(), recorded.sent("woocommerce", case)
    assert (order.review, order.doubts, the_message().state) == (None, None, "applied")
    assert (order.number, order.shop_ref) == (sent["number"], str(sent["id"]))

    invoice = invoiced(order)

    assert by_rate(invoice) == CHARGED[case]
    assert (invoice.gross, invoice.vat) == (Decimal(sent["total"]), Decimal(sent["total_tax"]))


def test_every_case_is_tried() -> None:
    assert set(recorded.cases("woocommerce")) == {*CHARGED, *NOT_INVOICED}


def test_a_guest_s_order_says_who_bought_and_how(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "completed")

    order = the_order()
    assert (order.email, order.payment_method) == ("claire@example.org", "Carte bancaire")
    assert order.paid_amount == Decimal("31.72")
    assert order.shipped_at is not None
    assert order.billing is not None
    assert (order.billing.kind, order.billing.last_name, order.billing.city) == ("individual", "Martin", "Lyon")


def test_a_company_s_numbers_are_found_where_plug_ins_put_them(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "company", date_created_gmt="2026-11-23T08:30:00")

    order = the_order()
    assert order.billing is not None
    assert (order.billing.kind, order.billing.company_name) == ("company", "Atelier Durand SARL")
    assert (order.billing.vat_number, order.billing.siret) == ("FR40303265045", "30326504500014")
    assert order.request is not None
    assert order.request.origin == "company"


def test_the_shipment_plug_in_says_when_it_left(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "tracked")

    order = the_order()
    assert [(one.carrier, one.tracking_number, one.tracking_url) for one in order.shipments] == [
        ("Colissimo", "6A12345678901", "https://suivi.example/6A123")
    ]
    assert order.shipped_at == order.shipments[0].shipped_at


@pytest.mark.parametrize("case", ["foreign_currency", "unknown_rate", "does_not_add_up"])
def test_what_is_doubtful_is_kept_and_not_invoiced(client: LintingClient, shop: Shop, case: str) -> None:
    send(client, shop, case)

    assert the_message().state == "applied"
    assert the_order().review


@pytest.mark.parametrize(("case", "state"), [("draft", "ignored"), ("broken", "failed")])
def test_what_is_no_order_is_none(client: LintingClient, shop: Shop, case: str, state: str) -> None:
    send(client, shop, case)

    assert the_message().state == state
    assert db.session.scalars(select(Order)).unique().all() == []


def test_a_cancelled_order_is_cancelled(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "cancelled")

    assert the_order().cancelled_at is not None


def test_an_order_wholly_refunded_before_its_invoice_has_none(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "full_refund")

    assert the_order().refunded_amount == the_order().total == Decimal("31.72")
    assert the_order().request is None


def test_an_edited_order_is_what_it_became_whichever_message_comes_first(client: LintingClient, shop: Shop) -> None:
    for case in ("edited", "guest"):
        send(client, shop, case)

    assert the_order().total == Decimal("45.14")
    assert [line.quantity for line in the_order().lines] == [Decimal(3), Decimal(1)]


def test_an_order_that_is_deleted_is_cancelled_until_it_is_restored(
    client: LintingClient, shop: Shop, frozen_clock: Traveller
) -> None:
    send(client, shop, "guest")
    send_raw(client, shop, b'{"id": 727}', "order.deleted")
    assert the_order().cancelled_at is not None
    send(client, shop, "guest", "order.restored", date_modified_gmt="2030-01-01T10:00:00")

    assert the_order().cancelled_at is None


def test_a_refund_is_credited_line_by_line_where_a_key_lets_us_ask(
    client: LintingClient, app: Flask, server: WooCommerce
) -> None:
    shop = a_shop(system="woocommerce", base_url=server.url, pull_key=server.key)
    server.refunds["742"] = [REFUND]
    send(client, shop, "partial_refund", **BEFORE)
    invoiced(the_order())
    send(client, shop, "partial_refund")
    send(client, shop, "partial_refund")

    assert [refund.lines for refund in the_order().refunds] == [[{"line": 0, "quantity": "1", "amount": "13.41"}]]
    assert [by_rate(note) for note in notes()] == [CREDITED]


def test_a_refund_is_an_amount_without_a_key(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "partial_refund", **BEFORE)
    invoiced(the_order())
    send(client, shop, "partial_refund")

    assert [refund.lines for refund in the_order().refunds] == [[]]
    assert [(note.gross, by_rate(note)) for note in notes()] == [(Decimal("13.41"), CREDITED)]


def test_a_refund_that_nobody_could_ask_about_is_flagged_where_rates_differ(client: LintingClient, shop: Shop) -> None:
    send(client, shop, "several_rates", refunds=[{"id": 801, "reason": "", "total": "-5.00"}])

    assert woocommerce.SPREAD in (the_order().review or ())


def test_a_shop_that_does_not_say_what_was_refunded_is_asked_again(
    client: LintingClient, app: Flask, server: WooCommerce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calls.patience.PAUSES", (0.0,) * 4)
    monkeypatch.setattr("calls.patience.LONGEST_PAUSE", 0.0)
    shop = a_shop(system="woocommerce", base_url=server.url, pull_key=server.key)
    server.faults = [500] * 5
    send(client, shop, "partial_refund")

    assert (the_message().state, the_message().attempts) == ("received", 1)
    assert the_message().due_at is not None
    assert db.session.scalars(select(Order)).unique().all() == []
