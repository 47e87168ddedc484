"""Corrected invoices: address and reference at once, the buyer by an admin, once an invoice, to the cent."""

import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

import clock
import jobs
from documents import credits
from extensions import DomainError, db, transaction
from models import AuditEntry, Correction, CreditNote, Customer, Delivery, Invoice, InvoiceRequest, Order
from parties.details import Details
from services import billing, corrections, crediting, invoicing, issuing, review
from tests.support.customers import an_issued_invoice
from tests.support.factories import (
    a_customer,
    a_line,
    a_refund,
    an_order,
    billing_details,
    company_details,
)
from tests.support.mailbox import Mailbox

MOVED = billing_details(line1="14 rue Mercière", postal_code="69001")


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Give the list of what was rung for."""
    rung: list[tuple[str, int]] = []

    def ring(job: str, identifier: int) -> bool:
        assert not db.session.info.get("in_transaction")
        rung.append((job, identifier))
        return True

    monkeypatch.setattr("task_queue.ring", ring)
    return rung


def invoiced(**changes: Any) -> Invoice:
    """Return the invoice of a customer's order of 31,72 €."""
    customer = changes.pop("customer", None) or a_customer(billing=changes.pop("details", billing_details()))
    return an_issued_invoice(an_order(customer=customer, **changes), drawn=False)


def owner(invoice: Invoice) -> Customer:
    assert invoice.order.customer is not None
    return invoice.order.customer


def submitted(invoice: Invoice, details: Details = MOVED, purchase_order: str = "") -> Correction:
    return corrections.submit(invoice, details, purchase_order, owner(invoice))


def requested(invoice: Invoice, **changes: str) -> Correction:
    """Return a correction that an admin has to decide."""
    correction = submitted(invoice, billing_details(last_name="Durand", **changes))
    assert correction.state == "requested"
    return correction


def numbers(order_id: int) -> list[str]:
    db.session.rollback()
    return [document.number for document in db.session.get_one(Order, order_id).documents]


def acts(order_id: int) -> list[str]:
    found = select(AuditEntry.action).where(AuditEntry.order_id == order_id, AuditEntry.action.startswith("correction"))
    return list(db.session.scalars(found.order_by(AuditEntry.id)))


def lefts(invoice: Invoice) -> dict[Decimal, tuple[Decimal, Decimal]]:
    left = credits.left(issuing.frozen(invoice).totals, issuing.earlier_credits(invoice))
    return {row.rate: (row.net, row.vat) for row in left.rates}


# At once.


def test_an_address_is_corrected_by_credit_note_and_another_invoice_at_once(
    app: Flask, bells: list[tuple[str, int]]
) -> None:
    invoice = invoiced()
    correction = submitted(invoice, MOVED, "BC-7")
    assert (correction.state, correction.decided_at) == ("accepted", clock.now())
    (note,) = invoice.credit_notes
    current = invoice.replaced_by
    assert current is not None
    assert (invoice.number, note.number, current.number) == ("FA-2026-000001", "AV-2026-000001", "FA-2026-000002")
    assert (current.net, current.vat, current.gross) == (note.net, note.vat, note.gross)
    assert (current.gross, issuing.left(invoice)) == (invoice.gross, Decimal("0.00"))
    assert invoice.order.issued_invoice is current

    before, credited, after = (issuing.frozen(each) for each in (invoice, note, current))
    assert (after.buyer, after.order.purchase_order) == (MOVED, "BC-7")
    assert (credited.buyer, credited.settlement) == (before.buyer, "set_off")
    assert credited.reason == after.reason == "Correction des données de facturation"
    for said in (credited, after):
        assert said.refers_to is not None
        assert said.refers_to.number == invoice.number
    assert (after.sale, after.totals, after.payment) == (before.sale, before.totals, before.payment)

    mails = db.session.scalars(select(Delivery).order_by(Delivery.id)).all()
    assert {(mail.kind, mail.document_id) for mail in mails} == {("invoice", current.id), ("credit_note", note.id)}
    assert sorted(bells) == sorted(("deliver", mail.id) for mail in mails)
    assert acts(invoice.order_id) == ["correction.requested", "correction.accepted"]


