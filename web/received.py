"""What is refused before any view looks at it."""

from collections.abc import Iterator
from itertools import chain

from flask import Flask, abort, request
from werkzeug.datastructures import MultiDict

from web.errors import MACHINE_PATHS

NUL = "\0"


def install(app: Flask) -> None:
    """Afterwards no text with a NUL reaches a view: nobody types one, and PostgreSQL has no way to ask for it."""

    @app.before_request
    def refuse_nul() -> None:
        if any(NUL in text for text in _texts()):
            abort(400)


def _texts() -> Iterator[str]:
    """Give path and fields; a body that is signed is left whole, whatever its sender calls it, for who checks it."""
    yield request.path
    fields = MultiDict[str, str]() if request.path.startswith(MACHINE_PATHS) else request.form
    for name, value in chain(request.args.items(multi=True), fields.items(multi=True)):
        yield name
        yield value
