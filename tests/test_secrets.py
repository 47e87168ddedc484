"""What shops keep secret is nowhere to be read: in no line of the log, no row, no answer and no page of an error."""

import base64
import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

import clock
from extensions import db
from models import AuditEntry, Shop, ShopMessage
from services import inbox, intake, pulls, shops
from shops import signatures
from tests.shops import prestashop_orders, recorded
from tests.shops.messages import a_message
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer
from tests.support.shop_servers import PrestaShop, StandIn, WooCommerce, serving
from tests.support.shops import Signer, a_key, a_shop, lose_keys_secret
from web import logs

WEBHOOK_SECRET = "geheim-webhook-9Zx4"
CONSUMER_KEY, CONSUMER_SECRET = "ck_geheim_1Qw7", "cs_geheim_8Er2"
WEB_SERVICE_KEY = "GEHEIMWSKEY5TY3"
ORDER, LINKS, HOOK = "/api/v1/orders/T-100234", "/api/v1/sign-in-links", "/webhooks/laine/woocommerce"
UPDATED = {"X-WC-Webhook-Topic": "order.updated"}


@dataclass
class Told:
    """All that was said to anybody meanwhile, and what must not be in it."""

    log: io.StringIO
    answers: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def keep(self, answer: TestResponse, *statuses: int) -> TestResponse:
        """Keep what was answered; the test expects one of these."""
        assert answer.status_code in statuses, answer.text
        self.answers.append(f"{answer.headers}\n{answer.text}")
        return answer

    def everywhere(self) -> Iterator[tuple[str, str]]:
        """Give the log, every answer and every row, each with what it is."""
        yield "log", self.log.getvalue()
        yield from (("answer", text) for text in self.answers)
        for table in db.metadata.sorted_tables:
            yield from ((table.name, repr(tuple(row))) for row in db.session.execute(select(table)))

    def leaks(self) -> list[tuple[str, str, str]]:
        """Return what can be read that must not be: which secret, where, and in which words."""
        written = {shape for secret in self.secrets for shape in _shapes(secret)}
        return [(shape, where, text) for where, text in self.everywhere() for shape in written if shape in text]


def _shapes(secret: str) -> set[str]:
    """Return the ways in which a secret may be written, but for its hash."""
    basic = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
    return {secret, secret[:20], quote(secret, safe=""), basic, secret.encode().hex()}


@pytest.fixture
def told() -> Iterator[Told]:
    """Give what is told, the log as the processes write it, but from its most talkative level on."""
    root = logging.getLogger()
    before, level, error_stream = root.handlers[:], root.level, sys.stderr
    sys.stderr = written = io.StringIO()
    logs.configure()
    root.setLevel(logging.DEBUG)
    yield Told(written, secrets=[WEBHOOK_SECRET, CONSUMER_KEY, CONSUMER_SECRET, WEB_SERVICE_KEY])
    sys.stderr = error_stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def signer(app: Flask, client: LintingClient, told: Told) -> Signer:
    signer = Signer(client, a_key(a_shop(name="atelier", webhook_secret="")))
    told.secrets.append(signer.key.secret)
    return signer


@pytest.fixture
def woocommerce(app: Flask) -> Iterator[StandIn]:
    with serving(WooCommerce(f"{CONSUMER_KEY}:{CONSUMER_SECRET}")) as server:
        key = f"{CONSUMER_KEY}:{CONSUMER_SECRET}"
        a_shop(name="laine", system="woocommerce", webhook_secret=WEBHOOK_SECRET, base_url=server.url, pull_key=key)
        yield server


@pytest.fixture
def prestashop(app: Flask) -> Iterator[StandIn]:
    with serving(PrestaShop(f"{WEB_SERVICE_KEY}:", tables=prestashop_orders.tables(2))) as server:
        a_shop(name="bois", system="prestashop", webhook_secret="", base_url=server.url, pull_key=WEB_SERVICE_KEY)
        yield server


def send(client: LintingClient, body: bytes, **changes: str) -> TestResponse:
    signature = signatures.sign_webhook(WEBHOOK_SECRET, body)
    return client.post(HOOK, data=body, headers=UPDATED | {"X-WC-Webhook-Signature": signature} | changes)


def take_in_all() -> None:
    for message in list(db.session.scalars(select(ShopMessage.id))):
        inbox.take_in(message)


def the_shop(name: str) -> Shop:
    db.session.expire_all()
    return db.session.scalars(select(Shop).where(Shop.name == name)).one()


def read(name: str) -> str | None:
    """Let the shop be read now, and return what went wrong."""
    shop = the_shop(name)
    shop.due_at = clock.now()
    db.session.commit()
    pulls.read_changes(shop.id)
    return the_shop(name).last_error


def test_the_test_itself_finds_what_is_told(app: Flask, told: Told) -> None:
    told.answers.append(base64.b64encode(f"{WEB_SERVICE_KEY}:".encode()).decode())
    logging.getLogger("tests").info("told", extra={"header": CONSUMER_SECRET})
    a_customer(email=f"{WEBHOOK_SECRET}@example.org")
    assert {where for _secret, where, _text in told.leaks()} == {"answer", "log", "customers"}


