"""Whoever opens an account on somebody else's address gains nothing: its owner takes it over empty."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Customer, Delivery, Order
from services import accounts, billing, invoicing, sessions, tokens
from tests.support.customers import an_issued_invoice
from tests.support.factories import PASSWORD, a_customer, a_request, an_order, billing_details, company_details

ADDRESS = "claire@example.org"
NEW = "quatre mots de passe"

Proof = Callable[[Customer], Customer]
WAYS: dict[str, Proof] = {
    "a confirmation elsewhere": lambda account: accounts.confirm_by_link(tokens.fresh(account, "confirmation")[0], NEW),
    "a reset": lambda account: accounts.reset_password(tokens.fresh(account, "password_reset")[0], NEW),
    "the command line": lambda account: accounts.create_admin(account.email, NEW),
}
every_way = pytest.mark.parametrize("prove", WAYS.values(), ids=WAYS)


@every_way
def test_what_was_done_before_the_proof_is_gone(app: Flask, prove: Proof) -> None:
    thief = a_customer(confirmed=False, billing=company_details())
    devices = [sessions.open(thief, "pytest") for _device in range(2)]
    order = an_order(customer=thief, shipped_at=None)
    billing.record_for_order(order, company_details(company_name="Voleur SARL"), also_account=False)
    invoicing.ask(order, thief, "PO-1")
    links = [tokens.fresh(thief, purpose)[0] for purpose in ("password_reset", "confirmation")]
    claire = prove(thief)
    assert claire.is_confirmed
    assert claire.billing is None
    assert order.billing is None
    assert order.request is not None
    assert (order.request.state, order.request.deadline_at) == ("cancelled", None)
    assert [sessions.load(device) for device in devices] == [None, None]
    assert not accounts.is_open(links[0], "password_reset")
    assert not accounts.is_open(links[1], "confirmation")
    assert accounts.authenticate(ADDRESS, PASSWORD) is None
    assert accounts.authenticate(ADDRESS, NEW) is claire
    again = invoicing.ask(order, claire)
    assert (again.state, again.purchase_order) == ("waiting", None)  # Nothing is in her way, nothing of his is left.


@every_way
def test_a_proven_account_loses_nothing_by_a_proof(app: Flask, prove: Proof) -> None:
    claire = a_customer(billing=billing_details())
    order = an_order(customer=claire, shipped_at=None)
    invoicing.ask(order, claire)
    if prove is WAYS["a confirmation elsewhere"]:  # A message from before that was read late proves nothing new.
        with pytest.raises(accounts.InvalidLink):
            prove(claire)
    else:
        prove(claire)
    db.session.expire_all()
    assert claire.billing is not None
    assert order.request is not None
    assert order.request.state == "waiting"


@every_way
def test_what_the_shop_said_or_was_invoiced_stays(app: Flask, prove: Proof) -> None:
    thief = a_customer(confirmed=False)
    wished = an_order(customer=thief, billing=billing_details())
    request = a_request(wished, origin="checkout", customer=None)
    invoice = an_issued_invoice(an_order(customer=thief, billing=billing_details()))
    prove(thief)
    assert request.state == "waiting"
    assert wished.billing is not None
    assert invoice.order.request is not None
    assert invoice.order.request.state != "cancelled"


def test_who_has_opened_the_account_confirms_it_and_keeps_all(app: Flask) -> None:
    opening = accounts.register(ADDRESS, PASSWORD)
    claire = accounts.find(ADDRESS)
    assert claire is not None
    device = sessions.open(claire, "pytest")
    billing.record_for_customer(claire, billing_details())
    link = tokens.fresh(claire, "confirmation")[0]
    assert accounts.was_opened_here(link, present=None, opening=opening)
    assert accounts.was_opened_here(link, present=claire, opening="")
    accounts.confirm_by_link(link)
    assert claire.billing is not None
    assert sessions.load(device) is claire
    assert claire.opening_hash is None  # It has served.


def test_nobody_else_is_taken_for_who_has_opened_it(app: Flask) -> None:
    accounts.register(ADDRESS, PASSWORD)
    claire, stranger = accounts.find(ADDRESS), a_customer(email="paul@example.org")
    assert claire is not None
    link = tokens.fresh(claire, "confirmation")[0]
    second = accounts.register(ADDRESS, NEW)  # Its owner tries to register in turn.
    for present, opening in ((None, ""), (stranger, ""), (None, second), (stranger, claire.opening_hash or "")):
        assert not accounts.was_opened_here(link, present=present, opening=opening)
    shop_made = a_customer(email="sans@example.org", confirmed=False)  # Nobody's browser has opened it.
    other = tokens.fresh(shop_made, "confirmation")[0]
    assert not accounts.was_opened_here(other, present=None, opening="")
    assert not accounts.was_opened_here("unknown", present=claire, opening="")


def test_an_unproven_account_gets_no_order_but_the_one_it_was_opened_from(app: Flask) -> None:
    an_order(email=ADDRESS)
    accounts.register(ADDRESS, PASSWORD)
    thief = accounts.find(ADDRESS)
    assert thief is not None
    an_order(email=ADDRESS)
    assert db.session.scalars(Order.visible_to(thief)).all() == []


def test_a_changed_password_is_told_to_its_owner(app: Flask) -> None:
    claire = a_customer()
    accounts.change_password(claire, PASSWORD, NEW)
    accounts.reset_password(tokens.fresh(claire, "password_reset")[0], PASSWORD)
    told = db.session.scalars(select(Delivery)).all()
    assert [(mail.kind, mail.recipient) for mail in told] == [("password_changed", ADDRESS)] * 2
