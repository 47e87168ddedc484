from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import AuditEntry, Customer, Delivery
from services import guests
from services.limits import TooMany
from tests.support.factories import PASSWORD, PLACED, a_customer, an_order
from tests.support.shops import a_shop

NEW = "une toute nouvelle phrase"


@pytest.mark.parametrize("number", ["T-100234", "t-100234", " T-100 234 ", "#T-100234", "# t-100234"])
@pytest.mark.parametrize("email", ["claire@example.org", "CLAIRE@Example.org "])
def test_an_order_is_found_however_its_number_and_address_are_typed(app: Flask, number: str, email: str) -> None:
    order = an_order(number="T-100234", email="Claire@example.org")
    assert guests.look_up(number, email) == order


@pytest.mark.parametrize(
    ("number", "email"),
    [
        ("T-100234", "paul@example.org"),
        ("T-100235", "claire@example.org"),
        ("T-100236", "claire@example.org"),
        ("T-10023", "claire@example.org"),
        ("%", "claire@example.org"),
        ("", "claire@example.org"),
        ("T-100234", "nonsense"),
        ("T-100234\x00", "claire@example.org"),
    ],
)
def test_nothing_is_found_unless_both_are_right(app: Flask, number: str, email: str) -> None:
    an_order(number="T-100234", email="claire@example.org")
    an_order(number="T-100236", email="paul@example.org")
    assert guests.look_up(number, email) is None


@pytest.mark.parametrize("number", ["W-100", "w-100", "100", "#100"])
def test_an_order_is_found_by_its_whole_number_and_by_the_own_one_of_its_shop(app: Flask, number: str) -> None:
    order = an_order(number="W-100", own_key="100", email="claire@example.org")
    assert guests.look_up(number, "claire@example.org") == order


def test_of_two_shops_with_one_own_number_the_address_decides_and_else_the_newest_is_meant(app: Flask) -> None:
    older = an_order(number="W-100", own_key="100", email="claire@example.org")
    newer = an_order(number="S-100", own_key="100", email="claire@example.org", placed_at=PLACED + timedelta(days=1))
    other = an_order(number="100", email="paul@example.org", placed_at=PLACED + timedelta(days=2))
    assert guests.look_up("100", "claire@example.org") == newer
    assert guests.look_up("W-100", "claire@example.org") == older
    assert guests.look_up("100", "paul@example.org") == other
    assert guests.look_up("S-100", "paul@example.org") is None


def test_guessing_addresses_for_a_number_is_stopped_for_a_quarter_of_an_hour(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    an_order(number="T-100234", email="claire@example.org")
    for number in range(10):
        assert guests.look_up("T-100234", f"guess{number}@example.org", visitor=f"192.0.2.{number}") is None
    with pytest.raises(TooMany):
        guests.look_up("#t-100234", "claire@example.org", visitor="192.0.2.99")
    frozen_clock.shift(timedelta(minutes=15))
    assert guests.look_up("T-100234", "claire@example.org") is not None


@pytest.mark.parametrize(("spelling", "other"), [("W-100", "100"), ("100", "# w-100"), ("WX-100", "X-100")])
@pytest.mark.parametrize("there", [True, False])
def test_guessing_is_counted_for_an_order_whichever_of_its_numbers_is_typed_and_whether_or_not_it_is_there(
    app: Flask, frozen_clock: time_machine.Traveller, spelling: str, other: str, there: bool
) -> None:
    for prefix in ("w-", "w", "wx-", ""):
        a_shop(number_prefix=prefix)
    if there:
        an_order(number="W-100", own_key="100", email="claire@example.org")
        an_order(number="WX-100", own_key="X-100", email="claire@example.org")
    for number in range(10):
        assert guests.look_up(spelling, f"guess{number}@example.org", visitor=f"192.0.2.{number}") is None
    with pytest.raises(TooMany):
        guests.look_up(other, "claire@example.org", visitor="192.0.2.99")
    frozen_clock.shift(timedelta(minutes=15))
    for _try in range(11 if there else 1):
        assert (guests.look_up(other, "claire@example.org") is not None) == there


def test_a_look_up_is_in_the_audit_with_the_order_only_when_it_was_found(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    order = an_order(number="T-100234", email="claire@example.org")
    for number, email in (("T-100234", "paul@example.org"), ("T-100235", "nonsense"), ("t-100234", order.email)):
        guests.look_up(number, email, visitor="192.0.2.7")
    found = select(AuditEntry.action, AuditEntry.order_id, AuditEntry.detail).order_by(AuditEntry.id)
    assert [tuple(row) for row in db.session.execute(found)] == [
        ("look_up.refused", None, "T-100234"),
        ("order.looked_up", order.id, ""),
    ]


@pytest.mark.databases("sqlite")
def test_what_is_no_order_number_is_not_repeated_by_the_audit(app: Flask) -> None:
    guests.look_up("claire@example.org mot de passe", "paul@example.org", visitor="192.0.2.7")
    assert db.session.scalars(select(AuditEntry.detail)).one() == ""


def test_guessing_numbers_from_one_network_is_stopped(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    for number in range(60):
        guests.look_up(f"T-{number}", "claire@example.org", visitor="192.0.2.7")
    with pytest.raises(TooMany):
        guests.look_up("T-60", "claire@example.org", visitor="192.0.2.7")


def test_an_honest_guest_may_look_as_often_as_they_like(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    an_order(number="T-100234", email="claire@example.org")
    for _try in range(70):
        assert guests.look_up("T-100234", "claire@example.org", visitor="192.0.2.7") is not None


def test_a_new_address_gets_its_account_unconfirmed_with_the_order_and_a_mail(app: Flask) -> None:
    order = an_order(email="claire@example.org")
    other = an_order(email="claire@example.org")
    claire = guests.create_account(order, PASSWORD)
    assert claire is not None
    assert not claire.is_confirmed
    db.session.refresh(order)
    db.session.refresh(other)
    assert order.customer_id == claire.id
    assert other.customer_id is None  # The others follow when the mailbox is proven.
    assert not order.personal_data_visible_to(claire)
    mail = db.session.scalars(select(Delivery)).one()
    assert (mail.kind, mail.recipient) == ("confirmation", "claire@example.org")


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_address_that_has_an_account_gets_a_mail_instead(app: Flask, confirmed: bool) -> None:
    a_customer(confirmed=confirmed)
    order = an_order(email="Claire@example.org")
    assert guests.create_account(order, NEW) is None
    db.session.refresh(order)
    assert order.customer_id is None
    assert db.session.scalars(select(Delivery)).one().kind == "account_exists"
    assert len(db.session.scalars(select(Customer)).all()) == 1


def test_an_order_that_has_its_owner_makes_no_second_account(app: Flask) -> None:
    owner = a_customer(email="new-address@example.org")
    order = an_order(customer=owner, email="old-address@example.org")
    assert guests.create_account(order, NEW) is None
    mail = db.session.scalars(select(Delivery)).one()
    assert (mail.kind, mail.recipient) == ("account_exists", "new-address@example.org")
    assert len(db.session.scalars(select(Customer)).all()) == 1
