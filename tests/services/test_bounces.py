"""What the reports in the mailbox do to the outbox: once, whatever breaks in between, and to our own mails only."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
from extensions import db, transaction
from mail.incoming import KEYWORD, Unreachable
from models import AuditEntry, Delivery, InvoiceRequest
from services import bounces, repair
from tests.support import reports
from tests.support.imap_server import ImapServer
from tests.support.ledger import an_invoice
from tests.support.outbox import a_delivery


@pytest.fixture
def mailbox() -> Iterator[ImapServer]:
    """Give the mailbox of the shop, at a real server."""
    with ImapServer() as server:
        yield server


@pytest.fixture
def app(make_app: Callable[..., Flask], mailbox: ImapServer) -> Iterator[Flask]:
    """Give the application with that mailbox."""
    app = make_app(BOUNCES_URL=mailbox.url)
    with app.app_context():
        yield app


@pytest.fixture
def request_id(app: Flask, frozen_clock: Traveller) -> int:
    """Give the request whose invoice was sent by the mail `<invoice@tests.example>`."""
    invoice = an_invoice()
    for state in ("rendered", "sent"):
        with transaction():
            sent_at = clock.now() if state == "sent" else None
            db.session.get_one(InvoiceRequest, invoice.request_id).become(state, sent_at=sent_at)
    mail_of_it(invoice.id, invoice.order_id, message_id="<invoice@tests.example>")
    return invoice.request_id or 0


def mail_of_it(document_id: int, order_id: int, *, state: str = "sent", message_id: str) -> Delivery:
    about = {"document_id": document_id, "order_id": order_id, "message_id": message_id}
    return a_delivery(kind="invoice", state=state, **about)


def came_back() -> int:
    """Return how often the audit says that a mail came back."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(AuditEntry.action == "mail.bounced")) or 0


def fresh(delivery_id: int) -> Delivery:
    db.session.rollback()
    return db.session.get_one(Delivery, delivery_id, populate_existing=True)


def test_an_invoice_that_came_back_stands_in_front_of_an_admin(request_id: int, mailbox: ImapServer) -> None:
    mailbox.receive(reports.postfix("<invoice@tests.example>"))
    assert bounces.take_in() == {"read": 1, "came_back": 1}
    mail = db.session.scalars(select(Delivery)).one()
    assert (mail.state, mail.sent_at, mail.trouble) == ("failed", None, "recipient")
    assert mail.last_error is not None
    assert mail.last_error.startswith("Message revenu : 550 5.1.1 <claire@example.org>: Recipient address rejected")
    request = db.session.get_one(InvoiceRequest, request_id)
    assert (request.state, request.reason) == ("needs_attention", "L'adresse e-mail a refusé le message.")
    assert came_back() == 1


def test_what_refused_the_message_is_not_blamed_on_the_address(request_id: int, mailbox: ImapServer) -> None:
    mailbox.receive(reports.postfix("<invoice@tests.example>", status="5.7.1", reason="550 5.7.1 spam"))
    bounces.take_in()
    assert db.session.scalars(select(Delivery.trouble).where(Delivery.kind == "invoice")).one() == "message"
    reason = db.session.get_one(InvoiceRequest, request_id).reason
    assert reason == "Le message n'a pas pu être remis."


def test_a_mail_without_a_document_comes_back_alone(app: Flask, mailbox: ImapServer) -> None:
    mail_id, other_id = a_delivery(state="sent").id, a_delivery(state="sent").id
    mailbox.receive(reports.postfix(fresh(mail_id).message_id))
    bounces.take_in()
    assert (fresh(mail_id).state, fresh(other_id).state) == ("failed", "sent")


def test_a_mail_that_may_have_arrived_has_not(app: Flask, mailbox: ImapServer) -> None:
    mail = a_delivery(state="unknown", doubts=2)
    mailbox.receive(reports.postfix(mail.message_id))
    assert bounces.take_in()["came_back"] == 1
    assert fresh(mail.id).state == "failed"


def test_what_came_back_after_it_was_sent_again_disturbs_nobody(request_id: int, mailbox: ImapServer) -> None:
    first = db.session.scalars(select(Delivery)).one()
    again = mail_of_it(first.document_id or 0, first.order_id or 0, message_id="<again@tests.example>")
    first_id, again_id = first.id, again.id
    mailbox.receive(reports.postfix("<invoice@tests.example>"))
    assert bounces.take_in()["came_back"] == 1
    assert (fresh(first_id).state, fresh(again_id).state) == ("failed", "sent")
    assert db.session.get_one(InvoiceRequest, request_id).state == "sent"


