"""`flask invoices sweep`, `late`, `verify` and `export`: for a person at a terminal, and for cron."""

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

import clock
from extensions import db
from models import Document, Invoice
from services import files
from tests.support.factories import a_request, an_order
from tests.support.ledger import a_credit_note, an_invoice, tamper


def run(app: Flask, *arguments: str) -> Result:
    db.session.commit()
    return app.test_cli_runner().invoke(args=["invoices", *arguments])


def test_nothing_late_is_said_and_is_no_error(app: Flask) -> None:
    a_request(an_order(), state="waiting")
    result = run(app, "late")
    assert (result.exit_code, result.output) == (0, "Aucune demande en retard.\n")


def test_what_is_late_is_listed_and_wakes_cron(app: Flask) -> None:
    now = clock.now()
    for hours in (1, 30):
        a_request(
            an_order(number=f"T-{hours}"), state="scheduled", due_at=now, deadline_at=now - timedelta(hours=hours)
        )
    result = run(app, "late")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["T-30", "T-1"]
    assert lines[-1] == "2 demandes en retard."


def test_what_is_slow_is_said_and_wakes_nobody(app: Flask) -> None:
    begun, ends = clock.now() - timedelta(hours=13), clock.now() + timedelta(hours=11)
    a_request(an_order(), state="scheduled", due_at=begun, earliest_at=begun, deadline_at=ends)
    result = run(app, "late")
    assert (result.exit_code, result.output) == (0, "Aucune demande en retard.\n1 le sera bientôt.\n")


def test_a_sweep_rings_for_what_is_due(app: Flask, redis_server: str) -> None:
    a_request(an_order(), state="scheduled", due_at=clock.now())
    result = run(app, "sweep")
    assert (result.exit_code, result.output) == (0, "1 travail signalé.\n")


def test_a_sweep_that_nobody_hears_says_so(app: Flask) -> None:
    result = run(app, "sweep")
    assert result.exit_code == 1
    assert "Redis ne répond pas" in result.output


def test_what_stands_as_it_was_issued_is_said_in_one_line(app: Flask, frozen_clock: Traveller) -> None:
    assert run(app, "verify").stdout == "Aucun document\u00a0: aucun écart.\n"
    files.ensure(an_invoice().id)
    a_credit_note(db.session.scalars(select(Invoice)).one())
    result = run(app, "verify", "--render")
    assert (result.exit_code, result.stdout) == (0, "2 documents contrôlés\u00a0: aucun écart.\n")


def test_each_deviation_is_a_line_and_wakes_cron(app: Flask, frozen_clock: Traveller) -> None:
    a_credit_note(an_invoice())
    tamper("UPDATE documents SET currency = 'USD' WHERE kind = 'invoice'")
    frozen_clock.shift(timedelta(days=1))
    result = run(app, "verify")
    assert result.exit_code == 1
    late = "(à suivre) émis, mais son fichier n'a pas encore été produit"
    assert result.stdout.splitlines() == [
        f"AV-2026-000001\u00a0: {late}",
        "FA-2026-000001\u00a0: la colonne currency dit USD, le contenu EUR",
        f"FA-2026-000001\u00a0: {late}",
        "2 documents contrôlés\u00a0: 1 écart.",
    ]


def test_a_warning_alone_wakes_nobody(app: Flask, frozen_clock: Traveller) -> None:
    an_invoice()
    frozen_clock.shift(timedelta(days=1))
    result = run(app, "verify")
    assert result.exit_code == 0
    assert result.stdout.endswith("1 document contrôlé\u00a0: aucun écart.\n")


def test_a_month_is_written_where_asked(app: Flask, frozen_clock: Traveller, tmp_path: Path) -> None:
    an_invoice()
    frozen_clock.shift(timedelta(days=30))
    target = tmp_path / "novembre.zip"
    result = run(app, "export", "--month", "2026-11", "--output", str(target), "--format", "fr")
    assert (result.exit_code, result.stdout) == (0, f"1 document dans {target}.\n")
    with zipfile.ZipFile(target) as zipped:
        assert "26,43" in zipped.read("factures-2026-11.csv").decode("utf-8-sig")


def test_a_month_without_a_name_is_written_here_and_says_when_it_goes_on(
    app: Flask, frozen_clock: Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_invoice()
    monkeypatch.chdir(tmp_path)
    result = run(app, "export", "--month", "2026-11")
    assert (result.exit_code, result.stdout) == (0, "1 document dans factures-2026-11.zip.\n")
    assert "Le mois 2026-11 n'est pas terminé" in result.stderr
    assert (tmp_path / "factures-2026-11.zip").is_file()


@pytest.mark.databases("sqlite")
def test_what_cannot_be_exported_is_said_in_one_line(app: Flask, frozen_clock: Traveller, tmp_path: Path) -> None:
    an_invoice()
    (tmp_path / "taken.zip").write_text("another file")
    for arguments, said in (
        (("--month", "novembre"), "un mois comme 2026-11 est attendu"),
        (("--month", "2026-11", "--output", str(tmp_path / "taken.zip")), "existe déjà avec un autre contenu"),
        (("--month", "2026-11", "--output", str(tmp_path / "no" / "x.zip")), "No such file or directory"),
    ):
        result = run(app, "export", *arguments)
        assert result.exit_code != 0
        assert said in result.stderr
        assert "Traceback" not in result.output
    stored = db.session.scalars(select(Document)).one().file
    assert stored is not None
    (app.extensions["settings"].documents_dir / stored.name).unlink()
    result = run(app, "export", "--month", "2026-11", "--output", str(tmp_path / "x.zip"))
    assert (result.exit_code, "FA-2026-000001 ne peut pas être exporté" in result.stderr) == (1, True)
