"""Incidents: opened when something is wrong, told once to everybody of ALERT_EMAIL, closed when it is over."""

import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from time_machine import Traveller

import clock
import jobs
from extensions import db
from models import DataExport, Delivery, Incident, InvoiceRequest
from services import clocks, data_exports, inbox, incidents, letters, shops, sweep
from shops.arrivals import Unread
from tests.support.customers import an_issued_invoice
from tests.support.factories import a_customer, a_request, an_order
from tests.support.mailbox import Mailbox
from tests.support.outbox import a_delivery
from tests.support.queries import count_queries
from tests.support.shops import a_shop, lose_keys_secret

HOUR = timedelta(hours=1)
TWO = "patron@boutique.example,compta@boutique.example"

pytestmark = pytest.mark.usefixtures("redis_server")


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """An alert is ten minutes old or it is not."""


def watched() -> set[tuple[str, str]]:
    """Let a sweep look, and return what is open afterwards."""
    db.session.commit()
    incidents.watch()
    found = select(Incident.kind, Incident.about).where(Incident.closed_at.is_(None))
    return {(kind, about) for kind, about in db.session.execute(found)}


def alerts() -> list[Delivery]:
    return list(db.session.scalars(select(Delivery).where(Delivery.kind == "alert").order_by(Delivery.id)))


def sent(alert: Delivery) -> None:
    alert.become("sending")
    db.session.flush()
    alert.become("sent")
    db.session.commit()


def a_late_request(number: str = "T-LATE", **changes: Any) -> InvoiceRequest:
    now = clock.now()
    facts = {"earliest_at": now - 25 * HOUR, "deadline_at": now - HOUR}
    return a_request(an_order(number=number), state="scheduled", **(facts | changes))


def test_nothing_wrong_is_no_incident_and_costs_few_queries(app: Flask) -> None:
    a_request(an_order(), state="waiting", requested_at=clock.now())
    with count_queries() as queries:
        incidents.watch()
    assert queries.count <= 11, queries
    assert (watched(), alerts()) == (set(), [])


def stopped(number: str) -> None:
    a_request(an_order(number=number), state="needs_attention", reason="Panne.")


def slow(_number: str) -> None:
    now = clock.now()
    a_late_request(earliest_at=now - 13 * HOUR, deadline_at=now + 11 * HOUR)


def unshipped(_number: str) -> None:
    a_request(an_order(), state="waiting", requested_at=clock.now() - timedelta(days=11))


def queued(_number: str) -> None:
    a_delivery(due_at=clock.now() - timedelta(minutes=11))


def unsent(number: str) -> None:
    order = an_order(number=number)
    invoice = an_issued_invoice(order)
    a_delivery(kind="invoice", state="failed", order=order, document=invoice)


def without_mail_server(_number: str) -> None:
    a_delivery(trouble="smtp", due_at=clock.now() + HOUR)


def without_folder(_number: str) -> None:
    a_late_request(deadline_at=clock.now() + HOUR, earliest_at=clock.now(), trouble="documents")


def unread(_number: str) -> None:
    inbox.keep_unread(a_shop(name="atelier"), Unread("727", "Illisible.", b"{}"))


def without_data(_number: str) -> None:
    data_exports.request(a_customer()).become("failed")


CASES: dict[str, tuple[Callable[[str], object], str]] = {
    "late": (a_late_request, "T-9"),
    "attention": (stopped, "T-9"),
    "mail": (unsent, "T-9"),
    "slow": (slow, ""),
    "shipment": (unshipped, ""),
    "queue": (queued, ""),
    "smtp": (without_mail_server, ""),
    "documents": (without_folder, ""),
    "shop": (unread, "atelier"),
    "export": (without_data, ""),
}


@pytest.mark.parametrize("kind", CASES)
def test_each_kind_opens_is_told_once_and_closes_when_it_is_over(app: Flask, kind: str) -> None:
    make, about = CASES[kind]
    make("T-9")
    assert watched() == {(kind, about)}
    [alert] = alerts()
    assert (alert.recipient, alert.state) == ("alertes@boutique.example", "pending")
    assert watched() == {(kind, about)}
    for row in db.session.scalars(select(InvoiceRequest)):
        row.trouble = row.earliest_at = row.deadline_at = row.due_at = None
        row.requested_at = clock.now()
        if row.state == "needs_attention":
            row.become("sent", sent_at=clock.now())
    for message in inbox.failed():
        assert inbox.ignore(message.id)
    for export in db.session.scalars(select(DataExport)):
        data_exports.request(export.customer)
    for mail in db.session.scalars(select(Delivery).where(Delivery.kind != "alert")):
        mail.trouble, mail.due_at = None, clock.now()
        if mail.state == "failed":
            a_delivery(kind="invoice", state="sent", order=mail.order, document=mail.document)
    assert watched() == set()
    assert alerts() == [alert]


