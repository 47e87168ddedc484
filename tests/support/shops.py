"""Shops and their keys for tests, and calls signed as a shop signs them."""

import json
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import clock
from models import ApiKey, Shop
from services import shops
from shops import signatures

WEBHOOK_SECRET = "un secret de webhook, assez long"
_names = count(1)


def a_shop(**changes: Any) -> Shop:
    """Return a connected shop; of its own system unless told else."""
    facts: dict[str, Any] = {"system": "contract", "webhook_secret": WEBHOOK_SECRET}
    facts |= changes
    return shops.add(facts.pop("name", f"boutique-{next(_names)}"), facts.pop("system"), **facts)


def a_key(shop: Shop, *scopes: str) -> shops.NewKey:
    """Return a live key of the shop, for all scopes unless told else."""
    return shops.new_key(shop, scopes or ApiKey.SCOPES)


def lose_keys_secret(app: Flask) -> None:
    """Let the application run with another `KEYS_SECRET` from here on, as after a restore without the former one."""
    app.extensions["settings"] = replace(app.extensions["settings"], keys_secret="another-" + "K" * 32)


@dataclass(frozen=True, slots=True)
class Signer:
    """Calls the API as a shop does that holds this key."""

    client: FlaskClient
    key: shops.NewKey

    def call(
        self, method: str, target: str, sent: Any = None, *, at: int | None = None, **changes: Any
    ) -> TestResponse:
        """Return the answer to a signed call; what is sent is bytes, or anything that JSON can write."""
        body = sent if isinstance(sent, bytes) else b"" if sent is None else json.dumps(sent).encode()
        headers = self.headers(method, target, body, at=at) | changes.pop("headers", {})
        return self.client.open(target, method=method, data=body, headers=headers, buffered=True, **changes)

    def headers(self, method: str, target: str, body: bytes, *, at: int | None = None) -> dict[str, str]:
        """Return the headers of the call, signed at that second (now)."""
        moment = int(clock.now().timestamp()) if at is None else at
        signature = signatures.sign_call(self.key.secret, at=moment, method=method, target=target, body=body)
        return {
            "Authorization": f"Bearer {self.key.key_id}",
            "X-Signature": signature,
            "Content-Type": "application/json",
        }


def send_webhook(client: FlaskClient, shop: Shop, kind: str, body: bytes, headers: dict[str, str]) -> TestResponse:
    """Return the answer to a webhook signed with the shop's secret, in the header of its system."""
    header = {"woocommerce": "X-WC-Webhook-Signature", "shopify": "X-Shopify-Hmac-SHA256"}[kind]
    signature = signatures.sign_webhook(shops.webhook_secret(shop) or "", body)
    sent = {"Content-Type": "application/json", header: signature} | headers
    return client.post(f"/webhooks/{shop.name}/{kind}", data=body, headers=sent)
