"""The team: who is invited becomes what they were offered, and somebody always manages."""

import re
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from extensions import DomainError, db
from models import AuditEntry, BillingDetails, Customer, Delivery
from services import accounts, letters, limits, second_factor, sessions, team, tokens
from tests.support.factories import PASSWORD, a_customer, billing_details
from tests.support.second_factors import a_second_factor

NEW = "nina@example.org"


@pytest.fixture
def manager(app: Flask) -> Customer:
    """Give who manages."""
    return a_customer(email="patron@example.org", admin=True)


def the_link() -> str:
    body = letters.write(db.session.scalars(select(func.max(Delivery.id))).one()).get_body(("plain",))
    assert body is not None
    (link,) = re.findall(r"/invitation/(\S+)", body.get_content())
    return str(link)


def the_actions() -> list[str]:
    return [each for each in db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)) if "admin" in each]


@pytest.mark.parametrize("role", ["reading", "managing"])
def test_somebody_without_an_account_chooses_a_password_and_has_the_role(manager: Customer, role: str) -> None:
    team.invite(f" {NEW.upper()} ".strip(), role)
    link = the_link()
    invited = team.invited(link)
    assert invited is not None
    assert not invited.is_admin
    joined = team.accept(link, "une phrase bien longue")
    assert (joined.admin_role, joined.is_confirmed, joined.invited_role) == (role, True, None)
    assert accounts.authenticate(NEW, "une phrase bien longue") is joined
    assert the_actions() == ["admin.invited", "admin.joined"]


def test_an_account_that_a_stranger_opened_there_is_emptied(manager: Customer) -> None:
    accounts.register(NEW, PASSWORD)
    squatted = accounts.find(NEW)
    assert squatted is not None
    squatted.billing = BillingDetails().take(billing_details())
    db.session.commit()
    theirs = sessions.open(squatted, "pytest")
    team.invite(NEW, "managing")
    joined = team.accept(the_link(), "une phrase bien longue")
    assert joined is squatted
    assert joined.billing is None
    assert sessions.load(theirs) is None
    assert accounts.authenticate(NEW, PASSWORD) is None


def test_a_customer_accepts_by_a_press_and_keeps_what_is_theirs(manager: Customer) -> None:
    claire = a_customer(billing=billing_details())
    team.invite(claire.email, "reading")
    link = the_link()
    elsewhere, here = (sessions.open(claire, "pytest") for _ in range(2))
    with pytest.raises(accounts.InvalidLink):
        team.accept(link, "another password for it")
    assert team.accept(link) is claire
    assert claire.admin_role == "reading"
    assert claire.billing is not None
    assert sessions.load(elsewhere) is None
    assert sessions.load(here) is claire


def test_without_a_password_nobody_takes_an_unproven_account(manager: Customer) -> None:
    team.invite(NEW, "reading")
    link = the_link()
    with pytest.raises(accounts.InvalidLink):
        team.accept(link)
    assert team.accept(link, "une phrase bien longue").is_admin


def use(link: str, _clock: time_machine.Traveller) -> None:
    team.accept(link, "une phrase bien longue")


def withdraw(link: str, _clock: time_machine.Traveller) -> None:
    invited = team.invited(link)
    assert invited is not None
    team.withdraw(invited.id)


def wait(_link: str, clock: time_machine.Traveller) -> None:
    clock.shift(timedelta(days=7))


@pytest.mark.parametrize("end", [use, withdraw, wait])
def test_an_invitation_ends(
    manager: Customer, frozen_clock: time_machine.Traveller, end: Callable[[str, time_machine.Traveller], None]
) -> None:
    team.invite(NEW, "managing")
    link = the_link()
    end(link, frozen_clock)
    assert team.invited(link) is None
    with pytest.raises(accounts.InvalidLink):
        team.accept(link, "une autre longue phrase")


