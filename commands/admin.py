"""`flask admin …`: who may look after the shop."""

from typing import TextIO

import click
from flask.cli import AppGroup
from flask_babel import gettext as _

from services import accounts, passwords, second_factor, sessions, team

ROLES = {"gestion": "managing", "lecture": "reading"}

admin_cli = AppGroup("admin", help="Les comptes d'administration.")


@admin_cli.command("create")
@click.argument("email")
@click.option(
    "--password-file",
    type=click.File("r", encoding="utf-8"),
    help="Lire le mot de passe dans ce fichier (- pour l'entrée standard) au lieu de le demander.",
)
@click.option(
    "--role", type=click.Choice(list(ROLES)), default="gestion", help="Tout faire (gestion), ou seulement voir."
)
def create(email: str, password_file: TextIO | None, role: str) -> None:
    """Donner à EMAIL un compte d'administration confirmé, avec ce mot de passe.

    Un compte qui existe reçoit ce droit et ce mot de passe, et ses sessions ouvertes se terminent.
    """
    if not accounts.is_address(email):
        raise click.ClickException(_("Cette adresse e-mail n'est pas complète. Exemple\u00a0: nom@exemple.fr"))
    password = password_file.readline().rstrip("\r\n") if password_file else _asked_for()
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        limits = {"least": passwords.SHORTEST, "most": passwords.LONGEST}
        raise click.ClickException(_("Choisissez un mot de passe de %(least)d à %(most)d caractères.", **limits))
    if accounts.is_guessable(password, email):
        raise click.ClickException(str(passwords.TOO_COMMON))
    customer = accounts.create_admin(email, password, ROLES[role])
    click.echo(_("%(email)s administre maintenant la boutique.", email=customer.email))


@admin_cli.command("list")
def list_all() -> None:
    """Dire qui administre la boutique, et qui y est invité."""
    names = {role: name for name, role in ROLES.items()}
    for member in team.members():
        invited = _("invitation en attente") if member.invited else ""
        factor = _("double authentification") if member.has_second_factor else ""
        click.echo("\t".join(filter(None, (member.email, names[member.role], invited, factor))))


@admin_cli.command("sign-out")
@click.argument("email", required=False)
@click.option("--everyone", is_flag=True, help="Tous les comptes.")
def sign_out(email: str | None, *, everyone: bool) -> None:
    """Terminer toutes les sessions ouvertes du compte EMAIL, ou de tous les comptes."""
    if everyone == bool(email):
        raise click.UsageError(_("Indiquez une adresse, ou --everyone."))
    customer = accounts.find(email) if email else None
    if email and customer is None:
        raise click.ClickException(_("Cette adresse n'a pas de compte."))
    ended = sessions.end_by_operator(customer)
    click.echo(_("Plus personne n'est connecté.") if ended else _("Personne n'était connecté."))


@admin_cli.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Retirer la double authentification du compte EMAIL, et terminer ses sessions.

    Assurez-vous d'abord que la personne est bien celle qu'elle dit être.
    """
    customer = accounts.find(email)
    if customer is None:
        raise click.ClickException(_("Cette adresse n'a pas de compte."))
    had = second_factor.reset_by_operator(customer)
    click.echo(_("La double authentification est retirée.") if had else _("Ce compte n'en avait pas."))


def _asked_for() -> str:
    answer: str = click.prompt(
        _("Mot de passe"), hide_input=True, confirmation_prompt=_("Le même mot de passe, pour vérifier")
    )
    return answer
