"""`flask shops …`: a shop is connected from the terminal, and its secrets are shown once."""

import re
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import ApiKey, AuditEntry, Shop
from services import shops
from tests.support.client import LintingClient
from tests.support.shops import Signer, a_key, a_shop

pytestmark = pytest.mark.databases("sqlite")  # What is asked and said; shops and keys are tested with their service.


def run(app: Flask, *arguments: str, typed: str | None = None) -> Result:
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["shops", *arguments], input=typed)
    db.session.expire_all()
    return result


def said(result: Result, label: str) -> str:
    found = re.search(rf"^{label}\u00a0: (.+)$", result.output, re.MULTILINE)
    assert found, result.output
    return found[1]


def test_a_shop_of_ones_own_gets_a_key_that_opens_the_door(app: Flask, client: LintingClient) -> None:
    result = run(app, "add", "atelier", "--system", "contract", "--prefix", "A-")
    assert result.exit_code == 0, result.output
    key = shops.NewKey(said(result, "Clé"), said(result, "Secret"))
    assert said(result, "Adresse de l'API").endswith("/api/v1/")
    assert Signer(client, key).call("GET", "/api/v1/orders/T-1").status_code == 404
    assert db.session.scalars(select(Shop)).one().number_prefix == "A-"


def test_secrets_are_kept_sealed_and_in_no_audit(app: Flask) -> None:
    result = run(app, "add", "laine", "--system", "woocommerce", "--scope", "orders:read")
    shown = {said(result, "Secret des webhooks"), said(result, "Secret")}
    shop = db.session.scalars(select(Shop)).one()
    assert shops.webhook_secret(shop) in shown
    kept = [shop.webhook_secret, shop.keys[0].secret, *db.session.scalars(select(AuditEntry.detail))]
    assert not [secret for secret in shown for text in kept if secret in (text or "")]
    assert shop.keys[0].scopes == ["orders:read"]


def test_woocommerce_is_told_its_webhook_address_and_a_secret_made_here(app: Flask) -> None:
    result = run(app, "add", "laine", "--system", "woocommerce")
    assert said(result, "Adresse des webhooks").endswith("/webhooks/laine/woocommerce")
    assert len(said(result, "Secret des webhooks")) >= 40
    assert "Clé" not in result.output
    assert db.session.scalars(select(Shop)).one().pull_key is None


def test_woocommerce_with_its_address_asks_for_the_key_that_reads_it(app: Flask) -> None:
    result = run(app, "add", "laine", "--system", "woocommerce", "--url", "https://example.org/", typed="ck_1:cs_2\n")
    assert result.exit_code == 0, result.output
    assert "cs_2" not in result.output
    shop = db.session.scalars(select(Shop)).one()
    assert (shops.pull_key(shop), shop.base_url) == ("ck_1:cs_2", "https://example.org")


def test_what_signs_shopifys_webhooks_is_its_own_and_never_shown(app: Flask, tmp_path: Path) -> None:
    result = run(app, "add", "perles", "--system", "shopify", typed="shpss_secret\n")
    assert result.exit_code == 0, result.output
    assert "shpss_secret" not in result.output
    file = tmp_path / "secret"
    file.write_text("shpss_autre\n", encoding="utf-8")
    result = run(app, "add", "bois", "--system", "shopify", "--webhook-secret-file", str(file))
    assert "shpss_autre" not in result.output
    secrets = [shops.webhook_secret(shop) for shop in shops.every()]
    assert secrets == ["shpss_autre", "shpss_secret"]


def test_prestashop_is_read_so_that_its_address_and_key_are_needed(app: Flask) -> None:
    result = run(app, "add", "presta", "--system", "prestashop")
    assert result.exit_code == 1
    assert "--url" in result.output
    typed = "WEBSERVICEKEY\n"
    result = run(app, "add", "presta", "--system", "prestashop", "--url", "https://example.org", typed=typed)
    assert result.exit_code == 0, result.output
    shop = db.session.scalars(select(Shop)).one()
    assert shops.pull_key(shop) == "WEBSERVICEKEY"


@pytest.mark.parametrize(
    "arguments",
    [
        ("Atelier", "--system", "contract"),
        ("atelier", "--system", "contract", "--prefix", "é"),
        ("atelier", "--system", "woocommerce", "--url", "ftp://example.org"),
        ("libre", "--system", "contract"),
    ],
)
def test_what_is_malformed_or_taken_connects_nothing_and_is_one_line(app: Flask, arguments: tuple[str, ...]) -> None:
    a_shop(name="libre")
    result = run(app, "add", *arguments, typed="ck_1:cs_2\n")
    assert result.exit_code == 1
    assert "Error" in result.output.strip().splitlines()[-1]
    assert [shop.name for shop in shops.every()] == ["libre"]
    assert not db.session.scalars(select(ApiKey)).all()


