"""The triggers by which the database itself keeps issued documents as they are."""

from sqlalchemy import Connection, inspect

# The tables that nothing changes, and when a new row would take an old one's place (SQLite's REPLACE).
FROZEN = {
    "documents": "id = NEW.id OR number = NEW.number OR occasion = NEW.occasion OR replaces_id = NEW.replaces_id "
    "OR (series = NEW.series AND sequence = NEW.sequence) OR (order_id = NEW.order_id AND trial = NEW.trial "
    "AND kind = 'invoice' AND NEW.kind = 'invoice' AND replaces_id IS NULL AND NEW.replaces_id IS NULL)",
    "stored_files": "id = NEW.id OR document_id = NEW.document_id OR name = NEW.name",
}

SQLITE = {
    "no_update": "BEFORE UPDATE ON {table}",
    "no_delete": "BEFORE DELETE ON {table}",
    # REPLACE deletes without a word on connections that do not ask for recursive triggers.
    "no_replace": "BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken})",
}
POSTGRESQL = {
    "no_change": "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW",
    "no_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
}
REFUSE_ON_POSTGRESQL = """
    CREATE OR REPLACE FUNCTION refuse_to_change_what_is_issued() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ': issued documents are frozen';
    END $$
"""


def protect(connection: Connection) -> None:
    """Afterwards the database refuses to change, delete, replace or truncate an issued document or its file.

    Documents are kept 10 years, unchanged (Code de commerce L123-22). Run at the end of every migration, since a table
    that is rebuilt loses its triggers.
    """
    release(connection)
    if connection.dialect.name == "sqlite":
        does = "BEGIN SELECT RAISE(ABORT, '{table}: issued documents are frozen'); END"
    else:
        connection.exec_driver_sql(REFUSE_ON_POSTGRESQL)
        does = "EXECUTE FUNCTION refuse_to_change_what_is_issued()"
    for table, taken in FROZEN.items():
        for name, when in _wanted(connection).items():
            statement = f"CREATE TRIGGER {{table}}_{name} {when} {does}"
            connection.exec_driver_sql(statement.format(table=table, taken=taken))


def release(connection: Connection) -> None:
    """Afterwards a migration may rebuild the tables of issued documents."""
    for table in set(FROZEN) & set(inspect(connection).get_table_names()):
        on = "" if connection.dialect.name == "sqlite" else f" ON {table}"
        for name in _wanted(connection):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")


def missing(connection: Connection) -> list[str]:
    """Return the triggers that are not there or are switched off, so that a check can name them."""
    if connection.dialect.name == "sqlite":
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        found = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    present = set(connection.exec_driver_sql(found).scalars())
    return [f"{table}_{name}" for table in FROZEN for name in _wanted(connection) if f"{table}_{name}" not in present]


def _wanted(connection: Connection) -> dict[str, str]:
    return SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
