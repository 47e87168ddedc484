"""What people meet while a part of the installation is out of order: a French sentence, and nothing half done."""

import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import NullPool, create_engine, event, func, select, text

import config
import task_queue
from extensions import db
from models import AuditEntry, Correction, Customer, Document, InvoiceRequest, Order
from tests.support.client import LintingClient
from tests.support.customers import PERSON, an_issued_invoice, draw, page_of
from tests.support.databases import POSTGRESQL_URL
from tests.support.factories import PASSWORD, a_customer, an_order, billing_details

SignIn = Callable[[Customer], LintingClient]


@contextmanager
def each_connection(*, sqlite: str, postgresql: str) -> Iterator[None]:
    """Let the application's connections do this before they are used, and be new ones afterwards."""
    statement = sqlite if db.engine.dialect.name == "sqlite" else postgresql

    def do(connection: Any, *_rest: object) -> None:
        connection.execute(statement)

    db.session.rollback()
    event.listen(db.engine, "checkout", do)
    try:
        yield
    finally:
        db.session.rollback()
        event.remove(db.engine, "checkout", do)
        db.engine.dispose()


@contextmanager
def somebody_holds(order: Order) -> Iterator[None]:
    """Let another program write to the order, and not come to an end; who waits for it loses patience at once."""
    order_id = order.id
    impatient = each_connection(sqlite="PRAGMA busy_timeout=100", postgresql="SET lock_timeout = '100ms'")
    with impatient, create_engine(db.engine.url, poolclass=NullPool).connect() as another:
        another.execute(text("UPDATE orders SET source = 'another program' WHERE id = :order"), {"order": order_id})
        yield


@contextmanager
def read_only(_order: Order) -> Iterator[None]:
    """Let the database take no writing, as a server that stands by, or a disk that was remounted."""
    with each_connection(sqlite="PRAGMA query_only=ON", postgresql="SET transaction_read_only = on"):
        yield


@contextmanager
def gone(_order: Order) -> Iterator[None]:
    """Take the database away, connections and all."""
    db.session.rollback()
    db.engine.dispose()
    url = db.engine.url
    with _file_gone(Path(url.database or "")) if url.drivername == "sqlite" else _stopped(str(url.database)):
        yield
    db.session.rollback()


@contextmanager
def _file_gone(path: Path) -> Iterator[None]:
    kept = path.with_suffix(".kept")
    path.rename(kept)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        kept.rename(path)


@contextmanager
def _stopped(name: str) -> Iterator[None]:
    """Do to one database what a server that stops does to all: it ends the connections, and takes none."""
    server = create_engine(POSTGRESQL_URL, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as administrator:
        administrator.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        administrator.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        try:
            yield
        finally:
            administrator.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))


