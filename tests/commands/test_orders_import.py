"""`flask orders import`: all valid orders of a file, once, and the reasons for the others."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from extensions import db
from models import EarlierInvoice, Order, OrderLine
from services import orders
from tests.shops.messages import a_message, a_refund
from tests.shops.retail_file import LARGE, LARGE_LINES, NOT_SALES, generated
from tests.support import once
from tests.support.databases import Databases
from tests.support.ledger import an_invoice
from tests.support.settings import settings_for_tests
from tests.support.shops import a_shop


def run(app: Flask, *arguments: object) -> Result:
    return app.test_cli_runner().invoke(args=["orders", "import", *map(str, arguments)])


def counts(result: Result) -> dict[str, int]:
    lines = (line.split("\u00a0: ") for line in result.output.splitlines() if "\u00a0: " in line)
    return {pair[0]: int(pair[1]) for pair in lines if len(pair) == 2 and pair[1].isdigit()}


def stored() -> int:
    return db.session.scalar(select(func.count()).select_from(Order)) or 0


@pytest.fixture
def retail(tmp_path: Path) -> Path:
    file = tmp_path / "retail.csv"
    file.write_bytes(generated(orders=120))
    return file


@pytest.fixture(scope="module")
def an_import(
    databases: Databases, database_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Flask, Path, Result]]:
    """Give an application that has taken in such a file, the file, and what that said; who asks changes nothing."""
    folder = tmp_path_factory.mktemp("imported")
    file = folder / "retail.csv"
    file.write_bytes(generated(orders=120))
    with databases.fresh(database_kind) as url:
        app = create_app(settings_for_tests(folder, DATABASE_URL=url))
        once.share_texts(app)
        with app.app_context():
            result = run(app, file, "--format", "online-retail")
        yield app, file, result
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def imported(an_import: tuple[Flask, Path, Result]) -> Iterator[tuple[Flask, Path, Result]]:
    """Give the same, with its application's context pushed for the test."""
    with an_import[0].app_context():
        yield an_import


def test_the_data_sets_own_shape_is_taken_and_its_assumptions_are_stated(imported: tuple[Flask, Path, Result]) -> None:
    _, _, result = imported

    assert result.exit_code == 0
    assert "TVA à 20 %" in result.output
    assert "customer<CustomerID>@example.com" in result.output
    assert (counts(result)["Nouvelles"], counts(result)["Refusées"]) == (121, NOT_SALES)
    assert counts(result)["À vérifier"] == 0
    assert stored() == 121


def test_a_second_run_changes_nothing(imported: tuple[Flask, Path, Result]) -> None:
    app, file, _ = imported
    before = db.session.execute(select(Order.id, Order.content_hash, Order.received_at).order_by(Order.id)).all()
    result = run(app, file, "--format", "online-retail")

    assert (counts(result)["Nouvelles"], counts(result)["Inchangées"]) == (0, 121)
    assert (
        db.session.execute(select(Order.id, Order.content_hash, Order.received_at).order_by(Order.id)).all() == before
    )


def test_the_large_order_of_a_guest_is_whole_and_adds_up(imported: tuple[Flask, Path, Result]) -> None:
    large = db.session.scalars(select(Order).where(Order.number == LARGE)).unique().one()
    amounts = orders.amounts(large)

    assert large.email == f"guest{LARGE}@example.com"
    assert len(large.lines) == LARGE_LINES
    assert amounts is not None
    assert amounts.gross == large.total


