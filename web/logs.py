"""Structured logs: one JSON object a line, with a request id, without personal data.

Neither addresses nor bodies, query strings or referrers are logged; a route's rule stands for its path. Texts of
exceptions quote what they met (a key, a value, a row), so that only those that speak of machines are repeated.
"""

import logging
import secrets
import sys
import time
import traceback
from smtplib import SMTPException
from types import TracebackType

from flask import Flask, Response, g, has_request_context, request
from jinja2 import TemplateError
from pythonjsonlogger.json import JsonFormatter
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

SPEAK_OF_MACHINES = (OSError, ImportError, AttributeError, NameError, TypeError, TemplateError)
SPEAK_OF_TABLES = (IntegrityError, InterfaceError, OperationalError, ProgrammingError)
REPEAT_ADDRESSES = ("Error handling request", "Invalid request from", "Exception on ")
"""How the lines of gunicorn and Flask begin that go on with a visitor's address or with a path and its token."""


class RequestId(logging.Filter):
    """Give every record the id of the request that it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drop a record; only complete it."""
        record.request_id = g.get("request_id") if has_request_context() else None
        return True


class Discretion(logging.Filter):
    """Cut the lines of others before the part that tells about a visitor."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drop a record; only shorten it."""
        head = next((head for head in REPEAT_ADDRESSES if str(record.msg).startswith(head)), None)
        if head:
            record.msg, record.args = head, ()
        return True


class JsonLines(JsonFormatter):
    """JSON lines whose tracebacks say where it happened and what kind of thing, but quote nobody's data."""

    def formatException(  # noqa: N802 The name is the standard library's.
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Write the chain of exceptions, the cause first."""
        chain, error = [], ei[1]
        while error is not None:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join("".join(traceback.format_tb(each.__traceback__)) + name(each) for each in reversed(chain))


def name(error: BaseException) -> str:
    """Return the kind of an exception in one line, and its text where that cannot quote anybody's data."""
    kind = type(error).__name__
    if isinstance(error, DBAPIError):
        # PostgreSQL's first line names the constraint; the next ones quote the row.
        text = str(error.orig).partition("\n")[0] if isinstance(error, SPEAK_OF_TABLES) else ""
    else:
        speaks = isinstance(error, SPEAK_OF_MACHINES) and not isinstance(error, SMTPException)
        text = " ".join(str(error).split()) if speaks else ""
    return f"{kind}: {text}"[:300] if text else kind


def configure() -> None:
    """Afterwards this process writes its log to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines(
            "%(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )
    )
    handler.addFilter(RequestId())
    handler.addFilter(Discretion())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("fontTools", "rq.worker", "alembic", "babel"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for quoting in ("xhtml2pdf", "reportlab"):  # Their warnings repeat what stands on the page.
        logging.getLogger(quoting).setLevel(logging.CRITICAL)


def install(app: Flask) -> None:
    """Afterwards each request has an id, given back in `X-Request-Id`, and leaves one line in the log."""

    @app.before_request
    def begin() -> None:
        g.request_id = secrets.token_hex(8)
        g.started = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if request.endpoint not in ("static", "health.healthz", "health.readyz"):
            rule = request.url_rule.rule if request.url_rule else "(none)"
            milliseconds = round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1)
            facts = {"method": request.method, "route": rule, "status": response.status_code, "ms": milliseconds}
            logging.getLogger("access").info("request", extra=facts)
        return response
