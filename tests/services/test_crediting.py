"""Credit notes: each refund once, never more than the invoice, and what an admin decides."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from time_machine import Traveller

import clock
import jobs
from extensions import DomainError, db, transaction
from models import AuditEntry, CreditNote, Delivery, Document, Invoice, InvoiceRequest, Order
from services import crediting, invoicing, issuing, production, repair, review, sweep
from tests.support.customers import an_issued_invoice
from tests.support.factories import (
    PLACED,
    a_customer,
    a_line,
    a_refund,
    a_request,
    an_order,
    billing_details,
    company_details,
    shipping,
)
from tests.support.mailbox import Mailbox

SHIRT = [{"line": 0, "quantity": "1", "amount": "13.41"}]


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


def two_rates() -> list[Any]:
    """Return lines of 26,82 € at 20 % and 10,00 € at 5,5 %."""
    return [a_line(), a_line(description="Livre", quantity=Decimal(1), unit_price=Decimal("10.00"),
                             discount=Decimal("0.00"), vat_rate=Decimal("5.50"))]  # fmt: skip


def invoiced(**changes: Any) -> Invoice:
    """Return the invoice of a customer's order of 31,72 €."""
    customer = changes.pop("customer", None) or a_customer(billing=billing_details())
    return an_issued_invoice(an_order(customer=customer, **changes), drawn=False)


def settled(invoice: Invoice) -> list[CreditNote]:
    with transaction():
        return crediting.settle_refunds(invoicing.lock_order(invoice.order_id))


def refunded(invoice: Invoice, amount: str, **changes: Any) -> list[CreditNote]:
    """Return the credit notes that follow a refund of the shop."""
    with transaction():
        order = invoicing.lock_order(invoice.order_id)
        order.refunds.append(a_refund(amount, **changes))
        db.session.flush()
        return crediting.settle_refunds(order)


def amounts(note: CreditNote) -> dict[Decimal, tuple[Decimal, Decimal]]:
    return {row.rate: (row.net, row.vat) for row in issuing.frozen(note).totals.rates}


def acts(invoice: Invoice) -> list[tuple[str, str]]:
    found = select(AuditEntry.action, AuditEntry.detail).where(AuditEntry.order_id == invoice.order_id)
    rows = db.session.execute(found.order_by(AuditEntry.id)).all()
    return [(action, detail) for action, detail in rows if action.startswith("refund.")]


# Refunds.


def test_a_refund_from_before_there_were_credit_notes_is_credited_by_the_sweep(app: Flask) -> None:
    invoice, other = invoiced(), invoiced(customer=a_customer(email="autre@example.org", billing=billing_details()))
    refunded(other, "2.00")
    with transaction():
        for each in (invoice, other):  # An invoice that has credit notes waits for what its shop sends.
            order = invoicing.lock_order(each.order_id)
            order.refunds.append(a_refund("5.00", ref="old"))
    for _again in range(2):
        sweep.sweep()
        assert [(note.credits_id, note.gross) for note in db.session.scalars(select(CreditNote))] == [
            (other.id, Decimal("2.00")),
            (invoice.id, Decimal("5.00")),
        ]
    mails = select(Delivery.state).join(CreditNote, CreditNote.id == Delivery.document_id)
    assert list(db.session.scalars(mails)) == ["pending", "pending"]