def test_redis_and_a_full_disk_are_found_without_any_work(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    app = make_app(REDIS_URL="redis://127.0.0.1:1", DOCUMENTS_URL=f"file://{tmp_path}/file/documents")
    with app.app_context():
        assert watched() == {("redis", ""), ("documents", "")}
        [alert] = alerts()
        assert {incident.alert_id for incident in db.session.scalars(select(Incident))} == {alert.id}


def test_a_mail_that_stopped_its_request_is_one_incident(app: Flask) -> None:
    order = an_order(number="T-9")
    invoice = an_issued_invoice(order)
    a_delivery(kind="invoice", state="failed", order=order, document=invoice)
    assert order.request is not None
    order.request.become("needs_attention", reason="Adresse refusée.")
    order.request.deadline_at = None
    assert watched() == {("attention", "T-9")}


def test_what_comes_within_ten_minutes_is_told_in_one_mail_afterwards(app: Flask, frozen_clock: Traveller) -> None:
    a_late_request("T-1")
    watched()
    sent(alerts()[0])
    for number in ("T-2", "T-3"):
        frozen_clock.shift(timedelta(minutes=4))
        a_late_request(number)
        watched()
        assert len(alerts()) == 1
    frozen_clock.shift(timedelta(minutes=2))
    watched()
    _first, second = alerts()
    [told] = incidents.told_by(second)
    assert (told.names, told.since) == ("T-2, T-3", "Depuis le 23/11/2026, 10:04.")


def test_no_alert_joins_one_that_is_still_on_its_way(app: Flask, frozen_clock: Traveller) -> None:
    a_late_request("T-1")
    watched()
    frozen_clock.shift(timedelta(hours=3))
    a_late_request("T-2")
    watched()
    assert len(alerts()) == 1
    sent(alerts()[0])
    watched()
    assert len(alerts()) == 2


def test_the_same_trouble_is_a_new_incident_when_it_comes_again(app: Flask, frozen_clock: Traveller) -> None:
    request = a_late_request("T-1")
    deadline = request.deadline_at
    for _ in range(2):
        request.deadline_at = deadline
        assert watched() == {("late", "T-1")}
        sent(alerts()[-1])
        request.deadline_at = clock.now() + HOUR
        request.earliest_at = clock.now()
        assert watched() == set()
        frozen_clock.shift(timedelta(minutes=11))
    assert len(alerts()) == 2


def test_what_ended_before_anybody_could_be_told_is_told_as_over(app: Flask, frozen_clock: Traveller) -> None:
    a_late_request("T-1")
    watched()
    sent(alerts()[0])
    blip = a_delivery(trouble="smtp", due_at=clock.now() + HOUR)
    watched()
    blip.trouble = None
    watched()
    frozen_clock.shift(timedelta(minutes=11))
    watched()
    [told] = incidents.told_by(alerts()[1])
    assert told.since == "Depuis le 23/11/2026, 10:00\u00a0; terminé entre-temps."


def test_an_alert_needs_neither_redis_nor_a_worker(make_app: Callable[..., Flask], smtp_server: Mailbox) -> None:
    with make_app(REDIS_URL="redis://127.0.0.1:1").app_context():
        assert watched() == {("redis", "")}
        jobs.alert()
        jobs.alert()
        [mail] = smtp_server.messages
        assert mail["Subject"].startswith("À regarder : Redis ne répond pas")


def test_an_alert_in_vain_is_an_incident_and_not_one_after_the_other(app: Flask, frozen_clock: Traveller) -> None:
    a_late_request("T-1")
    for _ in range(3):
        watched()
        for alert in alerts():
            if alert.state == "pending":
                alert.become("failed", trouble="recipient", error="550 No such user")
        frozen_clock.shift(timedelta(minutes=11))
    assert watched() == {("late", "T-1"), ("mail", incidents.OUR_OWN)}
    assert len(alerts()) == 2
    a_late_request("T-2")
    watched()
    sent(alerts()[-1])
    assert watched() == {("late", "T-1"), ("late", "T-2")}


@pytest.mark.parametrize(("many", "others"), [(21, "1 autre"), (23, "3 autres")])
def test_an_alert_goes_to_everybody_and_names_twenty(make_app: Callable[..., Flask], many: int, others: str) -> None:
    with make_app(ALERT_EMAIL=TWO).app_context():
        for number in range(many):
            a_late_request(f"T-{number:02}")
        watched()
        [alert] = alerts()
        message = letters.write(alert.id)
        assert [address.addr_spec for address in message["To"].addresses] == TWO.split(",")
        text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "T-00, T-01" in text
        assert f"T-19 et {others}\n" in text
        assert "T-20" not in text
        assert "http://localhost/admin/" in text
        again = message.as_bytes()
        for request in db.session.scalars(select(InvoiceRequest)):
            request.deadline_at = clock.now() + HOUR
        watched()
        assert letters.write(alert.id).as_bytes() == again


def test_a_clock_is_right_again_when_its_machine_says_so_or_is_gone(app: Flask, frozen_clock: Traveller) -> None:
    db.session.add(Incident(kind="clock", about="worker-1"))
    assert watched() == {("clock", "worker-1")}
    sent(alerts()[0])
    frozen_clock.shift(timedelta(hours=23))
    assert watched() == {("clock", "worker-1")}
    frozen_clock.shift(timedelta(hours=2))
    assert watched() == set()


def test_a_clock_that_is_wrong_itself_does_not_say_how_old_its_incident_is(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "database_now", lambda: clock.now() - timedelta(days=2))
    for _ in range(2):
        assert not clocks.agree()
        assert watched() == {("clock", socket.gethostname()[:100])}
    assert len(alerts()) == db.session.scalar(select(func.count()).select_from(Incident)) == 1


@pytest.mark.parametrize("kind", ["clock", "redis"])
def test_what_another_process_opens_while_we_look_is_not_closed(
    app: Flask, kind: str, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    meanwhile(lambda: db.session.add(Incident(kind=kind, about="worker-1")))
    assert watched() == {(kind, "worker-1")}


@pytest.mark.parametrize("kind", ["clock", "late"])
def test_what_another_process_closes_while_we_look_is_not_opened_again(
    app: Flask, kind: str, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    a_late_request("T-9")
    db.session.add(Incident(kind=kind, about="T-9"))
    meanwhile(lambda: db.session.execute(update(Incident).where(Incident.kind == kind).values(closed_at=clock.now())))
    assert watched() == {("late", "T-9")} - {(kind, "T-9")}


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Give what makes another process do something between a sweep's look at what is wrong and its writing."""

    def arrange(act: Callable[[], object]) -> None:
        look = incidents._out_of_order

        def looked() -> set[tuple[str, str]]:
            wrong = look()
            act()
            db.session.commit()
            return wrong

        monkeypatch.setattr(incidents, "_out_of_order", looked)

    return arrange


def test_many_are_opened_and_closed_by_one_statement_each(app: Flask) -> None:
    late = [a_late_request(f"T-{number}") for number in range(40)]
    with count_queries() as queries:
        assert len(watched()) == 40
        for request in late:
            request.deadline_at = request.earliest_at = clock.now()
        assert watched() == set()
    written = [statement.split("(")[0].split()[:3] for statement in queries.statements]
    assert written.count(["INSERT", "INTO", "incidents"]) == 1
    assert written.count(["UPDATE", "incidents", "SET"]) == 2  # To say which alert tells them, and to close them.


def test_a_secret_that_does_not_open_is_told_and_over_once_it_does(app: Flask) -> None:
    a_shop(name="atelier")
    shops.close(a_shop(name="ferme"))
    settings = app.extensions["settings"]
    assert watched() == set()
    lose_keys_secret(app)
    assert watched() == {("shop", "atelier")}
    app.extensions["settings"] = settings
    assert watched() == set()


def test_two_sweepers_tell_once(app: Flask) -> None:
    for number in range(5):
        a_late_request(f"T-{number}")
    db.session.commit()
    together, failures = Barrier(2), []

    def sweeper() -> None:
        with app.app_context():
            together.wait()
            try:
                sweep._do(incidents.watch)
            except Exception as error:
                failures.append(error)

    threads = [Thread(target=sweeper) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(alerts()) == 1
    assert len(watched()) == 5


def test_the_page_reads_one_group_a_kind_in_one_query(app: Flask) -> None:
    for number in range(30):
        a_late_request(f"T-{number:02}")
    watched()
    with count_queries() as queries:
        found = incidents.open_now(["redis"])
    assert queries.count == 1
    redis, late = found
    assert (redis.kind, late.kind, len(late.names), late.more) == ("redis", "late", 20, 10)
    assert incidents.count_by_kind()["late"] == 30


def test_every_kind_has_its_words(app: Flask) -> None:
    assert set(incidents.WORDS) == set(Incident.KINDS)
