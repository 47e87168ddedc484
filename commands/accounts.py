"""`flask accounts …`: what people ask of the shop by letter or by telephone."""

import click
from flask.cli import AppGroup
from flask_babel import gettext as _
from flask_babel import ngettext

from services import accounts, erasure

accounts_cli = AppGroup("accounts", help="Les comptes des clients.")


@accounts_cli.command("erase")
@click.argument("email")
@click.confirmation_option(
    "--yes", prompt="Effacer définitivement les données de cette adresse ?", help="Sans demander."
)
def erase(email: str) -> None:
    """Supprimer le compte EMAIL et effacer les données de cette adresse, comme «\u00a0Supprimer mon compte\u00a0».

    Assurez-vous d'abord que la personne est bien celle qu'elle dit être.
    """
    if not accounts.is_address(email):
        raise click.ClickException(_("Cette adresse e-mail n'est pas complète. Exemple\u00a0: nom@exemple.fr"))
    try:
        left = erasure.erase_address(email)
    except erasure.LastManager as refusal:
        raise click.ClickException(str(refusal)) from None
    if left is None:
        raise click.ClickException(_("Rien n'est connu de cette adresse."))
    click.echo(_("Les données de cette adresse sont effacées."))
    if left:
        waiting = ngettext("%(num)d commande attend", "%(num)d commandes attendent", left)
        click.echo(_("%(waiting)s encore une facture due\u00a0: recommencez quand elle est partie.", waiting=waiting))