def test_a_refund_gets_one_numbered_credit_note_with_its_mail(app: Flask) -> None:
    invoice = invoiced(lines=two_rates())
    (note,) = refunded(invoice, "13.41", lines=SHIRT, at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
    assert (note.number, note.issue_date, note.occasion) == (
        "AV-2026-000001", date(2026, 11, 23), f"refund:R1:on:{invoice.id}"
    )  # fmt: skip
    said = issuing.frozen(note)
    assert (said.reason, said.settlement, said.payment.paid_on) == ("Remboursement", "refund", date(2026, 11, 23))
    assert said.refers_to is not None
    assert (said.refers_to.number, said.refers_to.issue_date) == (invoice.number, invoice.issue_date)
    assert amounts(note) == {Decimal("20.00"): (Decimal("11.17"), Decimal("2.24"))}
    mail = db.session.scalars(select(Delivery)).one()
    assert (mail.kind, mail.document_id, mail.recipient) == ("credit_note", note.id, "claire@example.org")
    assert acts(invoice) == []
    assert issuing.left(invoice) == Decimal("23.41")
    assert review.uncredited(note.order) == 0


def test_settling_again_credits_nothing_twice(app: Flask) -> None:
    invoice = invoiced()
    assert len(refunded(invoice, "13.41", lines=SHIRT)) == 1
    assert settled(invoice) == []
    assert len(refunded(invoice, "5.00", ref="R2")) == 1
    assert settled(invoice) == []
    assert issuing.left(invoice) == Decimal("13.31")


def test_the_database_itself_refuses_a_second_credit_note_for_one_refund(app: Flask) -> None:
    (note,) = refunded(invoiced(), "5.00")
    asked = {"reason": "x", "settlement": "refund", "refunded_on": None, "occasion": note.occasion}
    with pytest.raises(IntegrityError), transaction():
        issuing.credit_note(note.invoice, None, **asked)  # type: ignore[arg-type]
    assert db.session.get_one(Document, note.id).number == "AV-2026-000001"


def test_a_refund_that_names_no_line_is_spread_over_the_rates_and_flagged(app: Flask) -> None:
    invoice = invoiced(lines=two_rates())
    (note,) = refunded(invoice, "10.00")
    assert set(amounts(note)) == {Decimal("20.00"), Decimal("5.50")}
    assert note.gross == Decimal("10.00")
    assert acts(invoice) == [("refund.spread", "R1")]


def test_lines_that_are_no_longer_the_invoices_name_nothing(app: Flask) -> None:
    invoice = invoiced(lines=two_rates())
    with transaction():
        invoicing.lock_order(invoice.order_id).lines[0].description = "Autre chose"
    (note,) = refunded(invoice, "13.41", lines=SHIRT)
    assert set(amounts(note)) == {Decimal("20.00"), Decimal("5.50")}
    assert acts(invoice) == [("refund.spread", "R1")]


def test_with_one_rate_there_is_nothing_to_flag(app: Flask) -> None:
    invoice = invoiced()
    refunded(invoice, "10.00")
    assert acts(invoice) == []


def test_a_refund_of_everything_is_the_whole_invoice(app: Flask) -> None:
    invoice = invoiced(lines=two_rates())
    (note,) = refunded(invoice, "36.82")
    assert (note.net, note.vat, note.gross) == (invoice.net, invoice.vat, invoice.gross)
    assert issuing.frozen(note).sale.lines == issuing.frozen(invoice).sale.lines
    assert acts(invoice) == []


def test_more_than_the_invoice_is_never_credited_and_a_person_is_told(app: Flask) -> None:
    invoice = invoiced()
    assert [note.gross for note in refunded(invoice, "20.00")] == [Decimal("20.00")]
    assert [note.gross for note in refunded(invoice, "20.00", ref="R2")] == [Decimal("11.72")]
    assert refunded(invoice, "1.00", ref="R3") == []
    assert settled(invoice) == []
    assert acts(invoice) == [
        ("refund.not_credited", f"R2: 20.00, {invoice.number}: 11.72"),
        ("refund.not_credited", f"R3: 1.00, {invoice.number}: 0"),
    ]
    assert issuing.left(invoice) == 0
    assert review.uncredited(invoice.order) == Decimal("9.28")


def test_a_refund_that_the_shop_changes_after_its_credit_note_is_for_a_person(app: Flask) -> None:
    invoice = invoiced()
    refunded(invoice, "5.00")
    with transaction():
        invoicing.lock_order(invoice.order_id).refunds[0].amount = Decimal("7.00")
    assert settled(invoice) == []
    assert acts(invoice) == [("refund.not_credited", f"R1: 7.00, {invoice.number}: 5.00")]
    assert review.uncredited(invoice.order) == Decimal("2.00")


@pytest.mark.parametrize(("locale", "reason"), [("fr", "Remboursement"), ("en", "Refund"), ("es", "Reembolso")])
def test_the_reason_is_in_the_invoices_language(app: Flask, locale: str, reason: str) -> None:
    invoice = invoiced(locale=locale)
    with transaction():
        invoicing.lock_order(invoice.order_id).locale = "fr"
    (note,) = refunded(invoice, "5.00")
    assert issuing.frozen(note).reason == reason


@pytest.mark.databases("sqlite")
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(cents=st.lists(st.integers(1, 2500), min_size=1, max_size=6), named=st.booleans())
def test_whatever_is_refunded_the_sums_never_exceed_the_invoice(app: Flask, cents: list[int], named: bool) -> None:
    email = f"{clock.now().timestamp()}-{len(cents)}@example.org"
    invoice = an_issued_invoice(
        an_order(email=email, billing=billing_details(), lines=[*two_rates(), shipping()]), drawn=False
    )
    for index, each in enumerate(cents):
        amount = Decimal(each) / 100
        refunded(invoice, str(amount), ref=f"R{index}", lines=[SHIRT[0] | {"amount": str(amount)}] if named else [])
    whole = {row.rate: row for row in issuing.frozen(invoice).totals.rates}
    notes = [issuing.frozen(note) for note in db.session.get_one(Invoice, invoice.id).credit_notes]
    for rate, row in whole.items():
        mine = [each for note in notes for each in note.totals.rates if each.rate == rate]
        assert 0 <= sum(each.gross for each in mine) <= row.gross
        assert 0 <= sum(each.vat for each in mine) <= row.vat
    wanted = Decimal(sum(cents)) / 100
    assert sum(note.totals.gross for note in notes) == min(wanted, invoice.gross)


# Before the invoice.


def due(order: Order) -> InvoiceRequest:
    met = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    return a_request(order, state="scheduled", **met)


def produced(request: InvoiceRequest) -> list[Document]:
    """Return the documents that the worker's job makes of a request."""
    lease = production.claim(request.id)
    assert lease is not None
    invoice_id = production.issue(lease)
    if invoice_id:
        production.render(lease, invoice_id)
    return list(db.session.scalars(select(Document).order_by(Document.id)))


def test_what_was_refunded_before_is_credited_with_the_invoice(app: Flask) -> None:
    customer = a_customer(billing=billing_details())
    request = due(an_order(customer=customer, shipped_at=PLACED, refunds=[a_refund("13.41", lines=SHIRT)]))
    invoice, note = produced(request)
    assert (invoice.gross, note.gross) == (Decimal("31.72"), Decimal("13.41"))
    assert isinstance(note, CreditNote)
    assert note.credits_id == invoice.id
    assert invoice.request.state == "rendered"
    kinds = select(Delivery.kind).order_by(Delivery.id)
    assert sorted(db.session.scalars(kinds)) == ["credit_note", "invoice"]


def test_the_mail_of_such_a_credit_note_is_rung_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    bells: list[tuple[str, int]] = []
    monkeypatch.setattr("task_queue.ring", lambda *bell: bells.append(bell))
    customer = a_customer(billing=billing_details())
    produced(due(an_order(customer=customer, shipped_at=PLACED, refunds=[a_refund("13.41")])))
    mail = db.session.scalars(select(Delivery).where(Delivery.kind == "credit_note")).one()
    assert bells == [("deliver", mail.id)]


def test_a_company_whose_goods_came_back_gets_invoice_and_credit_note(app: Flask) -> None:
    order = an_order(billing=company_details(), shipped_at=PLACED, refunds=[a_refund("31.72")])
    order.require_invoiceable()
    request = due(order)
    invoice, note = produced(request)
    assert (invoice.gross, note.gross) == (Decimal("31.72"), Decimal("31.72"))
    assert invoice.request.state == "rendered"


@pytest.mark.parametrize(
    ("billing", "shipped"),
    [
        (billing_details(), True),
        (company_details(), False),
        (company_details(siret="", vat_number=""), True),
    ],
)
def test_what_was_all_refunded_before_is_not_invoiced_to_anybody_else(app: Flask, billing: Any, shipped: bool) -> None:
    order = an_order(billing=billing, shipped_at=PLACED if shipped else None, refunds=[a_refund("31.72")])
    with pytest.raises(DomainError, match="entièrement remboursée"):
        order.require_invoiceable()
    request = due(order)
    assert produced(request) == []
    assert request.state == "cancelled"


def test_a_cancelled_order_of_a_company_is_not_invoiced(app: Flask) -> None:
    order = an_order(billing=company_details(), shipped_at=PLACED, cancelled_at=PLACED, refunds=[a_refund("31.72")])
    with pytest.raises(DomainError, match="annulée"):
        order.require_invoiceable()


# By an admin.


def by_hand(invoice: Invoice, amount: str | None, **changes: Any) -> CreditNote | None:
    wanted: dict[str, Any] = {"reason": "Geste commercial", "refund": True, "shown": 0} | changes
    return crediting.credit(invoice, amount=Decimal(amount) if amount else None, **wanted)


def test_an_admin_credits_a_part_with_a_reason_printed_as_written(app: Flask) -> None:
    invoice = invoiced()
    note = by_hand(invoice, "5.00", reason="  Tasse ébréchée,\n remise  ")
    assert note is not None
    said = issuing.frozen(note)
    assert (said.reason, said.settlement) == ("Tasse ébréchée, remise", "refund")
    assert (said.payment.paid, said.payment.left) == (Decimal("0.00"), Decimal("5.00"))
    assert (note.gross, issuing.left(invoice)) == (Decimal("5.00"), Decimal("26.72"))


def test_the_mail_of_an_admins_credit_note_is_rung_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    bells: list[tuple[str, int]] = []
    monkeypatch.setattr("task_queue.ring", lambda *bell: bells.append(bell))
    by_hand(invoiced(), None)
    assert bells == [("deliver", db.session.scalars(select(Delivery.id)).one())]


def test_a_credit_without_refund_says_so(app: Flask) -> None:
    note = by_hand(invoiced(), None, refund=False)
    assert note is not None
    assert (issuing.frozen(note).settlement, note.gross) == ("set_off", Decimal("31.72"))


def test_a_second_press_credits_nothing(app: Flask) -> None:
    invoice = invoiced()
    assert by_hand(invoice, "5.00") is not None
    assert by_hand(invoice, "5.00") is None
    assert by_hand(invoice, "5.00", shown=1) is not None
    assert issuing.left(invoice) == Decimal("21.72")


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "31.73"])
def test_no_more_than_is_left_is_credited(app: Flask, amount: str) -> None:
    invoice = invoiced()
    with pytest.raises(DomainError, match="31,72"):
        by_hand(invoice, amount)
    assert by_hand(invoice, "31.72") is not None
    with pytest.raises(DomainError, match="entièrement créditée"):
        by_hand(invoice, "0.01", shown=1)


