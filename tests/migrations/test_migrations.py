"""The migrations lead to exactly the tables that the models describe, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from extensions import db


def test_the_migrations_and_the_models_agree(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, db.metadata) == []


def test_every_table_of_the_models_is_there(app: Flask) -> None:
    with db.engine.connect() as connection:
        present = set(db.inspect(connection).get_table_names())
    assert set(db.metadata.tables) < present
