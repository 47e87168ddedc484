"""A database that the tests use again is as a fresh one: empty, protected, and nobody else's."""

import psycopg
import pytest

from tests.support.databases import Databases

pytestmark = pytest.mark.databases("postgresql")
COUNTER = "INSERT INTO number_series (name, last_number, last_date) VALUES ('FA-2026', 1, '2026-11-23')"
FUNCTION = "FUNCTION refuse_to_change_what_is_issued()"


def identity(connection: psycopg.Connection) -> object:
    """Which database it is, whatever its name."""
    return connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()


def test_it_is_emptied_of_what_nobody_may_delete_and_counts_from_one(databases: Databases, database_kind: str) -> None:
    with databases.fresh(database_kind) as url, psycopg.connect(url) as connection:
        before = identity(connection)
        connection.execute(COUNTER)
        connection.execute("SELECT nextval('documents_id_seq')")
    with databases.fresh(database_kind) as url, psycopg.connect(url) as connection:
        assert identity(connection) == before
        assert connection.execute("SELECT count(*) FROM number_series").fetchone() == (0,)
        assert connection.execute("SELECT nextval('documents_id_seq')").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        connection.execute(COUNTER)
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("DELETE FROM number_series")


def test_what_a_test_has_left_running_is_cut_off(databases: Databases, database_kind: str) -> None:
    with databases.fresh(database_kind) as old:
        left = psycopg.connect(old)
        left.execute(COUNTER)
    with databases.fresh(database_kind) as url:
        assert url != old
        with pytest.raises(psycopg.OperationalError):
            left.commit()
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(old)
    left.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "ALTER TABLE orders DROP COLUMN total",
        "ALTER TABLE orders ALTER COLUMN number DROP NOT NULL",
        "ALTER TABLE documents DISABLE TRIGGER documents_no_update",
        "DROP TRIGGER documents_no_delete ON documents",
        f"CREATE OR REPLACE {FUNCTION} RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "ALTER TABLE milestones DROP CONSTRAINT ck_milestones_name_known",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_after_a_change_of_more_than_rows_it_is_not_used_again(
    databases: Databases, database_kind: str, statement: str
) -> None:
    with databases.fresh(database_kind) as url, psycopg.connect(url) as connection:
        before = identity(connection)
        connection.execute(statement)
    with databases.fresh(database_kind) as url, psycopg.connect(url) as connection:
        assert identity(connection) != before