@pytest.mark.parametrize("reason", [" ", "x" * 301])
def test_a_credit_note_has_a_reason_that_fits(app: Flask, reason: str) -> None:
    invoice = invoiced()
    with pytest.raises(DomainError, match="motif"):
        by_hand(invoice, None, reason=reason)
    assert issuing.left(invoice) == invoice.gross


def test_crediting_what_the_shop_cancelled_ends_the_look_into_it(app: Flask) -> None:
    invoice = invoiced()
    with transaction():
        order = invoicing.lock_order(invoice.order_id)
        order.cancelled_at, order.review = clock.now(), ["à voir"]
    assert by_hand(invoice, "5.00")
    (reason,) = db.session.get_one(Order, invoice.order_id).review or []
    assert "annulée" in reason
    assert by_hand(invoice, None, shown=1)
    assert db.session.get_one(Order, invoice.order_id).review is None


def test_many_presses_at_once_make_one_credit_note(app: Flask) -> None:
    invoice_id = invoiced().id
    notes: list[CreditNote | None] = []
    gate = threading.Barrier(6)

    def press() -> None:
        with app.app_context():
            invoice = db.session.get_one(Invoice, invoice_id)
            gate.wait()
            notes.append(by_hand(invoice, "20.00"))

    presses = [threading.Thread(target=press) for _ in range(6)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert sum(note is not None for note in notes) == 1
    assert len(notes) == 6
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(CreditNote)) == 1


