"""Webhooks: what is signed is written down and answered at once, what is not is refused, and nothing is doubled."""

import json

import pytest
from flask import Flask
from sqlalchemy import func, select

from extensions import db
from models import AuditEntry, Order, Shop, ShopMessage
from services import inbox, shops
from shops import signatures
from tests.shops import recorded
from tests.support.client import LintingClient
from tests.support.shops import a_shop, send_webhook

GUEST = recorded.body("woocommerce", "guest")
UPDATED = {"X-WC-Webhook-Topic": "order.updated"}


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(name="atelier", system="woocommerce")


def messages() -> list[ShopMessage]:
    db.session.expire_all()
    return list(db.session.scalars(select(ShopMessage).order_by(ShopMessage.id)))


def orders() -> int:
    return db.session.scalar(select(func.count()).select_from(Order)) or 0


def test_a_signed_message_is_written_down_and_becomes_an_order(client: LintingClient, shop: Shop) -> None:
    answer = send_webhook(client, shop, "woocommerce", GUEST, UPDATED)

    assert (answer.status_code, orders()) == (200, 0)
    assert [(one.topic, one.state) for one in messages()] == [("order.updated", "received")]
    inbox.take_in(messages()[0].id)
    order = db.session.scalars(select(Order)).one()
    assert (order.number, order.shop_ref, order.source, order.review) == ("727", "727", "woocommerce", None)
    assert [(one.state, one.order_id, one.payload, one.ref) for one in messages()] == [
        ("applied", order.id, None, "727")
    ]


def test_the_same_message_again_is_the_same_order(client: LintingClient, shop: Shop) -> None:
    for _time in range(3):
        send_webhook(client, shop, "woocommerce", GUEST, UPDATED)
    for message in messages():
        inbox.take_in(message.id)
        inbox.take_in(message.id)

    assert orders() == 1
    assert {one.state for one in messages()} == {"applied"}


def test_a_message_of_one_delivery_id_is_written_down_once(client: LintingClient, app: Flask) -> None:
    shop = a_shop(system="shopify")
    headers = {"X-Shopify-Topic": "orders/updated", "X-Shopify-Webhook-Id": "b54557e4"}

    assert [send_webhook(client, shop, "shopify", b"{}", headers).status_code for _time in range(2)] == [200, 200]
    assert len(messages()) == 1


@pytest.mark.parametrize(
    "headers", [{"X-WC-Webhook-Signature": ""}, {"X-WC-Webhook-Signature": "é"}, {"X-WC-Webhook-Signature": "AAAA"}]
)
def test_a_wrong_or_missing_signature_is_refused_and_logged(
    client: LintingClient, shop: Shop, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = send_webhook(client, shop, "woocommerce", GUEST, UPDATED | headers)

    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert messages() == []
    assert [(record.message, record.shop) for record in caplog.records if hasattr(record, "shop")] == [
        ("webhook refused", "atelier")
    ]


def test_another_body_under_the_same_signature_is_refused(client: LintingClient, shop: Shop) -> None:
    signature = signatures.sign_webhook(shops.webhook_secret(shop) or "", GUEST)
    answer = client.post(
        "/webhooks/atelier/woocommerce",
        data=GUEST.replace(b"31.72", b"1.72"),
        headers=UPDATED | {"X-WC-Webhook-Signature": signature, "Content-Type": "application/json"},
    )

    assert answer.status_code == 401


def test_the_ping_of_a_new_webhook_is_answered_and_forgotten(client: LintingClient, shop: Shop) -> None:
    answer = client.post("/webhooks/atelier/woocommerce", data={"webhook_id": "12"})

    assert (answer.status_code, messages()) == (200, [])


@pytest.mark.parametrize("path", ["/webhooks/nobody/woocommerce", "/webhooks/atelier/shopify", "/webhooks/atelier/x"])
def test_a_shop_that_is_not_there_is_not_found(client: LintingClient, shop: Shop, path: str) -> None:
    assert client.post(path, data=b"{}").status_code == 404


def test_a_closed_shop_is_not_there(client: LintingClient, shop: Shop) -> None:
    shops.close(shop)

    assert send_webhook(client, shop, "woocommerce", GUEST, UPDATED).status_code == 404


def test_more_than_a_mebibyte_is_not_read(client: LintingClient, shop: Shop) -> None:
    assert send_webhook(client, shop, "woocommerce", b" " * (1024 * 1024 + 1), UPDATED).status_code == 413


def test_a_deletion_counts_whether_it_comes_before_the_order_or_after(client: LintingClient, shop: Shop) -> None:
    deleted = json.dumps({"id": 727}).encode()
    for body, topic in ((deleted, "order.deleted"), (GUEST, "order.updated")):
        send_webhook(client, shop, "woocommerce", body, {"X-WC-Webhook-Topic": topic})
    for message in messages():
        inbox.take_in(message.id)

    assert [one.state for one in messages()] == ["ignored", "applied"]
    assert db.session.scalars(select(Order.cancelled_at)).one() is not None


def test_what_cannot_be_read_waits_for_an_admin_who_tries_again_or_lets_it_be(
    client: LintingClient, shop: Shop
) -> None:
    broken = recorded.body("woocommerce", "guest", billing={"email": ""})
    send_webhook(client, shop, "woocommerce", broken, UPDATED)
    message = messages()[0].id
    inbox.take_in(message)

    assert [(one.state, one.payload) for one in messages()] == [("failed", broken)]
    assert "email" in (messages()[0].problem or "")
    assert inbox.retry(message)
    assert messages()[0].state == "received"
    inbox.take_in(message)
    assert (inbox.ignore(message), inbox.ignore(message)) == (True, False)
    assert [(one.state, one.payload) for one in messages()] == [("ignored", None)]


@pytest.mark.usefixtures("frozen_clock")
def test_who_signs_wrongly_is_counted_and_in_the_audit_once_a_minute(client: LintingClient, shop: Shop) -> None:
    for signature in ("AAAA", "BBBB", "CCCC", ""):
        headers = UPDATED | {"X-WC-Webhook-Signature": signature}
        assert send_webhook(client, shop, "woocommerce", GUEST, headers).status_code == 401

    lines = client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text.splitlines()
    assert "espace_client_shop_messages_refused 3" in lines
    assert 'espace_client_shop_messages{state="received"} 0' in lines
    refused = select(AuditEntry.detail).where(AuditEntry.action == "message.refused")
    assert db.session.scalars(refused).all() == ["atelier"]
