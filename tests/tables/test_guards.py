"""What is issued and what was done stays: whoever asks the database, by whatever statement, on either kind of it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, insert, inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, IntegrityError

import clock
from extensions import db
from models import AuditEntry, CreditNote, Document, Invoice, NumberSeries, StoredFile
from tables import guards
from tests.support.factories import company_details
from tests.support.ledger import a_credit_note, a_replacement, an_invoice

REFUSED = "what was issued is frozen"
WRITTEN = "what was done stays written"
FUNCTION = "refuse_to_change_what_is_issued()"
REST = "sha256, xml_sha256, size, stored_at FROM stored_files"
TABLES = ("documents", "stored_files", "number_series")


@pytest.fixture
def invoice(app: Flask) -> Invoice:
    """Give an invoice that was credited and replaced, with the row of a file."""
    first = an_invoice()
    a_credit_note(first, settlement="set_off")
    a_replacement(first, company_details())
    row = StoredFile(document_id=first.id, name="FA-1.pdf", sha256="0" * 64, size=4)
    db.session.add(row)
    db.session.commit()
    return first


@pytest.fixture
def everything(invoice: Invoice) -> Callable[[], list[object]]:
    """Give what reads all that is frozen, row by row."""

    def read() -> list[object]:
        db.session.rollback()
        found = [db.session.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all() for table in TABLES]  # noqa: S608
        db.session.rollback()  # TRUNCATE waits for readers.
        return list(found)

    return read


def refused(statement: str, says: str = REFUSED, **values: object) -> None:
    with pytest.raises(DatabaseError, match=says), db.engine.begin() as connection:
        connection.execute(text(statement), values)


def test_no_column_is_ever_updated(invoice: Invoice, everything: Callable[[], list[object]]) -> None:
    before = everything()
    for table in (Document.__table__, StoredFile.__table__):
        for column in table.columns:
            refused(f"UPDATE {table} SET {column.name} = {column.name}")  # noqa: S608 - Our own names.
    assert everything() == before


def test_no_row_is_ever_deleted(invoice: Invoice, everything: Callable[[], list[object]]) -> None:
    before = everything()
    for table in TABLES:
        refused(f"DELETE FROM {table}")  # noqa: S608 - Our own names.
    assert everything() == before


def test_the_mapper_is_refused_as_well(invoice: Invoice, everything: Callable[[], list[object]]) -> None:
    before = everything()
    invoice.net = Decimal("1.00")
    with pytest.raises(DatabaseError, match=REFUSED):
        db.session.commit()
    db.session.rollback()
    db.session.delete(db.session.scalars(select(StoredFile)).one())
    with pytest.raises(DatabaseError, match=REFUSED):
        db.session.commit()
    db.session.rollback()
    for statement in (delete(CreditNote), update(Document).values(number="X"), delete(NumberSeries)):
        with pytest.raises(DatabaseError, match=REFUSED):
            db.session.execute(statement)
        db.session.rollback()
    assert everything() == before


# Each names the column by which a new row would push the invoice out of its place.
PLACES = {
    "id": {"id": "documents.id"},
    "number": {"number": "documents.number"},
    "occasion": {"occasion": "documents.occasion"},
    "sequence": {"series": "documents.series", "sequence": "documents.sequence"},
    "order": {"order_id": "documents.order_id", "trial": "documents.trial"},
    "replaces": {"replaces_id": "documents.replaces_id"},
}


def pushing_out(place: str) -> str:
    """The columns and values of a document that is another one but for that place."""
    other = {
        "id": "9999", "number": "'FA-2026-999999'", "occasion": "'another'", "series": "documents.series",
        "sequence": "999999", "order_id": "-1", "replaces_id": "NULL",
    }  # fmt: skip
    values = {column.name: f"documents.{column.name}" for column in Document.__table__.columns} | other | PLACES[place]
    taken = "replaces_id IS NOT NULL" if place == "replaces" else "replaces_id IS NULL AND kind = 'invoice'"
    columns = ", ".join(values)
    return (
        f"INSERT OR REPLACE INTO documents ({columns}) SELECT {', '.join(values.values())} FROM documents WHERE {taken}"  # noqa: S608 - Our own names.
    )


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("place", PLACES)
def test_replace_pushes_no_document_out(
    app: Flask, invoice: Invoice, everything: Callable[[], list[object]], place: str
) -> None:
    before = everything()
    database = make_url(app.extensions["settings"].database_url).database
    assert database is not None
    with closing(sqlite3.connect(database)) as stranger:  # Any program: it asks for no foreign keys either.
        for recursive in ("ON", "OFF"):
            stranger.execute(f"PRAGMA recursive_triggers={recursive}")
            with pytest.raises(sqlite3.IntegrityError, match=REFUSED):
                stranger.execute(pushing_out(place))
            stranger.rollback()
    assert everything() == before


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "statement",
    [
        f"REPLACE INTO stored_files SELECT id, document_id + 1, name || 'x', {REST}",
        f"REPLACE INTO stored_files SELECT id + 1, document_id, name || 'x', {REST}",
        f"REPLACE INTO stored_files SELECT id + 1, document_id + 1, name, {REST}",
        "REPLACE INTO number_series SELECT name, 0, last_date FROM number_series",
        "UPDATE OR REPLACE documents SET number = 'FA-2026-000002' WHERE number = 'FA-2026-000001'",
    ],
)
def test_replace_pushes_no_file_and_no_counter_out(
    invoice: Invoice, everything: Callable[[], list[object]], statement: str
) -> None:
    before = everything()
    refused(statement)
    assert everything() == before


def test_a_row_that_is_there_already_is_no_way_to_change_it(
    invoice: Invoice, everything: Callable[[], list[object]]
) -> None:
    before = everything()
    columns = {column.name: column for column in Document.__table__.columns}
    copied = ", ".join(columns)
    refused(
        f"INSERT INTO documents ({copied}) SELECT {copied} FROM documents WHERE id = :id "  # noqa: S608 - Our own names.
        "ON CONFLICT (id) DO UPDATE SET snapshot = '{}'",
        id=invoice.id,
    )
    refused(
        "INSERT INTO number_series (name, last_number, last_date) SELECT name, 0, last_date FROM number_series "
        "WHERE true ON CONFLICT (name) DO UPDATE SET last_number = 0"
    )
    assert everything() == before


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    "tables",
    ["documents CASCADE", "stored_files", "number_series CASCADE", "orders CASCADE", "customers CASCADE",
     "invoice_requests CASCADE", "documents, stored_files, deliveries, corrections, incidents, sign_in_codes"],
)  # fmt: skip
def test_truncate_is_refused_from_whichever_table_it_starts(
    invoice: Invoice, everything: Callable[[], list[object]], tables: str
) -> None:
    before = everything()
    refused(f"TRUNCATE {tables}", f"{REFUSED}|{WRITTEN}")
    assert everything() == before


@pytest.mark.databases("postgresql")
def test_merge_is_refused(invoice: Invoice) -> None:
    refused(
        "MERGE INTO documents AS kept USING documents AS new ON kept.id = new.id "
        "WHEN MATCHED THEN UPDATE SET number = 'X'"
    )
    refused("MERGE INTO documents AS kept USING documents AS new ON kept.id = new.id WHEN MATCHED THEN DELETE")


@pytest.mark.parametrize("table", ["documents", "stored_files", "number_series"])
def test_no_foreign_key_carries_a_change_onto_what_is_issued(app: Flask, table: str) -> None:
    keys = inspect(db.engine).get_foreign_keys(table)
    assert {key["referred_table"] for key in keys} == {
        "documents": {"orders", "invoice_requests", "documents", "number_series"},
        "stored_files": {"documents"},
        "number_series": set(),
    }[table]
    assert [key for key in keys if set(key["options"]) & {"ondelete", "onupdate"}] == []


@pytest.mark.parametrize("parent", ["orders", "invoice_requests", "number_series"])
def test_what_a_document_hangs_on_stays_with_it(
    invoice: Invoice, everything: Callable[[], list[object]], parent: str
) -> None:
    before = everything()
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {parent}"))  # noqa: S608 - Names of our own tables.
    assert everything() == before


@pytest.mark.parametrize(
    "change",
    [
        {"last_number": 0}, {"last_number": 1}, {"last_number": 4}, {"name": "FB-2026", "last_number": 3},
        {"last_number": 3, "last_date": clock.paris_date(clock.now() - timedelta(days=400))},
    ],
)  # fmt: skip
def test_a_counter_gives_the_next_number_and_no_other(
    invoice: Invoice, everything: Callable[[], list[object]], change: dict[str, object]
) -> None:
    before = everything()
    name = invoice.series
    assert db.session.get_one(NumberSeries, name).last_number == 2
    with pytest.raises(DatabaseError, match=REFUSED), db.engine.begin() as connection:
        connection.execute(update(NumberSeries).where(NumberSeries.name == name).values(**change))
    assert everything() == before
    with db.engine.begin() as connection:
        connection.execute(update(NumberSeries).where(NumberSeries.name == name).values(last_number=3))


def test_every_trigger_is_missed_when_it_is_away(app: Flask) -> None:
    with db.engine.begin() as connection:
        assert guards.missing(connection) == []
        guards.release(connection)
        assert len(guards.missing(connection)) == 19
        guards.protect(connection)
        assert guards.missing(connection) == []


@pytest.mark.databases("sqlite")
def test_a_trigger_that_only_bears_the_name_is_missed(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER documents_no_update"))
        connection.execute(text("CREATE TRIGGER documents_no_update BEFORE UPDATE ON documents BEGIN SELECT 1; END"))
        assert guards.missing(connection) == ["documents_no_update"]


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE documents DISABLE TRIGGER documents_no_update",
        "ALTER TABLE documents DISABLE TRIGGER USER",
        f"CREATE OR REPLACE FUNCTION {FUNCTION} RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ],
)
def test_a_trigger_that_is_switched_off_or_emptied_is_missed(app: Flask, statement: str) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql(statement)
        assert "documents_no_update" in guards.missing(connection)


def audit_of(*ages: int) -> list[tuple[int, str]]:
    """Add a row to the audit for each number of days that it is old; return what is there."""
    for days in ages:
        db.session.add(AuditEntry(actor="system", action="shop.added", at=clock.now() - timedelta(days=days)))
    db.session.commit()
    found = [(row.id, row.actor) for row in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    db.session.rollback()  # TRUNCATE waits for readers.
    return found


def test_no_row_of_the_audit_is_ever_changed(app: Flask) -> None:
    before = audit_of(0, 400, 4000)
    for column in AuditEntry.__table__.columns:
        refused(f"UPDATE audit_entries SET {column.name} = {column.name}", WRITTEN)  # noqa: S608 - Our own names.
    emptying = "DELETE FROM audit_entries" if db.engine.dialect.name == "sqlite" else "TRUNCATE audit_entries"
    refused(emptying, WRITTEN)
    assert audit_of() == before


@pytest.mark.databases("sqlite")
def test_replace_pushes_no_row_of_the_audit_out(app: Flask) -> None:
    before = audit_of(0, 400)
    columns = ", ".join(column.name for column in AuditEntry.__table__.columns if column.name != "actor")
    refused(
        f"REPLACE INTO audit_entries (actor, {columns}) SELECT 'nobody', {columns} FROM audit_entries",  # noqa: S608
        WRITTEN,
    )
    assert audit_of() == before


def test_a_row_of_the_audit_goes_after_a_year_and_no_sooner(app: Flask) -> None:
    kept, _old = audit_of(364, 366)
    refused("DELETE FROM audit_entries WHERE id = :id", WRITTEN, id=kept[0])
    db.session.execute(delete(AuditEntry).where(AuditEntry.id != kept[0]))
    db.session.commit()
    assert audit_of() == [kept]


def test_who_moves_the_clock_of_the_application_forgets_no_sooner(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    before = audit_of(0)
    frozen_clock.shift(timedelta(days=800))
    refused("DELETE FROM audit_entries", WRITTEN)
    assert audit_of() == before


def test_an_ordinary_row_is_still_written(invoice: Invoice) -> None:
    values = {"name": "FA-1.other.pdf", "sha256": "1" * 64, "size": 5, "stored_at": clock.now()}
    later = db.session.scalars(select(Invoice).where(Invoice.replaces_id == invoice.id)).one()
    db.session.execute(insert(StoredFile).values(document_id=later.id, **values))
    db.session.commit()
    assert {row.document_id for row in db.session.scalars(select(StoredFile))} == {invoice.id, later.id}
