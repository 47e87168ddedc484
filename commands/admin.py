"""`flask admin …`: who may look after the shop."""

from typing import TextIO

import click
from flask.cli import AppGroup
from flask_babel import gettext as _

from services import accounts, passwords

admin_cli = AppGroup("admin", help="Les comptes d'administration.")


@admin_cli.command("create")
@click.argument("email")
@click.option(
    "--password-file",
    type=click.File("r", encoding="utf-8"),
    help="Lire le mot de passe dans ce fichier (- pour l'entrée standard) au lieu de le demander.",
)
def create(email: str, password_file: TextIO | None) -> None:
    """Donner à EMAIL un compte d'administration confirmé, avec ce mot de passe.

    Un compte qui existe reçoit ce droit et ce mot de passe, et ses sessions ouvertes se terminent.
    """
    if not accounts.is_address(email):
        raise click.ClickException(_("Cette adresse e-mail n'est pas complète. Exemple\u00a0: nom@exemple.fr"))
    password = password_file.readline().rstrip("\r\n") if password_file else _asked_for()
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        limits = {"least": passwords.SHORTEST, "most": passwords.LONGEST}
        raise click.ClickException(_("Choisissez un mot de passe de %(least)d à %(most)d caractères.", **limits))
    customer = accounts.create_admin(email, password)
    click.echo(_("%(email)s administre maintenant la boutique.", email=customer.email))


def _asked_for() -> str:
    answer: str = click.prompt(
        _("Mot de passe"), hide_input=True, confirmation_prompt=_("Le même mot de passe, pour vérifier")
    )
    return answer
