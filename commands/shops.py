"""`flask shops …`: connect a shop, and give it the keys and secrets that show that what arrives is its own."""

import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO, TypeVar

import click
from flask.cli import AppGroup
from flask_babel import gettext as _

import clock
import config
from calls.http import CallFailed
from extensions import DomainError
from models import ApiKey, Shop
from sealing import WrongKeysSecret
from services import pulls, shops

shops_cli = AppGroup("shops", help="Les boutiques qui envoient leurs commandes.")

Command = TypeVar("Command", bound=Callable[..., Any])

SENDS_WEBHOOKS = ("woocommerce", "shopify")
IS_READ = ("woocommerce", "prestashop")

OUTCOMES = {
    "new": "Nouvelles",
    "updated": "Mises à jour",
    "unchanged": "Inchangées",
    "older": "Plus anciennes que celles connues",
    "review": "À vérifier",
    "opened": "Demandes de facture ouvertes",
    "refused": "Refusées",
    "unread": "Illisibles",
}

_scopes = click.option(
    "--scope",
    "scopes",
    type=click.Choice(ApiKey.SCOPES),
    multiple=True,
    help="Un droit de la clé, à répéter (tous par défaut).",
)


def _secret_file(option: str, said: str) -> Callable[[Command], Command]:
    return click.option(option, type=click.File("r", encoding="utf-8"), help=f"{said} (- pour l'entrée standard).")


@shops_cli.command("add")
@click.argument("name")
@click.option("--system", type=click.Choice(Shop.SYSTEMS), required=True, help="Ce qui fait tourner la boutique.")
@click.option("--prefix", default="", help="Mis devant les numéros de cette boutique, par exemple B-.")
@click.option("--url", default="", help="L'adresse https de la boutique, pour y lire les commandes.")
@_secret_file("--webhook-secret-file", "Lire dans ce fichier le secret qui signe les webhooks")
@_secret_file("--pull-key-file", "Lire dans ce fichier la clé qui lit la boutique")
@_scopes
def add(
    name: str,
    system: str,
    prefix: str,
    url: str,
    webhook_secret_file: TextIO | None,
    pull_key_file: TextIO | None,
    scopes: tuple[str, ...],
) -> None:
    """Connecter la boutique NAME et dire ce qu'il faut y régler.

    Le nom figure dans les adresses\u00a0: lettres minuscules, chiffres et tirets. Les secrets sont gardés chiffrés et
    ne sont montrés que cette fois.
    """
    webhook_secret = _webhook_secret(system, webhook_secret_file)
    pull_key = _pull_key(system, url, pull_key_file)
    try:
        shop = shops.add(
            name, system, number_prefix=prefix, base_url=url, webhook_secret=webhook_secret, pull_key=pull_key
        )
        key = shops.new_key(shop, scopes or ApiKey.SCOPES) if system == "contract" or scopes else None
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(_("La boutique %(name)s est connectée.", name=name))
    if webhook_secret:
        click.echo(_("Adresse des webhooks\u00a0: %(url)s", url=_address(f"/webhooks/{name}/{system}")))
        if webhook_secret_file is None and system == "woocommerce":
            click.echo(_("Secret des webhooks\u00a0: %(secret)s", secret=webhook_secret))
    if key:
        _show(key)


@shops_cli.command("set")
@click.argument("name")
@click.option("--url", default="", help="La nouvelle adresse https de la boutique.")
@_secret_file("--webhook-secret-file", "Lire dans ce fichier le nouveau secret qui signe les webhooks")
@_secret_file("--pull-key-file", "Lire dans ce fichier la nouvelle clé qui lit la boutique")
def replace(name: str, url: str, webhook_secret_file: TextIO | None, pull_key_file: TextIO | None) -> None:
    """Remplacer l'adresse, le secret ou la clé de la boutique NAME\u00a0; ce qui n'est pas donné reste."""
    webhook_secret, pull_key = (_line(file) for file in (webhook_secret_file, pull_key_file))
    if not (url or webhook_secret or pull_key):
        raise click.ClickException(_("Donnez au moins une nouvelle valeur."))
    try:
        shops.replace(_shop(name), base_url=url, webhook_secret=webhook_secret, pull_key=pull_key)
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(_("La boutique %(name)s est à jour.", name=name))


@shops_cli.command("list")
def list_shops() -> None:
    """Montrer les boutiques, ce qu'elles ont envoyé en dernier et leurs clés actives."""
    every = shops.every()
    if not every:
        click.echo(_("Aucune boutique n'est connectée."))
    for shop in every:
        facts = [shop.system, _("ouverte") if shop.state == "open" else _("fermée")]
        if shop.number_prefix:
            facts.append(_("préfixe %(prefix)s", prefix=shop.number_prefix))
        facts.append(_("dernier message\u00a0: %(when)s", when=_when(shop.last_message_at)))
        click.echo(f"{shop.name} ({', '.join(facts)})")
        if unreadable := shops.unreadable(shop):
            click.echo(_("  KEYS_SECRET n'ouvre plus\u00a0: %(names)s.", names=", ".join(unreadable)))
            click.echo(_("  Remettez l'ancien, ou donnez de nouveaux secrets (flask shops set, flask shops rotate)."))
        for key in shop.keys:
            if key.revoked_at is None:
                used = _("dernier appel\u00a0: %(when)s", when=_when(key.last_used_at))
                click.echo(f"  {key.key_id}  {', '.join(key.scopes)}  {used}")


