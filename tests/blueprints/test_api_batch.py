"""Many orders in one call: in pieces, line by line, and again after the connection broke."""

import json
from contextvars import Context
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import EnvironBuilder
from werkzeug.wsgi import ClosingIterator

from extensions import db
from models import ApiCall, Order
from tests.shops.messages import a_message
from tests.support.client import LintingClient
from tests.support.shops import Signer, a_key, a_shop

BATCH = "/api/v1/orders:batch"


@pytest.fixture
def signer(app: Flask, client: LintingClient) -> Signer:
    """Give a shop that calls."""
    return Signer(client, a_key(a_shop()))


def ndjson(*orders: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in orders)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def orders() -> int:
    return db.session.scalar(select(func.count()).select_from(Order)) or 0


def test_every_line_is_answered_in_its_place_over_many_transactions(signer: Signer) -> None:
    sent = [a_message(number=f"T-{each}") for each in range(1, 251)]
    sent[120] = a_message(number="T-121", total="1.00")
    body = ndjson(*sent[:200]) + b"{broken\n" + ndjson(*sent[200:])

    answer = signer.call("POST", BATCH, body)

    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    found = lines(answer.text)
    assert [each["line"] for each in found] == list(range(1, 252))
    assert {each["line"]: each["status"] for each in found if each["status"] != 201} == {121: 422, 201: 422}
    assert [error["field"] for error in found[120]["errors"]][:1] == ["total"]
    assert orders() == 249


def test_a_batch_whose_connection_broke_goes_on_when_it_is_sent_again(signer: Signer) -> None:
    body = ndjson(*(a_message(number=f"T-{each}") for each in range(1, 251)))
    headers = signer.headers("POST", BATCH, body)

    def hang_up_early() -> bytes:
        answer = FlaskClient.open(signer.client, BATCH, method="POST", data=body, headers=headers, buffered=False)
        first = next(answer.iter_encoded())
        answer.close()
        return first

    assert b'"T-1"' in Context().run(hang_up_early)
    assert 0 < orders() < 250
    assert db.session.scalar(select(func.count()).select_from(ApiCall)) == 0

    answer = signer.client.open(BATCH, method="POST", data=body, headers=headers, buffered=True)

    statuses = [each["status"] for each in lines(answer.text)]
    assert len(statuses) == orders() == 250
    assert set(statuses) == {200, 201}
    again = signer.client.open(BATCH, method="POST", data=body, headers=headers, buffered=True)
    assert again.text == answer.text


def test_a_batch_that_nobody_waits_for_is_taken_up_by_the_equal_call_at_once(app: Flask, signer: Signer) -> None:
    body = ndjson(a_message(number="T-1"), a_message(number="T-2"))
    headers = signer.headers("POST", BATCH, body)
    environ = EnvironBuilder(path=BATCH, method="POST", data=body, headers=[*headers.items()]).get_environ()

    def hang_up() -> None:
        answer = app.wsgi_app(environ, lambda *_facts: lambda _piece: None)
        assert isinstance(answer, ClosingIterator)
        answer.close()

    Context().run(hang_up)
    assert db.session.scalar(select(func.count()).select_from(ApiCall)) == 0

    answer = signer.client.open(BATCH, method="POST", data=body, headers=headers, buffered=True)
    assert [each["status"] for each in lines(answer.text)] == [200, 200]


@pytest.mark.databases("sqlite")
def test_a_line_that_is_too_long_leaves_the_others_alone(signer: Signer) -> None:
    long = b'{"number": "' + b"T" * (1024 * 1024) + b'"}\n'
    answer = signer.call("POST", BATCH, ndjson(a_message(number="T-1")) + long + ndjson(a_message(number="T-2")))
    assert [(each["line"], each["status"]) for each in lines(answer.text)] == [(1, 201), (2, 422), (3, 201)]


@pytest.mark.databases("sqlite")
def test_a_batch_that_is_too_long_is_not_read(signer: Signer) -> None:
    answer = signer.call("POST", BATCH, b" " * (16 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert signer.call("POST", BATCH, b" " * (2 * 1024 * 1024) + ndjson(a_message())).status_code == 200


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("body", [b"", b"  \n \n", b"number;total\n"])
def test_what_is_no_batch_is_refused_as_a_whole(signer: Signer, body: bytes) -> None:
    answer = signer.call("POST", BATCH, body)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")


@pytest.mark.parametrize("name", [b'"\\ud800"', b'"\xff"'], ids=["lone surrogate", "no UTF-8"])
def test_a_name_that_cannot_be_written_spoils_its_own_line_alone(signer: Signer, name: bytes) -> None:
    broken = b"{" + name + b":1," + name + b":2}\n"

    answer = signer.call("POST", BATCH, ndjson(a_message(number="T-1")) + broken + ndjson(a_message(number="T-2")))

    assert [line["status"] for line in lines(answer.text)] == [201, 422, 201]
    assert orders() == 2
