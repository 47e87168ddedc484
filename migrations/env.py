"""How Alembic reaches the application's database and writes its column types."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from columns import Exact, Moment
from tables import guards

db = current_app.extensions["migrate"].db


def render_item(kind: str, item: Any, _autogen_context: Any) -> str | bool:
    """Name our column types in a migration as `columns.Exact(2)`."""
    return f"columns.{item!r}" if kind == "type" and isinstance(item, Exact | Moment) else False


def migrate(connection: Connection) -> None:
    """Afterwards all steps are done and issued documents are protected; after a failure nothing has changed.

    SQLite takes changes of tables back as well, since our engine begins its transactions itself: without
    `transactional_ddl` Alembic would commit after each step, with the documents' triggers already gone.
    """
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_item=render_item,
        render_as_batch=True,
        compare_type=False,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        guards.release(connection)
        context.run_migrations()
        if connection.dialect.has_table(connection, "documents"):
            guards.protect(connection)
        if connection.dialect.name == "sqlite":
            broken = connection.execute(text("PRAGMA foreign_key_check")).all()
            if broken:
                raise RuntimeError(f"rows without their parent after the migration: {broken[:5]}")


with db.engine.connect() as connection:
    if connection.dialect.name != "sqlite":
        migrate(connection)
    else:
        driver = connection.connection
        driver.execute("PRAGMA foreign_keys=OFF")  # A rebuilt table must not take its children along.
        try:
            migrate(connection)
        finally:
            connection.rollback()  # The pragma counts for nothing inside a transaction.
            driver.execute("PRAGMA foreign_keys=ON")
