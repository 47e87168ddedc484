"""Dangerous acts ask who has not shown for half an hour who they are, and lose nothing of what was sent."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Customer, Order, SignInSession
from tests.support.client import LintingClient
from tests.support.customers import an_issued_invoice, sign_in
from tests.support.factories import PASSWORD, a_customer, an_order, billing_details
from tests.support.second_factors import a_second_factor, now_code

pytestmark = pytest.mark.databases("sqlite")
ADDRESS = "nouvelle@example.org"
HIDDEN = r'<input type="hidden" name="([^"]+)" value="([^"]*)"'
HARMLESS = {
    "admin.resend",  # To the address that the order or account has already.
    "admin.retry",
    "installation.try_mail",  # To the admin alone.
    "shops.retry",
    "shops.ignore",
    "uploads.hand_in",  # Nothing is taken in before it is confirmed.
    "uploads.discard",
}
DANGEROUS = {
    "admin.correct_email",
    "admin.credit",
    "admin.accept",
    "admin.decline",
    "review.correct",
    "review.accept",
    "review.ignore",
    "review.undo",
    "review.reinvoice",
    "uploads.confirm",
    "team.invite",
    "team.change_role",
    "team.remove",
    "team.withdraw",
    "second_factor.begin",
    "second_factor.confirm",
    "second_factor.renew_codes",
}


@pytest.fixture
def merchant(app: Flask, frozen_clock: time_machine.Traveller) -> Customer:
    """An admin."""
    return a_customer(email="admin@example.org", admin=True)


@pytest.fixture
def order(app: Flask) -> Order:
    """An order whose address is about to be corrected."""
    return an_order(billing=billing_details())


def hidden(page: str) -> dict[str, str]:
    return {name: unescape(text) for name, text in re.findall(HIDDEN, page)}


def test_every_change_of_an_admin_is_either_harmless_or_asks_again(app: Flask) -> None:
    posts = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and (rule.rule.startswith("/admin") or "double-auth" in rule.rule)
    }
    asking = {endpoint for endpoint, view in app.view_functions.items() if getattr(view, "asks_again", False)}
    assert posts == HARMLESS | DANGEROUS
    assert asking == DANGEROUS


def test_within_half_an_hour_nothing_is_asked(client: LintingClient, merchant: Customer, order: Order) -> None:
    sign_in(client, merchant)
    assert client.post(f"/admin/commandes/{order.number}/adresse", data={"email": ADDRESS}).status_code == 303
    assert order.email == ADDRESS


def test_later_the_act_waits_for_the_password_and_then_goes_on_as_it_was_sent(
    client: LintingClient, merchant: Customer, order: Order, frozen_clock: time_machine.Traveller
) -> None:
    here, former = f"/admin/commandes/{order.number}/adresse", order.email
    sign_in(client, merchant)
    frozen_clock.shift(timedelta(minutes=31))
    asked = client.post(here, data={"email": ADDRESS, "twice": ["<1>", '"2"']})
    assert asked.status_code == 401
    assert f'action="{here}"' in asked.text
    assert [(name, unescape(text)) for name, text in re.findall(HIDDEN, asked.text) if name != "csrf_token"] == [
        ("email", ADDRESS), ("twice", "<1>"), ("twice", '"2"'),
    ]  # fmt: skip
    wrong = client.post(here, data=hidden(asked.text) | {"proof_password": "wrong"})
    assert wrong.status_code == 401
    assert 'id="proof_password-error"' in wrong.text
    db.session.expire_all()
    assert order.email == former
    token = db.session.scalars(select(SignInSession.token_hash)).one()
    done = client.post(here, data=hidden(wrong.text) | {"proof_password": PASSWORD})
    assert done.status_code == 303
    db.session.expire_all()
    assert order.email == ADDRESS
    assert db.session.scalars(select(SignInSession.token_hash)).one() != token
    assert client.get("/admin/").status_code == 200


def test_who_has_a_second_factor_is_asked_for_a_code_as_well(
    client: LintingClient, merchant: Customer, order: Order, frozen_clock: time_machine.Traveller
) -> None:
    here, former = f"/admin/commandes/{order.number}/adresse", order.email
    telephone = a_second_factor(merchant)
    sign_in(client, merchant)
    frozen_clock.shift(timedelta(minutes=31))
    sent = {"email": ADDRESS, "proof_password": PASSWORD}
    for wrong in ({}, {"proof_code": "nothing"}):
        answer = client.post(here, data=sent | wrong)
        assert answer.status_code == 401
        assert 'id="proof_code-error"' in answer.text
    db.session.expire_all()
    assert order.email == former
    assert client.post(here, data=sent | {"proof_code": now_code(telephone.secret)}).status_code == 303
    db.session.expire_all()
    assert order.email == ADDRESS


def test_a_page_is_looked_at_without_being_asked(
    client: LintingClient, merchant: Customer, order: Order, frozen_clock: time_machine.Traveller
) -> None:
    sign_in(client, merchant)
    invoice = an_issued_invoice(order)
    frozen_clock.shift(timedelta(minutes=31))
    assert client.get(f"/admin/factures/{invoice.number}/avoir").status_code in (200, 303)


def test_guessing_the_password_there_is_stopped(
    client: LintingClient, merchant: Customer, order: Order, frozen_clock: time_machine.Traveller
) -> None:
    sign_in(client, merchant)
    frozen_clock.shift(timedelta(minutes=31))
    sent = {"email": ADDRESS, "proof_password": "wrong"}
    answers = [client.post(f"/admin/commandes/{order.number}/adresse", data=sent).status_code for _try in range(11)]
    assert answers == [401] * 10 + [429]
