"""The signatures by which a shop shows that what arrives is its own: HMAC-SHA256, each system in its own dress."""

import base64
import hashlib
import hmac
import re

DRIFT_SECONDS = 300

_SIGNATURE = re.compile(r"t=(0|[1-9][0-9]{0,11}),v1=([0-9a-f]{64})")
"""One second is written in one way: a zero before it would make an equal call look like another."""


def sign_call(secret: str, *, at: int, method: str, target: str, body: bytes) -> str:
    """Return the `X-Signature` of a call to the API: `target` is path and query as they are sent."""
    return f"t={at},v1={_call_mac(secret, at, method, target, body)}"


def call_moment(header: str) -> int | None:
    """Return the second in which a call says it was signed; None when the header has another shape."""
    found = _SIGNATURE.fullmatch(header)
    return int(found[1]) if found else None


def is_call_signed(header: str, secret: str, *, method: str, target: str, body: bytes) -> bool:
    """Whether the header is this secret's signature of the call; how old it may be is for the door to say."""
    found = _SIGNATURE.fullmatch(header)
    if found is None:
        return False
    return hmac.compare_digest(found[2], _call_mac(secret, int(found[1]), method, target, body))


def sign_webhook(secret: str, body: bytes) -> str:
    """Return what WooCommerce (`X-WC-Webhook-Signature`) and Shopify (`X-Shopify-Hmac-SHA256`) send: base64."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_webhook_signed(header: str, secret: str, body: bytes) -> bool:
    """Whether the header is this secret's signature of the raw body."""
    return hmac.compare_digest(header.encode(), sign_webhook(secret, body).encode())


def _call_mac(secret: str, at: int, method: str, target: str, body: bytes) -> str:
    signed = f"{at}.{method}.{target}.".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
