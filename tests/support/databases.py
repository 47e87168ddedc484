"""A migrated database for each test: built once a worker by the real migrations, then copied."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import flask_migrate
from sqlalchemy import NullPool, create_engine, make_url, text

from extensions import db
from tests.support.settings import ROOT, settings_for_tests

POSTGRESQL_URL = os.environ.get("TEST_POSTGRESQL_URL", "")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
NAMES = ("sqlite", "postgresql") if POSTGRESQL_URL else ("sqlite",)


class Databases:
    """Hands out databases; keeps one template a kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count(1)
        self.templates: dict[str, str] = {}

    @contextmanager
    def fresh(self, kind: str) -> Iterator[str]:
        """Give the URL of a migrated, empty database, gone afterwards."""
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
            _administer(f"CREATE DATABASE {name} TEMPLATE {template}")
            try:
                yield _url(name)
            finally:
                _administer(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Afterwards no template is left on the server."""
        if name := self.templates.pop("postgresql", None):
            _administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _make_template(self, kind: str) -> str:
        if kind == "sqlite":
            template = str(self.folder / "template.db")
            migrate(f"sqlite:///{template}", self.folder)
            if Path(f"{template}-wal").exists():
                raise RuntimeError("the template still has a write-ahead log: a connection was left open")
        else:
            template = f"template_{WORKER}_{os.getpid()}"
            _administer(f"CREATE DATABASE {template}")
            migrate(_url(template), self.folder)
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


def _administer(statement: str) -> None:
    engine = create_engine(POSTGRESQL_URL, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(statement))
