"""How Alembic reaches the application's database and writes its column types."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import text

from columns import Exact, Moment
from tables import frozen

db = current_app.extensions["migrate"].db


def render_item(kind: str, item: Any, _autogen_context: Any) -> str | bool:
    """Name our column types in a migration as `columns.Exact(2)`."""
    return f"columns.{item!r}" if kind == "type" and isinstance(item, Exact | Moment) else False


with db.engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        connection.commit()
        connection.connection.execute("PRAGMA foreign_keys=OFF")  # A rebuilt table must not take its children along.
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_item=render_item,
        render_as_batch=True,
        compare_type=False,
    )
    with context.begin_transaction():
        frozen.release(connection)
        context.run_migrations()
        if connection.dialect.has_table(connection, "documents"):
            frozen.protect(connection)
    connection.commit()
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        connection.commit()
        connection.connection.execute("PRAGMA foreign_keys=ON")
        if broken:
            raise RuntimeError(f"rows without their parent after the migration: {broken[:5]}")
