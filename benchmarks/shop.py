"""A shop of its own for one measurement: an application on a fresh SQLite database in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
from flask import Flask

from app import create_app
from dev import settings
from extensions import db

NOBODY = "unix:///nonexistent/redis.sock"


@contextmanager
def a_shop() -> Iterator[Flask]:
    """Give the application, migrated and empty, with its context pushed; the folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ec-bench-") as folder:
        chosen = {"VAR_DIR": folder, "PORT": "8000"}
        app = create_app(settings.make(chosen, {}, redis_url=NOBODY, smtp_url="smtp://127.0.0.1:9"))
        with app.app_context():
            flask_migrate.upgrade(directory=str(Path(settings.ROOT) / "migrations"))
            yield app
            db.session.remove()
            db.engine.dispose()
