"""The extensions, unbound, and the one way to write to the database; imports none of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask_babel import Babel
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Engine, MetaData, event
from sqlalchemy.exc import PendingRollbackError
from sqlalchemy.orm import DeclarativeBase

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The root of the models; its naming convention makes constraints known by name on both databases."""

    metadata = MetaData(naming_convention=NAMES)


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base  # What a type checker can follow of the class that the extension makes.
else:
    Model = db.Model
migrate = Migrate()
login_manager = LoginManager()
csrf = CSRFProtect()
babel = Babel()


class DomainError(Exception):
    """A rule of the trade refuses this; the text is French and may be shown to the person who asked."""


class NotTheirs(Exception):
    """What this person was looking at belongs to somebody else by now: to them it does not exist (404)."""


@contextmanager
def transaction() -> Iterator[None]:
    """Afterwards everything written inside is committed; after an exception, nothing of it.

    Whatever was read before is read again inside: a unit that writes starts by taking the write lock on SQLite
    (`BEGIN IMMEDIATE`), where a deferred transaction that reads and then writes fails under load.
    Raises RuntimeError when nested, because an inner commit would publish half of the outer unit.
    """
    session = db.session
    if session.info.get("in_transaction"):
        raise RuntimeError("transaction() is not nested: one use case, one transaction.")
    try:
        session.commit()
    except PendingRollbackError:
        session.rollback()  # What was read last has failed: the database was away, and may be back by now.
    session.info["in_transaction"] = True
    try:
        session.connection(execution_options={"immediate": True})
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop("in_transaction", None)


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: Any) -> None:
    """Afterwards the connection waits ten seconds for what another one holds, and then fails: nobody waits for ever."""
    if type(connection).__module__.startswith("sqlite3"):
        connection.isolation_level = None  # The driver would begin by itself, and always deferred.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # After a power cut no number is given twice: a commit may have been mailed already.
            "foreign_keys=ON",
            "busy_timeout=10000",
            "recursive_triggers=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
    else:
        connection.execute("SET lock_timeout = '10s'")
        connection.commit()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
