"""Odd HTTP through the real server: refused in words, or left; nothing of it is kept, and the next call is answered.

The server has one thread: whatever held it would stop all that come after.
"""

import gzip
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from extensions import db
from models import ApiCall, Order, ShopMessage
from services.shops import NewKey
from shops import signatures
from shops.schema import MAX_ORDER_BYTES
from tests.shops.messages import a_message
from tests.support.databases import Databases
from tests.support.settings import settings_for_tests
from tests.support.shops import WEBHOOK_SECRET, a_key, a_shop
from tests.support.web_processes import web_processes

ORDER, HOOK = "/api/v1/orders/T-100234", "/webhooks/laine/woocommerce"
BODY = json.dumps(a_message()).encode()
ZIPPED = gzip.compress(BODY, mtime=0)
TOO_LONG = b" " * (MAX_ORDER_BYTES + 1)
CHUNKED = "Transfer-Encoding: chunked"
OURS, OF_GUNICORN = "application/problem+json", "text/html"
END = b"0\r\n\r\n"


def length(body: bytes, more: int = 0) -> str:
    return f"Content-Length: {len(body) + more}"


def chunks(body: bytes, size: int = 65536) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


@dataclass(frozen=True, slots=True)
class Odd:
    """A call, right in everything but what is said here, and how it is to be answered.

    `target` and `signed` are what the signature covers; `line` is the line of the request, where it says another thing.
    """

    status: int
    headers: tuple[str, ...] = (length(BODY),)
    sent: bytes = BODY
    target: str = ORDER
    signed: bytes = BODY
    line: str = ""
    by: str = OURS