def test_a_new_key_comes_in_before_the_old_one_goes(app: Flask, client: LintingClient) -> None:
    old = a_key(a_shop(name="libre"), "orders:read")
    result = run(app, "rotate", "libre")
    new = shops.NewKey(said(result, "Clé"), said(result, "Secret"))
    assert f"revoke {old.key_id}" in result.output
    assert db.session.scalars(select(ApiKey).where(ApiKey.key_id == new.key_id)).one().scopes == ["orders:read"]
    for key in (old, new):
        assert Signer(client, key).call("GET", "/api/v1/orders/T-1").status_code == 404
    assert run(app, "rotate", "libre").exit_code == 1
    assert run(app, "revoke", old.key_id).exit_code == 0
    assert Signer(client, old).call("GET", "/api/v1/orders/T-1").status_code == 401
    assert Signer(client, new).call("GET", "/api/v1/orders/T-1").status_code == 404
    assert run(app, "revoke", old.key_id).exit_code == 1


def test_the_list_says_when_a_key_was_last_used_and_no_secret(app: Flask, client: LintingClient) -> None:
    assert "Aucune boutique" in run(app, "list").output
    shop = a_shop(name="libre", number_prefix="L-")
    used, unused = a_key(shop), a_key(shop, "sign-in")
    assert "libre (contract, ouverte, préfixe L-, dernier message\u00a0: jamais)" in run(app, "list").output
    Signer(client, used).call("GET", "/api/v1/orders/T-1")
    listed = run(app, "list").output
    assert re.search(rf"{used.key_id}  orders:read, orders:write, sign-in  dernier appel\u00a0: \d", listed)
    assert re.search(rf"{unused.key_id}  sign-in  dernier appel\u00a0: jamais", listed)
    assert re.search(r"libre \(contract, ouverte, préfixe L-, dernier message\u00a0: \d", listed)
    assert used.secret not in listed


def test_a_closed_shop_sends_nothing_until_it_is_opened_again(app: Flask, client: LintingClient) -> None:
    key = a_key(a_shop(name="libre"))
    assert run(app, "close", "libre").exit_code == 0
    assert "fermée" in run(app, "list").output
    assert Signer(client, key).call("GET", "/api/v1/orders/T-1").status_code == 401
    assert run(app, "open", "libre").exit_code == 0
    assert Signer(client, key).call("GET", "/api/v1/orders/T-1").status_code == 404


def test_what_is_given_replaces_what_was_and_the_rest_stays(app: Flask, tmp_path: Path) -> None:
    shop = a_shop(name="laine", system="woocommerce", base_url="https://example.org", pull_key="ck_1:cs_1")
    secret, shop.last_error, shop.attempts, shop.due_at = shops.webhook_secret(shop), "La clé est refusée.", 4, None
    file = tmp_path / "key"
    file.write_text("ck_2:cs_2\n", encoding="utf-8")

    result = run(app, "set", "laine", "--pull-key-file", str(file))

    assert result.exit_code == 0, result.output
    shop = db.session.scalars(select(Shop)).one()
    assert (shops.pull_key(shop), shops.webhook_secret(shop)) == ("ck_2:cs_2", secret)
    assert (shop.base_url, shop.last_error, shop.attempts) == ("https://example.org", None, 0)
    assert shop.due_at is not None
    assert list(db.session.scalars(select(AuditEntry.detail)))[-1] == "laine, pull_key"
    file.write_text("un autre secret\n", encoding="utf-8")
    assert run(app, "set", "laine", "--webhook-secret-file", str(file), "--url", "https://example.com/").exit_code == 0
    assert (shops.webhook_secret(shop), shop.base_url) == ("un autre secret", "https://example.com")


@pytest.mark.parametrize("arguments", [(), ("--url", "ftp://example.org"), ("--url", "https://me@example.org")])
def test_what_is_nothing_or_malformed_replaces_nothing(app: Flask, arguments: tuple[str, ...]) -> None:
    shop = a_shop(name="laine", system="woocommerce", base_url="https://example.net")
    result = run(app, "set", "laine", *arguments)
    assert result.exit_code == 1
    assert "Error" in result.output.strip().splitlines()[-1]
    assert shop.base_url == "https://example.net"


@pytest.mark.parametrize("command", ["rotate", "close", "open"])
def test_a_shop_that_is_not_there_is_said(app: Flask, command: str) -> None:
    result = run(app, command, "personne")
    assert result.exit_code == 1
    assert "pas de boutique de ce nom" in result.output
