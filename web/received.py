"""What is refused before any view looks at it."""

from collections.abc import Iterator
from itertools import chain

from flask import Flask, abort, request

NUL = "\0"


def install(app: Flask) -> None:
    """Afterwards no text with a NUL reaches a view: nobody types one, and PostgreSQL has no way to ask for it."""

    @app.before_request
    def refuse_nul() -> None:
        if any(NUL in text for text in _texts()):
            abort(400)


def _texts() -> Iterator[str]:
    yield request.path
    for name, value in chain(request.args.items(multi=True), request.form.items(multi=True)):
        yield name
        yield value