def test_refunds_from_many_sides_at_once_are_credited_once(app: Flask) -> None:
    invoice = invoiced()
    with transaction():
        order = invoicing.lock_order(invoice.order_id)
        order.refunds.append(a_refund("20.00"))
    counted: list[int] = []
    gate = threading.Barrier(4)

    def side() -> None:
        with app.app_context():
            found = db.session.get_one(Invoice, invoice_id)
            gate.wait()
            counted.append(len(settled(found)))

    invoice_id = invoice.id
    sides = [threading.Thread(target=side) for _ in range(4)]
    for each in sides:
        each.start()
    for each in sides:
        each.join()
    assert sorted(counted) == [0, 0, 0, 1]


# Specimens, and their mails.


def test_in_trial_mode_credit_notes_are_specimens_of_their_own_series(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        invoice = invoiced()
        (note,) = refunded(invoice, "5.00")
        assert (note.number, note.trial) == ("SPECIMEN-AV-2026-000001", True)
        mail = db.session.scalars(select(Delivery)).one()
        assert (mail.kind, mail.recipient) == ("specimen", "alertes@boutique.example")
        assert note.order.credit_notes == []
    with make_app(ISSUE_MODE="live").app_context():
        invoice = db.session.get_one(Invoice, invoice.id)
        assert settled(invoice) == []
        with pytest.raises(DomainError, match="spécimen"):
            by_hand(invoice, None, shown=1)
        with pytest.raises(issuing.WrongMode), transaction():
            issuing.credit_note(invoice, None, reason="x", settlement="refund", refunded_on=None, occasion="credit:0:1")


def test_a_refund_tried_out_on_a_specimen_is_credited_on_the_real_invoice_too(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        order = an_order(customer=a_customer(billing=billing_details()), refunds=[a_refund("5.00")], shipped_at=PLACED)
        request_id = due(order).id
        produced(db.session.get_one(InvoiceRequest, request_id))
    with make_app(ISSUE_MODE="live").app_context():
        request = db.session.get_one(InvoiceRequest, request_id)
        with transaction():
            request.become("requested")
            db.session.flush()
            request.become("scheduled", due_at=clock.now())
        numbers = [document.number for document in produced(request)]
        assert numbers == [
            "SPECIMEN-2026-000001", "SPECIMEN-AV-2026-000001", "FA-2026-000001", "AV-2026-000001"
        ]  # fmt: skip


def test_a_credit_note_is_drawn_and_mailed_and_leaves_the_request_alone(app: Flask, smtp_server: Mailbox) -> None:
    invoice = invoiced(customer=a_customer(billing=billing_details()))
    (note,) = refunded(invoice, "5.00")
    mail_id, note_id, number = db.session.scalars(select(Delivery.id)).one(), note.id, note.number
    sent_at = invoice.request.sent_at
    jobs.deliver(mail_id)
    (message,) = smtp_server.messages
    assert message["Subject"].startswith(f"Votre avoir {number}")
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == f"{number}.pdf"
    body = message.get_body(("plain",))
    assert body is not None
    assert "vous a été remboursé" in body.get_content()
    note = db.session.get_one(CreditNote, note_id)
    assert note.file is not None
    assert (note.request.state, note.request.sent_at) == ("sent", sent_at)


def test_a_credit_note_that_was_refused_is_sent_again_without_touching_the_request(
    app: Flask, smtp_server: Mailbox
) -> None:
    (note,) = refunded(invoiced(), "5.00")
    order_id, note_id = note.order_id, note.id
    smtp_server.modes["RCPT"] = "550 5.1.1 no such mailbox"
    jobs.deliver(db.session.scalars(select(Delivery.id)).one())
    order = db.session.get_one(Order, order_id)
    assert order.request is not None
    assert order.request.state == "sent"
    smtp_server.modes.clear()
    assert repair.resend(order, note_id, 1)
    assert not repair.resend(order, note_id, 1)
    mails = db.session.scalars(select(Delivery).order_by(Delivery.id)).all()
    assert [(mail.kind, mail.state, mail.document_id) for mail in mails] == [
        ("credit_note", "failed", note_id),
        ("credit_note", "pending", note_id),
    ]
    jobs.deliver(mails[1].id)
    assert len(smtp_server.messages) == 1


def test_another_orders_document_is_not_sent_from_here(app: Flask) -> None:
    (note,) = refunded(invoiced(), "5.00")
    with pytest.raises(DomainError):
        repair.resend(an_order(), note.id, 1)
