"""« Double authentification », as a browser sees it: the second step of signing in, and setting it up."""

import re
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Customer, SignInSession
from services import second_factor, tokens
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import PASSWORD, a_customer, an_order
from tests.support.second_factors import Telephone, a_second_factor, now_code

pytestmark = pytest.mark.databases("sqlite")  # Pages; the factor itself is tested with its service.
PAGE = "/espace-client/mon-compte/double-authentification"
EMAIL = "admin@example.org"


@pytest.fixture
def merchant(app: Flask, frozen_clock: time_machine.Traveller) -> Customer:
    """An admin, signed in nowhere."""
    return a_customer(email=EMAIL, admin=True)


@pytest.fixture
def telephone(merchant: Customer, frozen_clock: time_machine.Traveller) -> Telephone:
    """The merchant's telephone; the code of its first use is over."""
    found = a_second_factor(merchant)
    frozen_clock.shift(60)
    return found


def enter_password(client: LintingClient, following: str = "", password: str = PASSWORD) -> str:
    query = f"?next={following}" if following else ""
    answer = client.post(f"/connexion{query}", data={"email": EMAIL, "password": password})
    assert answer.status_code == 303
    return str(answer.location)


def is_in(client: LintingClient) -> bool:
    return client.get("/admin/").status_code == 200


def test_without_a_second_factor_the_password_opens(client: LintingClient, merchant: Customer) -> None:
    assert enter_password(client) == "/espace-client"
    assert is_in(client)


def test_the_password_alone_leads_to_the_code_and_opens_nothing(client: LintingClient, telephone: Telephone) -> None:
    step = enter_password(client, "/admin/?etat=tout")
    assert step == "/connexion/code?next=/admin/?etat%3Dtout"
    assert not is_in(client)
    assert db.session.scalars(select(SignInSession)).all() == []
    answer = client.post(step, data={"code": now_code(telephone.secret)})
    assert (answer.status_code, answer.location) == (303, "/admin/?etat=tout")
    assert is_in(client)


def test_the_mailbox_alone_opens_nothing_either(
    client: LintingClient, telephone: Telephone, merchant: Customer
) -> None:
    link, _code = tokens.fresh(merchant, "password_reset")
    new = "une toute nouvelle phrase"
    assert client.post(f"/mot-de-passe/{link}", data={"password": new}).location == "/connexion"
    assert not is_in(client)
    step = enter_password(client, password=new)
    assert step.startswith("/connexion/code")
    assert not is_in(client)
    assert db.session.scalars(select(SignInSession)).all() == []
    client.post(step, data={"code": now_code(telephone.secret)})
    assert is_in(client)


def test_a_wrong_code_is_said_beside_its_field(client: LintingClient, telephone: Telephone) -> None:
    step = enter_password(client)
    for wrong in ("", "12", "x" * 41):
        answer = client.post(step, data={"code": wrong})
        assert answer.status_code == 422
        assert 'id="code-error"' in answer.text
    assert not is_in(client)


def test_a_recovery_code_opens_as_well(client: LintingClient, telephone: Telephone) -> None:
    client.post(enter_password(client), data={"code": f" {telephone.codes[3].lower()} "})
    assert is_in(client)


def test_guessing_codes_is_told_when_to_come_back(client: LintingClient, telephone: Telephone) -> None:
    step = enter_password(client)
    answers = [client.post(step, data={"code": "nothing"}) for _try in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) <= 900


@pytest.mark.parametrize("what", ["nothing", "late", "another password"])
def test_without_a_right_password_of_just_now_there_is_no_second_step(
    client: LintingClient, telephone: Telephone, frozen_clock: time_machine.Traveller, what: str
) -> None:
    step = "/connexion/code" if what == "nothing" else enter_password(client)
    if what == "late":
        frozen_clock.shift(301)
    elif what == "another password":
        customer = db.session.get_one(Customer, telephone.customer_id)
        customer.password_hash = "other"
        db.session.commit()
    answer = client.post(step, data={"code": now_code(telephone.secret)})
    assert answer.status_code == 303
    assert answer.location.startswith("/connexion?")
    assert not is_in(client)


def test_who_is_signed_in_needs_no_code(client: LintingClient, merchant: Customer) -> None:
    sign_in(client, merchant)
    assert client.get("/connexion/code").location == "/espace-client"


def test_a_customer_has_no_such_page(client: LintingClient) -> None:
    sign_in(client, a_customer())
    assert client.get(PAGE).status_code == 404
    assert client.post(f"{PAGE}/application").status_code == 404
    assert "Double authentification" not in client.get("/espace-client/mon-compte").text


def test_setting_it_up(client: LintingClient, merchant: Customer, frozen_clock: time_machine.Traveller) -> None:
    sign_in(client, merchant)
    assert "Activer la double authentification" in client.get(PAGE).text
    assert client.post(f"{PAGE}/application").location == PAGE
    page = client.get(PAGE).text
    waiting = second_factor.enrolment(merchant)
    assert waiting is not None
    assert waiting.secret in re.sub(r"\s|<[^>]+>", "", page)
    assert "<svg" in page
    wrong = client.post(f"{PAGE}/premier-code", data={"code": "nothing"})
    assert wrong.status_code == 422
    assert 'id="code-error"' in wrong.text
    code = now_code(waiting.secret)
    done = client.post(f"{PAGE}/premier-code", data={"code": code})
    codes = re.findall(r"<code>((?:[A-Z2-7]{4}-){5}[A-Z2-7]{4})</code>", done.text)
    assert len(codes) == 10
    again = client.post(f"{PAGE}/premier-code", data={"code": code})
    assert (again.status_code, again.location) == (303, PAGE)
    assert "10 codes de secours" in client.get(PAGE).text
    second_factor.check(merchant, codes[0])


def test_new_recovery_codes_are_shown_once(client: LintingClient, telephone: Telephone) -> None:
    sign_in(client, db.session.get_one(Customer, telephone.customer_id))
    page = client.post(f"{PAGE}/codes-de-secours").text
    assert len(re.findall(r"<code>", page)) == 10
    assert telephone.codes[0] not in page


def test_there_are_no_codes_before_there_is_a_factor(client: LintingClient, merchant: Customer) -> None:
    sign_in(client, merchant)
    assert client.post(f"{PAGE}/codes-de-secours").location == PAGE


def test_in_production_an_admin_sets_it_up_before_anything_else(make_app: Callable[..., Flask]) -> None:
    app = make_app(APP_ENV="production", PUBLIC_URL="https://boutique.example")
    with app.app_context():
        browser = app.test_client()
        assert isinstance(browser, LintingClient)
        browser.environ_base |= {"wsgi.url_scheme": "https", "HTTP_HOST": "boutique.example"}
        merchant = a_customer(email=EMAIL, admin=True)
        order = an_order()
        sign_in(browser, merchant)
        for answer in (browser.get("/admin/"), browser.post(f"/admin/commandes/{order.number}/relancer")):
            assert (answer.status_code, answer.location) == (303, PAGE)
        assert "Avant d'ouvrir l'administration" in browser.get(PAGE).text.replace("&#39;", "'")
        a_second_factor(merchant)
        assert browser.get("/admin/").status_code == 200