def test_the_order_shows_the_corrected_details_and_stays_closed_for_changes(app: Flask) -> None:
    invoice = invoiced()
    submitted(invoice, MOVED, "BC-7")
    order = invoice.order
    assert order.effective_details() == MOVED
    assert order.billing is not None
    assert order.billing.edited_by_customer
    assert owner(invoice).billing is not None
    assert owner(invoice).billing.details() == billing_details()  # type: ignore[union-attr]
    assert order.request is not None
    assert (order.request.purchase_order, order.request.state) == ("BC-7", "sent")
    assert not billing.is_changeable(order)


def test_where_the_goods_went_shows_once_it_is_no_longer_the_buyers_address(app: Flask) -> None:
    invoice = invoiced()
    assert issuing.frozen(invoice).delivery is None
    submitted(invoice)
    assert invoice.replaced_by is not None
    delivery = issuing.frozen(invoice.replaced_by).delivery
    assert delivery is not None
    assert delivery.line1 == "12 rue Mercière"


def test_a_second_press_gives_the_same_correction(app: Flask) -> None:
    invoice = invoiced()
    first = submitted(invoice, MOVED, " BC-7 ").id
    assert submitted(invoice, MOVED, "BC-7").id == first
    assert numbers(invoice.order_id) == ["FA-2026-000001", "FA-2026-000002", "AV-2026-000001"]


