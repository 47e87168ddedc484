"""What depends on nothing that a test can change is made once a worker: routes, SQL texts, and hashes of less work.

An application in production makes the same of it in the first minutes of its life; here each test has a new one.
"""

from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from extensions import db

LIGHT = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""Real argon2id of a thousandth of the work: 0.1 s of both cores for each sign-in are for attackers, not for tests."""

_texts: LRUCache[Any, Any] = LRUCache(2000)


class OnceCompiledRule(Rule):
    """A route that is taken apart once, and whose maker of addresses is compiled once: both are of its text alone."""

    _compiled: dict[Hashable, tuple[Any, ...]] = {}
    _makers: dict[Hashable, Callable[..., tuple[str, str]]] = {}

    def compile(self) -> None:
        """Afterwards the route can be matched and built, as the first one of its text can."""
        key = (self.rule, self.subdomain, self.merge_slashes, repr(self.defaults))
        if key not in self._compiled:
            super().compile()
            self._compiled[key] = (self._parts, self._trace, self._converters, self.arguments)
            return
        self._parts, self._trace, self._converters, self.arguments = self._compiled[key]
        self._build = self._compile_builder(False).__get__(self, None)
        self._build_unknown = self._compile_builder(True).__get__(self, None)

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        with suppress(KeyError):
            return self._makers[key]
        return self._makers.setdefault(key, super()._compile_builder(append_unknown))


def keep_routes() -> None:
    """Afterwards a route is compiled for the first application only."""
    Flask.url_rule_class = OnceCompiledRule


def keep_texts() -> None:
    """Afterwards two connections to databases of one kind understand the same SQL: nothing else tells them apart."""
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        kind.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        kind.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]


def share_texts(app: Flask) -> None:
    """Afterwards this application writes no SQL anew that another one of this worker has written."""
    with app.app_context():
        db.engine.update_execution_options(compiled_cache=_texts)
