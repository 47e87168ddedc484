"""The guard of the API: only what a shop has signed comes in, and the equal call gets the equal answer."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, current_app, g, make_response, request, stream_with_context

from models import Shop
from services import door
from web.received import whole_body

View = TypeVar("View", bound=Callable[..., Any])


def signed(scope: str, *, most_bytes: int) -> Callable[[View], View]:
    """Give the view the shop that has signed the call with a key of this scope; `most_bytes` is what it may send."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**values: Any) -> Response:
            request.max_content_length = most_bytes
            call = _call()
            key = door.admit(call, scope)
            shop: Shop = key.shop
            g.shop = shop.name
            before = door.begin(key, call)
            if before is not None:
                return Response(before.body, before.status, mimetype=before.mimetype)
            try:
                return _kept(call, make_response(view(shop, **values)))
            except BaseException:
                door.give_up(call)
                raise

        return cast("View", guarded)

    return decorate


def _call() -> door.Call:
    target = request.environ.get("RAW_URI") or request.full_path.rstrip("?")
    return door.Call(
        method=request.method,
        target=target,
        read_body=whole_body,
        authorization=request.headers.get("Authorization", ""),
        signature=request.headers.get("X-Signature", ""),
        visitor=request.remote_addr,
    )


def _kept(call: door.Call, response: Response) -> Response:
    """Keep the answer for the equal call: now, or when the last piece of a streamed one is on its way."""
    if not response.is_streamed:
        door.finish(call, door.Answer(response.status_code, response.mimetype or "", response.get_data()))
        return response
    pieces = response.iter_encoded()

    def passed_on() -> Iterator[bytes]:
        sent = bytearray()
        for piece in pieces:
            sent += piece
            yield piece
        door.finish(call, door.Answer(response.status_code, response.mimetype or "", bytes(sent)))

    afterwards = current_app.app_context()

    def let_go() -> None:
        """Leave nothing of an answer that came to no end; whoever hung up early may have let none of it begin."""
        with afterwards:
            door.give_up(call)

    response.response = stream_with_context(passed_on())
    response.call_on_close(let_go)
    return response