def rows(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("trouble", [somebody_holds, read_only, gone], ids=["locked", "read-only", "gone"])
def test_a_press_while_the_database_is_away_is_a_503_and_does_nothing_by_halves(
    sign_in: SignIn, trouble: Callable[[Order], AbstractContextManager[None]]
) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    assert order.customer is not None
    client, page = sign_in(order.customer), page_of(order)
    press = page + "/facture"
    before = rows(AuditEntry)
    with trouble(order):
        whole, part = client.post(press), client.htmx("POST", press)
        looked = client.get(page)
    for answer in (whole, part):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "Le service est indisponible pour un instant." in answer.text
    assert "<h1>Service indisponible</h1>" in whole.text
    assert part.headers["HX-Reswap"] == "none"
    assert looked.status_code == (503 if trouble is gone else 200)
    assert (rows(InvoiceRequest), rows(AuditEntry)) == (0, before)
    assert client.post(press).status_code == 303
    assert rows(InvoiceRequest) == 1


def test_nobody_waits_for_ever_for_what_another_program_holds(app: Flask) -> None:
    patience = {"sqlite": ("PRAGMA busy_timeout", 10_000), "postgresql": ("SHOW lock_timeout", "10s")}
    question, seconds = patience[db.engine.dialect.name]
    assert db.session.execute(text(question)).scalar() == seconds


def test_connections_that_the_server_has_ended_are_replaced_without_a_word(sign_in: SignIn) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    assert order.customer is not None
    client = sign_in(order.customer)
    with gone(order):
        pass
    assert client.get(page_of(order)).status_code == 200


@pytest.mark.databases("sqlite")
def test_a_redis_that_hangs_is_waited_for_once_and_loses_nothing(
    make_app: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_queue, "DEAF_SECONDS", 600.0)  # However slow the machine: the presses are over sooner.
    path = tmp_path / "deaf"
    path = Path(os.path.relpath(path)) if len(str(path)) > 100 else path  # A socket's path is short.
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen(16)
        with make_app(REDIS_URL=f"unix://{path}").app_context() as context:
            client = context.app.test_client()
            customer = a_customer(billing=billing_details())
            shipped = [an_order(customer=customer, shipped_at=customer.confirmed_at) for _ in range(3)]
            pages = [page_of(order) for order in shipped]
            client.post("/connexion", data={"email": customer.email, "password": PASSWORD})
            statuses = [client.post(page + "/facture").status_code for page in pages]
            statuses.append(client.post(pages[0] + "/facture", headers={"HX-Request-Type": "partial"}).status_code)
            assert statuses == [303, 303, 303, 200]
            deaf.setblocking(False)
            deaf.accept()[0].close()
            with pytest.raises(BlockingIOError):  # Nobody else has come.
                deaf.accept()
            assert set(db.session.scalars(select(InvoiceRequest.state))) == {"scheduled"}
            assert rows(InvoiceRequest) == 3


@pytest.fixture
def invoice(app: Flask) -> Document:
    """Give an invoice that is drawn."""
    document = an_issued_invoice(an_order(customer=a_customer(billing=billing_details())), drawn=False)
    return draw(document)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("suffix", ["pdf", "xml"])
@pytest.mark.parametrize("who", ["customer", "admin"])
def test_a_document_that_cannot_be_read_is_a_503_and_one_line_in_the_log(
    invoice: Document, sign_in: SignIn, caplog: pytest.LogCaptureFixture, who: str, suffix: str
) -> None:
    customer, number = invoice.order.customer, invoice.number
    assert customer is not None
    client = sign_in(customer if who == "customer" else a_customer(email="patron@example.org", admin=True))
    area = "/espace-client/factures/" if who == "customer" else "/admin/factures/"
    assert client.get(f"{area}{number}.{suffix}").status_code == 200
    shutil.rmtree(config.current().documents_dir)
    with caplog.at_level(logging.ERROR):
        answer = client.get(f"{area}{number}.{suffix}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "Ce document ne peut pas être lu pour l&#39;instant." in answer.text
    assert [record.message for record in caplog.records] == ["documents unreadable"]
    assert "FileNotFoundError" in caplog.records[0].__dict__["error"]


@pytest.mark.databases("sqlite")
def test_a_document_that_the_disk_had_no_room_for_is_announced_without_a_link(sign_in: SignIn) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    assert order.customer is not None
    invoice = an_issued_invoice(order, state="issued", drawn=False)
    number, page = invoice.number, page_of(order)
    for who, pages in (
        (order.customer, (page, "/espace-client/factures")),
        (a_customer(email="patron@example.org", admin=True), (f"/admin/commandes/{order.number}",)),
    ):
        client = sign_in(who)
        for address in pages:
            shown = client.get(address)
            assert (shown.status_code, number in shown.text, f"{number}.pdf" in shown.text) == (200, True, False)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("who", ["customer", "admin"])
def test_settings_that_fit_no_issued_document_stop_issuing_with_a_sentence(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture, who: str
) -> None:
    with make_app().app_context():
        order = an_order(customer=a_customer(billing=billing_details()), billing=billing_details())
        number = an_issued_invoice(order).number
        a_customer(email="patron@example.org", admin=True)
    with make_app(INVOICE_PREFIX="FX").app_context() as context:
        client = context.app.test_client()
        email = "claire@example.org" if who == "customer" else "patron@example.org"
        client.post("/connexion", data={"email": email, "password": PASSWORD})
        if who == "customer":
            moved = {**PERSON, "line1": "8 place Bellecour", "purchase_order": "", "confirm": "1"}
            answer = client.post(f"/espace-client/factures/{number}/corriger", data=moved)
        else:
            credit = {"amount": "", "reason": "Retour", "shown": "0"}
            answer = client.post(f"/admin/factures/{number}/avoir", data=credit)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "Aucun document ne peut être émis pour l&#39;instant" in answer.text
        assert (rows(Document), rows(Correction)) == (1, 0)
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "INVOICE_PREFIX is FX" in line.__dict__["error"]
