"""The shops that are connected: added, found by name, closed; their keys, which are made and revoked here."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

import clock
import config
import sealing
from calls import http
from extensions import DomainError, db, transaction
from models import ApiKey, Shop
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
    _require_address(base_url)
    shop = Shop(
        name=name,
        system=system,
        number_prefix=number_prefix,
        base_url=base_url.rstrip("/"),
        webhook_secret=_sealed(webhook_secret, "webhook_secret", name),
        pull_key=_sealed(pull_key, "pull_key", name),
        due_at=clock.now() if pull_key else None,
    )
    try:
        with transaction():
            db.session.add(shop)
            db.session.flush()
            history.record("shop.added", detail=f"{name}, {system}")
    except IntegrityError:
        raise DomainError(_("Une boutique porte déjà ce nom.")) from None
    return shop


def replace(shop: Shop, *, base_url: str = "", webhook_secret: str = "", pull_key: str = "") -> None:
    """Afterwards what is given stands in place of what was, and a shop that is read is read anew at once.

    Raises DomainError when the address may not be called.
    """
    _require_address(base_url)
    given = {"base_url": base_url, "webhook_secret": webhook_secret, "pull_key": pull_key}
    shop_id = shop.id
    with transaction():
        held = db.session.scalars(select(Shop).where(Shop.id == shop_id).with_for_update()).one()
        held.base_url = base_url.rstrip("/") or held.base_url
        held.webhook_secret = _sealed(webhook_secret, "webhook_secret", held.name) or held.webhook_secret
        held.pull_key = _sealed(pull_key, "pull_key", held.name) or held.pull_key
        if held.base_url and held.pull_key:
            held.due_at, held.attempts, held.last_error = clock.now(), 0, None
        history.record("shop.replaced", detail=f"{held.name}, {', '.join(name for name in given if given[name])}")


def by_name(name: str) -> Shop | None:
    """Return the connected shop of that name; one that is closed is not there."""
    return db.session.scalar(select(Shop).where(Shop.name == name, Shop.state == "open"))


def every() -> Sequence[Shop]:
    """Return all shops, closed ones as well, with their keys."""
    return db.session.scalars(select(Shop).order_by(Shop.name).options(selectinload(Shop.keys))).all()


def close(shop: Shop) -> None:
    """Afterwards nothing comes from the shop any more; its orders stay, and it can be opened again."""
    _become(shop, "closed")


def reopen(shop: Shop) -> None:
    """Afterwards the shop is connected as it was before it was closed."""
    _become(shop, "open")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown, once: the secret is kept sealed and not shown again."""

    key_id: str
    secret: str = field(repr=False)


def new_key(shop: Shop, scopes: Sequence[str] = ApiKey.SCOPES) -> NewKey:
    """Afterwards the shop has one more live key for these scopes; return it with its secret.

    Two are live at once at most, so that a new one comes in before the old one goes. Raises DomainError beyond that, or
    for an unknown scope.
    """
    if not scopes or set(scopes) - set(ApiKey.SCOPES):
        raise DomainError(_("Droits possibles\u00a0: %(scopes)s.", scopes=", ".join(ApiKey.SCOPES)))
    key = NewKey(f"ec_{secrets.token_hex(12)}", secrets.token_urlsafe(32))
    shop_id, name = shop.id, shop.name
    try:
        with transaction():
            live = select(ApiKey.slot).where(ApiKey.shop_id == shop_id, ApiKey.revoked_at.is_(None))
            free = {1, 2} - set(db.session.scalars(live))
            if not free:
                raise DomainError(_("Deux clés sont déjà actives\u00a0: révoquez-en une d'abord."))
            sealed = sealing.seal_text(key.secret, _place_of(key))
            row = ApiKey(shop_id=shop_id, slot=min(free), key_id=key.key_id, secret=sealed)
            row.scopes = sorted(set(scopes))
            db.session.add(row)
            history.record("key.created", detail=f"{name}, {key.key_id}")
    except IntegrityError:
        raise DomainError(_("Une autre clé vient d'être créée\u00a0: recommencez.")) from None
    return key


def revoke(key_id: str) -> bool:
    """Afterwards the key opens nothing any more; False when there is no such live key."""
    with transaction():
        held = select(ApiKey).where(ApiKey.key_id == key_id, ApiKey.revoked_at.is_(None))
        key = db.session.scalar(held.with_for_update(of=ApiKey))
        if key is None:
            return False
        key.revoked_at = clock.now()
        history.record("key.revoked", detail=f"{key.shop.name}, {key_id}")
        return True


def webhook_secret(shop: Shop) -> str | None:
    """Return what signs the shop's webhooks; None when it sends none. Raises sealing.WrongKeysSecret."""
    return _opened(shop.webhook_secret, "webhook_secret", shop.name)


def pull_key(shop: Shop) -> str | None:
    """Return the key that reads the shop's orders; None when it is not read. Raises sealing.WrongKeysSecret."""
    return _opened(shop.pull_key, "pull_key", shop.name)


def key_secret(key: ApiKey) -> str:
    """Return what signs the calls of the key. Raises sealing.WrongKeysSecret."""
    return sealing.open_text(key.secret, _place_of(key))


def unreadable(shop: Shop) -> list[str]:
    """Return the names of those of the shop's secrets that are in use and do not open: `KEYS_SECRET` is another."""
    secrets_in_use: dict[str, Callable[[], object]] = {
        _("secret des webhooks"): partial(webhook_secret, shop),
        _("clé de lecture"): partial(pull_key, shop),
    }
    secrets_in_use |= {key.key_id: partial(key_secret, key) for key in shop.keys if key.revoked_at is None}
    return [name for name, read in secrets_in_use.items() if not _opens(read)]


def _opens(read: Callable[[], object]) -> bool:
    try:
        read()
    except sealing.WrongKeysSecret:
        return False
    return True


def _sealed(secret: str, column: str, name: str) -> str | None:
    return sealing.seal_text(secret, f"shops.{column}/{name}") if secret else None


def _opened(sealed: str | None, column: str, name: str) -> str | None:
    return sealing.open_text(sealed, f"shops.{column}/{name}") if sealed else None


def _place_of(key: ApiKey | NewKey) -> str:
    return f"api_keys.secret/{key.key_id}"


def _become(shop: Shop, state: str) -> None:
    shop_id = shop.id
    with transaction():
        held = db.session.scalars(select(Shop).where(Shop.id == shop_id).with_for_update()).one()
        if held.state != state:
            held.become(state)
            history.record(f"shop.{state}", detail=held.name)


def _require_address(base_url: str) -> None:
    try:
        if base_url:
            http.require_allowed(base_url, local=config.current().development)
    except http.ForbiddenAddress as error:
        raise DomainError(str(error)) from None


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise DomainError(_("Le nom de la boutique\u00a0: 40 lettres minuscules, chiffres et tirets au plus."))
