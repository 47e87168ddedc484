"""The shops that are connected: added, found by name, closed; their secrets are opened here alone."""

import re

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import config
import sealing
from calls import http
from extensions import DomainError, db, transaction
from models import Shop
from services import history
from shops.numbers import is_order_number

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def add(
    name: str,
    system: str,
    *,
    number_prefix: str = "",
    base_url: str = "",
    webhook_secret: str = "",
    pull_key: str = "",
) -> Shop:
    """Afterwards the shop is connected; return it. Secrets are kept sealed.

    `pull_key` is what reads the shop's orders: `ck_…:cs_…` of WooCommerce, the key of PrestaShop's web service. Raises
    DomainError when the name is taken or one of these is malformed.
    """
    _require_name(name)
    if number_prefix and not (is_order_number(number_prefix) and len(number_prefix) <= 20):
        raise DomainError(_("Le préfixe\u00a0: 20 lettres, chiffres, points et tirets au plus."))
    if base_url:
        try:
            http.require_allowed(base_url, local=config.current().development)
        except http.ForbiddenAddress as error:
            raise DomainError(str(error)) from None
    shop = Shop(
        name=name,
        system=system,
        number_prefix=number_prefix,
        base_url=base_url.rstrip("/"),
        webhook_secret=sealing.seal_text(webhook_secret) if webhook_secret else None,
        pull_key=sealing.seal_text(pull_key) if pull_key else None,
    )
    try:
        with transaction():
            db.session.add(shop)
            db.session.flush()
            history.record("shop.added", detail=f"{name}, {system}")
    except IntegrityError:
        raise DomainError(_("Une boutique porte déjà ce nom.")) from None
    return shop


def by_name(name: str) -> Shop | None:
    """Return the connected shop of that name; one that is closed is not there."""
    return db.session.scalar(select(Shop).where(Shop.name == name, Shop.state == "open"))


def webhook_secret(shop: Shop) -> str | None:
    """Return what signs the shop's webhooks; None when it sends none. Raises sealing.WrongKeysSecret."""
    return sealing.open_text(shop.webhook_secret) if shop.webhook_secret else None


def pull_key(shop: Shop) -> str | None:
    """Return the key that reads the shop's orders; None when it is not read. Raises sealing.WrongKeysSecret."""
    return sealing.open_text(shop.pull_key) if shop.pull_key else None


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise DomainError(_("Le nom de la boutique\u00a0: 40 lettres minuscules, chiffres et tirets au plus."))
