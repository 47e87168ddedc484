"""The checker sees each kind of broken world, and finds nothing in a whole one."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import config
import jobs
from app import create_app
from extensions import db
from models import Delivery, Invoice
from tests.faults.checker import check, check_log
from tests.support.databases import Databases
from tests.support.factories import PLACED, a_customer, a_request, an_order, billing_details
from tests.support.ledger import a_credit_note, tamper
from tests.support.mail_server import Accepted, described
from tests.support.mailbox import Mailbox
from tests.support.settings import settings_for_tests

Mails = list[Accepted]


@pytest.fixture(scope="module")
def whole_world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mails]:
    """Make two orders, invoiced by the services and mailed; give their folder and the mails that arrived."""
    folder, mailbox = tmp_path_factory.mktemp("world"), Mailbox()
    with databases.fresh("sqlite") as url:
        shutil.copyfile(url.removeprefix("sqlite:///"), folder / "world.db")
    mailbox.controller.start()
    app = create_app(settings_for_tests(folder, DATABASE_URL=f"sqlite:///{folder}/world.db", SMTP_URL=mailbox.url))
    with app.app_context():
        for number in (1, 2):
            customer = a_customer(email=f"cliente{number}@example.org", billing=billing_details())
            met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": PLACED}
            order = an_order(number=f"T-{number}", customer=customer, shipped_at=PLACED)
            jobs.produce(a_request(order, state="scheduled", **met).id)
        db.session.remove()
        db.engine.dispose()
    mailbox.controller.stop()
    sent = zip(mailbox.raw, mailbox.recipients, strict=True)
    return folder, [described(raw, recipients) for raw, recipients in sent]


@pytest.fixture
def mails(whole_world: tuple[Path, Mails], tmp_path: Path) -> Iterator[Mails]:
    """Give the mails of a copy of that world, which the test may break."""
    shutil.copytree(whole_world[0], tmp_path, dirs_exist_ok=True)
    app = create_app(settings_for_tests(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/world.db"))
    with app.app_context():
        yield list(whole_world[1])
        db.session.remove()
        db.engine.dispose()


def names(mails: Mails, **said: object) -> set[str]:
    return {finding.name for finding in check(mails, **said)}  # type: ignore[arg-type]


def test_a_whole_world_has_no_findings(mails: Mails) -> None:
    assert check(mails, asked=["T-1", "T-2"]) == []


def _break(statement: str) -> Callable[[Mails], None]:
    return lambda _mails: tamper(statement)


def _doubt(mails: Mails) -> None:
    tamper("UPDATE deliveries SET doubts = 1 WHERE id = 1")
    mails.append(mails[0])


def _empty_folder(_mails: Mails) -> None:
    next(Path(config.current().documents_dir).rglob("*.pdf")).unlink()


def _mail_again(_mails: Mails) -> None:
    first = db.session.get_one(Delivery, 1)
    again = Delivery(kind="invoice", recipient=first.recipient, document_id=first.document_id, occasion="twice")
    again.message_id, again.state, again.due_at = "<again@example.org>", "failed", None
    db.session.add(again)
    db.session.commit()


def _second_invoice(_mails: Mails) -> None:
    tamper("DROP INDEX uq_documents_first_invoice")
    tamper("UPDATE documents SET request_id = 1, order_id = 1")


WITHOUT_MAIL = "UPDATE invoice_requests SET sent_at = NULL, state = "
BROKEN: dict[str, Callable[[Mails], None]] = {
    "two_invoices": _second_invoice,
    "sent_without_invoice": _second_invoice,
    "sent_without_mail": lambda mails: mails.clear(),
    "sent_but_never_accepted": lambda mails: mails.clear(),
    "unfinished": _break(f"{WITHOUT_MAIL} 'rendered' WHERE id = 1"),
    "invoiced_but_waiting": _break(f"{WITHOUT_MAIL} 'waiting', waiting_for = 'shipment' WHERE id = 1"),
    "cancelled_but_invoiced": _break(f"{WITHOUT_MAIL} 'cancelled', reason = 'annulée' WHERE id = 1"),
    "stopped_without_reason": _break(f"{WITHOUT_MAIL} 'needs_attention', reason = '' WHERE id = 1"),
    "gap_or_duplicate": _break("UPDATE documents SET sequence = 3 WHERE sequence = 2"),
    "counter_elsewhere": _break("UPDATE number_series SET last_number = 3"),
    "date_backwards": _break("UPDATE documents SET issue_date = '2026-01-01' WHERE sequence = 2"),
    "not_as_issued": _break("UPDATE documents SET snapshot_sha256 = previous_sha256 WHERE sequence = 1"),
    "mail_of_nobody": lambda mails: mails.append(replace(mails[0], message_id="<stray@example.org>")),
    "mail_left": _break("UPDATE deliveries SET sent_at = NULL, state = 'sending' WHERE id = 1"),
    "accepted_but_not_sent": _break("UPDATE deliveries SET sent_at = NULL, state = 'pending' WHERE id = 1"),
    "doubled": lambda mails: mails.append(mails[0]),
    "doubted_without_cause": _doubt,
    "more_than_two": lambda mails: mails.extend([mails[0], mails[0]]),
    "copies_differ": lambda mails: mails.append(replace(mails[0], sha256="other")),
    "sent_elsewhere": _break("UPDATE deliveries SET recipient = 'autre@example.org' WHERE id = 1"),
    "second_mail": _mail_again,
    "mailed_without_file": _break("DELETE FROM stored_files"),
    "other_bytes_mailed": lambda mails: mails.append(replace(mails.pop(), attachments=["other"])),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_world_is_named(mails: Mails, name: str) -> None:
    BROKEN[name](mails)
    db.session.expire_all()
    assert name in names(mails)


def test_a_request_that_was_accepted_and_is_not_there_is_lost(mails: Mails) -> None:
    assert [(one.name, one.about) for one in check(mails, asked=["T-1", "T-3"])] == [("lost", "T-3")]


def test_a_file_that_is_gone_is_found(mails: Mails) -> None:
    _empty_folder(mails)
    assert names(mails) == {"not_as_issued"}


def test_a_mail_in_doubt_may_arrive_twice_when_a_fault_explains_it(mails: Mails) -> None:
    _doubt(mails)
    assert check(mails, doubtful=1) == []


def test_what_is_cancelled_and_credited_or_waits_for_its_moment_is_well(mails: Mails) -> None:
    an_order_that_waits()
    credited = db.session.get_one(Invoice, 1)
    note = a_credit_note(credited)
    tamper(f"{WITHOUT_MAIL} 'cancelled', reason = 'rendue' WHERE id = 1")
    found = check(mails)
    assert [(one.name, one.about.partition(" ")[0]) for one in found] == [("mail_left", "credit_note")]
    assert note.credits_id == credited.id


def an_order_that_waits() -> None:
    customer = a_customer(email="attend@example.org", billing=billing_details())
    a_request(an_order(number="T-9", customer=customer))


def test_the_log_says_what_no_fault_explains() -> None:
    lines = [
        json.dumps({"level": "ERROR", "message": "invoice not produced", "error": "IntegrityError"}),
        json.dumps({"level": "ERROR", "message": "job failed", "exc_info": "Traceback\nIllegalTransition: no step"}),
        json.dumps({"level": "ERROR", "message": "invoice not produced", "error": "Failed"}),
        json.dumps({"level": "WARNING", "message": "lease lost after sending"}),
        "Traceback (most recent call last):",
        "",
    ]
    assert [(one.name, one.about) for one in check_log(lines)] == [
        ("unexpected_error", "IntegrityError"),
        ("unexpected_error", "IllegalTransition"),
        ("uncaught", "Traceback (most recent call last):"),
    ]
