"""A password that is changed while somebody acts by the old one: they do not come in after all others are out."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Customer, Delivery
from services import accounts, email_change, erasure, passwords, sessions, tokens
from tests.support.factories import PASSWORD, a_customer
from tests.support.second_factors import a_second_factor
from web import signed_in

NEW = "le nouveau mot de passe"
THIEVES = "ce que veut le voleur"


@pytest.fixture
def claire(app: Flask) -> Customer:
    """Give somebody whose password a thief knows."""
    customer = a_customer(email="claire@example.org")
    db.session.commit()
    return customer


def recover(app: Flask, link: str) -> None:
    """Let the owner choose a new password, in a request of their own."""
    with app.app_context():
        accounts.reset_password(link, NEW)


def meanwhile(app: Flask, monkeypatch: pytest.MonkeyPatch, claire: Customer, name: str) -> None:
    """Let the owner choose a new password while `passwords.name` is at work for the first time."""
    link, work = tokens.fresh(claire, "password_reset")[0], getattr(passwords, name)
    done: list[str] = []
    db.session.commit()

    def slowly(*given: Any) -> Any:
        result = work(*given)
        if not done:
            done.append(name)
            recover(app, link)
        return result

    monkeypatch.setattr(passwords, name, slowly)


def test_who_gave_the_old_password_before_gets_no_session_after(app: Flask, claire: Customer) -> None:
    link = tokens.fresh(claire, "password_reset")[0]
    thief = accounts.authenticate(claire.email, PASSWORD)
    assert thief is not None
    recover(app, link)
    with pytest.raises(sessions.PasswordChanged):
        sessions.open(thief, "thief")
    assert sessions.of(claire) == []
    owner = accounts.authenticate(claire.email, NEW)
    assert owner is not None
    assert sessions.load(sessions.open(owner, "owner")) is claire


def test_nor_do_they_come_to_the_second_step(app: Flask, claire: Customer) -> None:
    claire.admin_role = "managing"
    a_second_factor(claire)
    link = tokens.fresh(claire, "password_reset")[0]
    with app.test_request_context():
        thief = accounts.authenticate(claire.email, PASSWORD)
        assert thief is not None
        recover(app, link)
        signed_in.admit(thief, None)
        assert signed_in.at_second_step() is None
        owner = accounts.authenticate(claire.email, NEW)
        assert owner is not None
        signed_in.admit(owner, None)
        assert signed_in.at_second_step() is owner


def test_a_stronger_hash_of_the_old_password_does_not_replace_the_new_one(
    app: Flask, claire: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "is_outdated", lambda _stored: True)
    meanwhile(app, monkeypatch, claire, "is_outdated")
    thief = accounts.authenticate(claire.email, PASSWORD)
    assert thief is not None
    with pytest.raises(sessions.PasswordChanged):
        sessions.open(thief, "thief")
    assert passwords.matches(NEW, claire.password_hash)


def change(claire: Customer) -> None:
    accounts.change_password(claire, PASSWORD, THIEVES)


def erase(claire: Customer) -> None:
    erasure.erase(claire, PASSWORD)


def move(claire: Customer) -> None:
    email_change.request(claire, "voleur@example.org", PASSWORD)


@pytest.mark.parametrize("act", [change, erase, move])
def test_nor_do_they_change_the_password_or_the_address_or_delete_the_account(
    app: Flask, claire: Customer, monkeypatch: pytest.MonkeyPatch, act: Callable[[Customer], None]
) -> None:
    meanwhile(app, monkeypatch, claire, "matches")
    with pytest.raises(sessions.PasswordChanged):
        act(claire)
    db.session.expire_all()
    assert claire.erased_at is None
    assert passwords.matches(NEW, claire.password_hash)
    mails = [mail.kind for mail in db.session.scalars(select(Delivery))]
    assert mails == ["password_changed"]  # None goes to the address of a thief.


def test_the_second_press_of_a_new_password_finds_it_changed(
    app: Flask, claire: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    claire_id, matches = claire.id, passwords.matches
    done: list[int] = []

    def slowly(*given: Any) -> bool:
        result = matches(*given)
        if not done:
            done.append(claire_id)
            with app.app_context():
                accounts.change_password(db.session.get_one(Customer, claire_id), PASSWORD, NEW)
        return result

    monkeypatch.setattr(passwords, "matches", slowly)
    accounts.change_password(claire, PASSWORD, NEW)
    assert matches(NEW, claire.password_hash)
    assert [mail.kind for mail in db.session.scalars(select(Delivery))] == ["password_changed"]
