"""`flask demo …`: the demo shop's data, for development only."""

from collections.abc import Iterable, Iterator

import click
from flask.cli import AppGroup
from flask_babel import gettext as _

from extensions import DomainError
from services import demo
from shops.schema import OrderMessage

demo_cli = AppGroup("demo", help="La boutique de démonstration.")


@demo_cli.command("load")
def load() -> None:
    """Charger les comptes et les commandes de la boutique de démonstration\u00a0; recommencer ne change rien."""
    try:
        loaded = demo.load(_with_progress)
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(_("Boutique de démonstration chargée.") if loaded else _("La boutique de démonstration est déjà là."))


def _with_progress(messages: Iterable[OrderMessage], count: int) -> Iterator[OrderMessage]:
    with click.progressbar(messages, length=count, label=_("Démonstration"), update_min_steps=50) as bar:
        yield from bar
