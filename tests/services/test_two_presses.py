"""Two presses of one button at once: one of them counts, and the other is not told that something is wrong."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import event, select

from extensions import DomainError, NotTheirs, db
from models import AuditEntry, Customer, Delivery, Order
from services import accounts, billing, claims, email_change, erasure, passwords, second_factor, team, tokens
from tests.support.factories import PASSWORD, a_customer, an_order, billing_details, company_details
from tests.support.second_factors import a_second_factor

CLAIRE = "claire@example.org"
OTHER = "bureau@example.org"
NEW = "claire.martin@example.org"


@pytest.fixture
def claire(app: Flask) -> Customer:
    """Give a confirmed account, which has looked at its pages."""
    return a_customer()


def in_an_own_request(app: Flask, press: Callable[[], object]) -> None:
    with app.app_context():
        press()


@contextmanager
def just_before(other: Callable[[], object]) -> Iterator[None]:
    """Let the other press do all of its work when the one in this block has read, and is about to write."""
    app, done = current_app._get_current_object(), list[Callable[[], object]]()  # type: ignore[attr-defined]  # A proxy.

    def begins(_connection: Any, options: dict[str, Any]) -> None:
        if options.get("immediate") and not done:
            done.append(other)
            with ThreadPoolExecutor(1) as somebody:
                somebody.submit(in_an_own_request, app, other).result()

    event.listen(db.engine, "set_connection_execution_options", begins)
    try:
        yield
    finally:
        event.remove(db.engine, "set_connection_execution_options", begins)
    assert done


def twice(press: Callable[[], object]) -> None:
    with just_before(press):
        press()


def the_one(email: str) -> Customer:
    found = accounts.find(email)
    assert found is not None
    return found


def the_mails() -> list[tuple[str, str]]:
    return [(mail.kind, mail.recipient) for mail in db.session.scalars(select(Delivery).order_by(Delivery.id))]


def the_acts() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_one_confirmation_is_sent(app: Flask) -> None:
    claire = a_customer(confirmed=False)
    twice(lambda: accounts.request_confirmation(the_one(CLAIRE)))
    assert the_mails() == [("confirmation", CLAIRE)]
    accounts.request_confirmation(claire)  # Asked for again.
    assert len(the_mails()) == 2


def test_who_opens_an_account_by_two_presses_is_not_told_of_somebody_else(app: Flask) -> None:
    password_hash = passwords.hash(PASSWORD)
    twice(lambda: accounts.create(NEW, password_hash))
    assert the_mails() == [("confirmation", NEW)]
    accounts.register(NEW, PASSWORD)  # Later, by whoever it may be.
    assert the_mails() == [("confirmation", NEW), ("account_exists", NEW)]


def test_billing_details_change_once(claire: Customer) -> None:
    twice(lambda: billing.record_for_customer(the_one(CLAIRE), billing_details()))
    assert the_acts() == ["billing.changed"]
    billing.record_for_customer(claire, company_details())
    assert the_acts() == ["billing.changed"] * 2


def test_billing_details_of_an_order_change_once(claire: Customer) -> None:
    order_id = an_order(customer=claire).id

    def press() -> None:
        billing.record_for_order(db.session.get_one(Order, order_id), billing_details(), also_account=False)

    twice(press)
    assert the_acts() == ["billing.changed"]


def test_one_message_goes_to_the_new_address(claire: Customer) -> None:
    twice(lambda: email_change.request(the_one(CLAIRE), NEW, PASSWORD))
    assert the_mails() == [("email_change", NEW)]
    assert the_acts() == ["account.email_change_requested"]


def test_one_code_goes_to_the_mailbox_of_an_order(claire: Customer) -> None:
    number = an_order(email=OTHER).number
    twice(lambda: claims.request(the_one(CLAIRE), number, OTHER))
    assert the_mails() == [("order_code", OTHER)]
    assert the_acts().count("order.claim_asked") == 1


def test_one_invitation_goes_to_who_has_an_account(claire: Customer) -> None:
    twice(lambda: team.invite(CLAIRE, "reading"))
    assert the_mails() == [("invitation", CLAIRE)]
    assert the_acts() == ["admin.invited"]


def test_one_secret_waits_for_its_first_code(app: Flask) -> None:
    a_customer(admin=True)
    twice(lambda: second_factor.begin(the_one(CLAIRE)))
    assert the_acts() == ["second_factor.begun"]


def test_no_recovery_codes_are_shown_that_open_nothing(app: Flask) -> None:
    admin = a_customer(admin=True)
    a_second_factor(admin)
    shown: list[list[str]] = []

    def renew() -> None:
        shown.append(second_factor.renew_codes(the_one(CLAIRE)))

    with pytest.raises(DomainError, match="viennent d'être renouvelés"):
        twice(renew)
    (codes,) = shown
    db.session.expire_all()
    second_factor.check(admin, codes[0])


def test_the_second_of_two_codes_for_an_order_finds_it_taken(claire: Customer) -> None:
    order = an_order(email=OTHER)
    code = tokens.fresh(claire, "order_claim", order=order)[1]
    with pytest.raises(claims.AlreadyTaken) as done:
        twice(lambda: claims.confirm(the_one(CLAIRE), code))
    assert done.value.order.id == order.id
    assert "code.refused" not in the_acts()
    with pytest.raises(accounts.WrongCode) as wrong:
        claims.confirm(claire, "000000" if code != "000000" else "000001")
    assert not isinstance(wrong.value, claims.AlreadyTaken)


def test_a_used_code_says_nothing_of_an_order_that_has_left_the_account(claire: Customer) -> None:
    order = an_order(email=OTHER)
    code = tokens.fresh(claire, "order_claim", order=order)[1]
    claims.confirm(claire, code)
    order.customer = a_customer(email=OTHER)
    db.session.commit()
    with pytest.raises(accounts.WrongCode) as wrong:
        claims.confirm(claire, code)
    assert not isinstance(wrong.value, claims.AlreadyTaken)


def test_the_second_of_two_codes_for_an_address_is_not_noted_as_a_wrong_one(claire: Customer) -> None:
    code = tokens.fresh(claire, "email_change", NEW)[1]
    customer_id = claire.id
    with pytest.raises(accounts.WrongCode):
        twice(lambda: email_change.confirm_by_code(db.session.get_one(Customer, customer_id), code))
    assert "code.refused" not in the_acts()


def test_who_is_deleted_meanwhile_asks_for_no_order(claire: Customer) -> None:
    number = an_order(email=OTHER).number
    with pytest.raises(NotTheirs), just_before(lambda: erasure.erase(the_one(CLAIRE), PASSWORD)):
        claims.request(claire, number, OTHER)
    assert [kind for kind, _recipient in the_mails()] == ["account_erased"]
