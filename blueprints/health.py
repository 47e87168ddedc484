"""What operators and their machines ask: alive, ready, how much work is waiting."""

import secrets
from collections.abc import Iterator
from ipaddress import ip_address

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

import config
from services import inbox, incidents, lateness, limits, readiness

bp = Blueprint("health", __name__)

COMPONENTS = ("redis", "documents", "smtp")
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
"""What a proxy adds to a request; one of ours or of the visitor's own makes no difference."""


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
    # Behind a proxy on this machine every visitor looks local, or says so: only who came straight to us is.
    forwarded = any(name in request.headers for name in FORWARDED)
    return not forwarded and _is_loopback(request.remote_addr or "")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _gauges() -> Iterator[str]:
    backlog, clocks, away = readiness.backlog(), lateness.measure(), readiness.degraded()
    up = {name: int(name not in away) for name in COMPONENTS}
    yield from _gauge("requests", "Invoice requests by state.", backlog.requests, "state")
    yield from _gauge("deliveries", "E-mails by state.", backlog.deliveries, "state")
    yield from _gauge("requests_begun", "Requests past the moment from which they may be sent.", clocks.begun)
    yield from _gauge(
        "requests_past_half", "Requests past half of the time they may be sent in.", clocks.slow + clocks.late
    )
    yield from _gauge("requests_late", "Requests past the deadline that was promised.", clocks.late)
    yield from _gauge("requests_unshipped", "Requests that have waited ten days for a parcel.", clocks.unshipped)
    age = round(clocks.queue_age.total_seconds())
    yield from _gauge("oldest_due_seconds", "How long the oldest due work has been waiting.", age)
    yield from _gauge("shop_messages", "Messages of shops by state.", inbox.count_by_state(), "state")
    refused = limits.counted(limits.UNSIGNED_BY_SHOP)
    yield from _gauge("shop_messages_refused", "Messages refused for their signature in the last two days.", refused)
    yield from _gauge("incidents", "Open incidents by kind.", incidents.count_by_kind(), "kind")
    yield from _gauge("component_up", "Whether what we can do without for a while works.", up, "component")


def _gauge(name: str, said: str, values: int | dict[str, int], label: str = "") -> Iterator[str]:
    yield f"# HELP espace_client_{name} {said}"
    yield f"# TYPE espace_client_{name} gauge"
    if isinstance(values, int):
        yield f"espace_client_{name} {values}"
    else:
        yield from (f'espace_client_{name}{{{label}="{key}"}} {value}' for key, value in values.items())
