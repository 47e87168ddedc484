"""`flask invoices …`: the production of invoices, seen from a terminal or from cron."""

import sys

import click
from flask.cli import AppGroup
from flask_babel import gettext as _
from flask_babel import ngettext

import task_queue
from services import dashboard
from services import sweep as sweeping
from web import formats

invoices_cli = AppGroup("invoices", help="La production des factures.")


@invoices_cli.command("sweep")
def sweep() -> None:
    """Chercher une fois ce qui est dû et le signaler aux workers, comme le fait le processus «\u00a0sweeper\u00a0»."""
    rung = sweeping.sweep()
    click.echo(ngettext("%(num)d travail signalé.", "%(num)d travaux signalés.", rung))
    if not task_queue.answers():
        raise click.ClickException(_("Redis ne répond pas\u00a0: aucun worker n'a pu être prévenu."))


@invoices_cli.command("late")
def late() -> None:
    """Lister les demandes dont l'échéance promise est passée\u00a0; le code de sortie est 1 s'il y en a."""
    requests = dashboard.late()
    for request in requests:
        facts = {
            "number": request.order.number,
            "deadline": formats.paris_datetime(request.deadline_at) if request.deadline_at else "",
            "state": request.state,
            "error": request.last_error or request.reason or "",
        }
        click.echo(_("%(number)s  promise avant le %(deadline)s  %(state)s  %(error)s", **facts).rstrip())
    click.echo(
        ngettext("%(num)d demande en retard.", "%(num)d demandes en retard.", len(requests))
        if requests
        else _("Aucune demande en retard.")
    )
    sys.exit(1 if requests else 0)
