"""What is denied to somebody is on record, and nobody fills the audit by being denied."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import AuditEntry
from services import limits
from tests.support.client import LintingClient
from tests.support.customers import page_of, sign_in
from tests.support.factories import a_customer, an_order

DENIALS = ("role.exceeded", "object.withheld", "tries.exceeded")
FROM = {"REMOTE_ADDR": "203.0.113.77"}


def denied() -> list[tuple[str, str, str, str]]:
    db.session.rollback()
    found = select(AuditEntry).where(AuditEntry.action.in_(DENIALS)).order_by(AuditEntry.id)
    return [(row.action, row.actor, row.detail, row.network) for row in db.session.scalars(found)]


def test_a_stranger_s_order_is_withheld_on_record_once_an_hour(
    client: LintingClient, frozen_clock: time_machine.Traveller
) -> None:
    claire, paul = a_customer(), a_customer(email="paul@example.org")
    orders, who = [an_order(customer=claire) for _each in range(3)], f"customer:{paul.id}"
    sign_in(client, paul)
    for order in orders:
        assert client.get(page_of(order), environ_base=FROM).status_code == 404
    row = ("object.withheld", who, "GET orders.show", "203.0.113.0/24")
    assert denied() == [row]
    frozen_clock.shift(timedelta(hours=1))
    assert client.post(f"{page_of(orders[0])}/facture", environ_base=FROM).status_code == 404
    assert denied() == [row, ("object.withheld", who, "POST orders.ask", "203.0.113.0/24")]


@pytest.mark.databases("sqlite")
def test_who_only_reads_and_would_change_is_on_record(client: LintingClient) -> None:
    reader, order = a_customer(email="lecture@example.org", admin_role="reading"), an_order(customer=a_customer())
    sign_in(client, reader)
    assert client.post(f"/admin/commandes/{order.number}/relancer", environ_base=FROM).status_code == 403
    assert denied() == [("role.exceeded", f"admin:{reader.id}", "POST admin.retry", "203.0.113.0/24")]


@pytest.mark.databases("sqlite")
def test_who_tries_too_often_is_on_record_once_for_the_network(
    client: LintingClient, monkeypatch: pytest.MonkeyPatch, frozen_clock: time_machine.Traveller
) -> None:
    monkeypatch.setattr(limits, "LOOK_UP_BY_IP", limits.Limit("look_up.ip", 0, limits.QUARTER))
    for last in (77, 78):
        for number in ("T-1", "T-2"):
            tried = {"order_number": number, "email": "claire@example.org"}
            answer = client.post("/suivi-commande", data=tried, environ_base={"REMOTE_ADDR": f"203.0.113.{last}"})
            assert answer.status_code == 429
    assert denied() == [("tries.exceeded", "visitor", "POST guest.status", "203.0.113.0/24")]


@pytest.mark.databases("sqlite")
def test_what_nobody_has_is_no_denial(client: LintingClient) -> None:
    paths = ("/espace-client/commandes/T-1", "/rien", "/static/rien.css", "/confirmer/x")
    for path in paths:
        client.get(path)
    sign_in(client, a_customer())
    for path in paths[1:3]:
        assert client.get(path).status_code == 404
    sign_in(client, a_customer(email="patron@example.org", admin=True))
    assert client.get("/admin/commandes/T-1").status_code == 404
    assert denied() == []


@pytest.mark.databases("sqlite")
def test_what_cannot_be_written_down_is_denied_all_the_same(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    with app.app_context():
        client = app.test_client()
        assert isinstance(client, LintingClient)
        sign_in(client, a_customer())
        with db.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE rate_counters")
        assert client.get("/espace-client/commandes/T-1").status_code == 404
    assert "denial not recorded" in caplog.text
