"""`flask mail …`: what comes back to the shop's mailbox."""

import click
from flask.cli import AppGroup
from flask_babel import gettext as _
from flask_babel import ngettext

import config
from mail.incoming import Unreachable
from services import bounces

mail_cli = AppGroup("mail", help="Les e-mails de la boutique.")


@mail_cli.command("bounces")
def take_bounces() -> None:
    """Lire les retours dans la boîte de BOUNCES_URL et signaler les e-mails qui ne sont pas arrivés.

    Pour cron\u00a0: recommencer ne change rien. Le code de sortie est 1 quand la boîte ne peut pas être lue.
    """
    if not config.current().bounces_url:
        raise click.ClickException(_("BOUNCES_URL n'est pas réglé\u00a0: voir docs/mail.md."))
    try:
        found = bounces.take_in()
    except Unreachable as trouble:
        raise click.ClickException(str(trouble)) from None
    many, back = found["read"], found["came_back"]
    messages = ngettext("%(num)d message lu", "%(num)d messages lus", many) if many else _("Aucun nouveau message")
    returned = ngettext("%(num)d e-mail revenu", "%(num)d e-mails revenus", back) if back else _("aucun e-mail revenu")
    click.echo(_("%(messages)s\u00a0: %(returned)s.", messages=messages, returned=returned))
