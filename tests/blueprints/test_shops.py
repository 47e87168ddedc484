"""« Boutiques »: which shops are connected, how they are doing, and the messages that wait for an admin."""

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import AuditEntry, Order, Shop, ShopMessage
from services import inbox
from shops.arrivals import Unread
from tests.shops import recorded
from tests.support.client import LintingClient
from tests.support.shops import a_key, a_shop, lose_keys_secret

PAGE = "/admin/boutiques"
SECRET_WORDS = "Un mot que seule la boutique connaît"


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(name="atelier", system="woocommerce", number_prefix="W-")


def a_failed_message(shop: Shop) -> int:
    body = recorded.body("woocommerce", "guest", billing={"email": ""}, customer_note=SECRET_WORDS)
    kept = inbox.keep(shop, topic="order.updated", payload=body)
    inbox.take_in(kept)
    return kept


def state(message_id: int) -> str:
    db.session.rollback()
    return db.session.get_one(ShopMessage, message_id).state


def test_without_shops_the_page_says_how_to_connect_one(merchant: LintingClient) -> None:
    assert "flask shops add" in merchant.get(PAGE).text


def test_an_admin_reads_what_is_wrong_and_none_of_the_shop_s_words(merchant: LintingClient, shop: Shop) -> None:
    a_failed_message(shop)
    shop.last_error = "La boutique refuse la clé."
    db.session.commit()
    page = merchant.get(PAGE).text
    for words in ("atelier", "préfixe W-", "La boutique refuse la clé.", "727", "order.updated", "email"):
        assert words in page, words
    assert SECRET_WORDS not in page
    assert "Boutiques (1)" in " ".join(merchant.get("/admin/").text.split())


def test_pressing_twice_does_it_once_and_is_in_the_audit(merchant: LintingClient, shop: Shop) -> None:
    kept = a_failed_message(shop)
    for said in ("Le message est traité de nouveau.", "C&#39;était déjà fait"):
        answer = merchant.post(f"{PAGE}/messages/{kept}/reessayer")
        assert (answer.status_code, answer.location) == (303, PAGE)
        assert said in merchant.get(PAGE).text
    assert state(kept) == "received"
    inbox.take_in(kept)
    merchant.post(f"{PAGE}/messages/{kept}/ignorer")
    assert state(kept) == "ignored"
    found = db.session.execute(select(AuditEntry.action, AuditEntry.actor).order_by(AuditEntry.id)).all()
    acts = [row for row in found if row[0].startswith("message.")]
    assert [row[0] for row in acts] == ["message.retried", "message.ignored"]
    assert all(row[1].startswith("admin:") for row in acts)
    assert db.session.scalars(select(Order)).all() == []


def test_what_a_reading_left_can_be_ignored_and_is_read_again_by_itself(merchant: LintingClient, shop: Shop) -> None:
    inbox.keep_unread(shop, Unread("728", "Illisible.", b"{}"))
    page = merchant.get(PAGE).text
    assert "Illisible." in page
    assert "lue dans la boutique" in page
    assert "/ignorer" in page
    assert "/reessayer" not in page


def test_a_secret_that_keys_secret_does_not_open_is_named_and_nothing_else_stops(
    app: Flask, merchant: LintingClient, shop: Shop
) -> None:
    key = a_key(shop)
    assert "KEYS_SECRET" not in merchant.get(PAGE).text
    lose_keys_secret(app)
    answer = merchant.get(PAGE)
    assert answer.status_code == 200
    assert f"KEYS_SECRET n'ouvre plus\u00a0: secret des webhooks, {key.key_id}." in answer.text