def test_calls_right_and_wrong_tell_neither_key_nor_link(told: Told, client: LintingClient, signer: Signer) -> None:
    key, secret = signer.key.key_id, signer.key.secret
    for _time in range(2):
        told.keep(signer.call("PUT", ORDER, a_message()), 200, 201)
    told.keep(signer.call("GET", ORDER), 200)
    told.keep(signer.call("PUT", ORDER, b'{"secret": "' + secret.encode() + b'"}'), 422)
    told.keep(signer.call("PUT", ORDER, secret.encode()), 400)
    told.keep(signer.call("GET", ORDER, headers={"X-Signature": f"t=1,v1={secret}"}), 401)
    for mistaken in (f"Bearer {secret}", f"Bearer {key}:{secret}", f"Basic {secret}", f"Token  {secret}", secret):
        told.keep(signer.call("GET", ORDER, headers={"Authorization": mistaken}), 401)

    sent = {"email": "claire@example.org"}
    link = json.loads(signer.call("POST", LINKS, sent).text)["url"]  # It is the answer: nothing else may hold it.
    told.secrets.append(link.rpartition("/")[2])
    path = link.removeprefix("http://localhost")
    assert client.get(path).status_code == 200  # The page's button leads to the link.
    assert client.post(path).status_code == 303
    told.keep(client.post(path), 410)
    told.keep(client.get(f"{path}/no-page"), 404)
    told.keep(client.put(path), 405)
    assert told.leaks() == []


def test_webhooks_right_and_wrong_tell_no_secret(told: Told, client: LintingClient, woocommerce: StandIn) -> None:
    assert isinstance(woocommerce, WooCommerce)
    woocommerce.faults = [401]
    refunded = recorded.body("woocommerce", "guest", refunds=[{"id": 1, "reason": "", "total": "-1.00"}])
    told.keep(send(client, refunded), 200)
    told.keep(send(client, WEBHOOK_SECRET.encode(), **{"X-WC-Webhook-Signature": WEBHOOK_SECRET}), 401)
    told.keep(client.post(f"{HOOK}?secret={WEBHOOK_SECRET}", data=b"{}"), 401)
    told.keep(client.post(f"/webhooks/{WEBHOOK_SECRET}/woocommerce", data=b"{}"), 404)
    take_in_all()
    assert db.session.scalars(select(ShopMessage.problem)).one() == "La boutique refuse la clé."
    assert told.leaks() == []


@pytest.mark.usefixtures("woocommerce", "prestashop")
@pytest.mark.parametrize("name", ["laine", "bois"])
def test_a_reading_that_succeeds_or_fails_tells_no_key(
    told: Told, name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: StandIn = request.getfixturevalue("woocommerce" if name == "laine" else "prestashop")
    key = shops.pull_key(the_shop(name)) or ""
    assert read(name) is None
    server.faults = [401]
    assert read(name) == "La boutique refuse la clé."

    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError(f"Authorization: {key}")

    monkeypatch.setattr(pulls, "_reader", fail)
    assert "inattendue" in (read(name) or "")
    assert told.leaks() == []


@pytest.mark.usefixtures("woocommerce")
def test_an_error_that_quotes_a_secret_is_not_quoted(
    told: Told, app: Flask, client: LintingClient, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = " ".join(told.secrets)

    def fail(*_arguments: object, **_options: object) -> None:
        raise ValueError(quoted) from KeyError(quoted)

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(intake, "receive", fail)
    told.keep(signer.call("PUT", ORDER, a_message()), 500)
    told.keep(send(client, recorded.body("woocommerce", "guest")), 200)
    take_in_all()
    monkeypatch.setattr(signatures, "is_webhook_signed", fail)
    told.keep(send(client, b"{}"), 500)
    lose_keys_secret(app)
    told.keep(signer.call("GET", ORDER), 503)
    monkeypatch.undo()
    told.keep(send(client, b"{}"), 503)
    assert told.log.getvalue().count('"ERROR"') == 5
    assert told.leaks() == []


@pytest.mark.usefixtures("woocommerce", "prestashop")
@pytest.mark.parametrize("lost", [False, True], ids=["as always", "KEYS_SECRET lost"])
def test_the_merchant_reads_no_secret_either(
    told: Told, app: Flask, client: LintingClient, signer: Signer, lost: bool
) -> None:
    client.post(HOOK, data=b"{}", headers=UPDATED | {"X-WC-Webhook-Signature": "AAAA"})
    if lost:
        lose_keys_secret(app)
    merchant = sign_in(client, a_customer(email="patron@example.org", admin=True))
    assert merchant.is_admin
    for page in ("/admin/", "/admin/boutiques", "/admin/reglages", "/api/v1/", "/api/v1/openapi.json"):
        told.keep(client.get(page), 200)
    commands: list[list[str]] = [["list"], ["close", "bois"], ["revoke", signer.key.key_id], ["pull", "laine"]]
    for command in commands:
        told.answers.append(app.test_cli_runner().invoke(args=["shops", *command]).output)
    actions = set(db.session.scalars(select(AuditEntry.action)))
    assert {"shop.added", "key.created", "message.refused", "shop.closed", "key.revoked"} <= actions
    assert told.leaks() == []
