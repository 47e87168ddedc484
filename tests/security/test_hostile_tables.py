"""Hostile text in what leaves for a spreadsheet: literal, in its own cell, and given back as it was."""

import csv
import json
import unicodedata
from io import StringIO

import pytest
from sqlalchemy import select

from extensions import db, transaction
from models import AuditEntry
from services import export, history, uploads
from shops import contract_csv
from shops.numbers import is_order_number
from tests.blueprints.test_uploads import PAGE, hand_in, the_upload
from tests.security.corpus import FORMULAS, SMUGGLED, SURROGATE, TAGS, TEXTS, UNSEEN
from tests.shops.messages import a_message
from tests.support.client import LintingClient


def rows_of(table: str) -> list[list[str]]:
    return list(csv.reader(StringIO(table)))


def assert_nothing_works_in(table: str) -> None:
    """No cell is a formula, ends a line or turns one around."""
    for cell in (cell for row in rows_of(table) for cell in row):
        assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠")), cell
        assert not [sign for sign in cell if unicodedata.category(sign) in ("Cc", "Cs") or sign in UNSEEN], cell


@pytest.mark.databases("sqlite")
def test_the_journal_says_it_in_its_own_cell(merchant: LintingClient) -> None:
    with transaction():
        for name, text in TEXTS.items():
            history.record("look_up.refused", detail=text, actor=f"shop:{name}")
    written = {row.actor: row.detail for row in db.session.scalars(select(AuditEntry))}
    page, table = merchant.get("/admin/journal").text, merchant.get("/admin/journal.csv").text
    assert not [each for each in SMUGGLED if each in page]
    assert_nothing_works_in(table)
    heading, *rows = rows_of(table)
    who, detail = heading.index("qui"), heading.index("détail")
    assert {len(row) for row in rows} == {len(heading)}
    kept = {row[who]: export.original(row[detail]) for row in rows if row[who].startswith("shop:")}
    assert kept == {actor: said for actor, said in written.items() if actor.startswith("shop:")}
    assert len(kept) == len(TEXTS)


def a_file_of_it(shape: str) -> bytes:
    """Return a file whose every document bears a text that is no number of an order."""
    texts = [text for text in TEXTS.values() if not is_order_number(text.strip())]
    if shape == "contract-json":
        return "\n".join(json.dumps(a_message(number=text)) for text in (*texts, SURROGATE)).encode()
    written = StringIO()
    rows = csv.writer(written, delimiter=";")
    if shape == "issued-invoices":
        rows.writerows([["Commande", "Facture", "Date"], *([text, text, text] for text in texts)])
    else:
        columns = [name for name in contract_csv.COLUMNS if name != "number"]
        rows.writerows([["number", *columns], *([text] * (len(columns) + 1) for text in texts)])
    return written.getvalue().encode()


@pytest.mark.parametrize("shape", ["contract-json", "contract-csv", "issued-invoices"])
def test_a_file_of_it_is_refused_and_its_report_obeys_none(merchant: LintingClient, shape: str) -> None:
    named = f"{FORMULAS['a command']}<img src=x onerror=alert(1)>.csv"
    assert hand_in(merchant, a_file_of_it(shape), shape, named).status_code == 303
    page = f"{PAGE}/{the_upload().id}"
    uploads.load(the_upload().id)
    assert the_upload().state == "previewed"
    for url in (PAGE, page):
        assert not [each for each in SMUGGLED if each in merchant.get(url).text], url
    report = merchant.get(f"{page}/rapport.csv").data.decode("utf-8-sig")
    assert_nothing_works_in(report)
    heading, *rows = rows_of(report)
    assert {len(row) for row in rows} == {len(heading)}
    numbers = {export.original(row[heading.index("numéro")]) for row in rows}
    assert {
        text for text in (*TAGS.values(), *FORMULAS.values()) if text == text.strip()[:64] and text.isprintable()
    } <= numbers
