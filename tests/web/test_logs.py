"""The log: one JSON object a line, an id for each request, and nobody's data."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError, IntegrityError

from extensions import db
from tests.support.client import LintingClient
from tests.support.factories import a_customer
from web import logs

SECRET = "claire@example.org"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Give what the process writes to its log meanwhile, read back line by line."""
    root = logging.getLogger()
    before, level, error_stream = root.handlers[:], root.level, sys.stderr
    sys.stderr = written = io.StringIO()
    logs.configure()

    def read_back() -> list[dict[str, Any]]:
        said = written.getvalue()
        assert all(sign == "\n" or " " <= sign <= "~" for sign in said)  # A terminal obeys none of it.
        return [json.loads(line) for line in said.splitlines()]

    yield read_back
    sys.stderr = error_stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.databases("sqlite")
def test_a_request_leaves_one_line_with_its_id_and_no_token(client: LintingClient, lines: Lines) -> None:
    answer = client.get("/mot-de-passe/un-jeton-secret?email=claire@example.org")
    (line,) = [line for line in lines() if line["logger"] == "access"]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/mot-de-passe/<token>", answer.status_code)
    assert "secret" not in json.dumps(lines())
    assert SECRET not in json.dumps(lines())


def test_each_line_says_when_in_utc(lines: Lines) -> None:
    logging.getLogger("tests").warning("trouble")
    said = datetime.fromisoformat(lines()[0]["timestamp"])
    assert said.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - said) < timedelta(minutes=1)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x1b[2K", "\x00", "\u202e", "\u2066", '"}'])
def test_nothing_that_is_told_begins_a_line_of_its_own(lines: Lines, end: str) -> None:
    told = f'trouble{end}{{"level": "ERROR", "message": "forged"}}'
    logging.getLogger("tests").warning("%s", told, extra={"shop": told})
    (line,) = lines()
    assert (line["level"], line["message"], line["shop"]) == ("WARNING", told, told)


@pytest.mark.databases("sqlite")
def test_probes_and_files_leave_no_line(client: LintingClient, lines: Lines) -> None:
    client.get("/healthz")
    client.get("/static/js/app.js").close()
    assert lines() == []


@pytest.mark.databases("sqlite")
def test_a_breakdown_says_where_but_quotes_nobody(make_app: Callable[..., Flask], lines: Lines) -> None:
    app = make_app()

    def fail() -> str:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(SECRET) from error

    app.add_url_rule("/panne", "tests.fail", fail)
    with app.app_context():
        assert app.test_client().get("/panne").status_code == 500
    (line,) = [line for line in lines() if line["level"] == "ERROR"]
    assert line["exc_info"].index("KeyError") < line["exc_info"].index("ValueError")
    assert "test_logs.py" in line["exc_info"]
    assert SECRET not in json.dumps(lines())


@pytest.mark.databases("sqlite")
def test_what_a_machine_says_is_kept(lines: Lines) -> None:
    try:
        raise OSError(28, "No space left on device")
    except OSError:
        logging.getLogger("tests").exception("trouble")
    assert lines()[0]["exc_info"].endswith("OSError: [Errno 28] No space left on device")


def test_what_the_database_refuses_names_the_constraint_and_not_the_row(app: Flask, lines: Lines) -> None:
    a_customer(email=SECRET)
    with pytest.raises(IntegrityError) as refused:
        a_customer(email=SECRET)
    db.session.rollback()
    assert "email_key" in logs.name(refused.value)
    assert SECRET not in logs.name(refused.value)
    try:
        raise refused.value
    except DBAPIError:
        logging.getLogger("tests").exception("trouble")
    assert SECRET not in json.dumps(lines())


@pytest.mark.parametrize(
    ("logger", "text", "values", "kept"),
    [
        ("gunicorn.error", "Error handling request %s %s", ("GET", "/confirmer/secret"), "Error handling request"),
        ("gunicorn.error", "Invalid request from ip=192.0.2.9: secret", (), "Invalid request from"),
        ("app", "Exception on /confirmer/secret [GET]", (), "Exception on "),
    ],
)
def test_lines_of_others_are_cut_before_they_name_a_visitor(
    lines: Lines, logger: str, text: str, values: tuple[str, ...], kept: str
) -> None:
    logging.getLogger(logger).error(text, *values)
    assert [line["message"] for line in lines()] == [kept]


@pytest.mark.databases("sqlite")
def test_errors_of_the_database_carry_no_parameters(app: Flask) -> None:
    assert db.engine.hide_parameters
