"""A migrated, empty database for each test: built once a worker by the real migrations, then copied.

A copy on PostgreSQL is hundreds of files: there a test is given the database of an earlier one, emptied and renamed.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
from sqlalchemy import Engine, event, make_url

from extensions import db
from tests.support.settings import ROOT, settings_for_tests

POSTGRESQL_URL = os.environ.get("TEST_POSTGRESQL_URL", "")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
NAMES = ("sqlite", "postgresql") if POSTGRESQL_URL else ("sqlite",)

# The answer is another one after a table, constraint, trigger or function was made, altered, switched off or dropped.
STRUCTURE = """
    SELECT count(*), sum(xmin::text::bigint) FROM (
        SELECT xmin FROM pg_class WHERE oid >= 16384
        UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid >= 16384
        UNION ALL SELECT xmin FROM pg_attrdef
        UNION ALL SELECT xmin FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT xmin FROM pg_trigger
        UNION ALL SELECT xmin FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT xmin FROM alembic_version
    ) AS made"""
# The triggers that keep what was issued do not fire for a replica.
EMPTY = """
    SET session_replication_role = replica;
    DO $$ DECLARE made record; BEGIN
        FOR made IN SELECT oid::regclass AS name, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S') AND relname <> 'alembic_version' LOOP
            IF made.relkind = 'S' THEN PERFORM setval(made.name, 1, false);
            ELSE EXECUTE format('DELETE FROM %s', made.name);
            END IF;
        END LOOP;
    END $$"""
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@event.listens_for(Engine, "connect")
def _spare_the_disk(connection: Any, _record: Any) -> None:
    """Let SQLite not wait for the disk, as the tests' PostgreSQL does not: nothing here is to survive a power cut."""
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute("PRAGMA synchronous=OFF")


class Databases:
    """Hands out databases; keeps one template a kind, and what tests have left on PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count(1)
        self.templates: dict[str, str] = {}
        self.structure: tuple[Any, ...] | None = None
        self.left: list[str] = []
        self.connection: psycopg.Connection | None = None

    @contextmanager
    def fresh(self, kind: str) -> Iterator[str]:
        """Give the URL of a migrated, empty database; no later test has one of that name."""
        template = self.templates.get(kind) or self._make_template(kind)
        name = f"test_{WORKER}_{os.getpid()}_{next(self.numbers)}"
        if kind == "sqlite":
            path = self.folder / f"{name}.db"
            shutil.copyfile(template, path)
            try:
                yield f"sqlite:///{path}"
            finally:
                for left in self.folder.glob(f"{path.name}*"):
                    left.unlink()
        else:
            if not (self.left and self._use_again(self.left.pop(), name)):
                self._server().execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            try:
                yield _url(name)
            finally:
                self.left.append(name)

    def close(self) -> None:
        """Afterwards none of our databases is left on the server."""
        if template := self.templates.pop("postgresql", None):
            with self._server() as server:
                for name in (template, *self.left):
                    server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _server(self) -> psycopg.Connection:
        """Return the one connection that makes, renames and drops databases: a new one costs as much as its work."""
        if self.connection is None or self.connection.closed:
            self.connection = _connected()
        return self.connection

    def _use_again(self, old: str, name: str) -> bool:
        """Give the old database that name and empty it; or drop it, and return False, where more than rows was changed.

        A process that its test has left behind is cut off, and finds it no more.
        """
        server = self._server()
        while server.execute(OTHERS, [old]).fetchall():
            time.sleep(0.001)
        server.execute(f"ALTER DATABASE {old} RENAME TO {name}")
        with _connected(name) as connection:
            as_made = connection.execute(STRUCTURE).fetchone() == self.structure
            if as_made:
                connection.execute(EMPTY)
        if not as_made:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        return as_made

    def _make_template(self, kind: str) -> str:
        if kind == "sqlite":
            template = str(self.folder / "template.db")
            migrate(f"sqlite:///{template}", self.folder)
            if Path(f"{template}-wal").exists():
                raise RuntimeError("the template still has a write-ahead log: a connection was left open")
        else:
            template = f"template_{WORKER}_{os.getpid()}"
            self._server().execute(f"CREATE DATABASE {template}")
            migrate(_url(template), self.folder)
            with _connected(template) as connection:
                self.structure = connection.execute(STRUCTURE).fetchone()
        self.templates[kind] = template
        return template


def migrate(url: str, folder: Path, revision: str = "head") -> None:
    """Afterwards the database is at that revision, by the project's own migrations."""
    from app import create_app  # Late, so that the pure rooms are tested without the whole application.

    app = create_app(settings_for_tests(folder, DATABASE_URL=url))
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"), revision=revision)
        db.session.remove()
        db.engine.dispose()


def _url(name: str) -> str:
    return make_url(POSTGRESQL_URL).set(database=name).render_as_string(hide_password=False)


def _connected(name: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(_url(name), autocommit=True)
