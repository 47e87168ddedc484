"""Migrations meet documents that were issued before them: not a byte of these changes, and they stay protected."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from extensions import db
from tables import guards
from tests.migrations.first_release import ISSUED, FirstRelease, digest
from tests.support.databases import Databases
from tests.support.settings import ROOT, settings_for_tests

MIGRATIONS = ROOT / "migrations"
STEPS = [script.revision for script in reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions()))]
KEPT = (
    "id, request_id, order_id, number, series, sequence, trial, issue_date, issued_at, currency, net, vat, gross, "
    "snapshot, snapshot_sha256"
)
MAIL = "id, recipient, message_id, customer_id, order_id, state, attempts, doubts, created_at, sent_at"
FILE = "id, name, sha256, size, stored_at"
ORDER = (
    "id, number, number_key, version, content_hash, source, shop_email, email, email_key, customer_id, locale, "
    "placed_at, paid_at, payment_method, shipped_at, delivered_at, cancelled_at, existing_invoice, purchase_order, "
    "currency, exchange_rate, prices_include_tax, invoice_requested, order_discount, total_tax, total, paid_amount, "
    "shipping_address, review, received_at, billing_id"
)

# A migration as there may be one: it rebuilds the table of the documents, on SQLite by copying it into another.
REBUILD = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{revision}", "{down_revision}"


def upgrade():
    with op.batch_alter_table("documents", recreate="{recreate}") as table:
        table.add_column(sa.Column("note_{revision}", sa.String(20), nullable=True))
    with op.batch_alter_table("orders", recreate="{recreate}") as table:
        table.add_column(sa.Column("note_{revision}", sa.String(20), nullable=True))
    {then}
"""


@pytest.fixture
def old(databases: Databases, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """Give the kind of database; the application on it finds the documents of the first release."""
    from app import create_app  # Late, as in tests/conftest.py.

    with ExitStack() as cleaning:
        url = f"sqlite:///{tmp_path}/old.db"
        if database_kind == "postgresql":
            url = cleaning.enter_context(databases.fresh(database_kind))
        cleaning.enter_context(create_app(settings_for_tests(tmp_path, DATABASE_URL=url)).app_context())
        cleaning.callback(db.engine.dispose)
        if database_kind == "postgresql":
            with db.engine.begin() as connection:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
        upgrade("0001")
        with db.engine.begin() as connection:
            FirstRelease(connection).fill()
        yield database_kind


def upgrade(revision: str = "head", folder: Path = MIGRATIONS) -> None:
    flask_migrate.upgrade(directory=str(folder), revision=revision)


def rows(query: str) -> list[dict[str, Any]]:
    with db.engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def what_was_issued(table: str = "documents") -> tuple[list[dict[str, Any]], ...]:
    """Everything about the old documents that no migration may change."""
    key = "document_id" if table == "documents" else "invoice_id"
    return (
        rows(f"SELECT {KEPT} FROM {table} ORDER BY id"),  # noqa: S608 - Our own names.
        rows(f"SELECT {MAIL}, {key} AS document FROM deliveries ORDER BY id"),  # noqa: S608
        rows(f"SELECT {FILE}, {key} AS document FROM stored_files ORDER BY id"),  # noqa: S608
        rows("SELECT * FROM number_series ORDER BY name"),
        rows(f"SELECT {ORDER} FROM orders ORDER BY id"),  # noqa: S608
    )


def assert_protected(kind: str) -> None:
    """The triggers are there, and they do what they are there for."""
    with db.engine.connect() as connection:
        assert guards.missing(connection) == []
    attempts = ["UPDATE {} SET {} = {}", "DELETE FROM {}"]
    attempts.append("INSERT OR REPLACE INTO {0} SELECT * FROM {0}" if kind == "sqlite" else "TRUNCATE {} CASCADE")
    for table, column in {"documents": "number", "stored_files": "sha256", "number_series": "last_number"}.items():
        for attempt in attempts:
            with pytest.raises(DatabaseError, match="what was issued is frozen"), db.engine.begin() as connection:
                connection.execute(sa.text(attempt.format(table, column, column)))


def test_each_migration_carries_what_was_issued_along(old: str) -> None:
    before = what_was_issued("invoices")
    assert len(before[0]) == sum(many for _, _, many in ISSUED)
    for step in STEPS[1:]:
        upgrade(step)
        assert what_was_issued() == before
        assert_protected(old)
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []


def test_what_was_issued_before_there_was_a_chain_is_chained_by_number(old: str) -> None:
    upgrade()
    for series, first, many in ISSUED:
        link = "0" * 64
        documents = rows(f"SELECT * FROM documents WHERE series = '{series}' ORDER BY sequence")  # noqa: S608
        assert [document["sequence"] for document in documents] == list(range(first, first + many))
        for document in documents:
            assert document["snapshot_sha256"] == digest(document["snapshot"])
            assert document["previous_sha256"] == link
            link = digest(link + document["snapshot_sha256"])


def test_mails_keep_what_they_carry_under_its_new_name(old: str) -> None:
    upgrade()
    mails = {mail["id"]: mail for mail in rows("SELECT * FROM deliveries")}
    specimens = {row["id"] for row in rows("SELECT id FROM documents WHERE trial")}
    for row, mail in mails.items():
        expected = ("specimen" if row in specimens else "invoice", f"document:{row}", row)
        if row == 99:
            expected = ("password_reset", "token:1", None)
        assert (mail["kind"], mail["occasion"], mail["document_id"]) == expected
    assert {row["occasion"] for row in rows("SELECT occasion FROM documents WHERE trial")} == {
        f"request:{row}:trial" for row in specimens
    }


def test_the_audit_keeps_what_it_says_of_documents_as_long_as_them(old: str) -> None:
    acts = ("credit_note.issued", "invoice.resent", "invoices.swept", "request.opened", "session.opened")
    with db.engine.begin() as connection:
        for act in acts:
            connection.execute(
                sa.text(
                    "INSERT INTO audit_entries (at, actor, action, detail, http_request_id) "
                    "VALUES ('2026-01-01', 'system', :act, '', '')"
                ),
                {"act": act},
            )
    upgrade()
    kept = {row["action"]: bool(row["lasting"]) for row in rows("SELECT action, lasting, network FROM audit_entries")}
    assert [act for act in acts if kept[act]] == ["credit_note.issued", "invoice.resent", "request.opened"]
    assert len(kept) == len(acts)


def test_files_of_personal_data_stay_while_packs_of_a_year_come_beside_them(old: str) -> None:
    upgrade("0007")
    row = (
        "INSERT INTO data_exports (id, customer_id, state, content, size, created_at, attempts{0}) "
        "VALUES (:id, 77, 'made', :content, 2, '2026-01-01', 1{1})"
    )
    with db.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO customers (id, email, email_key, password_hash, locale, created_at) "
                "VALUES (77, 'claire@example.org', 'claire@example.org', '', 'fr', '2026-01-01')"
            )
        )
        connection.execute(sa.text(row.format("", "")), {"id": 7, "content": b"PK"})
    upgrade()
    kept = "id, state, content, size, year, done, total, documents"
    assert [tuple(each.values()) for each in rows(f"SELECT {kept} FROM data_exports")] == [  # noqa: S608
        (7, "made", b"PK", 2, None, 0, 0, None)
    ]
    assert_protected(old)
    for columns, values, refusal in (
        (", year, done, total", ", 2026, 0, 0", "documents_iff_made_pack"),
        (", done, total", ", 2, 1", "done_within_total"),
    ):
        with pytest.raises(DatabaseError, match=refusal), db.engine.begin() as connection:
            connection.execute(sa.text(row.format(columns, values)), {"id": 8, "content": b"PK"})