def test_refusals_are_listed_with_their_lines_and_written_down(app: Flask, tmp_path: Path) -> None:
    file, report = tmp_path / "orders.ndjson", tmp_path / "refused.csv"
    lines = [
        json.dumps(a_message(number="A-1")),
        json.dumps(a_message(number="A-2", total="31.73")),
        json.dumps(a_message(number="=cmd()", total="x")),
        "{",
        json.dumps(a_message(number="A-1", email="other@example.org")),
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    result = run(app, file, "--format", "contract-json", "--report", report)

    assert result.exit_code == 0
    assert counts(result)["Nouvelles"] == 1
    assert counts(result)["Refusées"] == 4
    assert "ligne 2 (A-2)" in result.output
    with report.open(encoding="utf-8-sig", newline="") as opened:
        header, *rows = csv.reader(opened)
    assert header[0] == "première ligne"
    assert {(row[0], row[2], row[3]) for row in rows} == {
        ("2", "A-2", "total"),
        ("2", "A-2", "lines[0]"),
        ("2", "A-2", "lines[1]"),
        ("3", "'=cmd()", "number"),
        ("3", "'=cmd()", "total"),
        ("4", "", ""),
        ("5", "A-1", "version"),
    }


@pytest.mark.databases("sqlite")
def test_many_reasons_are_told_shortly(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    file.write_text(
        json.dumps([a_message(number=f"A-{each}", **{f"f{each}": 1}) for each in range(30)]), encoding="utf-8"
    )
    result = run(app, file, "--format", "contract-json")

    assert counts(result)["Refusées"] == 30
    assert "10 × Autres raisons" in result.output
    assert len(result.output.splitlines()) < 60


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("content", "words"), [(b"", "vide"), (b"number,version\nA-1,1\n", "absentes")])
def test_a_file_that_cannot_be_read_ends_with_an_error(app: Flask, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(content)
    result = run(app, file, "--format", "contract-csv")

    assert result.exit_code == 1
    assert words in result.output
    assert stored() == 0


@pytest.mark.databases("sqlite")
def test_a_report_that_cannot_be_written_stops_before_anything_is_taken(
    app: Flask, retail: Path, tmp_path: Path
) -> None:
    result = run(app, retail, "--format", "online-retail", "--report", tmp_path / "missing" / "report.csv")

    assert result.exit_code == 1
    assert "missing" in result.output
    assert stored() == 0


@pytest.mark.databases("sqlite")
def test_the_real_file_is_taken_whole(app: Flask, online_retail_file: Path) -> None:
    first = run(app, online_retail_file, "--format", "online-retail")
    again = run(app, online_retail_file, "--format", "online-retail")

    assert (counts(first)["Nouvelles"], counts(first)["Refusées"], counts(first)["À vérifier"]) == (1456, 437, 0)
    assert (counts(again)["Nouvelles"], counts(again)["Inchangées"]) == (0, 1456)
    assert stored() == 1456
    large = db.session.scalars(select(Order.id).where(Order.number == "537434")).one()
    assert db.session.scalar(select(func.count()).where(OrderLine.order_id == large)) == 675


@pytest.mark.databases("sqlite")
def test_a_credit_note_that_the_settings_would_number_otherwise_stops_the_import_with_one_line(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    file = tmp_path / "orders.json"
    with make_app().app_context():
        number = an_invoice(number="T-100234").order.number
    file.write_text(json.dumps([a_message(number=number, refunds=[a_refund()])]))
    result = run(make_app(INVOICE_PREFIX="FX"), file, "--format", "contract-json")
    assert result.exit_code == 1
    assert "INVOICE_PREFIX is FX" in result.output.splitlines()[-1]


def test_the_orders_of_a_connected_shop_bear_its_prefix(app: Flask, tmp_path: Path) -> None:
    a_shop(name="atelier", number_prefix="W-")
    file = tmp_path / "orders.json"
    file.write_text(json.dumps(a_message(number="1001")), encoding="utf-8")

    assert run(app, file, "--format", "contract-json", "--shop", "atelier").exit_code == 0
    assert db.session.scalars(select(Order.number)).all() == ["W-1001"]
    assert run(app, file, "--format", "contract-json", "--shop", "nobody").exit_code == 1


def test_the_list_of_a_spreadsheet_is_read_as_it_is_said_to_be_written(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "liste.csv"
    file.write_bytes("commande;facture;émise le\nT-1;Facturé n° 7;03/04/2026\n".encode("cp1252"))
    told = run(app, file, "--format", "issued-invoices", "--dates", "dmy", "--encoding", "latin-1")
    untold = run(app, file, "--format", "issued-invoices", "--dates", "dmy")

    assert told.exit_code == 0
    assert [(one.number, one.issued_on) for one in db.session.scalars(select(EarlierInvoice))] == [
        ("Facturé n° 7", date(2026, 4, 3))
    ]
    assert counts(untold)["Refusées"] == 1
