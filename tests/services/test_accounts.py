from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import AuditEntry, Customer, Delivery, Order, Token
from services import accounts, invoicing, limits, passwords, sessions, tokens
from services.limits import TooMany
from tests.support.factories import PASSWORD, a_customer, a_request, an_order, billing_details

NEW = "une toute nouvelle phrase"


def mails(kind: str | None = None) -> Sequence[Delivery]:
    found = select(Delivery).order_by(Delivery.id)
    return db.session.scalars(found if kind is None else found.where(Delivery.kind == kind)).all()


def the_customer(email: str = "claire@example.org") -> Customer:
    found = accounts.find(email)
    assert found is not None
    db.session.refresh(found)
    return found


def test_registering_makes_an_unconfirmed_account_and_a_mail(app: Flask) -> None:
    accounts.register("  Claire@Example.ORG ", PASSWORD)
    claire = the_customer()
    assert (claire.email, claire.email_key) == ("Claire@example.org", "claire@example.org")
    assert not claire.is_confirmed
    assert passwords.matches(PASSWORD, claire.password_hash)
    assert [(mail.kind, mail.recipient, mail.state) for mail in mails()] == [
        ("confirmation", "Claire@example.org", "pending")
    ]


def test_registering_again_changes_nothing_and_mails_the_owner(app: Flask) -> None:
    claire = a_customer()
    accounts.register("CLAIRE@example.org", NEW)
    assert len(db.session.scalars(select(Customer)).all()) == 1
    assert passwords.matches(PASSWORD, the_customer().password_hash)
    assert [(mail.kind, mail.recipient) for mail in mails()] == [("account_exists", claire.email)]


def test_registering_by_eight_presses_at_once_makes_one_account(app: Flask) -> None:
    def press(_number: int) -> None:
        with app.app_context():
            try:
                accounts.register("claire@example.org", PASSWORD)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(press, range(8)))
    assert len(db.session.scalars(select(Customer)).all()) == 1
    assert len(mails("confirmation")) == 1


