"""The bytes of documents: the same wherever they are drawn, and the same whatever changes later."""

import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import config
import storage
from app import create_app
from documents import facturx, pdf, snapshot
from extensions import db, transaction
from models import CreditNote, Document, Invoice, StoredFile
from services import files, issuing
from tests.support.databases import Databases
from tests.support.factories import a_line, company_details, shipping
from tests.support.ledger import a_credit_note, an_invoice
from tests.support.settings import ROOT, settings_for_tests

DRAW = """
import sys
from documents import pdf, snapshot
sys.stdout.buffer.write(pdf.render(snapshot.from_json(sys.stdin.buffer.read().decode())))
"""


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Documents bear the day of the stopped clock."""


def test_a_document_is_drawn_once_and_read_as_it_was_written(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = an_invoice().id
    files.ensure(document_id)
    document = db.session.get_one(Document, document_id)
    assert document.file is not None
    data, xml = files.read(document), files.read_xml(document)
    assert data is not None
    assert xml == facturx.xml(issuing.frozen(document))
    assert (document.file.sha256, document.file.size) == (storage.digest(data), len(data))
    assert document.file.xml_sha256 == storage.digest(xml)
    assert document.file.name == f"FA-2026-000001.{storage.digest(data)[:12]}.pdf"
    monkeypatch.setattr(pdf, "render", None)
    files.ensure(document_id)
    assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 1


def test_what_is_not_drawn_yet_has_no_bytes(app: Flask) -> None:
    invoice = an_invoice()
    assert files.read(invoice) is None
    assert files.read_xml(invoice) is None


def test_a_worker_that_died_after_writing_leaves_nothing_to_repair(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = an_invoice().id
    with monkeypatch.context() as patch:
        patch.setattr(files, "transaction", _dies)
        with pytest.raises(SystemExit):
            files.ensure(document_id)
    assert len(list(config.current().documents_dir.iterdir())) == 1
    files.ensure(document_id)
    assert len(list(config.current().documents_dir.iterdir())) == 1
    assert files.read(db.session.get_one(Document, document_id)) is not None


def _dies() -> None:
    raise SystemExit


def test_of_two_workers_at_once_the_first_counts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = an_invoice().id
    drawn = pdf.render

    def slowly(said: snapshot.Snapshot) -> bytes:
        monkeypatch.setattr(pdf, "render", drawn)
        files.ensure(document_id)
        return drawn(said)

    monkeypatch.setattr(pdf, "render", slowly)
    files.ensure(document_id)
    assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 1


def test_a_page_that_cannot_be_drawn_keeps_its_number(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = an_invoice().id
    with monkeypatch.context() as patch:
        patch.setattr(pdf, "render", _fails)
        with pytest.raises(ValueError, match="no glyph"):
            files.ensure(document_id)
    assert list(config.current().documents_dir.glob("*")) == []
    files.ensure(document_id)
    assert db.session.get_one(Document, document_id).number == "FA-2026-000001"


def _fails(_said: object) -> bytes:
    raise ValueError("no glyph")


@pytest.mark.databases("postgresql")
def test_the_same_order_gives_the_same_bytes_on_each_database_and_in_another_process(
    databases: Databases, database_kind: str, tmp_path: Path
) -> None:
    issued = {}
    for kind in ("sqlite", database_kind):
        with databases.fresh(kind) as url:
            folder = tmp_path / kind
            with create_app(settings_for_tests(folder, DATABASE_URL=url)).app_context():
                issued[kind] = _issue_and_draw()
                db.session.remove()
                db.engine.dispose()
    assert issued["sqlite"] == issued[database_kind]
    for text, data in issued["sqlite"]:
        command = [sys.executable, "-c", DRAW]
        drawn = subprocess.run(command, input=text.encode(), cwd=ROOT, capture_output=True, check=True)
        assert drawn.stdout == data


def _issue_and_draw() -> list[tuple[str, bytes | None]]:
    """What two documents of one order say, and their bytes."""
    books = a_line(description="Crêpes & Co <b> 王小明", vat_rate=Decimal("5.50"), quantity=Decimal("1.5"))
    invoice = an_invoice(
        number="T-7", email="claire@example.org", billing=company_details(), lines=[a_line(), books, shipping()]
    )
    a_credit_note(invoice, "10.05")
    for document_id in db.session.scalars(select(Document.id)).all():
        files.ensure(document_id)
    return [(each.snapshot, files.read(each)) for each in db.session.scalars(select(Document).order_by(Document.id))]


def test_what_changes_later_changes_no_issued_document(
    make_app: Callable[..., Flask], frozen_clock: Traveller, tmp_path: Path
) -> None:
    seller_file = tmp_path / "seller.toml"
    shutil.copyfile(ROOT / "dev" / "seller.toml", seller_file)
    shutil.copyfile(ROOT / "dev" / "logo.svg", tmp_path / "logo.svg")
    with make_app(SELLER_FILE=str(seller_file)).app_context():
        drawn_id, undrawn_id = an_invoice(number="T-1").id, an_invoice(number="T-2").id
        files.ensure(drawn_id)
        before = [
            (each.snapshot, files.read(each)) for each in db.session.scalars(select(Invoice).order_by(Invoice.id))
        ]
        expected = pdf.render(snapshot.from_json(before[1][0]))
    _change_the_seller(seller_file)
    frozen_clock.move_to(datetime(2027, 2, 1, tzinfo=UTC))
    with make_app(SELLER_FILE=str(seller_file)).app_context():
        for invoice in db.session.scalars(select(Invoice)).all():
            _change_the_order(invoice.id)
        files.ensure(undrawn_id)
        drawn, undrawn = (db.session.get_one(Invoice, each) for each in (drawn_id, undrawn_id))
        assert [drawn.snapshot, undrawn.snapshot] == [text for text, _ in before]
        assert files.read(drawn) == before[0][1] == pdf.render(issuing.frozen(drawn))
        assert files.read(undrawn) == expected
        note = issuing.frozen(a_credit_note(drawn))
        assert (note.seller.identity.name, note.seller.shop_name) == ("Autre Nom SAS", "Autre boutique")
        assert {row.rate for row in note.totals.rates} == {Decimal(20)}, "a credit note keeps the invoice's rates"
        assert note.buyer == issuing.frozen(drawn).buyer
        assert db.session.scalars(select(CreditNote)).one().gross == drawn.gross


def _change_the_order(invoice_id: int) -> None:
    """Another address, other prices and rates, as a shop or a customer might send them afterwards."""
    with transaction():
        order = db.session.get_one(Invoice, invoice_id).order
        assert order.customer is not None
        assert order.customer.billing is not None
        order.customer.billing.line1 = "1 autre rue"
        order.locale = "en"
        order.shipping_address = dict(order.shipping_address or {}, line1="2 autre rue")
        order.lines[0].vat_rate = Decimal("5.50")
        order.lines[0].unit_price = Decimal("1.00")
        order.lines[0].description = "Autre chose"


def _change_the_seller(path: Path) -> None:
    """Another name, another colour and another logo, in force at once."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("accent"):
            lines.append('accent = "#7a1f1f"')
        elif line.startswith("logo"):
            lines.append('logo = "other.png"')
        elif line.startswith("name") and "[shop]" in lines and "[[identity]]" not in lines:
            lines.append('name = "Autre boutique"')
        elif line.startswith("name"):
            lines.append('name = "Autre Nom SAS"')
        else:
            lines.append(line)
    path.write_text("\n".join(lines), encoding="utf-8")
    (path.parent / "other.png").write_bytes(_a_png())


def _a_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x7a\x1f\x1f" * 8) * 8
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
