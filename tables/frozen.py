"""The triggers by which the database itself keeps issued documents, and the numbers they took, as they are."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, inspect


@dataclass(frozen=True, slots=True)
class Frozen:
    """A table whose rows stay: `taken` says when a new row would take an old one's place (SQLite's REPLACE).

    `allowed` is the only UPDATE there is.
    """

    taken: str
    allowed: str = "FALSE"


FROZEN = {
    "documents": Frozen(
        "id = NEW.id OR number = NEW.number OR occasion = NEW.occasion OR replaces_id = NEW.replaces_id "
        "OR (series = NEW.series AND sequence = NEW.sequence) OR (order_id = NEW.order_id AND trial = NEW.trial "
        "AND kind = 'invoice' AND NEW.kind = 'invoice' AND replaces_id IS NULL AND NEW.replaces_id IS NULL)"
    ),
    "stored_files": Frozen("id = NEW.id OR document_id = NEW.document_id OR name = NEW.name"),
    # A counter set back would give a number twice, one set forward would leave a gap.
    "number_series": Frozen(
        "name = NEW.name",
        allowed="NEW.name = OLD.name AND NEW.last_number = OLD.last_number + 1 AND NEW.last_date >= OLD.last_date",
    ),
}

SQLITE = {
    "no_update": "BEFORE UPDATE ON {table} WHEN NOT ({allowed})",
    "no_delete": "BEFORE DELETE ON {table}",
    # REPLACE deletes without a word on connections that do not ask for recursive triggers.
    "no_replace": "BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken})",
}
POSTGRESQL = {
    "no_update": "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NOT ({allowed}))",
    "no_delete": "BEFORE DELETE ON {table} FOR EACH ROW",
    "no_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
}
REFUSAL = """
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ': what was issued is frozen';
    END """


def protect(connection: Connection) -> None:
    """Afterwards the database refuses to change, delete, replace or truncate issued documents, files and counters.

    Documents are kept 10 years, unchanged (Code de commerce L123-22); of a counter only the next number can be taken.
    Run at the end of every migration, since a table that is rebuilt loses its triggers.
    """
    release(connection)
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION refuse_to_change_what_is_issued() RETURNS trigger LANGUAGE plpgsql "
            f"AS $${REFUSAL}$$"
        )
    for _name, statement in _triggers(connection):
        connection.exec_driver_sql(statement)


def release(connection: Connection) -> None:
    """Afterwards a migration may rebuild the tables of issued documents."""
    for table in set(FROZEN) & set(inspect(connection).get_table_names()):
        on = "" if connection.dialect.name == "sqlite" else f" ON {table}"
        for kind in _kinds(connection):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_{kind}{on}")


def missing(connection: Connection) -> list[str]:
    """Return the triggers that are not there, are switched off or do something else, so that a check can name them."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        wanted = dict(_triggers(connection))
    else:
        query = (
            "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        )
        wanted = {name: REFUSAL for name, _statement in _triggers(connection)}
    found = {row[0]: row[1] for row in connection.exec_driver_sql(query)}
    return [name for name, does in wanted.items() if found.get(name) != does]


def _triggers(connection: Connection) -> Iterator[tuple[str, str]]:
    """Each trigger's name and the statement that makes it."""
    if connection.dialect.name == "sqlite":
        does = "BEGIN SELECT RAISE(ABORT, '{table}: what was issued is frozen'); END"
    else:
        does = "EXECUTE FUNCTION refuse_to_change_what_is_issued()"
    for table, rule in FROZEN.items():
        for kind, when in _kinds(connection).items():
            statement = f"CREATE TRIGGER {{table}}_{kind} {when} {does}"
            yield f"{table}_{kind}", statement.format(table=table, taken=rule.taken, allowed=rule.allowed)


def _kinds(connection: Connection) -> dict[str, str]:
    return SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
