"""Webhooks of shops: the signature is checked on the raw body, the message written down, and answered at once."""

import logging
import re

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from extensions import csrf
from models import Shop
from services import inbox, limits, shops
from shops import signatures
from shops.schema import MAX_ORDER_BYTES
from web import errors
from web.received import whole_body

SIGNATURE = {"woocommerce": "X-WC-Webhook-Signature", "shopify": "X-Shopify-Hmac-SHA256"}
TOPIC = {"woocommerce": "X-WC-Webhook-Topic", "shopify": "X-Shopify-Topic"}
DELIVERY = {"shopify": "X-Shopify-Webhook-Id"}
"""WooCommerce's own delivery id counts tries of one hook, and is no name of a message."""
TOPICS = {
    "woocommerce": ("order.created", "order.updated", "order.deleted", "order.restored"),
    "shopify": (
        "orders/create", "orders/paid", "orders/updated", "orders/fulfilled", "orders/partially_fulfilled",
        "orders/cancelled", "orders/edited", "refunds/create",
    ),
}  # fmt: skip
PING = re.compile(rb"webhook_id=\d{1,20}")

log = logging.getLogger(__name__)
bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")
csrf.exempt(bp)  # A signature says who calls; no browser sends one by itself.


@bp.post("/<shop_name>/<kind>")
def receive(shop_name: str, kind: str) -> ResponseReturnValue:
    """Take a shop's message: 200 once it is written down, whatever becomes of it."""
    request.max_content_length = MAX_ORDER_BYTES
    shop = shops.by_name(shop_name)
    if shop is None or shop.system != kind or kind not in SIGNATURE:
        abort(404)
    body = whole_body()
    if kind == "woocommerce" and PING.fullmatch(body):
        return {"applied": False}  # The shop only tries the address as it is entered there; nothing is signed yet.
    if not _is_signed(shop, kind, body):
        return _refused(shop)
    topic = request.headers.get(TOPIC[kind], "")
    if topic not in TOPICS[kind]:
        return {"applied": False}
    delivery_id = request.headers.get(DELIVERY[kind], "")[:100] or None if kind in DELIVERY else None
    inbox.keep(shop, topic=topic, payload=body, delivery_id=delivery_id)
    return {"applied": True}


def _is_signed(shop: Shop, kind: str, body: bytes) -> bool:
    secret = shops.webhook_secret(shop)
    return bool(secret) and signatures.is_webhook_signed(request.headers.get(SIGNATURE[kind], ""), secret or "", body)


def _refused(shop: Shop) -> ResponseReturnValue:
    log.warning("webhook refused", extra={"shop": shop.name, "reason": "signature"})
    if request.headers.get(SIGNATURE[shop.system]):  # What is not even signed costs no writing.
        limits.hit(limits.REFUSED_CALLS_BY_IP, limits.network(request.remote_addr))
        inbox.refuse(shop)
    return errors.answer(401, _("La signature manque ou ne correspond pas au corps du message."))
