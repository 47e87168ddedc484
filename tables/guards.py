"""The triggers by which the database itself keeps what was issued and what was done, and states on legal steps."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, inspect

from tables.transitions import TRANSITIONS


@dataclass(frozen=True, slots=True)
class Frozen:
    """A table whose rows stay: `taken` says when a new row would take an old one's place (SQLite's REPLACE).

    `allowed` is the only UPDATE there is, `over` which rows may be deleted; `refusal` is the function that refuses.
    """

    taken: str
    allowed: str = "FALSE"
    over: str = "FALSE"
    refusal: str = "refuse_to_change_what_is_issued"


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
    # By the clock of the database: nobody makes a row older than it is by setting another one.
    "audit_entries": Frozen(
        "id = NEW.id",
        over="OLD.at < {a_year_ago}",
        refusal="refuse_to_change_the_audit",
    ),
}
A_YEAR_AGO = {"sqlite": "datetime('now', '-365 days')", "postgresql": "now() - interval '365 days'"}

SQLITE = {
    "no_update": "BEFORE UPDATE ON {table} WHEN NOT ({allowed})",
    "no_delete": "BEFORE DELETE ON {table} WHEN NOT ({over})",
    # REPLACE deletes without a word on connections that do not ask for recursive triggers.
    "no_replace": "BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken})",
}
POSTGRESQL = {
    "no_update": "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NOT ({allowed}))",
    "no_delete": "BEFORE DELETE ON {table} FOR EACH ROW WHEN (NOT ({over}))",
    "no_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
}
STEP = "no_such_step"
"""The trigger that each table with states has besides."""

REFUSALS = {
    "refuse_to_change_what_is_issued": ("restrict_violation", "what was issued is frozen"),
    "refuse_to_change_the_audit": ("restrict_violation", "what was done stays written"),
    "refuse_a_step": ("check_violation", "no such step"),
}


def protect(connection: Connection) -> None:
    """Afterwards the database refuses to change, delete, replace or truncate what was issued, and illegal steps.

    Documents are kept 10 years, unchanged (Code de commerce L123-22); of a counter only the next number can be taken;
    of the audit nothing is changed, and nothing goes within a year;
    a state changes only as `tables.transitions` has it. Run at the end of every migration, since a table that is
    rebuilt loses its triggers.
    """
    release(connection)
    if connection.dialect.name != "sqlite":
        for function in REFUSALS:
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $${_refusal(function)}$$"
            )
    for each in _triggers(connection):
        connection.exec_driver_sql(each.statement)


def release(connection: Connection) -> None:
    """Afterwards a migration may rebuild the tables."""
    for each in _triggers(connection):
        on = "" if connection.dialect.name == "sqlite" else f" ON {each.table}"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {each.name}{on}")


def missing(connection: Connection) -> list[str]:
    """Return the triggers that are not there, are switched off or do something else, so that a check can name them."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        wanted = {each.name: each.statement for each in _triggers(connection)}
    else:
        query = (
            "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        )
        wanted = {each.name: _refusal(each.function) for each in _triggers(connection)}
    found = {row[0]: row[1] for row in connection.exec_driver_sql(query)}
    return [name for name, does in wanted.items() if found.get(name) != does]


@dataclass(frozen=True, slots=True)
class _Trigger:
    table: str
    name: str
    function: str
    statement: str


def _triggers(connection: Connection) -> Iterator[_Trigger]:
    """Each trigger of the tables that are there (a migration may stop before some are), with what makes it."""
    on_sqlite = connection.dialect.name == "sqlite"
    present = set(inspect(connection).get_table_names())
    for table, rule in FROZEN.items():
        if table not in present:
            continue
        for kind, when in (SQLITE if on_sqlite else POSTGRESQL).items():
            over = rule.over.format(a_year_ago=A_YEAR_AGO[connection.dialect.name])
            condition = when.format(table=table, taken=rule.taken, allowed=rule.allowed, over=over)
            yield _trigger(table, kind, condition, rule.refusal, on_sqlite)
    for table, steps in TRANSITIONS.items():
        if table not in present:
            continue
        row = "" if on_sqlite else "FOR EACH ROW "
        condition = f"BEFORE UPDATE OF state ON {table} {row}WHEN (NOT ({_legal(steps)}))"
        yield _trigger(table, STEP, condition, "refuse_a_step", on_sqlite)


def _trigger(table: str, kind: str, condition: str, function: str, on_sqlite: bool) -> _Trigger:
    does = f"EXECUTE FUNCTION {function}()"
    if on_sqlite:
        does = f"BEGIN SELECT RAISE(ABORT, '{table}: {REFUSALS[function][1]}'); END"
    name = f"{table}_{kind}"
    return _Trigger(table, name, function, f"CREATE TRIGGER {name} {condition} {does}")


def _legal(steps: dict[str, tuple[str, ...]]) -> str:
    """Say in SQL that a row stays in its state or goes where a step leads."""
    legal = ["NEW.state = OLD.state"]
    for before, after in steps.items():
        if after:
            legal.append(f"(OLD.state = '{before}' AND NEW.state IN ({', '.join(repr(one) for one in after)}))")
    return " OR ".join(legal)


def _refusal(function: str) -> str:
    code, says = REFUSALS[function]
    return f"""
    BEGIN
        RAISE EXCEPTION USING ERRCODE = '{code}',
            MESSAGE = TG_TABLE_NAME || ': {says}';
    END """
