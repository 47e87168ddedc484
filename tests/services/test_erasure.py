"""« Supprimer mon compte »: what is gone, what the law keeps, and what the shop sends again."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

import clock
import jobs
from extensions import DomainError, NotTheirs, db
from models import Customer, Delivery, Erasure, Order, ShopMessage, SignInSession, Token
from services import (
    accounts,
    billing,
    corrections,
    delivery,
    erasure,
    guests,
    history,
    inbox,
    intake,
    invoicing,
    issuing,
    reinvoicing,
    repair,
    reports,
    sessions,
    sweep,
    tokens,
)
from shops.arrivals import Unread
from shops.schema import OrderMessage, RefundMessage
from tests.shops.messages import a_company, a_message, a_refund
from tests.support.customers import an_issued_invoice
from tests.support.factories import (
    PASSWORD,
    PLACED,
    a_customer,
    a_request,
    an_order,
    billing_details,
    company_details,
)  # fmt: skip
from tests.support.mailbox import Mailbox
from tests.support.outbox import a_delivery
from tests.support.shops import a_shop

CLAIRE = "claire@example.org"
OF_CLAIRE = ("claire", "martin", "mercière", "69002", "lyon")


def every_row() -> list[tuple[str, str, str]]:
    """Return every value of every table, with its table and column, as text in small letters."""
    found = []
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(select(table)).mappings():
            for column, value in row.items():
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                found.append((table.name, str(column), text.lower()))
    return found


def places_of(words: Iterable[str]) -> set[str]:
    """Return in which columns one of the words stands."""
    return {f"{table}.{column}" for table, column, text in every_row() if any(word in text for word in words)}


def claire_with_everything() -> Customer:
    """Return an account of which every table knows something."""
    claire = a_customer(email=CLAIRE, billing=billing_details())
    sessions.open(claire, "Mozilla/5.0 (claire's own)")
    tokens.fresh(claire, "email_change", "claire.martin@example.org")
    order = an_order(customer=claire, billing=billing_details(), purchase_order="MARTIN-1", shop_ref="727")
    invoicing.ask(order, claire, "MARTIN-2")
    an_issued_invoice(an_order(customer=claire, billing=billing_details(), shipped_at=PLACED), drawn=False)
    an_order(email=CLAIRE, customer=claire)
    for state in ("pending", "sending", "sent", "failed", "unknown"):
        a_delivery(state=state, customer_id=claire.id, last_error="550 <claire@example.org>")
        a_delivery(state=state, order_id=order.id, kind="request_cancelled")
    a_delivery(state="sent", kind="test")
    a_message_that_failed(b'{"id": 1, "email": "Claire@example.org"}', ref="1")
    return claire


def a_message_that_failed(payload: bytes, *, ref: str) -> ShopMessage:
    shop = a_shop(system="woocommerce")
    inbox.keep_unread(shop, Unread(ref, "Illisible.", payload))
    return db.session.scalars(select(ShopMessage).where(ShopMessage.ref == ref)).one()


def test_nothing_names_the_person_any_more_but_what_was_issued(app: Flask) -> None:
    claire = claire_with_everything()
    assert {"customers.email", "billing_details.last_name", "orders.shipping_address"} <= places_of(OF_CLAIRE)
    erasure.erase(claire, PASSWORD)
    assert places_of(OF_CLAIRE) == {"documents.snapshot", "deliveries.recipient"}
    left = db.session.scalars(select(Delivery).where(Delivery.recipient != "")).one()
    assert (left.kind, left.recipient, left.state) == ("account_erased", CLAIRE, "pending")


def test_the_last_mail_forgets_its_recipient_as_it_is_sent(app: Flask, smtp_server: Mailbox) -> None:
    erasure.erase(a_customer(email=CLAIRE), PASSWORD)
    told = db.session.scalars(select(Delivery)).one()
    jobs.deliver(told.id)
    told = db.session.scalars(select(Delivery)).one()
    message = smtp_server.last()
    assert (message["To"], message["Subject"].split(" – ")[0]) == (CLAIRE, "Votre espace client est supprimé")
    assert (told.state, told.recipient) == ("sent", "")
    assert places_of(OF_CLAIRE) == set()


def test_all_of_it_or_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    claire = claire_with_everything()
    before = every_row()

    def fail(action: str, **_about: Any) -> None:
        if action == "account.erased":
            raise RuntimeError

    monkeypatch.setattr(history, "record", fail)
    monkeypatch.setattr(accounts, "require_password", lambda *_given: None)
    with pytest.raises(RuntimeError):
        erasure.erase(claire, PASSWORD)
    assert every_row() == before


def test_the_account_is_over(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    device = sessions.open(claire, "pytest")
    link = tokens.fresh(claire, "password_reset")[0]
    erasure.erase(claire, PASSWORD)
    assert sessions.load(device) is None
    assert not accounts.is_open(link, "password_reset")
    assert accounts.authenticate(CLAIRE, PASSWORD) is None
    assert accounts.find(claire.email) is None  # It is no address.
    assert accounts.authenticate(claire.email, "") is None
    assert (db.session.scalars(select(SignInSession)).all(), db.session.scalars(select(Token)).all()) == ([], [])
    erasure.erase(claire, PASSWORD)  # A second press does nothing.
    assert len(db.session.scalars(select(Delivery)).all()) == 1


def test_two_presses_at_once_erase_once_and_neither_is_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    claire = a_customer(email=CLAIRE)
    an_order(customer=claire)
    claire_id = claire.id
    db.session.commit()
    together, require_password = threading.Barrier(2), accounts.require_password

    def prove_together(customer: Customer, password: str) -> None:
        require_password(customer, password)
        together.wait(10)

    def press() -> None:
        with app.app_context():
            erasure.erase(db.session.get_one(Customer, claire_id), PASSWORD)

    monkeypatch.setattr(accounts, "require_password", prove_together)
    with ThreadPoolExecutor(2) as pool:
        presses = [pool.submit(press) for _press in range(2)]
    assert [each.exception() for each in presses] == [None, None]
    db.session.expire_all()
    assert claire.erased_at is not None
    assert [mail.kind for mail in db.session.scalars(select(Delivery))] == ["account_erased"]


def test_a_wrong_password_erases_nothing(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    with pytest.raises(accounts.WrongPassword):
        erasure.erase(claire, "not the password")
    assert claire.email == CLAIRE


def test_orders_keep_their_figures_and_where_vat_was_due(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    order = an_order(customer=claire, billing=billing_details())
    there = order.shipping_address | {"postal_code": "97411"} if order.shipping_address else None
    overseas = an_order(customer=claire, shipping_address=there)
    request = invoicing.ask(order, claire, "PO-1")
    erasure.erase(claire, PASSWORD)
    assert (order.customer, order.billing, order.email, order.shop_email, order.email_key) == (None, None, "", "", "")
    assert (str(order.total), len(order.lines), order.erased_at is not None) == ("31.72", 2, True)
    assert order.shipping_address == {"country": "FR", "postal_code": ""}
    assert overseas.shipping_address == {"country": "FR", "postal_code": "974"}
    assert (request.state, request.customer, request.purchase_order, request.due_at) == ("cancelled", None, None, None)
    assert guests.look_up(order.number, CLAIRE) is None
    with pytest.raises(DomainError, match="sont effacées"):
        order.require_invoiceable()


def test_a_refund_after_the_erasure_is_credited_and_goes_to_the_merchant(app: Flask, smtp_server: Mailbox) -> None:
    claire, shop = a_customer(email=CLAIRE), a_shop()
    order = an_order(customer=claire, billing=billing_details(), shop_id=shop.id, shipped_at=PLACED)
    invoice = an_issued_invoice(order)
    erasure.erase(claire, PASSWORD)
    reports.refund(shop, order.number, RefundMessage(id="R1", at=PLACED, amount=Decimal("5.00")))
    note = order.credit_notes[0]
    mail = db.session.scalars(select(Delivery).where(Delivery.document_id == note.id)).one()
    merchant = app.extensions["settings"].alert_emails[0]
    assert (mail.kind, mail.recipient, mail.customer) == ("credit_note", merchant, None)
    assert issuing.frozen(note).buyer == issuing.frozen(invoice).buyer
    assert order.request is not None
    assert (order.request.state, order.review) == ("sent", None)
    jobs.deliver(mail.id)
    message = next(each for each in smtp_server.messages if each["To"] == merchant)
    text = message.get_body(("plain",))
    assert text is not None
    assert "a fait effacer ses données" in text.get_content()
    assert not [each for each in smtp_server.messages if each["To"] == CLAIRE and "avoir" in each["Subject"]]


def receive(at: datetime = PLACED, **changes: Any) -> Order:
    """Take in the order as its shop sends it; return it."""
    sent = a_message(**({"placed_at": at.isoformat(), "billing": a_person()} | changes))
    intake.receive(OrderMessage.checked(sent), source="tests", strict=True)
    db.session.expire_all()
    return db.session.scalars(select(Order).where(Order.number == sent["number"])).unique().one()


def a_person() -> dict[str, str]:
    return {"first_name": "Claire", "last_name": "Martin", "line1": "12 rue Mercière", "country": "FR"}


PARCEL = {"id": "P1", "shipped_at": "2026-11-03T08:00:00Z", "carrier": "Colissimo", "tracking_number": "CLAIRE-1"}


def test_what_the_shop_sends_again_brings_nobody_back(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    order = receive(shipments=[PARCEL])
    assert (order.customer, len(order.shipments)) == (claire, 1)
    erasure.erase(claire, PASSWORD)
    receive(shipments=[PARCEL])
    newer = receive(version=4, shipments=[PARCEL], email="claire.martin@example.org", purchase_order="MARTIN")
    refunded = receive(version=5, shipments=[PARCEL], refunds=[a_refund(amount="3.00", lines=[])])
    assert newer is refunded is order
    assert (order.version, str(order.refunded_amount), len(order.shipments)) == (5, "3.00", 1)
    assert order.shipping_address == {"country": "FR", "postal_code": ""}
    assert places_of(OF_CLAIRE) == {"deliveries.recipient"}
    company = receive(version=6, billing=a_company(), invoice_requested=True)
    assert (company.request, company.invoice_requested, company.billing) == (None, False, None)


def test_an_order_from_before_that_is_first_seen_later_is_nobodys(app: Flask, frozen_clock: Traveller) -> None:
    erasure.erase(a_customer(email=CLAIRE), PASSWORD)
    before = receive(at=clock.now() - timedelta(hours=1), number="T-1", email="CLAIRE@example.org")
    assert (before.email, before.billing, before.erased_at) == ("", None, clock.now())
    after = receive(at=clock.now() + timedelta(hours=1), number="T-2")
    assert (after.email, after.erased_at) == (CLAIRE, None)
    other = receive(at=clock.now() - timedelta(hours=1), number="T-3", email="paul@example.org")
    assert other.erased_at is None


def test_who_registers_again_begins_empty(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    old = an_order(customer=claire)
    erasure.erase(claire, PASSWORD)
    accounts.register(CLAIRE, PASSWORD)
    again = accounts.find(CLAIRE)
    assert again is not None
    accounts.confirm_by_link(tokens.fresh(again, "confirmation")[0], PASSWORD)
    assert (again.id != claire.id, again.billing) == (True, None)
    assert db.session.scalars(Order.visible_to(again)).all() == []
    assert old.customer is None
    erasure.erase(again, PASSWORD)  # The second time the tombstone stands already.
    assert len(db.session.scalars(select(Erasure)).all()) == 1


def test_an_unproven_account_erases_nothing_of_whose_address_it_bears(app: Flask) -> None:
    hers = an_order(email=CLAIRE)
    thief = a_customer(email=CLAIRE, confirmed=False, billing=company_details())
    looked_up = an_order(customer=thief, billing=billing_details())
    request = invoicing.ask(looked_up, thief)
    erasure.erase(thief, PASSWORD)
    assert db.session.scalars(select(Erasure)).all() == []
    assert [(each.email, each.customer, each.erased_at) for each in (hers, looked_up)] == [(CLAIRE, None, None)] * 2
    assert (request.state, request.customer) == ("cancelled", None)
    assert looked_up.billing is not None
    assert not db.session.scalars(select(Delivery).where(Delivery.kind == "account_erased")).all()
    assert not places_of(["imprimerie"])


def test_what_is_due_to_a_company_is_invoiced_first(app: Flask, smtp_server: Mailbox) -> None:
    claire = a_customer(email=CLAIRE)
    order = an_order(customer=claire, billing=company_details(), shipped_at=PLACED)
    request = a_request(order, origin="company", customer=None, state="scheduled", due_at=PLACED)
    erasure.erase(claire, PASSWORD)
    assert (request.state, order.email, request.recipient) == ("scheduled", CLAIRE, CLAIRE)
    erasure.finish()
    assert order.email == CLAIRE
    order_id = order.id
    jobs.produce(request.id)
    mail = db.session.scalars(select(Delivery).where(Delivery.kind == "invoice")).one()
    assert mail.recipient == CLAIRE
    jobs.deliver(mail.id)
    erasure.finish()
    order = db.session.get_one(Order, order_id)
    assert order.request is not None
    assert (order.email, order.customer, order.request.state) == ("", None, "sent")
    assert places_of([CLAIRE]) == {"documents.snapshot"}


def test_a_document_that_waits_goes_out_all_the_same(app: Flask, smtp_server: Mailbox) -> None:
    claire = a_customer(email=CLAIRE)
    invoice = an_issued_invoice(an_order(customer=claire, billing=billing_details(), shipped_at=PLACED), state="sent")
    mail = a_delivery(
        kind="credit_note", document_id=invoice.id, order_id=invoice.order_id, customer_id=claire.id, due_at=None
    )
    erasure.erase(claire, PASSWORD)
    assert (mail.state, mail.recipient) == ("pending", CLAIRE)
    mail.become("sending")
    delivery._conclude(mail, "mail.sent")  # As a worker does, whatever became of it.
    assert mail.recipient == ""


def test_a_wish_for_a_correction_ends(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    invoice = an_issued_invoice(an_order(customer=claire, billing=billing_details(), shipped_at=PLACED))
    wish = corrections.submit(invoice, company_details(company_name="Mercière SARL"), "MARTIN-3", claire)
    assert wish.state == "requested"
    erasure.erase(claire, PASSWORD)
    assert (wish.state, wish.wanted.company_name, wish.purchase_order) == ("declined", "", "")


def test_the_last_manager_stays(app: Flask) -> None:
    patron = a_customer(email="patron@example.org", admin=True)
    a_customer(email="lecture@example.org", admin_role="reading")
    with pytest.raises(erasure.LastManager, match="seule personne"):
        erasure.erase(patron, PASSWORD)
    assert patron.is_manager
    a_customer(email="seconde@example.org", admin=True)
    erasure.erase(patron, PASSWORD)
    assert (patron.admin_role, patron.erased_at is not None) == (None, True)


def test_an_erased_order_gets_no_address_by_an_admin(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    order = an_order(customer=claire)
    erasure.erase(claire, PASSWORD)
    with pytest.raises(DomainError, match="ne reviennent pas"):
        repair.correct_email(order, CLAIRE)
    assert order.email == ""


def test_guests_are_forgotten_three_years_after_the_last_contact(app: Flask) -> None:
    now = clock.now()
    long_ago, recent = now - erasure.GUESTS_KEPT - timedelta(days=1), now - timedelta(days=1000)
    then: dict[str, Any] = {"placed_at": long_ago, "received_at": long_ago}
    old = an_order(email=CLAIRE, **then)
    kept = [
        an_order(email="paul@example.org", placed_at=recent, received_at=long_ago),
        an_order(email="eve@example.org", placed_at=long_ago),
        an_order(email="lea@example.org", **then),
        an_order(email="lea@example.org", placed_at=recent),
        an_order(customer=a_customer(email="anne@example.org"), **then),
    ]
    invoiced = an_order(email="luc@example.org", billing=billing_details(), shipped_at=long_ago, **then)
    an_issued_invoice(invoiced)
    sweep.sweep()
    db.session.expire_all()
    assert (old.email, old.erased_at is not None, str(old.total)) == ("", True, "31.72")
    assert [order.email for order in (*kept, invoiced) if not order.email] == []


def test_accounts_that_were_never_confirmed_nor_used_are_erased(app: Flask) -> None:
    long_ago = clock.now() - erasure.UNUSED_KEPT - timedelta(days=1)
    unused = a_customer(email=CLAIRE, confirmed=False, created_at=long_ago)
    kept = [
        a_customer(email="paul@example.org", confirmed=False, created_at=long_ago, signed_in_at=clock.now()),
        a_customer(email="lea@example.org", confirmed=False),
        a_customer(email="anne@example.org", created_at=long_ago),
    ]
    sweep.sweep()
    db.session.expire_all()
    assert unused.erased_at is not None
    assert [each.erased_at for each in kept] == [None] * 3
    assert places_of(["claire"]) == set()


def test_ended_sessions_are_forgotten(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    over, last_week = sessions.open(claire, "over"), clock.now() - timedelta(days=8)
    sessions.open(claire, "live")
    sessions.close(over)
    db.session.scalars(select(SignInSession).where(SignInSession.user_agent == "over")).one().ended_at = last_week
    db.session.commit()
    sweep.sweep()
    assert [each.user_agent for each in db.session.scalars(select(SignInSession))] == ["live"]


def test_who_asks_by_letter_is_erased_with_or_without_an_account(app: Flask) -> None:
    guests_order, merchant = an_order(email=CLAIRE, billing=billing_details()), a_customer(email="paul@example.org")
    due = an_order(email=CLAIRE, billing=company_details())
    a_request(due, origin="company", customer=None)
    assert erasure.erase_address("nobody@example.org") is None
    assert erasure.erase_address(CLAIRE.upper()) == 1
    assert (guests_order.email, due.email, merchant.email) == ("", CLAIRE, "paul@example.org")
    theirs = an_order(customer=merchant)
    assert erasure.erase_address("paul@example.org") == 0
    assert (theirs.email, merchant.erased_at is not None) == ("", True)
    assert len(db.session.scalars(select(Erasure)).all()) == 2


def test_what_a_shop_said_of_somebody_without_account_or_order_is_emptied_too(app: Flask) -> None:
    theirs = a_message_that_failed(b'{"id": 1, "email": "Claire@example.org"}', ref="1")
    others = a_message_that_failed(b'{"id": 2, "email": "paul@example.org"}', ref="2")
    assert erasure.erase_address(CLAIRE) == 0
    assert (theirs.state, theirs.payload) == ("ignored", None)
    assert (others.state, others.payload is None) == ("failed", False)
    assert erasure.erase_address("anne@example.org") is None
    assert len(db.session.scalars(select(Erasure)).all()) == 1


def test_a_message_that_nobody_sees_to_is_forgotten_with_the_guests(app: Flask) -> None:
    old = a_message_that_failed(b'{"id": 1, "email": "claire@example.org"}', ref="1")
    a_message_that_failed(b'{"id": 2, "email": "paul@example.org"}', ref="2")
    old.received_at = clock.now() - erasure.GUESTS_KEPT - timedelta(days=1)
    db.session.commit()
    sweep.sweep()
    assert [each.ref for each in db.session.scalars(select(ShopMessage))] == ["2"]


def test_nothing_is_written_to_an_account_that_was_deleted_meanwhile(app: Flask) -> None:
    claire = a_customer(email=CLAIRE)
    erasure.erase(claire, PASSWORD)
    with pytest.raises(NotTheirs):
        billing.record_for_customer(claire, billing_details())
    assert claire.billing is None


def test_what_the_shop_changes_after_the_erasure_is_invoiced_anew_as_before(app: Flask) -> None:
    a_customer(email=CLAIRE, billing=billing_details())
    order = receive(shipped_at=PLACED.isoformat())
    invoice = an_issued_invoice(order)
    assert order.customer is not None
    erasure.erase(order.customer, PASSWORD)
    receive(version=4, lines=a_message()["lines"][:1], total="26.82", shipped_at=PLACED.isoformat())
    assert reinvoicing.carry_out(order, invoice.id)
    current = order.issued_invoice
    assert current is not None
    former, said = issuing.frozen(invoice), issuing.frozen(current)
    assert (str(current.gross), said.buyer, said.delivery) == ("26.82", former.buyer, former.delivery)
    assert said.delivery is not None
    assert {mail.recipient for mail in order_mails(order)} == {app.extensions["settings"].alert_emails[0]}


def order_mails(order: Order) -> list[Delivery]:
    found = select(Delivery).where(Delivery.order_id == order.id, Delivery.kind.in_(erasure.DOCUMENTS))
    return list(db.session.scalars(found))
