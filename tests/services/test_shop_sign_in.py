"""Coming in from a shop: who it opens the area for, and what nobody gains who had opened the account before."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

import clock
from extensions import DomainError, db
from models import Customer, Delivery, Token
from services import accounts, billing, invoicing, sessions, shop_sign_in, tokens
from tests.support.factories import PASSWORD, a_customer, a_request, an_order, billing_details, company_details
from tests.support.shops import a_key, a_shop

ADDRESS = "claire@example.org"


def enter(email: str = ADDRESS, present: Customer | None = None) -> Customer:
    return shop_sign_in.enter(shop_sign_in.issue(email).token, present)


def test_a_new_address_gets_a_confirmed_account_with_its_orders_and_no_mail(app: Flask) -> None:
    order = an_order(email=ADDRESS)
    claire = enter(" Claire@Example.org")
    db.session.refresh(order)
    assert claire.is_confirmed
    assert order.customer_id == claire.id
    assert db.session.scalar(select(func.count(Delivery.id))) == 0
    assert accounts.authenticate(ADDRESS, PASSWORD) is None


def test_an_account_is_entered_as_it_is(app: Flask) -> None:
    claire = a_customer(billing=billing_details())
    device = sessions.open(claire, "pytest")
    assert enter().id == claire.id
    assert claire.billing is not None
    assert sessions.load(device) is claire
    assert accounts.authenticate(ADDRESS, PASSWORD) is claire


def test_whoever_opened_the_account_without_the_mailbox_is_out_with_all_they_did(app: Flask) -> None:
    thief = a_customer(confirmed=False, billing=company_details())
    device = sessions.open(thief, "pytest")
    order = an_order(customer=thief, shipped_at=None)
    billing.record_for_order(order, company_details(company_name="Voleur SARL"), also_account=False)
    invoicing.ask(order, thief)
    reset = tokens.fresh(thief, "password_reset")[0]
    claire = enter()
    assert claire.is_confirmed
    assert claire.billing is None
    assert order.billing is None
    assert order.request is not None
    assert order.request.state == "cancelled"
    assert sessions.load(device) is None
    assert accounts.authenticate(ADDRESS, PASSWORD) is None
    assert not accounts.is_open(reset, "password_reset")
    assert invoicing.ask(order, claire).state == "waiting"  # She asks anew, and nothing is in her way.


def test_who_is_signed_in_here_keeps_what_they_did(app: Flask) -> None:
    claire = a_customer(confirmed=False, billing=billing_details())
    order = an_order(customer=claire)
    invoicing.ask(order, claire)
    device = sessions.open(claire, "pytest")
    assert enter(present=claire).is_confirmed
    assert claire.billing is not None
    assert order.request is not None
    assert order.request.waiting_for == "shipment"
    assert sessions.load(device) is claire


def test_what_a_shop_asked_for_itself_goes_on(app: Flask) -> None:
    thief = a_customer(confirmed=False)
    order = an_order(customer=thief, billing=billing_details())
    request = a_request(order, origin="checkout", customer=None)
    enter()
    assert request.state == "waiting"
    assert order.billing is not None


def test_an_admin_never_comes_in_by_a_shop(app: Flask) -> None:
    patron = a_customer(email="patron@example.org", admin=True)
    with pytest.raises(DomainError):
        shop_sign_in.issue("patron@example.org")
    link = tokens.fresh(patron, "shop_sign_in")[0]
    assert shop_sign_in.owner(link) is None
    with pytest.raises(accounts.InvalidLink):
        shop_sign_in.enter(link)


def test_a_malformed_address_gets_nothing(app: Flask) -> None:
    with pytest.raises(ValueError, match="@"):
        shop_sign_in.issue("claire")
    assert db.session.scalar(select(func.count(Customer.id))) == 0


def test_a_link_is_good_once_and_for_a_minute(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    issued = shop_sign_in.issue(ADDRESS)
    assert issued.expires_at - timedelta(seconds=60) == clock.now()
    assert shop_sign_in.owner(issued.token) is not None
    shop_sign_in.enter(issued.token)
    with pytest.raises(accounts.InvalidLink):
        shop_sign_in.enter(issued.token)
    late = shop_sign_in.issue(ADDRESS)
    frozen_clock.shift(timedelta(seconds=60))
    assert shop_sign_in.owner(late.token) is None
    with pytest.raises(accounts.InvalidLink):
        shop_sign_in.enter(late.token)


def test_a_link_of_another_purpose_is_none(app: Flask) -> None:
    claire = a_customer()
    for link in (tokens.fresh(claire, "confirmation")[0], tokens.fresh(claire, "password_reset")[0]):
        with pytest.raises(accounts.InvalidLink):
            shop_sign_in.enter(link)
    assert not accounts.is_open(shop_sign_in.issue(ADDRESS).token, "password_reset")


def test_a_link_of_a_shop_has_no_code_to_guess(app: Flask) -> None:
    shop_sign_in.issue(ADDRESS)
    assert db.session.scalars(select(Token.code_hash)).all() == [None]


def test_of_two_presses_at_once_one_comes_in(app: Flask) -> None:
    a_customer(confirmed=False)
    link, together = shop_sign_in.issue(ADDRESS).token, threading.Barrier(2)

    def press(_number: int) -> bool:
        with app.app_context():
            together.wait(10)
            try:
                shop_sign_in.enter(link)
            except accounts.InvalidLink:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, range(2))) == [False, True]


def test_two_calls_for_one_new_address_lead_to_one_account(app: Flask) -> None:
    together = threading.Barrier(2)

    def ask(_number: int) -> str:
        with app.app_context():
            together.wait(10)
            return shop_sign_in.issue(ADDRESS).token

    with ThreadPoolExecutor(2) as pool:
        links = list(pool.map(ask, range(2)))
    assert db.session.scalar(select(func.count(Customer.id))) == 1
    assert shop_sign_in.enter(links[0]).id == shop_sign_in.enter(links[1]).id


def test_what_is_printed_of_a_link_and_of_a_key_opens_nothing(app: Flask) -> None:
    issued, key = shop_sign_in.issue("claire@example.org"), a_key(a_shop())

    assert issued.token not in repr(issued)
    assert key.secret not in repr(key)
