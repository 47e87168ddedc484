"""`flask invoices …`: the production of invoices, and what was issued, seen from a terminal or from cron."""

import sys
from collections import Counter
from pathlib import Path

import click
from flask.cli import AppGroup
from flask_babel import gettext as _
from flask_babel import ngettext

import task_queue
from services import export, lateness, verification
from services import sweep as sweeping
from services.export import Month
from web import formats

invoices_cli = AppGroup("invoices", help="La production des factures, et ce qui a été émis.")


@invoices_cli.command("sweep")
def sweep() -> None:
    """Chercher une fois ce qui est dû et le signaler aux workers, comme le fait le processus «\u00a0sweeper\u00a0»."""
    rung = sweeping.sweep().rung
    click.echo(ngettext("%(num)d travail signalé.", "%(num)d travaux signalés.", rung))
    if not task_queue.answers():
        raise click.ClickException(_("Redis ne répond pas\u00a0: aucun worker n'a pu être prévenu."))


@invoices_cli.command("late")
def late() -> None:
    """Lister les demandes dont l'échéance promise est passée\u00a0; le code de sortie est 1 s'il y en a.

    Celles dont plus de la moitié du délai est passée sont comptées aussi.
    """
    requests, counted = lateness.late(), lateness.measure()
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
    if counted.slow:
        click.echo(ngettext("%(num)d le sera bientôt.", "%(num)d le seront bientôt.", counted.slow))
    sys.exit(1 if requests else 0)


@invoices_cli.command("verify")
@click.option("--render", is_flag=True, help="Redessiner chaque document et comparer les octets (plus long).")
def verify(render: bool) -> None:
    """Contrôler ce qui a été émis\u00a0: numéros, chaîne, contenu, montants et fichiers.

    Chaque écart est nommé sur une ligne\u00a0; le code de sortie est 1 s'il y en a.
    """
    found: Counter[str] = Counter()
    with click.progressbar(length=verification.count(), label=_("Contrôle"), file=sys.stderr) as bar:
        for checked in verification.verify(render=render):
            for finding in checked.findings:
                _clear_line()
                mark = _("(à suivre) ") if finding.severity == "warning" else ""
                click.echo(f"{finding.about}\u00a0: {mark}{finding.text}")
                found[finding.severity] += 1
            if checked.number:
                found["documents"] += 1
                bar.update(1)
    many, wrong = found["documents"], found["deviation"]
    documents = ngettext("%(num)d document contrôlé", "%(num)d documents contrôlés", many) if many else ""
    deviations = ngettext("%(num)d écart", "%(num)d écarts", wrong) if wrong else _("aucun écart")
    click.echo(f"{documents or _('Aucun document')}\u00a0: {deviations}.")
    sys.exit(1 if wrong else 0)


@invoices_cli.command("export")
@click.option("--month", "text", required=True, metavar="AAAA-MM", help="Le mois d'émission.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Le fichier ZIP à écrire.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(list(export.FORMATS)),
    default="standard",
    help="standard\u00a0: dates ISO et point décimal\u00a0; fr\u00a0: jj/mm/aaaa, virgule et point-virgule.",
)
def export_month(text: str, output: Path | None, shape: str) -> None:
    """Écrire les documents d'un mois et leur tableau par taux de TVA dans un ZIP, pour l'expert-comptable.

    Un fichier qui existe déjà n'est jamais remplacé.
    """
    try:
        month = Month.parse(text)
    except ValueError:
        raise click.BadParameter(_("un mois comme 2026-11 est attendu"), param_hint="--month") from None
    target = output or Path(f"factures-{month}.zip")
    with click.progressbar(length=export.count(month), label=_("Export"), file=sys.stderr) as bar:
        try:
            written = export.write(month, target, shape=shape, progress=lambda: bar.update(1))
        except FileExistsError:
            raise click.ClickException(
                _("%(file)s existe déjà avec un autre contenu\u00a0: choisissez un autre nom.", file=target)
            ) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or target}\u00a0: {error.strerror}") from None
        except export.NotReadable as error:
            raise click.ClickException(str(error)) from None
    documents = ngettext("%(num)d document", "%(num)d documents", written) if written else _("Aucun document")
    click.echo(_("%(documents)s dans %(file)s.", documents=documents, file=target))
    if not month.is_over():
        click.echo(_("Le mois %(month)s n'est pas terminé\u00a0: l'export n'est pas complet.", month=month), err=True)


def _clear_line() -> None:
    """Take the progress bar off the terminal, where a line is to be printed instead."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
