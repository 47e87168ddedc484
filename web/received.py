"""What is refused before any view looks at it."""

from collections.abc import Iterator
from itertools import chain

from flask import Flask, abort, request
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from services import uploads
from web.errors import MACHINE_PATHS

NUL = "\0"
FILES = {"uploads.hand_in": uploads.MOST_BYTES + 64 * 1024}
"""What an admin may send with a file; the form's own fields are in it."""


def install(app: Flask) -> None:
    """Afterwards no text with a NUL reaches a view: nobody types one, and PostgreSQL has no way to ask for it.

    Nor does more than a mebibyte, but where an admin hands in a file.
    """

    @app.before_request
    def refuse_nul() -> None:
        if request.endpoint in FILES and current_user.is_authenticated and current_user.is_admin:
            request.max_content_length = FILES[request.endpoint]
        if any(NUL in text for text in _texts()):
            abort(400)


def _texts() -> Iterator[str]:
    """Give path and fields; a body that is signed is left whole, whatever its sender calls it, for who checks it."""
    yield request.path
    fields = MultiDict[str, str]() if request.path.startswith(MACHINE_PATHS) else request.form
    for name, value in chain(request.args.items(multi=True), fields.items(multi=True)):
        yield name
        yield value
