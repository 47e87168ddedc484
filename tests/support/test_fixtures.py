"""The ground that the other tests stand on."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask, url_for
from sqlalchemy import func, select, text
from sqlalchemy.sql.compiler import SQLCompiler

from extensions import db
from models import Customer, Order
from services import passwords
from tests.support.factories import a_customer, an_order, company_details
from tests.support.mailbox import Mailbox
from tests.support.queries import count_queries


def test_each_test_starts_from_an_empty_database(app: Flask, database_kind: str) -> None:
    assert db.engine.dialect.name == database_kind
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 0
    a_customer()


def test_what_the_test_before_wrote_is_gone(app: Flask) -> None:
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 0


def test_an_ordinary_order_is_that_of_the_contract(app: Flask) -> None:
    order = an_order(customer=a_customer(billing=company_details()))
    db.session.expire_all()
    found = db.session.scalars(select(Order)).one()
    assert (found.number, found.total) == (order.number, Decimal("31.72"))
    assert [line.position for line in found.lines] == [0, 1]


def test_queries_are_counted_without_transaction_control(app: Flask) -> None:
    with count_queries() as queries:
        db.session.scalar(select(Customer))
        db.session.commit()
        db.session.scalar(select(Customer))
    assert queries.count == 2, str(queries)


def test_redis_is_real_and_empty(app: Flask, redis_server: str) -> None:
    import task_queue

    assert task_queue.answers()
    assert task_queue.waiting() == []


def test_the_mail_server_is_real(smtp_server: Mailbox) -> None:
    import smtplib

    with smtplib.SMTP(smtp_server.url.removeprefix("smtp://"), timeout=5) as connection:
        connection.sendmail("a@example.org", ["b@example.org"], b"Subject: x\r\n\r\ny\r\n")
    assert smtp_server.last()["Subject"] == "x"
    assert smtp_server.recipients == [["b@example.org"]]


def test_each_application_builds_its_own_addresses_though_its_routes_were_compiled_before(
    make_app: Callable[..., Flask],
) -> None:
    for host in ("https://one.example", "https://another.example"):
        with make_app(PUBLIC_URL=host).app_context():
            assert url_for("orders.show", number="T 1/é", x="&") == f"{host}/espace-client/commandes/T%201/%C3%A9?x=%26"
            assert url_for("home.index") == f"{host}/"


def test_another_application_does_not_write_the_same_sql_again(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> int | None:
        a_customer()
        return db.session.scalar(select(func.count()).select_from(Customer).where(Customer.admin_role.is_(None)))

    with make_app().app_context():
        assert ask() == 1
        db.session.delete(db.session.scalars(select(Customer)).one())
        db.session.commit()
    with make_app().app_context():
        db.session.execute(text("SELECT 1"))
        db.session.commit()
        db.session.connection()  # A pool writes its own question whether a connection lives.
        monkeypatch.setattr(SQLCompiler, "__init__", lambda *_arguments, **_options: pytest.fail("written again"))
        assert ask() == 1


def test_passwords_are_hashed_lightly_but_for_those_who_test_hashing() -> None:
    assert passwords.hash("une longue phrase").startswith("$argon2id$v=19$m=64,t=1,p=1$")