@shops_cli.command("rotate")
@click.argument("name")
@_scopes
def rotate(name: str, scopes: tuple[str, ...]) -> None:
    """Donner une nouvelle clé à la boutique NAME\u00a0; l'ancienne reste active jusqu'à `flask shops revoke`.

    Sans --scope, la nouvelle a les droits de l'ancienne. Deux clés au plus sont actives à la fois.
    """
    shop = _shop(name)
    live = [key for key in shop.keys if key.revoked_at is None]
    wanted = scopes or (live[-1].scopes if live else ApiKey.SCOPES)
    former = [key.key_id for key in live]
    try:
        key = shops.new_key(shop, wanted)
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from None
    _show(key)
    for key_id in former:
        click.echo(_("Une fois la boutique réglée\u00a0: flask --app app shops revoke %(key)s", key=key_id))


@shops_cli.command("revoke")
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Faire que la clé KEY_ID n'ouvre plus rien."""
    if not shops.revoke(key_id):
        raise click.ClickException(_("Il n'y a pas de clé active de ce nom."))
    click.echo(_("La clé %(key)s n'ouvre plus rien.", key=key_id))


@shops_cli.command("close")
@click.argument("name")
def close(name: str) -> None:
    """Ne plus rien prendre de la boutique NAME\u00a0; ses commandes restent, et `flask shops open` la rouvre."""
    shops.close(_shop(name))
    click.echo(_("La boutique %(name)s est fermée.", name=name))


@shops_cli.command("open")
@click.argument("name")
def reopen(name: str) -> None:
    """Reprendre ce que la boutique NAME envoie, après `flask shops close`."""
    shops.reopen(_shop(name))
    click.echo(_("La boutique %(name)s est ouverte.", name=name))


@shops_cli.command("pull")
@click.argument("name")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Depuis ce jour (sinon, tout l'historique).")
@click.option("--dry-run", is_flag=True, help="Dire ce qui changerait, et ne rien garder.")
def pull(name: str, since: datetime | None, *, dry_run: bool) -> None:
    """Lire l'historique de la boutique NAME.

    Interrompue, la lecture reprend où elle en était. Recommencer ne change rien\u00a0; ce qui précède INVOICE_FROM
    n'ouvre aucune demande et n'envoie aucun e-mail.
    """
    counts: Counter[str] = Counter()
    begin = since.replace(tzinfo=clock.PARIS) if since else None
    try:
        with click.progressbar(length=0, label=_("Lecture"), show_pos=True) as bar:
            for page in pulls.back_fill(_shop(name), begin, dry_run=dry_run):
                bar.length = page.total or page.read
                bar.update(page.read - bar.pos)
                counts += page.outcomes
    except (DomainError, CallFailed, WrongKeysSecret) as error:
        raise click.ClickException(str(error)) from None
    for outcome, label in OUTCOMES.items():
        click.echo(f"{label}\u00a0: {counts[outcome]}")
    if dry_run:
        click.echo(_("C'était un essai\u00a0: rien n'a été gardé."))


def _line(file: TextIO | None) -> str:
    return file.readline().strip() if file else ""


def _webhook_secret(system: str, file: TextIO | None) -> str:
    """Return the secret of the webhooks: WooCommerce takes ours, Shopify has its own."""
    if file:
        return _line(file)
    if system == "shopify":
        return str(click.prompt(_("Secret qui signe les webhooks (dans Shopify)"), hide_input=True)).strip()
    return secrets.token_urlsafe(32) if system in SENDS_WEBHOOKS else ""


def _pull_key(system: str, url: str, file: TextIO | None) -> str:
    """Return the key that reads the shop, of one that is read; WooCommerce is read only where an address is given."""
    if system not in IS_READ or not (url or system == "prestashop"):
        return ""
    if not url:
        raise click.ClickException(_("Donnez l'adresse de la boutique\u00a0: --url https://…"))
    if file:
        return _line(file)
    return str(click.prompt(_("Clé qui lit la boutique"), hide_input=True)).strip()


def _shop(name: str) -> Shop:
    """Return the shop of that name, closed or not. Raises ClickException."""
    found = next((each for each in shops.every() if each.name == name), None)
    if found is None:
        raise click.ClickException(_("Il n'y a pas de boutique de ce nom."))
    return found


def _show(key: shops.NewKey) -> None:
    click.echo(_("Adresse de l'API\u00a0: %(url)s", url=_address("/api/v1/")))
    click.echo(_("Clé\u00a0: %(key)s", key=key.key_id))
    click.echo(_("Secret\u00a0: %(secret)s", secret=key.secret))
    click.echo(_("Le secret n'est montré que cette fois\u00a0: rangez-le dans la boutique."))


def _address(path: str) -> str:
    return config.current().public_url.rstrip("/") + path


def _when(moment: datetime | None) -> str:
    return f"{moment.astimezone(clock.PARIS):%d/%m/%Y %H:%M}" if moment else _("jamais")
