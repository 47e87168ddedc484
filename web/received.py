"""What is refused before any view looks at it, and what is cleaned."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import Flask, Request, abort, request
from flask_login import current_user
from werkzeug.datastructures import ImmutableMultiDict, iter_multi_items
from werkzeug.exceptions import RequestEntityTooLarge

from parties import texts
from services import uploads
from web.errors import MACHINE_PATHS

NUL = "\0"
FILES = {"uploads.hand_in": uploads.MOST_BYTES + 64 * 1024}
"""What an admin may send with a file; the form's own fields are in it."""


class VisibleTexts(ImmutableMultiDict[str, Any]):
    """The fields of a form or of an address, without what nobody types or sees; of a password each sign counts."""

    def __init__(self, sent: Any = None) -> None:
        super().__init__([(name, _visible(name, value)) for name, value in iter_multi_items(sent or ())])


class Received(Request):
    parameter_storage_class = VisibleTexts


def install(app: Flask) -> None:
    """Afterwards no text with a NUL reaches a view: nobody types one, and PostgreSQL has no way to ask for it.

    Nor does more than a mebibyte, but where an admin hands in a file; nor a body that is shorter than it says; nor
    another control, or a sign that turns a line around, in any field.
    """
    app.request_class = Received

    @app.before_request
    def require_all_of_it() -> None:
        if request.content_length is not None:  # gunicorn says that its bodies end by themselves: a cut one as well.
            request.environ.pop("wsgi.input_terminated", None)

    @app.before_request
    def refuse_nul() -> None:
        if request.endpoint in FILES and current_user.is_authenticated and current_user.is_admin:
            request.max_content_length = FILES[request.endpoint]
        if any(NUL in text for text in _texts()):
            abort(400)


def whole_body() -> bytes:
    """Return the body as it was sent.

    Raises RequestEntityTooLarge also for one in chunks, of which Werkzeug would give the part that may be read.
    """
    body = request.get_data()
    if len(body) == request.max_content_length and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return body


def _texts() -> Iterator[str]:
    """Give path and fields; a body that is signed is left whole, whatever its sender calls it, for who checks it."""
    yield request.path
    signed = request.path.startswith(MACHINE_PATHS)
    for fields in (request.args,) if signed else (request.args, request.form):
        yield from chain.from_iterable(fields.items(multi=True))
    if not signed:
        yield from (sent.filename or "" for _name, sent in request.files.items(multi=True))


def _visible(name: str, value: Any) -> Any:
    return texts.visible(value) if isinstance(value, str) and "password" not in name else value
