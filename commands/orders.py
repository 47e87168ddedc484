"""`flask orders …`: bring the orders of a file in, and the list of what another system has invoiced."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import click
from flask.cli import AppGroup
from flask_babel import gettext as _

from models import Shop
from services import issuing, shops, tally
from shops import online_retail
from shops.candidates import UnreadableFile
from shops.notation import Dates, Decimals, Encoding, Notation

orders_cli = AppGroup("orders", help="Les commandes de la boutique.")


@orders_cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--format", "shape", type=click.Choice(tally.SHAPES), required=True, help="La forme du fichier.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Écrire les refus dans ce fichier CSV.")
@click.option("--dry-run", is_flag=True, help="Dire ce qui changerait, et ne rien garder.")
@click.option(
    "--dates",
    type=click.Choice(get_args(Dates)),
    default="iso",
    help="Comment il écrit ses dates\u00a0: 2026-11-02 (iso), 02/11/2026 le jour d'abord (dmy) ou le mois (mdy).",
)
@click.option(
    "--decimals",
    type=click.Choice(get_args(Decimals)),
    default="point",
    help="Comment un export écrit ses montants\u00a0: 12.50 (point) ou 12,50 (comma).",
)
@click.option("--encoding", type=click.Choice(get_args(Encoding)), default="utf-8", help="Ses caractères.")
@click.option("--shop", "shop_name", help="La boutique dont viennent les commandes\u00a0: son préfixe est mis devant.")
def import_orders(
    file: Path,
    shape: str,
    report: Path | None,
    dates: Dates,
    decimals: Decimals,
    encoding: Encoding,
    shop_name: str | None,
    *,
    dry_run: bool,
) -> None:
    """Reprendre les commandes de FILE et dire lesquelles sont refusées, à quelles lignes et pourquoi.

    Le format issued-invoices est la liste de ce qu'un autre système a facturé (numéro de commande; numéro de
    facture; date)\u00a0: ces commandes ne seront jamais facturées ici. Recommencer ne change rien. Le code de sortie
    est 0 quand le fichier a été lu, même si des commandes sont refusées\u00a0; il est 1 quand le fichier est illisible.
    """
    if shape == "online-retail":
        click.echo(_("Ce que le fichier ne dit pas est supposé :"))
        for assumption in online_retail.ASSUMPTIONS:
            click.echo(f"  - {assumption}")
    try:
        with ExitStack() as files:
            written = files.enter_context(report.open("w", encoding="utf-8-sig", newline="")) if report else None
            counted = tally.Tally(tally.labels(shape), written)
            stream = files.enter_context(file.open("rb"))
            bar = files.enter_context(_progress_bar(file.stat().st_size))
            shop = _shop(shop_name) if shop_name else None
            notation = Notation(encoding, decimals, dates)
            for _document in tally.take_in(counted, stream, shape, notation, shop, dry_run=dry_run):
                bar.update(stream.tell() - bar.pos)
    except (UnreadableFile, issuing.WrongMode) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}\u00a0: {error.strerror}") from None
    for line in counted.said():
        click.echo(line)
    if dry_run:
        click.echo(_("C'était un essai\u00a0: rien n'a été gardé."))
    if report:
        click.echo(_("Les refus sont dans %(file)s.", file=report))


def _shop(name: str) -> Shop:
    found = shops.by_name(name)
    if found is None:
        raise click.ClickException(_("Il n'y a pas de boutique de ce nom."))
    return found


def _progress_bar(size: int) -> Any:
    return click.progressbar(length=size, label=_("Reprise"), update_min_steps=max(1, size // 100))