@pytest.mark.databases("sqlite")
def test_inviting_again_offers_the_last_role(manager: Customer) -> None:
    team.invite(NEW, "managing")
    former = the_link()
    team.invite(NEW, "reading")
    assert team.accept(former, "une phrase bien longue").admin_role == "reading"
    assert team.invited(the_link()) is None


@pytest.mark.databases("sqlite")
def test_who_administers_already_is_not_invited_and_mailboxes_are_not_filled(manager: Customer) -> None:
    with pytest.raises(DomainError):
        team.invite(manager.email, "reading")
    for _time in range(limits.INVITATIONS_BY_DAY.most):
        team.invite(NEW, "reading")
    with pytest.raises(limits.TooMany):
        team.invite(NEW, "reading")
    assert db.session.scalar(select(func.count(Delivery.id))) == 5


def test_two_presses_at_the_same_moment_invite_once(manager: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    team.invite(NEW, "reading")
    monkeypatch.setattr(accounts, "find", lambda _email: None)  # As before either has written.
    team.invite(NEW, "reading")
    assert db.session.scalar(select(func.count(Delivery.id))) == 1


@pytest.mark.databases("sqlite")
def test_the_list_says_who_is_who(manager: Customer) -> None:
    reader = a_customer(email="lecture@example.org", admin_role="reading")
    a_customer(email="claire@example.org")
    a_second_factor(reader)
    team.invite(NEW, "managing")
    said = [(one.email, one.role, one.invited, one.has_second_factor) for one in team.members()]
    assert said == [
        ("lecture@example.org", "reading", False, True),
        ("patron@example.org", "managing", False, False),
        (NEW, "managing", True, False),
    ]


def test_who_leaves_is_a_customer_again_and_out(manager: Customer) -> None:
    other = a_customer(email="autre@example.org", admin=True)
    a_second_factor(other)
    theirs = sessions.open(other, "pytest")
    team.remove(other.id)
    assert not other.is_admin
    assert not second_factor.is_on(other)
    assert sessions.load(theirs) is None
    team.remove(other.id)
    assert the_actions() == ["admin.removed"]


@pytest.mark.databases("sqlite")
def test_the_last_who_manages_stays(manager: Customer) -> None:
    reader = a_customer(email="lecture@example.org", admin_role="reading")
    for leave in (lambda: team.remove(manager.id), lambda: team.change_role(manager.id, "reading")):
        with pytest.raises(team.LastManager):
            leave()
    team.change_role(reader.id, "managing")
    team.change_role(manager.id, "reading")
    assert (manager.admin_role, reader.admin_role) == ("reading", "managing")
    assert the_actions() == ["admin.role_changed"] * 2


@pytest.mark.databases("sqlite")
def test_nobody_becomes_an_admin_by_a_change_of_role(manager: Customer) -> None:
    claire = a_customer()
    team.change_role(claire.id, "managing")
    team.withdraw(claire.id)
    team.withdraw(10**6)
    assert not claire.is_admin


def test_of_two_who_take_the_right_from_each_other_one_keeps_it(app: Flask, manager: Customer) -> None:
    ids = (manager.id, a_customer(email="autre@example.org", admin=True).id)
    together, refused = Barrier(2), []

    def take(number: int) -> None:
        with app.app_context():
            together.wait(10)
            try:
                team.remove(number)
            except team.LastManager:
                refused.append(number)

    threads = [Thread(target=take, args=(number,)) for number in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    db.session.rollback()
    left = db.session.scalars(select(Customer.id).where(Customer.admin_role == "managing")).all()
    assert left == refused
    assert len(left) == 1


@pytest.mark.parametrize("purpose", ["confirmation", "password_reset"])
@pytest.mark.databases("sqlite")
def test_another_link_is_no_invitation(manager: Customer, purpose: tokens.Purpose) -> None:
    team.invite(NEW, "managing")
    invited = accounts.find(NEW)
    assert invited is not None
    link, _code = tokens.fresh(invited, purpose)
    assert team.invited(link) is None
    with pytest.raises(accounts.InvalidLink):
        team.accept(link, "une phrase bien longue")