CALLS = {
    "a chunk without a size": Odd(400, (CHUNKED,), b"zz\r\n" + BODY + b"\r\n" + END),
    "a chunk of a size without end": Odd(400, (CHUNKED,), b"f" * 20_000),
    "a chunk longer than it says": Odd(400, (CHUNKED,), b"5\r\n" + BODY + b"\r\n" + END),
    "a chunk with a broken extension": Odd(400, (CHUNKED,), b"5;\r\r\nabcde\r\n" + END),
    "chunks that are cut": Odd(400, (CHUNKED,), chunks(BODY)[:200]),
    "chunks without the last": Odd(400, (CHUNKED,), chunks(BODY)),
    "chunks with a key behind them": Odd(400, (CHUNKED,), chunks(BODY) + b"0\r\nAuthorization: Bearer x\r\n\r\n"),
    "chunks with half a line behind them": Odd(400, (CHUNKED,), chunks(BODY) + b"0\r\nX: 1\nY: 2\r\n\r\n"),
    "chunks of more than a mebibyte": Odd(413, (CHUNKED,), chunks(TOO_LONG) + END, signed=TOO_LONG),
    "chunks in two ways": Odd(400, (CHUNKED, CHUNKED), chunks(BODY) + END, by=OF_GUNICORN),
    "chunks and a length": Odd(400, (CHUNKED, length(BODY)), chunks(BODY) + END, by=OF_GUNICORN),
    "chunks that are compressed": Odd(401, ("Transfer-Encoding: gzip, chunked",), chunks(ZIPPED) + END),
    "a whole address": Odd(401, line=f"PUT http://localhost{ORDER} HTTP/1.1"),
    "a whole address, signed": Odd(401, target=f"http://localhost{ORDER}"),
    "another's address": Odd(401, line=f"PUT http://elsewhere.example{ORDER} HTTP/1.1"),
    "a length that is too long": Odd(400, (length(BODY, +10),)),
    "a length that is too short": Odd(401, (length(BODY, -10),)),
    "a length beyond what is taken": Odd(413, (length(TOO_LONG),)),
    "a length beyond all": Odd(413, (f"Content-Length: {10**30}",)),
    "a length below nothing": Odd(400, ("Content-Length: -5",), by=OF_GUNICORN),
    "a length that is no number": Odd(400, ("Content-Length: \xb2",), by=OF_GUNICORN),
    "a length twice": Odd(400, (length(BODY), length(BODY)), by=OF_GUNICORN),
    "two lengths": Odd(400, (length(BODY), "Content-Length: 5"), by=OF_GUNICORN),
    "no length": Odd(401, ()),
    "a body that is cut": Odd(400, sent=BODY[:50]),
    "no body at all": Odd(400, sent=b""),
    "a compressed body": Odd(400, ("Content-Encoding: gzip", length(ZIPPED)), ZIPPED, signed=ZIPPED),
    "a compressed body, signed before": Odd(401, ("Content-Encoding: gzip", length(ZIPPED)), ZIPPED),
    "the signature twice": Odd(401, (length(BODY), "X-Signature: {signature}")),
    "two signatures": Odd(401, (length(BODY), f"X-Signature: t=1,v1={'0' * 64}")),
    "two keys": Odd(401, (length(BODY), "Authorization: Bearer ec_another")),
    "two hosts": Odd(400, (length(BODY), "Host: elsewhere.example"), by=OF_GUNICORN),
    "a NUL in the path": Odd(400, line="PUT /api/v1/orders/T-1\x002 HTTP/1.1", by=OF_GUNICORN),
    "an encoded NUL in the path": Odd(400, target="/api/v1/orders/T-100234%00"),
    "an encoded NUL in the query": Odd(400, target=f"{ORDER}?a=%00"),
    "a line's end in the path": Odd(400, line="PUT /api/v1/orders/T-1\r\nX: 2 HTTP/1.1", by=OF_GUNICORN),
    "an encoded line's end in the path": Odd(422, target="/api/v1/orders/T-100234%0d%0aX:%201"),
    "an encoded slash in the number": Odd(404, target="/api/v1/orders/T%2F100234"),
    "no UTF-8 in the number": Odd(422, target="/api/v1/orders/T-%ff%fe"),
    "another query than was signed": Odd(401, line=f"PUT {ORDER}?a=1 HTTP/1.1"),
    "another method than is meant": Odd(
        405, (length(BODY), "X-HTTP-Method-Override: PUT"), line=f"POST {ORDER} HTTP/1.1"
    ),
    "a webhook that is cut": Odd(400, sent=BODY[:50], line=f"POST {HOOK} HTTP/1.1"),
    "a webhook whose length is too long": Odd(400, (length(BODY, +10),), line=f"POST {HOOK} HTTP/1.1"),
    "a webhook in broken chunks": Odd(400, (CHUNKED,), b"zz\r\n" + BODY, line=f"POST {HOOK} HTTP/1.1"),
    "a webhook in too many chunks": Odd(
        413, (CHUNKED,), chunks(TOO_LONG) + END, signed=TOO_LONG, line=f"POST {HOOK} HTTP/1.1"
    ),
    "a webhook with two signatures": Odd(
        401, (length(BODY), "X-WC-Webhook-Signature: {webhook}"), line=f"POST {HOOK} HTTP/1.1"
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """A server of one thread, on whose database this looks as well."""

    app: Flask
    port: int
    key: NewKey

    def request(self, odd: Odd) -> bytes:
        at, method = int(time.time()), (odd.line or "PUT").partition(" ")[0]
        signature = signatures.sign_call(
            self.key.secret, at=at, method=method, target=odd.target, body=odd.signed
        )  # fmt: skip
        webhook = signatures.sign_webhook(WEBHOOK_SECRET, odd.signed)
        lines = [
            odd.line or f"PUT {odd.target} HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            f"Authorization: Bearer {self.key.key_id}",
            f"X-Signature: {signature}",
            f"X-WC-Webhook-Signature: {webhook}",
            "X-WC-Webhook-Topic: order.updated",
            *(header.format(signature=signature, webhook=webhook) for header in odd.headers),
        ]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1") + odd.sent

    def answer(self, request: bytes) -> tuple[int, str]:
        """Send the request and nothing more; return status and type of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: connection.recv(65536), b""))
        first, *headers = said.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        kind = next(
            value for name, _colon, value in (each.partition(": ") for each in headers) if name == "Content-Type"
        )
        return int(first.split()[1]), kind.partition(";")[0]

    def kept(self) -> list[int]:
        """Return how many orders, answers and messages there are."""
        with self.app.app_context():
            counts = [
                db.session.scalar(select(func.count()).select_from(each)) or 0 for each in (Order, ApiCall, ShopMessage)
            ]
            db.session.remove()
        return counts


@pytest.fixture(scope="module")
def server(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("odd")
    with databases.fresh("sqlite") as url:
        settings = settings_for_tests(folder, DATABASE_URL=url)
        app = create_app(settings)
        with app.app_context():
            key = a_key(a_shop(name="atelier"))
            a_shop(name="laine", system="woocommerce")
            db.session.remove()
        with web_processes(settings, 1, "--worker-class", "gthread", "--threads", "1") as [port]:
            yield Server(app, port, key)
        with app.app_context():
            db.engine.dispose()


@pytest.mark.parametrize("name", CALLS)
def test_an_odd_call_is_refused_and_nothing_of_it_is_kept(server: Server, name: str) -> None:
    odd, before = CALLS[name], server.kept()

    assert server.answer(server.request(odd)) == (odd.status, odd.by)
    assert server.kept() == before


@pytest.mark.parametrize("linger", [None, struct.pack("ii", 1, 0)], ids=["closed", "reset"])
@pytest.mark.parametrize("odd", [Odd(0, sent=BODY[:50]), Odd(0, (CHUNKED,), chunks(BODY))], ids=["length", "chunks"])
def test_who_hangs_up_in_the_middle_leaves_nothing_behind(server: Server, odd: Odd, linger: bytes | None) -> None:
    before = server.kept()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(server.request(odd))
        if linger:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    assert server.answer(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")[0] == 200
    assert server.kept() == before


def test_a_page_takes_no_half_of_a_form(server: Server) -> None:
    form = b"email=claire%40example.org&password=passw"
    head = f"POST /connexion HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length(form, +3)}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    assert server.answer((head + kind).encode() + form) == (400, "text/html")


def test_what_is_right_is_taken_in_whole_or_in_chunks(server: Server) -> None:
    orders, answers, messages = server.kept()
    pieces = chunks(BODY, 100) + END

    assert server.answer(server.request(Odd(201)))[0] == 201
    assert server.answer(server.request(Odd(200, (CHUNKED,), pieces, target=f"{ORDER}?in=chunks")))[0] == 200
    assert server.answer(server.request(Odd(200, (CHUNKED,), pieces, line=f"POST {HOOK} HTTP/1.1")))[0] == 200
    assert server.kept() == [orders + 1, answers + 2, messages + 1]