def test_a_report_is_read_once_and_two_about_one_mail_are_one(app: Flask, mailbox: ImapServer) -> None:
    mail = a_delivery(state="sent")
    mailbox.receive(reports.postfix(mail.message_id))
    mailbox.receive(reports.like(reports.BY_EXIM, mail.message_id))
    assert bounces.take_in() == {"read": 2, "came_back": 1, "known": 1}
    assert bounces.take_in() == {}
    assert came_back() == 1


def test_a_run_that_is_cut_between_commit_and_mark_does_nothing_twice(app: Flask, mailbox: ImapServer) -> None:
    mail = a_delivery(state="sent")
    uid = mailbox.receive(reports.postfix(mail.message_id))
    mailbox.drops = "STORE"
    with pytest.raises(Unreachable):
        bounces.take_in()
    assert (fresh(mail.id).state, mailbox.flags[uid]) == ("failed", set())
    assert bounces.take_in() == {"read": 1, "known": 1}
    assert (mailbox.flags[uid], came_back()) == ({KEYWORD}, 1)


def test_two_runs_at_once_do_it_once(app: Flask, mailbox: ImapServer) -> None:
    mails = [a_delivery(state="sent").message_id for _ in range(4)]
    for message_id in mails:
        mailbox.receive(reports.postfix(message_id))

    def run() -> int:
        with app.app_context():
            return bounces.take_in()["came_back"]

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run) for _ in range(2)]
        assert sum(each.result() for each in runs) == came_back() == 4


@pytest.mark.parametrize("state", ["pending", "sending"])
def test_a_report_that_is_faster_than_we_are_waits_for_the_next_run(
    app: Flask, mailbox: ImapServer, state: str
) -> None:
    mail = a_delivery(state=state, doubts=1)
    uid = mailbox.receive(reports.postfix(mail.message_id))
    assert bounces.take_in() == {"read": 1, "early": 1}
    assert (fresh(mail.id).state, mailbox.flags[uid]) == (state, set())
    for step in ("sending", "sent"):
        with transaction():
            db.session.get_one(Delivery, mail.id).become(step)
    assert bounces.take_in() == {"read": 1, "came_back": 1}


def test_what_names_no_mail_of_ours_changes_nothing(app: Flask, mailbox: ImapServer) -> None:
    mail = a_delivery(state="sent")
    mailbox.receive(reports.postfix("<0123456789abcdef@tests.example>"))
    mailbox.receive(reports.postfix(mail.message_id.replace("<", "<x")))
    mailbox.receive(reports.postfix(mail.message_id, action="delayed", status="4.4.1"))
    mailbox.receive(reports.like(reports.ABSENCE, mail.message_id))
    mailbox.receive(b"")
    assert bounces.take_in() == {"read": 5, "foreign": 5}
    assert (fresh(mail.id).state, came_back()) == ("sent", 0)
    assert bounces.take_in() == {}


@pytest.mark.databases("sqlite")
def test_a_message_that_breaks_the_parser_does_not_keep_us_from_the_next(
    app: Flask, mailbox: ImapServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail = a_delivery(state="sent")
    mailbox.receive(b"Content-Type: multipart/report; boundary*=\"\x00'fr'b\"\n\n")  # A character set of that name.
    mailbox.receive(reports.postfix(mail.message_id))
    assert bounces.take_in() == {"read": 2, "foreign": 1, "came_back": 1}
    assert "message not understood" in caplog.text


@pytest.mark.databases("sqlite")
def test_what_came_back_is_sent_again_to_another_address(
    request_id: int, mailbox: ImapServer, frozen_clock: Traveller
) -> None:
    mailbox.receive(reports.postfix("<invoice@tests.example>"))
    bounces.take_in()
    mail = db.session.scalars(select(Delivery)).one()
    assert mail.order is not None
    repair.correct_email(mail.order, "claire@autre.example")
    frozen_clock.shift(timedelta(hours=1))
    assert repair.resend(mail.order, mail.document_id or 0, shown=1)
    again = db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
    assert again is not None
    assert again.message_id != "<invoice@tests.example>"
    assert (again.state, db.session.get_one(InvoiceRequest, request_id).state) == ("pending", "rendered")