def test_many_presses_at_once_correct_once(app: Flask) -> None:
    invoice_id, order_id = (invoice := invoiced()).id, invoice.order_id
    found: list[int] = []
    gate = threading.Barrier(6)

    def press() -> None:
        with app.app_context():
            invoice = db.session.get_one(Invoice, invoice_id)
            customer = owner(invoice)
            gate.wait()
            found.append(corrections.submit(invoice, MOVED, "", customer).id)

    presses = [threading.Thread(target=press) for _ in range(6)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert numbers(order_id) == ["FA-2026-000001", "FA-2026-000002", "AV-2026-000001"]


def test_corrections_and_new_invoices_with_refunds_do_not_wait_for_each_other(app: Flask) -> None:
    """Each takes numbers of both series: in another order two of them would be in each other's way for good."""
    invoices = [
        invoiced(customer=a_customer(email=f"c{index}@example.org", billing=billing_details())).id for index in range(4)
    ]
    orders = [
        an_order(email=f"o{index}@example.org", billing=billing_details(), refunds=[a_refund("5.00")]).id
        for index in range(4)
    ]
    failures: list[Exception] = []
    gate = threading.Barrier(8)

    def act(invoice_id: int | None, order_id: int | None) -> None:
        with app.app_context():
            gate.wait()
            try:
                if invoice_id:
                    submitted(db.session.get_one(Invoice, invoice_id))
                elif order_id:
                    _issue_with_its_refund(order_id)
            except Exception as error:
                failures.append(error)

    pairs: list[tuple[int | None, int | None]] = [(each, None) for each in invoices] + [(None, each) for each in orders]
    threads = [threading.Thread(target=act, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    db.session.rollback()
    for model, count in ((Invoice, 12), (CreditNote, 8)):
        taken = db.session.scalars(select(model.sequence).order_by(model.sequence)).all()
        assert taken == list(range(1, count + 1))


def _issue_with_its_refund(order_id: int) -> None:
    with transaction():
        order = invoicing.lock_order(order_id)
        request = invoicing.lock_request(order) or InvoiceRequest(order=order, origin="checkout", state="issued")
        db.session.add(request)
        db.session.flush()
        issuing.invoice(request, order, billing_details())
        crediting.settle_refunds(order)


# What an invoice was credited by before.


def test_earlier_credit_notes_are_stated_again_so_that_what_is_left_stays(app: Flask) -> None:
    book = a_line(description="Livre", quantity=Decimal(1), unit_price=Decimal("10.00"), discount=Decimal(0),
                  vat_rate=Decimal("5.50"))  # fmt: skip
    invoice = invoiced(
        lines=[a_line(), book], refunds=[a_refund("13.41", lines=[{"line": 0, "quantity": "1", "amount": "13.41"}])]
    )
    with transaction():
        crediting.settle_refunds(invoicing.lock_order(invoice.order_id))
    assert crediting.credit(invoice, amount=Decimal("1.00"), reason="Geste", refund=True, shown=1)
    before = lefts(invoice)
    submitted(invoice)
    current = invoice.replaced_by
    assert current is not None
    assert issuing.left(invoice) == 0
    assert lefts(current) == before
    refund, gesture = current.credit_notes
    assert (refund.occasion, refund.gross) == (f"refund:R1:on:{current.id}", Decimal("13.41"))
    first, again = issuing.frozen(invoice.credit_notes[0]), issuing.frozen(refund)
    assert (again.sale, again.totals, again.payment) == (first.sale, first.totals, first.payment)
    assert again.buyer == MOVED
    assert again.reason == f"Reprise de l'avoir {invoice.credit_notes[0].number}\u00a0: Remboursement"
    assert issuing.frozen(gesture).reason.endswith("\u00a0: Geste")
    assert sum((each.gross for each in invoice.credit_notes), Decimal(0)) == invoice.gross
    assert review.uncredited(invoice.order) == 0


def test_a_refund_that_was_credited_before_is_not_credited_again_on_the_new_invoice(app: Flask) -> None:
    invoice = invoiced(refunds=[a_refund("5.00")])
    for expected in (1, 0):
        with transaction():
            assert len(crediting.settle_refunds(invoicing.lock_order(invoice.order_id))) == expected
    submitted(invoice)
    with transaction():
        order = invoicing.lock_order(invoice.order_id)
        assert crediting.settle_refunds(order) == []
        order.refunds.append(a_refund("2.00", ref="R2"))
        db.session.flush()
        (note,) = crediting.settle_refunds(order)
    assert note.credits_id == (invoice.replaced_by.id if invoice.replaced_by else 0)


# What is not corrected.


def test_a_correction_that_corrects_nothing_is_refused(app: Flask) -> None:
    invoice = invoiced()
    with pytest.raises(DomainError, match="Rien ne change"):
        submitted(invoice, billing_details(line1="  12  rue Mercière "))
    sent = an_order(customer=a_customer(email="x@example.org"), billing=billing_details(postal_code="69 002"))
    with pytest.raises(DomainError, match="Rien ne change"):
        submitted(an_issued_invoice(sent, drawn=False), billing_details())


def test_an_invoice_is_corrected_once(app: Flask) -> None:
    invoice = invoiced()
    submitted(invoice)
    with pytest.raises(DomainError, match="FA-2026-000002"):
        submitted(invoice, billing_details(line1="1 rue de la Barre"))
    with pytest.raises(DomainError, match="FA-2026-000002"):
        corrections.require_correctable(invoice)


def test_what_is_all_credited_is_not_corrected(app: Flask) -> None:
    invoice = invoiced()
    corrections.require_correctable(invoice)
    crediting.credit(invoice, amount=None, reason="Retour", refund=True, shown=0)
    with pytest.raises(DomainError, match="entièrement créditée"):
        corrections.require_correctable(invoice)


def test_a_specimen_is_corrected_only_in_trial_mode(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        invoice = invoiced()
        submitted(invoice)
        assert numbers(invoice.order_id) == [
            "SPECIMEN-2026-000001", "SPECIMEN-2026-000002", "SPECIMEN-AV-2026-000001"
        ]  # fmt: skip
        assert {mail.recipient for mail in db.session.scalars(select(Delivery))} == {"alertes@boutique.example"}
        other = invoiced(customer=a_customer(email="x@example.org", billing=billing_details())).id
    with make_app(ISSUE_MODE="live").app_context(), pytest.raises(DomainError, match="spécimen"):
        submitted(db.session.get_one(Invoice, other))


def test_details_that_this_sale_could_not_be_made_to_are_refused(app: Flask) -> None:
    german = company_details(siret="", vat_number="DE136695976", postal_code="10115", city="Berlin", country="DE")
    line = a_line(vat_rate=Decimal(0), vat_category="K")
    place = {"name": "", "line1": "Am Ufer 1", "line2": "", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    where: dict[str, Any] = {"shipping_address": place, "shipped_at": clock.now()}
    order = an_order(billing=german, customer=a_customer(), lines=[line], total=Decimal("26.82"), **where)
    invoice = an_issued_invoice(order, drawn=False)
    for wrong in (company_details(), replace(german, vat_number=""), billing_details()):
        with pytest.raises(DomainError, match="TVA"):
            submitted(invoice, wrong)
    assert submitted(invoice, replace(german, line1="Am Ufer 2")).state == "accepted"


def test_incomplete_details_are_refused(app: Flask) -> None:
    with pytest.raises(DomainError, match="ville"):
        submitted(invoiced(), billing_details(city=""))


# By an admin.


@pytest.mark.parametrize(
    "details",
    [
        billing_details(last_name="Durand"),
        billing_details(tax_id="3023217600053"),
        billing_details(country="BE", postal_code="1000"),
        company_details(),
    ],
)
def test_whose_invoice_it_is_only_an_admin_changes(app: Flask, details: Details, bells: list[tuple[str, int]]) -> None:
    invoice = invoiced()
    correction = submitted(invoice, details)
    assert (correction.state, correction.wanted) == ("requested", details)
    assert numbers(invoice.order_id) == ["FA-2026-000001"]
    assert corrections.pending() == [correction]
    assert bells == []
    with pytest.raises(DomainError, match="en cours d'examen"):
        submitted(invoice)
    assert submitted(invoice, details).id == correction.id


def test_a_replacement_is_corrected_by_an_admin_only(app: Flask) -> None:
    invoice = invoiced()
    submitted(invoice)
    current = invoice.replaced_by
    assert current is not None
    proposal = corrections.propose(current, billing_details(), "")
    assert (proposal.changes, proposal.immediate) == (("line1", "postal_code"), False)
    assert corrections.accept(submitted(current, billing_details()).id)
    assert numbers(invoice.order_id)[-2:] == ["FA-2026-000003", "AV-2026-000002"]


@pytest.mark.parametrize(
    ("details", "purchase_order", "changes", "immediate"),
    [
        (MOVED, "", ("line1", "postal_code"), True),
        (billing_details(line2="Bât. B", city="LYON"), "", ("line2", "city"), True),
        (billing_details(), "BC-7", ("purchase_order",), True),
        (billing_details(line2="Bât. B", first_name="Clara"), "BC-7", ("first_name", "line2", "purchase_order"), False),
    ],
)
def test_a_proposal_says_what_changes_and_whether_it_comes_at_once(
    app: Flask, details: Details, purchase_order: str, changes: tuple[str, ...], immediate: bool
) -> None:
    invoice = invoiced()
    proposal = corrections.propose(invoice, details, purchase_order)
    assert (set(proposal.changes), proposal.immediate) == (set(changes), immediate)
    assert db.session.scalar(select(func.count()).select_from(Correction)) == 0


def test_who_bought_for_a_company_is_corrected_at_once_but_never_a_person_s_own_name(app: Flask) -> None:
    invoice = invoiced(details=company_details())
    contact = company_details(first_name="Claire", last_name="Martin")
    proposal = corrections.propose(invoice, contact, "")
    assert (proposal.changes, proposal.immediate) == (("first_name", "last_name"), True)
    assert not corrections.propose(invoice, replace(contact, company_name="Autre SARL"), "").immediate
    submitted(invoice, contact)
    assert invoice.replaced_by is not None
    assert issuing.frozen(invoice.replaced_by).buyer.contact == "Claire Martin"


def test_an_accepted_correction_replaces_the_invoice_once(app: Flask, bells: list[tuple[str, int]]) -> None:
    invoice = invoiced()
    correction = requested(invoice)
    assert corrections.accept(correction.id)
    assert not corrections.accept(correction.id)
    assert not corrections.decline(correction.id, "Trop tard.")
    assert numbers(invoice.order_id) == ["FA-2026-000001", "FA-2026-000002", "AV-2026-000001"]
    assert len(bells) == 2
    assert corrections.pending() == []
    details = invoice.order.effective_details()
    assert details is not None
    assert details.last_name == "Durand"


def test_a_correction_of_what_was_credited_meanwhile_is_not_accepted(app: Flask) -> None:
    invoice = invoiced()
    correction = requested(invoice)
    crediting.credit(invoice, amount=None, reason="Retour", refund=True, shown=0)
    with pytest.raises(DomainError, match="entièrement créditée"):
        corrections.accept(correction.id)
    assert db.session.get_one(Correction, correction.id).state == "requested"
    assert corrections.decline(correction.id, "La facture est entièrement remboursée.")


def test_a_declined_correction_is_told_with_its_reason_and_may_be_asked_for_again(
    app: Flask, smtp_server: Mailbox
) -> None:
    invoice = invoiced()
    first = requested(invoice)
    invoice_id, number, first_id = invoice.id, invoice.number, first.id
    assert corrections.decline(first_id, "Ce n'est pas\nvotre nom.")
    assert not corrections.decline(first_id, "Encore.")
    assert not corrections.accept(first_id)
    second_id = requested(invoice, first_name="Anne").id
    assert second_id != first_id
    assert corrections.decline(second_id, "Non plus.")
    assert acts(invoice.order_id) == ["correction.requested", "correction.declined"] * 2
    mails = db.session.scalars(select(Delivery.id).order_by(Delivery.id)).all()
    for mail_id in mails:
        jobs.deliver(mail_id)
    for message, reason in zip(smtp_server.messages, ("Ce n'est pas votre nom.", "Non plus."), strict=True):
        body = message.get_body(("plain",))
        assert body is not None
        assert reason in body.get_content()
        assert number in message["Subject"]
        assert message["To"] == "claire@example.org"
    assert db.session.get_one(Invoice, invoice_id).request.state == "sent"


@pytest.mark.parametrize("reason", [" ", "x" * 301])
def test_a_correction_is_not_declined_without_a_word(app: Flask, reason: str) -> None:
    correction = requested(invoiced())
    with pytest.raises(DomainError, match="motif"):
        corrections.decline(correction.id, reason)
    assert db.session.get_one(Correction, correction.id).state == "requested"


def test_corrections_wait_oldest_first(app: Flask) -> None:
    found = [
        requested(invoiced(customer=a_customer(email=f"c{index}@example.org", billing=billing_details()))).id
        for index in range(3)
    ]
    assert [correction.id for correction in corrections.pending()] == found


# The mails of a correction.


def test_the_mails_say_that_nothing_is_refunded_and_nothing_is_to_be_paid(app: Flask, smtp_server: Mailbox) -> None:
    submitted(invoiced())
    mails = db.session.execute(select(Delivery.id, Delivery.kind).order_by(Delivery.kind)).all()
    for mail in mails:
        jobs.deliver(mail.id)
    said = []
    for message in smtp_server.messages:
        body = message.get_body(("plain",))
        assert body is not None
        said.append(" ".join(body.get_content().split()))
    note, invoice = said
    assert "aucun remboursement : la facture qu'il annule est remplacée par la facture FA-2026-000002." in note
    assert "remplace la facture FA-2026-000001" in invoice
    assert "rien à payer de plus" in invoice


def test_what_becomes_of_these_mails_says_nothing_about_the_request(app: Flask, smtp_server: Mailbox) -> None:
    order = an_order(customer=a_customer(billing=billing_details()))
    invoice = an_issued_invoice(order, state="rendered", drawn=False)
    submitted(invoice)
    invoice_id = invoice.id
    first, _second = db.session.scalars(select(Delivery.id)).all()
    smtp_server.modes["RCPT"] = "once 550 5.1.1 no such mailbox"
    jobs.deliver(first)
    assert set(db.session.scalars(select(Delivery.state))) == {"sent", "failed"}
    assert db.session.get_one(Invoice, invoice_id).request.state == "rendered"