def test_the_next_row_takes_no_old_ones_place(old: str) -> None:
    upgrade()
    newest = rows("SELECT max(id) AS id FROM documents")[0]["id"]
    with db.engine.begin() as connection:
        copied = f"{KEPT.removeprefix('id, ')}, kind, occasion, previous_sha256"
        changed = copied.replace("number,", "'FA-2026-000005',").replace("sequence,", "5,")
        changed = changed.replace("occasion,", "'correction:1',").replace("kind,", "'invoice',")
        connection.execute(
            sa.text(
                f"INSERT INTO documents ({copied}, replaces_id) SELECT {changed}, id FROM documents WHERE id = :id"  # noqa: S608
            ),
            {"id": newest},
        )
    assert rows("SELECT max(id) AS id FROM documents")[0]["id"] == newest + 1


def later(tmp_path: Path, *, recreate: str, then: tuple[str, ...]) -> Path:
    """Return a folder of migrations that goes on after ours, each new one ending with the statement given."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = STEPS[-1]
    for number, statement in enumerate(then):
        revision = f"900{number}"
        text = REBUILD.format(revision=revision, down_revision=before, recreate=recreate, then=statement)
        (folder / "versions" / f"{revision}_later.py").write_text(text)
        before = revision
    return folder


def test_documents_that_are_rebuilt_are_protected_again(old: str, tmp_path: Path) -> None:
    upgrade()
    before = what_was_issued()
    upgrade(folder=later(tmp_path, recreate="always" if old == "sqlite" else "auto", then=("pass",)))
    assert rows("SELECT note_9000 FROM documents")[0] == {"note_9000": None}
    assert what_was_issued()[:4] == before[:4]
    assert_protected(old)


@pytest.mark.parametrize("start", ["0001", STEPS[-1]])
def test_a_migration_that_fails_half_way_leaves_everything_as_it_was(
    old: str, tmp_path: Path, start: str, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(start)
    table = "invoices" if start == "0001" else "documents"
    before = what_was_issued(table)
    broken = "raise RuntimeError('the power goes off')"
    folder = later(tmp_path, recreate="always" if old == "sqlite" else "auto", then=("pass", broken))
    with pytest.raises(SystemExit):
        upgrade(folder=folder)
    assert "the power goes off" in caplog.text
    assert what_was_issued(table) == before
    assert rows("SELECT version_num FROM alembic_version") == [{"version_num": start}]
    if start != "0001":
        assert_protected(old)


def test_an_upgrade_puts_back_what_somebody_took_away(old: str) -> None:
    upgrade()
    with db.engine.begin() as connection:
        guards.release(connection)
    upgrade()
    assert_protected(old)


@pytest.mark.databases("sqlite")
def test_rows_that_lose_their_parent_stop_the_migration(
    old: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade()
    before = what_was_issued()
    with pytest.raises(SystemExit):
        upgrade(folder=later(tmp_path, recreate="auto", then=("op.execute('DELETE FROM orders WHERE id = 1')",)))
    assert "rows without their parent" in caplog.text
    assert what_was_issued() == before
    assert_protected(old)
    with pytest.raises(DatabaseError, match="FOREIGN KEY"), db.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM orders WHERE id = 2"))  # Foreign keys count again.
