"""The operators' pages: alive, ready, and the gauges."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from time_machine import Traveller

import clock
from extensions import db, transaction
from mail import smtp
from services import incidents
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer, a_request, an_order
from tests.support.mailbox import Mailbox
from tests.support.outbox import a_delivery

LOOPBACK = {"REMOTE_ADDR": "127.0.0.1"}
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
TOKEN = "a-token-of-16-signs-and-more"


def test_alive_needs_nobody(client: LintingClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_what_is_away_does_not_keep_customers_out(client: LintingClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "degraded": ["redis", "smtp"]}


def test_ready_with_everything_there(client: LintingClient, redis_server: str, smtp_server: Mailbox) -> None:
    assert client.get("/readyz").json == {"status": "ok", "degraded": []}


@pytest.mark.databases("sqlite")
def test_however_often_anybody_asks_the_components_are_asked_once_in_five_seconds(
    client: LintingClient, frozen_clock: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answers(url: str) -> bool:
        asked.append(url)
        return False

    monkeypatch.setattr(smtp, "answers", answers)
    for calls in (1, 1, 1, 2, 2):
        assert client.get("/readyz").json == {"status": "ok", "degraded": ["redis", "smtp"]}
        assert len(asked) == calls
        frozen_clock.shift(timedelta(seconds=2))


def test_a_documents_folder_that_cannot_be_written_is_said(
    make_app: Callable[..., Flask], redis_server: str, smtp_server: Mailbox, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    app = make_app(DOCUMENTS_URL=f"file://{tmp_path}/file/documents")
    with app.app_context():
        answer = app.test_client().get("/readyz")
        assert answer.json == {"status": "ok", "degraded": ["documents"]}


@pytest.mark.databases("sqlite")
def test_what_the_mails_wait_for_is_degraded_although_somebody_answers(
    client: LintingClient, redis_server: str, smtp_server: Mailbox
) -> None:
    waiting = a_delivery(trouble="smtp", last_error="Le serveur refuse le mot de passe de SMTP_URL (535).")
    assert client.get("/readyz").json == {"status": "ok", "degraded": ["smtp"]}
    sign_in(client, a_customer(email="admin@example.org", admin=True))
    assert "refuse notre mot de passe" in client.get("/admin/").text
    waiting.trouble = None
    assert client.get("/readyz").json == {"status": "ok", "degraded": []}


def test_not_ready_while_the_tables_are_older_than_the_code(client: LintingClient) -> None:
    with transaction():
        db.session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["database"].startswith("migrations at 0000, not at ")


def test_not_ready_without_a_database(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/at/all.db")
    with app.app_context():
        answer = app.test_client().get("/readyz")
        assert answer.status_code == 503


def test_gauges_are_for_this_machine_when_there_is_no_token(client: LintingClient) -> None:
    answer = client.get("/metrics", environ_base=LOOPBACK)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'espace_client_requests{state="scheduled"} 0' in lines
    assert 'espace_client_deliveries{state="failed"} 0' in lines
    assert "espace_client_requests_late 0" in lines
    assert "espace_client_oldest_due_seconds 0" in lines
    assert 'espace_client_component_up{component="redis"} 0' in lines
    assert 'espace_client_component_up{component="documents"} 1' in lines


def test_gauges_say_what_is_due_and_what_is_late(client: LintingClient) -> None:
    hour, now = timedelta(hours=1), clock.now()
    for due, deadline in ((-2, -1), (-13, 11), (-1, 23), (2, 26)):
        window = {"earliest_at": now + due * hour, "deadline_at": now + deadline * hour}
        a_request(an_order(), state="scheduled", due_at=now + max(due, -2) * hour, **window)
    a_request(an_order(), state="waiting", requested_at=now - timedelta(days=11))
    incidents.watch()
    lines = client.get("/metrics", environ_base=LOOPBACK).text.splitlines()
    for said in ('requests{state="scheduled"} 4', "requests_begun 3", "requests_past_half 2", "requests_late 1",
                 "requests_unshipped 1", 'incidents{kind="late"} 1', 'incidents{kind="clock"} 0'):  # fmt: skip
        assert f"espace_client_{said}" in lines, said
    oldest = next(line for line in lines if line.startswith("espace_client_oldest_due_seconds"))
    assert 7200 <= int(oldest.split()[1]) < 7300


@pytest.mark.parametrize(
    ("environ", "headers"),
    [(ELSEWHERE, {}), (LOOPBACK, {"X-Forwarded-For": "192.0.2.7"}), (LOOPBACK, {"Forwarded": "for=192.0.2.7"})],
)
def test_gauges_do_not_exist_for_others(
    client: LintingClient, environ: dict[str, str], headers: dict[str, str]
) -> None:
    assert client.get("/metrics", environ_base=environ, headers=headers).status_code == 404


@pytest.mark.parametrize(("sent", "status"), [(f"Bearer {TOKEN}", 200), ("Bearer é", 404), ("", 404)])
def test_with_a_token_only_who_holds_it_reads_the_gauges(
    make_app: Callable[..., Flask], sent: str, status: int
) -> None:
    app = make_app(METRICS_TOKEN=TOKEN)
    with app.app_context():
        answer = app.test_client().get("/metrics", environ_base=LOOPBACK, headers={"Authorization": sent})
        assert answer.status_code == status
