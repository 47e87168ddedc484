"""Secrets at rest: they open under the `KEYS_SECRET` and in the place that they were sealed for, and nowhere else."""

import logging
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

import sealing
from extensions import db
from models import ApiCall, ApiKey, Shop, ShopMessage
from services import inbox, pulls, shops
from tests.shops import recorded
from tests.shops.messages import a_message
from tests.support.client import LintingClient
from tests.support.shops import WEBHOOK_SECRET, Signer, a_key, a_shop, lose_keys_secret, send_webhook

ORDER = "/api/v1/orders/T-100234"
UPDATED = {"X-WC-Webhook-Topic": "order.updated"}
GUEST = recorded.body("woocommerce", "guest")

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(name="laine", system="woocommerce", base_url="https://example.org", pull_key="ck_1:cs_2")


def test_what_is_sealed_opens_in_its_place_alone(app: Flask) -> None:
    sealed = sealing.seal_text("geheim", "shops.pull_key/laine")
    assert sealing.open_text(sealed, "shops.pull_key/laine") == "geheim"
    for place in ("shops.pull_key/bois", "shops.webhook_secret/laine", ""):
        with pytest.raises(sealing.WrongKeysSecret):
            sealing.open_text(sealed, place)


def test_a_fingerprint_names_a_text_to_who_holds_the_key_alone(app: Flask) -> None:
    known = sealing.fingerprint("claire@example.org", "erasures.email_hash")
    assert known == sealing.fingerprint("claire@example.org", "erasures.email_hash")
    assert known != sealing.fingerprint("claire@example.org", "other.column")
    assert known != sealing.fingerprint("clara@example.org", "erasures.email_hash")
    lose_keys_secret(app)
    assert known != sealing.fingerprint("claire@example.org", "erasures.email_hash")


@pytest.mark.parametrize("sealed", ["", "é", "geheim", "gAAAAA=="])
def test_what_was_altered_does_not_open_and_is_not_repeated(app: Flask, sealed: str) -> None:
    with pytest.raises(sealing.WrongKeysSecret) as refusal:
        sealing.open_text(sealed, "shops.pull_key/laine")
    assert refusal.value.place == "shops.pull_key/laine"
    assert "geheim" not in str(refusal.value)


def test_a_secret_copied_into_another_row_or_column_opens_nothing(app: Flask, shop: Shop) -> None:
    other = a_shop(name="bois", system="woocommerce")
    first, second = a_key(shop), a_key(other)
    rows = {each.key_id: each for each in db.session.scalars(select(ApiKey))}
    rows[second.key_id].secret = rows[first.key_id].secret
    other.webhook_secret, other.pull_key = shop.pull_key, shop.pull_key
    db.session.commit()

    assert shops.unreadable(shop) == []
    assert shops.unreadable(other) == ["secret des webhooks", "clé de lecture", second.key_id]


def test_a_call_whose_key_cannot_be_read_is_told_to_come_back(
    app: Flask, client: LintingClient, caplog: pytest.LogCaptureFixture
) -> None:
    signer = Signer(client, a_key(a_shop()))
    lose_keys_secret(app)

    answer = signer.call("PUT", ORDER, a_message())

    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert answer.headers["Retry-After"] == "60"
    assert "ne peut plus lire le secret" in (answer.json or {})["detail"]
    [line] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (line.message, vars(line)["place"]) == ("secret unreadable", f"api_keys.secret/{signer.key.key_id}")
    assert not db.session.scalars(select(ApiCall)).all()


def test_a_webhook_whose_secret_cannot_be_read_is_not_taken_for_a_forged_one(
    app: Flask, client: LintingClient, shop: Shop
) -> None:
    signed = {"X-WC-Webhook-Signature": "AAAA"} | UPDATED
    lose_keys_secret(app)
    answer = client.post("/webhooks/laine/woocommerce", data=GUEST, headers=signed)

    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert not db.session.scalars(select(ShopMessage)).all()


def test_an_answer_of_another_call_is_given_to_nobody(client: LintingClient, app: Flask) -> None:
    signer = Signer(client, a_key(a_shop()))
    calls = {path: signer.headers("GET", path, b"") for path in ("/api/v1/orders/T-1", "/api/v1/orders/T-2")}
    for path, headers in calls.items():
        signer.call("PUT", path, a_message(number=path[-3:]))
        assert client.get(path, headers=headers).status_code == 200
    first, second = list(db.session.scalars(select(ApiCall).order_by(ApiCall.id)))[1::2]
    second.answer = first.answer
    db.session.commit()

    assert [client.get(path, headers=headers).status_code for path, headers in calls.items()] == [200, 503]


def test_a_shop_whose_key_cannot_be_read_says_so_and_is_read_again_later(app: Flask, shop: Shop) -> None:
    lose_keys_secret(app)
    pulls.read_changes(shop.id)
    db.session.expire_all()

    assert "KEYS_SECRET" in (shop.last_error or "")
    assert shop.due_at is not None
    result = app.test_cli_runner().invoke(args=["shops", "pull", "laine"])
    assert (result.exit_code, "KEYS_SECRET" in result.output, "Traceback" in result.output) == (1, True, False)


def test_a_message_that_needs_the_key_comes_back_later(app: Flask, client: LintingClient, shop: Shop) -> None:
    refunded = recorded.body("woocommerce", "guest", refunds=[{"id": 1, "reason": "", "total": "-1.00"}])
    assert send_webhook(client, shop, "woocommerce", refunded, UPDATED).status_code == 200
    lose_keys_secret(app)
    message = db.session.scalars(select(ShopMessage.id)).one()
    inbox.take_in(message)

    kept = db.session.get_one(ShopMessage, message)
    assert (kept.state, "KEYS_SECRET" in (kept.problem or "")) == ("received", True)


def test_the_list_names_what_does_not_open_and_new_secrets_mend_it(
    app: Flask, client: LintingClient, shop: Shop, tmp_path: Path
) -> None:
    key = a_key(shop)
    runner = app.test_cli_runner()
    assert "KEYS_SECRET" not in runner.invoke(args=["shops", "list"]).output
    lose_keys_secret(app)
    listed = runner.invoke(args=["shops", "list"])
    assert listed.exit_code == 0
    assert f"KEYS_SECRET n'ouvre plus\u00a0: secret des webhooks, clé de lecture, {key.key_id}." in listed.output

    file = tmp_path / "secret"
    file.write_text(WEBHOOK_SECRET, encoding="utf-8")
    given = ("--webhook-secret-file", str(file), "--pull-key-file", str(file))
    for command in (["rotate", "laine"], ["revoke", key.key_id], ["set", "laine", *given]):
        assert runner.invoke(args=["shops", *command]).exit_code == 0
    assert "KEYS_SECRET" not in runner.invoke(args=["shops", "list"]).output
    db.session.expire_all()
    assert send_webhook(client, shop, "woocommerce", GUEST, UPDATED).status_code == 200
