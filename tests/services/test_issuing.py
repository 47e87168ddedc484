"""What is issued, in which series, and what it is chained to."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from time_machine import Traveller

import storage
from documents.credits import ExceedsInvoice
from extensions import db, transaction
from models import FIRST_LINK, CreditNote, Delivery, Document, Invoice, NumberSeries
from services import issuing
from services.verification import verify
from tests.support.factories import company_details
from tests.support.ledger import a_credit_note, a_replacement, an_invoice


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


def numbers() -> list[str]:
    return list(db.session.scalars(select(Document.number).order_by(Document.id)))


def test_invoices_and_credit_notes_are_numbered_apart(make_app: Callable[..., Flask]) -> None:
    with make_app(INVOICE_PREFIX="R", CREDIT_PREFIX="N", FIRST_NUMBER="41").app_context():
        for _ in range(2):
            a_replacement(first := an_invoice(), company_details())
            a_credit_note(first)
        assert numbers() == [
            "R-2026-000041", "R-2026-000042", "N-2026-000001", "R-2026-000043", "R-2026-000044", "N-2026-000002",
        ]  # fmt: skip


def test_first_number_begins_no_series_of_credit_notes_nor_of_specimens(make_app: Callable[..., Flask]) -> None:
    with make_app(FIRST_NUMBER="41", ISSUE_MODE="trial").app_context():
        a_credit_note(an_invoice())
        assert numbers() == ["SPECIMEN-2026-000001", "SPECIMEN-AV-2026-000001"]
    with make_app(FIRST_NUMBER="41").app_context():
        a_credit_note(an_invoice())
        assert numbers()[2:] == ["FA-2026-000041", "AV-2026-000001"]


def test_a_specimen_says_so_and_takes_no_real_number(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        specimen = an_invoice()
        note = a_credit_note(specimen)
        assert [document.trial for document in (specimen, note)] == [True, True]
        assert [issuing.frozen(document).trial for document in (specimen, note)] == [True, True]
        recipients = set(db.session.scalars(select(Delivery.recipient).where(Delivery.document_id == note.id)))
        assert recipients == {"alertes@boutique.example"}
    with make_app().app_context():
        assert an_invoice().number == "FA-2026-000001"


def test_the_first_of_each_kind_locks_its_prefix(make_app: Callable[..., Flask]) -> None:
    with make_app().app_context():
        an_invoice()
    with make_app(CREDIT_PREFIX="NC").app_context():
        issuing.require_mode()  # No credit note yet.
        a_credit_note(db.session.scalars(select(Invoice)).one())
        assert numbers() == ["FA-2026-000001", "NC-2026-000001"]
    with make_app(CREDIT_PREFIX="AV").app_context(), pytest.raises(issuing.WrongMode, match="CREDIT_PREFIX"):
        issuing.require_mode()
    with make_app(CREDIT_PREFIX="NC", INVOICE_PREFIX="X").app_context():
        with pytest.raises(issuing.WrongMode, match="INVOICE_PREFIX"):
            an_invoice()
        assert len(numbers()) == 2


def test_the_first_invoice_locks_the_first_number_for_good(
    make_app: Callable[..., Flask], frozen_clock: Traveller
) -> None:
    with make_app(FIRST_NUMBER="41").app_context():
        issuing.require_mode()  # Nothing is issued yet.
        an_invoice()
        a_credit_note(an_invoice())
        frozen_clock.shift(timedelta(days=60))
        an_invoice()  # The next year begins at 1, which changes nothing.
        issuing.require_mode()
    for other in ("1", "42"):
        with make_app(FIRST_NUMBER=other).app_context():
            with pytest.raises(issuing.WrongMode, match="FIRST_NUMBER"):
                issuing.require_mode()
            with pytest.raises(issuing.WrongMode, match="FIRST_NUMBER"):
                an_invoice()
            assert len(numbers()) == 4


def test_specimens_lock_no_first_number(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        an_invoice()
    with make_app(FIRST_NUMBER="41").app_context():
        issuing.require_mode()
        assert an_invoice().number == "FA-2026-000041"
        issuing.require_mode()


def test_each_document_is_chained_to_the_one_before_it_in_its_series(app: Flask, frozen_clock: Traveller) -> None:
    first, second = an_invoice(), an_invoice()
    note = a_credit_note(first)
    other = a_credit_note(second)
    frozen_clock.shift(timedelta(days=60))
    later = an_invoice()
    for document in (first, second, note, other, later):
        assert document.snapshot_sha256 == storage.digest(document.snapshot.encode())
        assert document.link == storage.digest(f"{document.previous_sha256}{document.snapshot_sha256}".encode())
    assert [first.previous_sha256, note.previous_sha256, later.previous_sha256] == [FIRST_LINK] * 3
    assert (second.previous_sha256, other.previous_sha256) == (first.link, note.link)
    assert (later.series, later.sequence) == ("FA-2027", 1)


def test_the_row_says_what_the_document_says(app: Flask) -> None:
    invoice = an_invoice(purchase_order="BC-7")
    note = a_credit_note(invoice, "10.00")
    for document in (invoice, note):
        said = issuing.frozen(document)
        assert (document.number, document.kind, document.issue_date) == (said.number, said.kind, said.issue_date)
        assert (document.net, document.vat, document.gross) == (said.totals.net, said.totals.vat, said.totals.gross)
        assert (document.currency, document.order.number) == (said.currency, said.order.number)
    said = issuing.frozen(note)
    assert said.refers_to is not None
    assert (said.refers_to.number, said.totals.gross) == (invoice.number, Decimal("10.00"))


def test_one_occasion_makes_one_document_and_takes_one_number(app: Flask) -> None:
    invoice = an_invoice()
    a_credit_note(invoice, "1.00")
    with pytest.raises(IntegrityError), transaction():
        issuing.credit_note(
            invoice, None, reason="Encore", settlement="refund", refunded_on=None, occasion=f"test:{invoice.id}:0"
        )
    assert db.session.get_one(NumberSeries, "AV-2026").last_number == 1
    assert db.session.scalar(select(func.count()).select_from(CreditNote)) == 1


def test_an_invoice_is_replaced_once(app: Flask) -> None:
    invoice = an_invoice()
    a_replacement(invoice, company_details())
    with pytest.raises(IntegrityError), transaction():
        issuing.replacement(invoice, company_details(), "", reason="Encore", occasion="test:again")
    assert numbers() == ["FA-2026-000001", "FA-2026-000002"]


def test_more_than_is_left_is_not_credited_and_takes_no_number(app: Flask) -> None:
    invoice = an_invoice()
    a_credit_note(invoice, "30.00")
    with pytest.raises(ExceedsInvoice):
        a_credit_note(invoice, "1.73")
    a_credit_note(invoice, "1.72")
    with pytest.raises(ExceedsInvoice):
        a_credit_note(invoice)
    assert numbers() == ["FA-2026-000001", "AV-2026-000001", "AV-2026-000002"]


def test_an_older_copy_of_the_database_gives_no_number_again(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    folder = app.extensions["settings"].documents_dir
    with app.app_context():
        known = an_invoice().number
    lost = f"{known[:-1]}2"
    folder.mkdir(exist_ok=True)
    for name in (known, "SPECIMEN-2026-000009", "SPECIMEN-AV-2026-000009", ".FA-2027-000009", "notes"):
        (folder / f"{name}.0123456789ab.pdf").write_bytes(b"")
    with make_app().app_context():
        issuing.require_latest()
    (folder / f"{lost}.0123456789ab.pdf").write_bytes(b"")
    with make_app().app_context():
        with pytest.raises(issuing.WrongMode, match=f"{lost} lies in the documents folder"):
            an_invoice()
        assert numbers() == [known]
        assert lost in {finding.about for checked in verify() for finding in checked.findings}
    with make_app(ISSUE_MODE="live").app_context(), pytest.raises(issuing.WrongMode):
        issuing.require_latest()
