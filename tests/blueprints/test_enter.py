"""`/entrer/<token>`: what a browser sees that comes from a shop."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import SignInSession
from services import shop_sign_in
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer, an_order

pytestmark = pytest.mark.databases("sqlite")  # Pages; signing in is tested with its service.


def a_link(email: str = "claire@example.org") -> str:
    return f"/entrer/{shop_sign_in.issue(email).token}"


def test_opening_the_link_signs_nobody_in_however_often(client: LintingClient) -> None:
    link = a_link()
    for _look in range(3):
        page = client.get(link)
        assert page.status_code == 200
        assert "claire@example.org" in page.text
        assert page.headers["Cache-Control"] == "no-store"
    assert client.head(link).status_code == 200
    assert client.get("/espace-client").status_code == 303
    assert db.session.scalars(select(SignInSession)).all() == []


def test_one_press_leads_to_the_page_that_the_shop_named(client: LintingClient) -> None:
    an_order(email="claire@example.org", number="T-100234")
    link = a_link() + "?next=/espace-client/commandes/T-100234"
    assert 'action="/entrer/' in client.get(link).text
    answer = client.post(link)
    assert (answer.status_code, answer.location) == (303, "/espace-client/commandes/T-100234")
    assert client.get(answer.location).status_code == 200
    again = client.post(link)
    assert again.status_code == 410
    assert "Revenez à la boutique" in again.text


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", ""]
)
def test_nobody_is_led_elsewhere(client: LintingClient, elsewhere: str) -> None:
    answer = client.post(a_link(), query_string={"next": elsewhere})
    assert (answer.status_code, answer.location) == (303, "/espace-client")


def test_a_link_that_is_over_says_where_to_go(client: LintingClient, frozen_clock: time_machine.Traveller) -> None:
    link = a_link()
    frozen_clock.shift(timedelta(seconds=61))
    for answer in (client.get(link), client.post(link), client.get("/entrer/nothing")):
        assert answer.status_code == 410
        assert "Revenez à la boutique" in answer.text


def test_somebody_else_who_was_signed_in_here_is_signed_out(client: LintingClient) -> None:
    paul = sign_in(client, a_customer(email="paul@example.org"))
    assert client.post(a_link()).status_code == 303
    live = db.session.scalars(select(SignInSession).where(SignInSession.ended_at.is_(None))).one()
    assert live.customer_id != paul.id
    assert "claire@example.org" in client.get("/espace-client/mon-compte").text


def test_a_press_from_another_site_is_refused(app: Flask, client: LintingClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    link = a_link()
    assert client.post(link).status_code == 400
    assert client.get("/espace-client").status_code == 303
