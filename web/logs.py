"""Structured logs: one JSON object a line, with a request id, without personal data.

Neither addresses nor bodies, query strings or referrers are logged; a route's rule stands for its path.
"""

import logging
import secrets
import sys
import time

from flask import Flask, Response, g, has_request_context, request
from pythonjsonlogger.json import JsonFormatter


class RequestId(logging.Filter):
    """Give every record the id of the request that it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drop a record; only complete it."""
        record.request_id = g.get("request_id") if has_request_context() else None
        return True


def configure() -> None:
    """Afterwards this process writes its log to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "%(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )
    )
    handler.addFilter(RequestId())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("xhtml2pdf", "reportlab", "fontTools", "rq.worker", "rq.scheduler", "alembic", "babel"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


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