def test_a_stranger_cannot_fill_a_mailbox_by_registering(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    a_customer()
    for _try in range(4):
        limits.hit(limits.ACCOUNT_NOTICES_BY_DAY, "claire@example.org")
    for _try in range(3):
        accounts.register("claire@example.org", NEW)
    assert len(mails("account_exists")) == 1


def test_one_network_cannot_register_without_end(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    a_customer()
    for _try in range(30):
        limits.hit(limits.REGISTER_BY_IP, "192.0.2.7")
    with pytest.raises(TooMany):
        accounts.register("paul@example.org", NEW, visitor="192.0.2.7")


@pytest.mark.parametrize("email", ["claire@example.org", "CLAIRE@EXAMPLE.ORG", " claire@example.org "])
def test_the_right_password_finds_the_account(app: Flask, email: str) -> None:
    claire = a_customer()
    assert accounts.authenticate(email, PASSWORD) == claire


@pytest.mark.parametrize(
    ("email", "password"),
    [("claire@example.org", NEW), ("paul@example.org", PASSWORD), ("nonsense", PASSWORD), ("", "")],
)
def test_a_wrong_password_or_address_finds_nobody_and_is_noted(app: Flask, email: str, password: str) -> None:
    a_customer()
    assert accounts.authenticate(email, password) is None
    entry = db.session.scalars(select(AuditEntry)).one()
    assert entry.action == "session.refused"
    assert "@" not in entry.detail


@pytest.mark.parametrize("email", ["claire@example.org", "paul@example.org"])
def test_guessing_is_stopped_after_ten_tries_whether_the_account_exists_or_not(
    app: Flask, email: str, frozen_clock: time_machine.Traveller
) -> None:
    a_customer()
    for _try in range(8):
        limits.hit(limits.SIGN_IN_BY_EMAIL, email)
    assert accounts.authenticate(email, NEW, visitor="192.0.2.1") is None
    assert accounts.authenticate(email.upper(), NEW, visitor="192.0.2.2") is None
    with pytest.raises(TooMany):
        accounts.authenticate(email, PASSWORD, visitor="192.0.2.99")
    frozen_clock.shift(timedelta(minutes=15))
    assert (accounts.authenticate(email, PASSWORD) is not None) == (email == "claire@example.org")


def test_signing_in_often_is_no_guessing(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    a_customer()
    for _try in range(9):
        limits.hit(limits.SIGN_IN_BY_EMAIL, "claire@example.org")
    for _try in range(3):
        assert accounts.authenticate("claire@example.org", PASSWORD) is not None


def test_a_weaker_hash_is_replaced_at_sign_in(app: Flask) -> None:
    claire = a_customer()
    claire.password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    db.session.commit()
    assert accounts.authenticate("claire@example.org", PASSWORD) is not None
    assert not passwords.is_outdated(the_customer().password_hash)


def test_a_link_confirms_once_and_attaches_the_orders_of_the_address(app: Flask) -> None:
    mine = an_order(email="Claire@Example.org")
    strangers = an_order(email="paul@example.org")
    elsewhere = an_order(customer=a_customer(email="julie@example.org"), email="claire@example.org")
    claire = a_customer(confirmed=False)
    link, _code = tokens.fresh(claire, "confirmation")
    assert accounts.is_open(link, "confirmation")
    assert not accounts.is_open(link, "password_reset")

    assert accounts.confirm_by_link(link) == claire
    assert the_customer().is_confirmed
    db.session.expire_all()
    owners = [db.session.get_one(Order, order.id).customer_id for order in (mine, strangers, elsewhere)]
    assert owners == [claire.id, None, elsewhere.customer_id]

    assert not accounts.is_open(link, "confirmation")
    assert accounts.was_confirmed_by(link)
    with pytest.raises(accounts.InvalidLink):
        accounts.confirm_by_link(link)


def test_a_link_ends_after_three_days(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    link, _code = tokens.fresh(a_customer(confirmed=False), "confirmation")
    frozen_clock.shift(timedelta(days=3))
    assert not accounts.is_open(link, "confirmation")
    with pytest.raises(accounts.InvalidLink):
        accounts.confirm_by_link(link)
    assert not the_customer().is_confirmed


def test_a_link_of_one_purpose_serves_no_other(app: Flask) -> None:
    claire = a_customer(confirmed=False)
    link, _code = tokens.fresh(claire, "confirmation")
    with pytest.raises(accounts.InvalidLink):
        accounts.reset_password(link, NEW)
    reset, _none = tokens.fresh(claire, "password_reset")
    with pytest.raises(accounts.InvalidLink):
        accounts.confirm_by_link(reset)


def test_links_and_codes_are_kept_as_hashes(app: Flask) -> None:
    link, code = tokens.fresh(a_customer(confirmed=False), "confirmation")
    token = db.session.scalars(select(Token)).one()
    kept = f"{token.token_hash} {token.code_hash}"
    assert link not in kept
    assert code not in kept
    assert len(code) == 6
    assert code.isdigit()
    other, _code = tokens.fresh(token.customer, "confirmation")
    assert other != link


def test_the_code_confirms(app: Flask) -> None:
    claire = a_customer(confirmed=False)
    mine = an_order(email="claire@example.org")
    _link, code = tokens.fresh(claire, "confirmation")
    accounts.confirm_by_code(claire, code)
    assert the_customer().is_confirmed
    db.session.refresh(mine)
    assert mine.customer_id == claire.id
    accounts.confirm_by_code(claire, code)  # The second press of a double click.
    assert db.session.scalar(select(AuditEntry).where(AuditEntry.action == "code.refused")) is None


def test_the_code_of_a_mail_that_was_sent_twice_is_good_in_either_copy(app: Flask) -> None:
    claire = a_customer(confirmed=False)
    _link, first = tokens.fresh(claire, "confirmation")
    tokens.fresh(claire, "confirmation")
    accounts.confirm_by_code(claire, first)
    assert the_customer().is_confirmed


def test_five_wrong_codes_make_the_right_one_worthless(app: Flask) -> None:
    claire = a_customer(confirmed=False)
    _link, code = tokens.fresh(claire, "confirmation")
    wrong = "000000" if code != "000000" else "111111"
    for _try in range(5):
        with pytest.raises(accounts.WrongCode):
            accounts.confirm_by_code(claire, wrong)
    with pytest.raises(accounts.WrongCode):
        accounts.confirm_by_code(claire, code)
    _link, fresh = tokens.fresh(claire, "confirmation")
    accounts.confirm_by_code(claire, fresh)
    assert the_customer().is_confirmed


@pytest.mark.databases("sqlite")
def test_a_wrong_code_and_a_wrong_present_password_are_noted_the_first_in_an_hour(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    claire = a_customer(confirmed=False)
    for _try in range(2):
        with pytest.raises(accounts.WrongCode):
            accounts.confirm_by_code(claire, "000000")
        with pytest.raises(accounts.WrongPassword):
            accounts.change_password(claire, NEW, NEW)
    refused = select(AuditEntry).where(AuditEntry.action.endswith(".refused")).order_by(AuditEntry.id)
    assert [(row.action, row.customer_id) for row in db.session.scalars(refused)] == [
        ("code.refused", claire.id),
        ("password.refused", claire.id),
    ]


def test_a_code_ends_after_half_an_hour(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    claire = a_customer(confirmed=False)
    _link, code = tokens.fresh(claire, "confirmation")
    frozen_clock.shift(timedelta(minutes=30))
    with pytest.raises(accounts.WrongCode):
        accounts.confirm_by_code(claire, code)


def test_the_code_of_another_account_is_worth_nothing(app: Flask) -> None:
    claire, paul = a_customer(confirmed=False), a_customer(email="paul@example.org", confirmed=False)
    _link, code = tokens.fresh(paul, "confirmation")
    tokens.fresh(claire, "confirmation")
    with pytest.raises(accounts.WrongCode):
        accounts.confirm_by_code(claire, code)
    assert not the_customer().is_confirmed


def test_confirming_schedules_the_invoice_that_waited_for_it(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    claire = a_customer(confirmed=False)
    order = an_order(customer=claire, billing=billing_details(), shipped_at=None)
    a_request(order, waiting_for="confirmation")
    link, _code = tokens.fresh(claire, "confirmation")
    accounts.confirm_by_link(link)
    assert invoicing.of_order(order.id).waiting_for == "shipment"


def test_confirmation_mails_are_five_an_hour_at_most_and_none_once_confirmed(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    claire = a_customer(confirmed=False)
    for _try in range(5):
        accounts.request_confirmation(claire)
    with pytest.raises(TooMany):
        accounts.request_confirmation(claire)
    assert len(mails("confirmation")) == 5
    accounts.request_confirmation(a_customer(email="paul@example.org"))
    assert len(mails("confirmation")) == 5


def test_confirmation_mails_are_ten_a_day_at_most_the_first_one_included(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    for _try in range(9):
        limits.hit(limits.CONFIRMATIONS_BY_DAY, "claire@example.org")
    accounts.register("claire@example.org", PASSWORD)
    with pytest.raises(TooMany) as refusal:
        accounts.request_confirmation(the_customer())
    assert len(mails("confirmation")) == 1
    accounts.register("paul@example.org", PASSWORD)  # Another mailbox has its own ten.
    assert len(mails("confirmation")) == 2
    frozen_clock.shift(refusal.value.retry_after)
    accounts.request_confirmation(the_customer())
    assert len(mails("confirmation")) == 3


def test_an_account_is_opened_without_a_mail_where_its_mailbox_had_enough_today(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    for _try in range(10):
        limits.hit(limits.CONFIRMATIONS_BY_DAY, "claire@example.org")
    accounts.register("claire@example.org", PASSWORD)
    assert the_customer()
    assert mails() == []


def test_a_reset_is_mailed_to_the_account_and_to_nobody_else(app: Flask) -> None:
    claire = a_customer()
    accounts.request_reset("CLAIRE@example.org")
    accounts.request_reset("paul@example.org")
    accounts.request_reset("nonsense")
    assert [(mail.kind, mail.recipient, mail.customer_id) for mail in mails()] == [
        ("password_reset", "claire@example.org", claire.id)
    ]


def test_resets_are_five_an_hour_at_most_without_saying_so(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    a_customer()
    for _try in range(10):
        accounts.request_reset("claire@example.org")
    assert len(mails()) == 5


def test_a_reset_changes_the_password_ends_every_session_and_confirms(app: Flask) -> None:
    claire = a_customer(confirmed=False)
    mine = an_order(email="claire@example.org")
    raw = sessions.open(claire, "")
    link, code = tokens.fresh(claire, "password_reset")
    spare, _none = tokens.fresh(claire, "password_reset")
    assert code == ""
    accounts.reset_password(link, NEW)
    assert accounts.authenticate("claire@example.org", NEW) is not None
    assert accounts.authenticate("claire@example.org", PASSWORD) is None
    assert sessions.load(raw) is None
    assert the_customer().is_confirmed
    db.session.refresh(mine)
    assert mine.customer_id == claire.id
    for used in (link, spare):
        with pytest.raises(accounts.InvalidLink):
            accounts.reset_password(used, PASSWORD)


def test_a_reset_link_ends_after_an_hour(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    link, _none = tokens.fresh(a_customer(), "password_reset")
    frozen_clock.shift(timedelta(hours=1))
    with pytest.raises(accounts.InvalidLink):
        accounts.reset_password(link, NEW)


def test_two_presses_at_once_use_a_link_once(app: Flask) -> None:
    link, _none = tokens.fresh(a_customer(), "password_reset")

    def press(number: int) -> bool:
        with app.app_context():
            try:
                accounts.reset_password(link, f"{NEW} {number}")
            except accounts.InvalidLink:
                return False
            finally:
                db.session.remove()
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(press, range(4))) == 1


def test_changing_the_password_keeps_only_the_present_session(app: Flask) -> None:
    claire = a_customer()
    elsewhere = sessions.open(claire, "")
    here = sessions.open(claire, "")
    with pytest.raises(accounts.WrongPassword):
        accounts.change_password(claire, NEW, NEW)
    accounts.change_password(claire, PASSWORD, NEW)
    assert sessions.load(elsewhere) is None
    assert sessions.load(here) is not None
    assert accounts.authenticate("claire@example.org", NEW) is not None


def test_an_admin_is_confirmed_and_keeps_one_account(app: Flask) -> None:
    accounts.create_admin("admin@example.org", PASSWORD)
    accounts.create_admin("Admin@Example.org", NEW)
    admin = the_customer("admin@example.org")
    assert admin.is_admin
    assert admin.is_confirmed
    assert passwords.matches(NEW, admin.password_hash)
    assert len(db.session.scalars(select(Customer)).all()) == 1


def test_making_an_admin_of_an_account_ends_what_its_holder_had_open(app: Flask) -> None:
    raw = sessions.open(a_customer(confirmed=False), "")
    accounts.create_admin("claire@example.org", NEW)
    assert sessions.load(raw) is None


def test_nothing_is_attached_to_an_unconfirmed_account(app: Flask) -> None:
    mine = an_order(email="claire@example.org")
    claire = a_customer(confirmed=False)
    accounts.attach_orders(claire)
    db.session.commit()
    db.session.refresh(mine)
    assert mine.customer_id is None
