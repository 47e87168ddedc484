"""What operators and their machines ask: alive, ready, how much work is waiting."""

import secrets
from collections.abc import Iterator
from ipaddress import ip_address

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

import config
from services import readiness

bp = Blueprint("health", __name__)

COMPONENTS = ("redis", "documents", "smtp")


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Say that the process answers; asks nothing of anybody else."""
    return {"status": "ok"}


@bp.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Say whether to send customers here: 503 while the database is unusable, else 200 and what is degraded."""
    trouble = readiness.database_trouble()
    if trouble:
        return {"status": "unusable", "database": trouble}, 503
    return {"status": "ok", "degraded": readiness.degraded()}


@bp.get("/metrics")
def metrics() -> Response:
    """Give the gauges (Prometheus' text format 0.0.4) to who holds the token, to this machine when there is none."""
    if not _may_read_metrics():
        abort(404)
    text = "".join(f"{line}\n" for line in _gauges())
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_read_metrics() -> bool:
    settings = config.current()
    if settings.metrics_token:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(sent.encode(), settings.metrics_token.encode())
    # A proxy on this machine that nobody told us about (TRUSTED_PROXIES) makes every visitor look local.
    forwarded = not settings.trusted_proxies and {"X-Forwarded-For", "Forwarded"} & set(request.headers.keys())
    return not forwarded and _is_loopback(request.remote_addr or "")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _gauges() -> Iterator[str]:
    backlog, away = readiness.backlog(), readiness.degraded()
    yield "# HELP espace_client_requests Invoice requests by state."
    yield "# TYPE espace_client_requests gauge"
    yield from (f'espace_client_requests{{state="{state}"}} {count}' for state, count in backlog.requests.items())
    yield "# HELP espace_client_deliveries E-mails by state."
    yield "# TYPE espace_client_deliveries gauge"
    yield from (f'espace_client_deliveries{{state="{state}"}} {count}' for state, count in backlog.deliveries.items())
    yield "# HELP espace_client_requests_late Requests past the deadline that was promised."
    yield "# TYPE espace_client_requests_late gauge"
    yield f"espace_client_requests_late {backlog.late}"
    yield "# HELP espace_client_oldest_due_seconds How long the oldest due work has been waiting."
    yield "# TYPE espace_client_oldest_due_seconds gauge"
    yield f"espace_client_oldest_due_seconds {backlog.oldest_due_seconds:.0f}"
    yield "# HELP espace_client_component_up Whether what we can do without for a while answers."
    yield "# TYPE espace_client_component_up gauge"
    yield from (f'espace_client_component_up{{component="{name}"}} {int(name not in away)}' for name in COMPONENTS)
