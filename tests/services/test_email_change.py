"""The address of an account: changed by who has the password and the new mailbox, with what hangs on it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

import clock
import jobs
from extensions import DomainError, db
from models import Customer, Delivery, Order, Token
from services import accounts, delivery, email_change, invoicing, issuing, letters, sessions, tokens
from services.leases import LeaseLost
from services.limits import TooMany
from tests.support.customers import a_refused_mail, an_issued_invoice
from tests.support.factories import PASSWORD, a_customer, a_request, an_order, billing_details
from tests.support.mailbox import Mailbox

NEW = "claire.martin@example.org"
OLD = "claire@example.org"


def mails(kind: str = "") -> list[tuple[str, str]]:
    found = select(Delivery.kind, Delivery.recipient).order_by(Delivery.id)
    return [(each, recipient) for each, recipient in db.session.execute(found) if kind in ("", each)]


def a_link(customer: Customer, email: str = NEW) -> str:
    return tokens.fresh(customer, "email_change", email)[0]


def confirm(customer: Customer, email: str = NEW) -> None:
    email_change.confirm_by_link(customer, a_link(customer, email))


def test_the_new_address_gets_a_proof_and_nothing_changes_yet(app: Flask) -> None:
    claire = a_customer()
    email_change.request(claire, " Claire.Martin@Example.org ", PASSWORD)
    assert mails() == [("email_change", "Claire.Martin@example.org")]
    assert claire.email == OLD


def test_the_address_of_another_account_changes_nothing_and_its_owner_is_told(app: Flask) -> None:
    claire = a_customer()
    a_customer(email=NEW)
    email_change.request(claire, NEW.upper(), PASSWORD)
    assert mails() == [("account_exists", NEW)]


def test_the_present_password_is_needed(app: Flask) -> None:
    with pytest.raises(accounts.WrongPassword):
        email_change.request(a_customer(), NEW, "not the password")
    assert mails() == []


def test_the_present_address_is_not_a_new_one_and_an_unproven_one_cannot_be_left(app: Flask) -> None:
    with pytest.raises(DomainError, match="C'est déjà"):
        email_change.request(a_customer(), "CLAIRE@example.org", PASSWORD)
    with pytest.raises(DomainError, match="Confirmez d'abord"):
        email_change.request(a_customer(email="paul@example.org", confirmed=False), NEW, PASSWORD)


def test_five_changes_an_hour_at_most_whether_the_address_has_an_account_or_not(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    claire = a_customer()
    a_customer(email="paul@example.org")
    for email in (NEW, "paul@example.org", NEW, "paul@example.org", NEW):
        email_change.request(claire, email, PASSWORD)
    for email in (NEW, "paul@example.org"):
        with pytest.raises(TooMany):
            email_change.request(claire, email, PASSWORD)


def test_link_and_code_are_kept_as_hashes(app: Flask) -> None:
    link, code = tokens.fresh(a_customer(), "email_change", NEW)
    token = db.session.scalars(select(Token)).one()
    assert link not in f"{token.token_hash} {token.code_hash}"
    assert code not in f"{token.token_hash} {token.code_hash}"
    assert len(code) == 6


def test_the_link_changes_the_address_once_and_says_so_to_the_former_one(app: Flask) -> None:
    claire = a_customer()
    link = a_link(claire)
    assert email_change.wanted(claire, link) == NEW
    email_change.confirm_by_link(claire, link)
    email_change.confirm_by_link(claire, link)  # A double click.
    assert (claire.email, claire.email_key) == (NEW, NEW)
    assert mails() == [("email_changed", OLD)]
    assert accounts.authenticate(NEW, PASSWORD) is not None
    assert accounts.authenticate(OLD, PASSWORD) is None
    confirm(claire, OLD)
    assert email_change.wanted(claire, link) is None
    with pytest.raises(accounts.InvalidLink):
        email_change.confirm_by_link(claire, link)


def test_the_code_changes_the_address_to_the_one_that_it_was_sent_to(app: Flask) -> None:
    claire = a_customer()
    _link, code = tokens.fresh(claire, "email_change", NEW)
    _other, later = tokens.fresh(claire, "email_change", "claire@example.net")
    assert code != later
    email_change.confirm_by_code(claire, code)
    assert claire.email == NEW
    with pytest.raises(accounts.WrongCode):
        email_change.confirm_by_code(claire, later)


def test_five_wrong_codes_make_the_right_one_worthless_and_no_code_reads_the_same(app: Flask) -> None:
    claire = a_customer()
    with pytest.raises(accounts.WrongCode) as without:
        email_change.confirm_by_code(claire, "000000")
    _link, code = tokens.fresh(claire, "email_change", NEW)
    wrong = "000000" if code != "000000" else "111111"
    for _try in range(5):
        with pytest.raises(accounts.WrongCode) as tried:
            email_change.confirm_by_code(claire, wrong)
        assert str(tried.value) == str(without.value)
    with pytest.raises(accounts.WrongCode):
        email_change.confirm_by_code(claire, code)
    assert claire.email == OLD


def test_a_link_ends_after_a_day(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    claire = a_customer()
    link = a_link(claire)
    frozen_clock.shift(timedelta(days=1))
    with pytest.raises(accounts.InvalidLink):
        email_change.confirm_by_link(claire, link)


def test_a_stranger_who_got_the_mail_by_mistake_can_do_nothing_with_it(app: Flask) -> None:
    claire, stranger = a_customer(), a_customer(email=NEW)
    link, code = tokens.fresh(claire, "email_change", NEW)
    assert email_change.wanted(stranger, link) is None
    with pytest.raises(accounts.InvalidLink):
        email_change.confirm_by_link(stranger, link)
    with pytest.raises(accounts.WrongCode):
        email_change.confirm_by_code(stranger, code)


def test_a_change_keeps_this_session_and_ends_the_others_and_every_other_proof(app: Flask) -> None:
    claire = a_customer()
    elsewhere, reset = sessions.open(claire, ""), tokens.fresh(claire, "password_reset")[0]
    here = sessions.open(claire, "")
    confirm(claire)
    assert sessions.load(elsewhere) is None
    assert sessions.load(here) is not None
    assert not accounts.is_open(reset, "password_reset")


def test_a_new_password_takes_the_worth_of_a_proof_that_was_asked_for_before(app: Flask) -> None:
    claire = a_customer()
    link = a_link(claire)
    accounts.change_password(claire, PASSWORD, "une toute nouvelle phrase")
    assert email_change.wanted(claire, link) is None


def test_an_address_that_another_account_took_meanwhile_is_refused_and_nothing_changes(app: Flask) -> None:
    claire = a_customer()
    link, code = tokens.fresh(claire, "email_change", NEW)
    a_customer(email=NEW)
    with pytest.raises(DomainError, match="Un autre compte"):
        email_change.confirm_by_link(claire, link)
    with pytest.raises(DomainError, match="Un autre compte"):
        email_change.confirm_by_code(claire, code)
    assert claire.email == OLD
    assert mails() == []


def test_presses_at_once_change_the_address_once(app: Flask) -> None:
    claire = a_customer()
    link, claire_id = a_link(claire), claire.id
    db.session.commit()

    def press(_number: int) -> None:
        with app.app_context():
            email_change.confirm_by_link(db.session.get_one(Customer, claire_id), link)
            db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(press, number) for number in range(4)]
    assert [result.exception() for result in results] == [None] * 4  # A double click is told that it is done.
    db.session.expire_all()
    assert mails() == [("email_changed", OLD)]


def test_of_two_proofs_at_once_the_first_counts_and_neither_waits_for_the_other_for_ever(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    claire = a_customer()
    claire_id, links = claire.id, [a_link(claire), a_link(claire, "claire@example.net")]
    db.session.commit()
    holding, change = threading.Event(), email_change._change

    def change_slowly(*arguments: Any) -> Delivery:
        holding.set()
        time.sleep(0.3)  # Until the other has come to what this one holds.
        return change(*arguments)

    def press(link: str) -> None:
        with app.app_context():
            email_change.confirm_by_link(db.session.get_one(Customer, claire_id), link)

    monkeypatch.setattr(email_change, "_change", change_slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(press, links[0])
        assert holding.wait(10)
        second = pool.submit(press, links[1])
        assert first.exception() is None
        assert isinstance(second.exception(), accounts.InvalidLink)
    db.session.expire_all()
    assert (claire.email, mails()) == (NEW, [("email_changed", OLD)])


def test_what_was_refused_goes_to_the_new_address_exactly_once(app: Flask) -> None:
    claire = a_customer()
    order = an_order(customer=claire, billing=billing_details())
    invoice = an_issued_invoice(order)
    a_refused_mail(invoice)
    arrived = an_issued_invoice(an_order(customer=claire, billing=billing_details()))
    issuing.mail(arrived).state = "sending"
    db.session.commit()
    confirm(claire)
    assert mails("invoice") == [("invoice", OLD), ("invoice", OLD), ("invoice", NEW)]
    request = invoicing.of_order(order.id)
    assert (request.state, request.recipient) == ("rendered", NEW)
    confirm(claire, "claire@example.net")
    assert len(mails("invoice")) == 3


def test_mails_that_wait_follow_the_account_and_a_worker_about_to_send_one_loses_it(app: Flask) -> None:
    claire = a_customer()
    order = an_order(customer=claire, billing=billing_details())
    mail = issuing.mail(an_issued_invoice(order, state="rendered"))
    mail.lease_token, mail.lease_until = "worker", clock.now() + timedelta(minutes=1)
    accounts.request_reset(OLD)
    confirm(claire)
    assert [each for each in mails() if each[0] != "email_changed"] == [("invoice", NEW), ("password_reset", NEW)]
    db.session.refresh(mail)
    assert mail.lease_token is None


def test_a_mail_written_to_the_former_address_is_not_handed_over_but_written_again(
    app: Flask, smtp_server: Mailbox
) -> None:
    claire = a_customer()
    accounts.request_reset(OLD)
    mail_id = db.session.scalars(select(Delivery.id)).one()
    lease = delivery.claim(mail_id)
    assert lease is not None
    message = letters.write(mail_id)
    confirm(claire)
    with delivery.connection() as connection, pytest.raises(LeaseLost):
        delivery.send(lease, message, connection)
    jobs.deliver(mail_id)
    assert {each["To"] for each in smtp_server.messages if "mot de passe" in each["Subject"]} == {NEW}


def test_orders_of_the_former_address_follow_with_the_requests_that_opened_by_themselves(app: Flask) -> None:
    claire = a_customer()
    automatic = an_order(customer=claire, billing=billing_details())
    a_refused_mail(an_issued_invoice(automatic))
    request = invoicing.of_order(automatic.id)
    request.origin, request.customer = "checkout", None
    elsewhere = an_order(customer=claire, email="bureau@example.org")
    db.session.commit()
    confirm(claire)
    assert (automatic.email, automatic.email_key, automatic.shop_email) == (NEW, NEW, OLD)
    assert mails("invoice") == [("invoice", OLD), ("invoice", NEW)]
    assert elsewhere.email == "bureau@example.org"


def test_orders_that_wait_under_the_new_address_join_the_account(app: Flask) -> None:
    claire = a_customer(billing=billing_details())
    theirs = an_order(email=NEW)
    a_request(theirs, origin="checkout", waiting_for="details")
    confirm(claire)
    assert db.session.get_one(Order, theirs.id).customer_id == claire.id
    assert invoicing.of_order(theirs.id).waiting_for == "shipment"
