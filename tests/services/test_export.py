"""What an accountant gets for a month: all of its documents, and a table whose sums are the database's."""

import csv
import zipfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from time_machine import Traveller

from documents import archive, facturx, pdf, snapshot
from extensions import db
from models import AuditEntry, Document, Invoice, StoredFile
from services import export, files, ledger
from services.export import Month
from tests.support.factories import a_line, billing_details, company_details, shipping
from tests.support.ledger import a_credit_note, a_replacement, an_invoice

NOVEMBER = Month(2026, 11)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Documents are issued in November 2026, unless the clock is turned."""


def rows_of(path: Path, *, delimiter: str = ",", encoding: str = "utf-8") -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as zipped:
        table = zipped.read("factures-2026-11.csv").decode(encoding)
    return list(csv.DictReader(StringIO(table), delimiter=delimiter))


def exported(folder: Path, *, shape: str = "standard", name: str = "export.zip") -> Path:
    path = folder / name
    export.write(NOVEMBER, path, shape=shape)
    return path


def test_the_month_is_there_with_every_document_and_its_xml(app: Flask, tmp_path: Path) -> None:
    first = an_invoice()
    a_credit_note(first, settlement="set_off")
    a_replacement(first, company_details())
    files.ensure(first.id)
    assert export.write(NOVEMBER, tmp_path / "export.zip") == 3
    with zipfile.ZipFile(tmp_path / "export.zip") as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == [
            "AV-2026-000001.pdf", "AV-2026-000001.xml", "FA-2026-000001.pdf", "FA-2026-000001.xml",
            "FA-2026-000002.pdf", "FA-2026-000002.xml", "factures-2026-11.csv",
        ]  # fmt: skip
        for document in db.session.scalars(select(Document)):
            assert document.file is not None, "what nobody had drawn is drawn"
            assert zipped.read(f"{document.number}.pdf") == files.read(document)
            xml = facturx.xml(snapshot.from_json(document.snapshot))
            assert zipped.read(f"{document.number}.xml") == xml == files.read_xml(document)


def test_a_row_says_what_an_accountant_books(app: Flask, tmp_path: Path) -> None:
    invoice = an_invoice(billing=company_details(), purchase_order="BC-7", number="T-1")
    a_credit_note(invoice, "13.41")
    bill, note = sorted(rows_of(exported(tmp_path)), key=lambda row: row["Type"], reverse=True)
    assert bill == {
        "Numéro": "FA-2026-000001", "Type": "Facture", "Date": "2026-11-23", "Commande": "T-1",
        "Date de commande": "2026-11-02", "Client": "Imprimerie Martin SARL", "SIREN": "732829320",
        "N° de TVA": "FR44732829320", "Pays": "FR", "Taux de TVA": "20.00", "Catégorie de TVA": "S",
        "Motif sans TVA": "", "HT": "26.43", "TVA": "5.29", "TTC": "31.72", "Devise": "EUR", "TVA en euros": "5.29",
        "Réglé le": "2026-11-02", "Mode de règlement": "par carte bancaire", "Document d'origine": "", "Motif": "",
    }  # fmt: skip
    changed = {name: text for name, text in note.items() if text != bill[name]}
    assert changed == {
        "Numéro": "AV-2026-000001", "Type": "Avoir", "HT": "-11.17", "TVA": "-2.24", "TTC": "-13.41",
        "TVA en euros": "-2.24", "Réglé le": "2026-11-20", "Document d'origine": "FA-2026-000001",
        "Motif": "Retour de la marchandise",
    }  # fmt: skip


def test_the_french_format_opens_in_a_french_spreadsheet(app: Flask, tmp_path: Path) -> None:
    a_credit_note(an_invoice())
    path = exported(tmp_path, shape="fr")
    with zipfile.ZipFile(path) as zipped:
        table = zipped.read("factures-2026-11.csv")
    assert table.startswith(b"\xef\xbb\xbf")
    assert table.count(b"\r\n") == 3
    note, bill = rows_of(path, delimiter=";", encoding="utf-8-sig")
    assert (bill["Date"], bill["HT"], bill["Taux de TVA"]) == ("23/11/2026", "26,43", "20,00")
    assert (note["Date"], note["TTC"], note["Réglé le"]) == ("23/11/2026", "-31,72", "20/11/2026")


@pytest.mark.parametrize("shape", ["standard", "fr"])
def test_sums_per_rate_are_the_databases(app: Flask, tmp_path: Path, shape: str) -> None:
    books = a_line(description="Livre", vat_rate=Decimal("5.50"), unit_price=Decimal("10.05"))
    first = an_invoice(lines=[a_line(), books, shipping()], order_discount=Decimal("3.33"))
    a_credit_note(first, "7.77")
    a_credit_note(first)
    gift = a_line(description="Carte", kind="voucher", vat_rate=Decimal(0), vat_category="O", discount=Decimal(0))
    an_invoice(lines=[gift, a_line(unit_price=Decimal("9.99"))])
    an_invoice(currency="USD", exchange_rate=Decimal("0.91234567"), lines=[a_line(), books_again()])
    path = exported(tmp_path, shape=shape)
    read = rows_of(path, delimiter=";", encoding="utf-8-sig") if shape == "fr" else rows_of(path)
    sums: dict[tuple[str, Decimal, str, str], Decimal] = defaultdict(Decimal)
    in_euros: dict[str, Decimal] = defaultdict(Decimal)
    for row in read:
        for column in ("HT", "TVA", "TTC"):
            key = (row["Devise"], number(row["Taux de TVA"]), row["Catégorie de TVA"], column)
            sums[key] += number(row[column])
        in_euros[row["Numéro"]] += number(row["TVA en euros"])
    expected: dict[tuple[str, Decimal, str, str], Decimal] = defaultdict(Decimal)
    for document in db.session.scalars(select(Document)):
        said = snapshot.from_json(document.snapshot)
        sign = -1 if document.kind == "credit_note" else 1
        for rate in said.totals.rates:
            for column, amount in (("HT", rate.net), ("TVA", rate.vat), ("TTC", rate.gross)):
                expected[document.currency, rate.rate, rate.category, column] += sign * amount
        own = said.vat_in_euros if said.vat_in_euros is not None else document.vat
        assert in_euros[document.number] == sign * own
        mine = [row for row in read if row["Numéro"] == document.number]
        for column, total in (("HT", document.net), ("TVA", document.vat), ("TTC", document.gross)):
            assert sum(number(row[column]) for row in mine) == sign * total
    assert sums == expected
    assert {row["Taux de TVA"].replace(",", ".") for row in read} == {"0.00", "5.50", "20.00"}


def books_again() -> object:
    return a_line(description="Livre", vat_rate=Decimal("5.50"), unit_price=Decimal("0.03"), discount=Decimal(0))


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+33 1", "-1+1", "@SUM(A1)", "＝1", "'=1"])
def test_no_name_becomes_a_formula_and_each_comes_back(app: Flask, tmp_path: Path, name: str) -> None:
    an_invoice(billing=company_details(company_name=name))
    (row,) = rows_of(exported(tmp_path))
    assert row["Client"] == f"'{name}"
    assert export.original(row["Client"]) == name


@pytest.mark.databases("sqlite")
def test_quotes_and_separators_come_back(app: Flask, tmp_path: Path) -> None:
    name = "L'Atelier \"d'à côté\"; Fils, & 王小明"
    an_invoice(billing=company_details(company_name=name))
    (row,) = rows_of(exported(tmp_path, shape="fr"), delimiter=";", encoding="utf-8-sig")
    assert row["Client"] == name


@given(st.text())
def test_every_text_comes_back_and_none_is_a_formula(text: str) -> None:
    cell = export.harmless(text)
    assert cell == "" or cell[0] not in "\t\r\n"
    assert cell.strip() == "" or cell.strip()[0] not in "=+-@＝＋－＠"
    assert export.original(cell) == text


def test_the_month_is_that_of_paris_and_no_specimen_is_in_it(
    make_app: Callable[..., Flask], frozen_clock: Traveller, tmp_path: Path
) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        an_invoice()
    with make_app().app_context():
        for moment in ((11, 30, 22, 59), (11, 30, 23, 0), (12, 31, 22, 59), (12, 31, 23, 0)):
            frozen_clock.move_to(datetime(2026, *moment, tzinfo=UTC))
            an_invoice()
        assert export.write(Month(2026, 12), tmp_path / "december.zip") == 2 == export.count(Month(2026, 12))
        with zipfile.ZipFile(tmp_path / "december.zip") as zipped:
            table = zipped.read("factures-2026-12.csv").decode()
        assert [(row["Numéro"], row["Date"]) for row in csv.DictReader(StringIO(table))] == [
            ("FA-2026-000002", "2026-12-01"),
            ("FA-2026-000003", "2026-12-31"),
        ]


def test_the_same_month_gives_the_same_bytes(app: Flask, frozen_clock: Traveller, tmp_path: Path) -> None:
    a_credit_note(an_invoice())
    first = exported(tmp_path, name="first.zip").read_bytes()
    frozen_clock.shift(100_000)
    assert exported(tmp_path, name="second.zip").read_bytes() == first


@pytest.mark.databases("sqlite")
def test_another_file_is_never_replaced_and_the_same_one_may_be_asked_for_again(app: Flask, tmp_path: Path) -> None:
    an_invoice()
    path = exported(tmp_path)
    before = path.read_bytes()
    exported(tmp_path)
    a_credit_note(db.session.scalars(select(Invoice)).one())
    with pytest.raises(FileExistsError):
        exported(tmp_path)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.glob("*export*")) == ["export.zip"]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.databases("sqlite")
def test_nothing_is_left_where_a_document_cannot_be_read(app: Flask, tmp_path: Path) -> None:
    invoice = an_invoice()
    files.ensure(invoice.id)
    (stored,) = db.session.scalars(select(StoredFile))
    (app.extensions["settings"].documents_dir / stored.name).unlink()
    with pytest.raises(export.NotReadable, match="FA-2026-000001 ne peut pas être exporté"):
        exported(tmp_path)
    assert list(tmp_path.glob("*export*")) == []


@pytest.mark.databases("sqlite")
def test_an_empty_month_is_a_table_without_rows(app: Flask, tmp_path: Path) -> None:
    assert rows_of(exported(tmp_path)) == []


@pytest.mark.databases("sqlite")
def test_a_long_month_is_read_a_few_documents_at_a_time(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "AT_A_TIME", 2)
    monkeypatch.setattr(pdf, "render", lambda said: said.number.encode())
    monkeypatch.setattr(archive, "embedded_xml", lambda data: data)
    for _ in range(5):
        an_invoice(billing=billing_details())
    told: list[None] = []
    export.write(NOVEMBER, tmp_path / "export.zip", progress=lambda: told.append(None))
    assert len(told) == 5
    assert [row["Numéro"] for row in rows_of(tmp_path / "export.zip")] == [f"FA-2026-00000{n}" for n in range(1, 6)]


@pytest.mark.parametrize("text", ["2026", "2026-13", "26-11", "2026-1", "2026-11-01", "1999-11", ""])
def test_only_a_month_is_a_month(text: str) -> None:
    with pytest.raises(ValueError, match="is no month"):
        Month.parse(text)


def test_a_month_knows_its_ends() -> None:
    assert (Month.parse("2026-12").first, Month.parse("2026-12").after) == (date(2026, 12, 1), date(2027, 1, 1))
    assert (Month(2026, 10).is_over(), NOVEMBER.is_over()) == (True, False)


@pytest.mark.databases("sqlite")
def test_an_export_is_in_the_audit(app: Flask, tmp_path: Path) -> None:
    an_invoice()
    exported(tmp_path, shape="fr")
    assert db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "invoices.exported")).all() == [
        "2026-11, fr"
    ]
