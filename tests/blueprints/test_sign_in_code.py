"""« Recevoir un code par e-mail », as a browser sees it."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

from extensions import db
from models import Customer, Delivery, Order, SignInCode, SignInSession
from services import accounts, limits
from tests.blueprints.test_auth import is_signed_in, read, send_mails, sign_in
from tests.blueprints.test_second_factor import is_in
from tests.security.corpus import SMUGGLED, TEXTS
from tests.support import customers
from tests.support.client import HTMX, LintingClient
from tests.support.factories import PASSWORD, a_customer, an_order
from tests.support.mailbox import Mailbox
from tests.support.second_factors import a_second_factor, now_code

pytestmark = pytest.mark.databases("sqlite")  # Pages; codes are tested with their service.
ASK, ENTER = "/connexion/code-par-e-mail/envoyer", "/connexion/code-par-e-mail"
CLAIRE, NOBODY = "claire@example.org", "paul@example.org"
TOKEN = re.compile(r'name="csrf_token" value="[^"]+"')
"""What differs from second to second."""


@pytest.fixture
def claire(app: Flask) -> Customer:
    """Give a confirmed account, signed in nowhere."""
    return a_customer(email=CLAIRE)


def ask(client: LintingClient, email: str = CLAIRE, **fields: str):  # type: ignore[no-untyped-def]
    return client.post(ASK, data={"email": email, **fields})


def code_in(mailbox: Mailbox) -> str:
    send_mails()
    (code,) = re.findall(r"^(\d{6})\s*$", read(mailbox), re.MULTILINE)
    return str(code)


def another_browser(app: Flask) -> LintingClient:
    browser = app.test_client()
    assert isinstance(browser, LintingClient)
    return browser


def test_the_whole_way_beside_the_password(client: LintingClient, claire: Customer, smtp_server: Mailbox) -> None:
    page = client.get("/connexion").text
    assert f'formaction="{ASK}"' in page
    assert page.index("Se connecter</button>") < page.index(ASK)  # The key « Entrée » signs in by the password.
    answer = ask(client, " CLAIRE@example.org ", password="whatever was typed before")
    assert (answer.status_code, answer.location) == (303, ENTER)
    page = client.get(ENTER).text
    assert 'inputmode="numeric"' in page
    assert 'autocomplete="one-time-code"' in page
    assert "CLAIRE@example.org" in page
    answer = client.post(ENTER, data={"code": code_in(smtp_server)})
    assert (answer.status_code, answer.location) == (303, "/espace-client")
    assert is_signed_in(client)


def test_the_page_asked_for_comes_after_it(client: LintingClient, claire: Customer, smtp_server: Mailbox) -> None:
    following = "?next=/espace-client/factures"
    assert f'formaction="{ASK}{following}"' in client.get(f"/connexion{following}").text
    answer = client.post(f"{ASK}{following}", data={"email": CLAIRE})
    assert answer.location == f"{ENTER}{following}"
    page = client.get(answer.location).text
    assert f'action="{ENTER}{following}"' in page
    assert f'action="{ASK}{following}"' in page
    assert f'href="/connexion{following}"' in page
    assert client.post(answer.location, data={"code": code_in(smtp_server)}).location == "/espace-client/factures"


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_nobody_is_led_elsewhere(client: LintingClient, claire: Customer, smtp_server: Mailbox, elsewhere: str) -> None:
    query = {"next": elsewhere}
    assert client.post(ASK, data={"email": CLAIRE}, query_string=query).location == ENTER
    answer = client.post(ENTER, data={"code": code_in(smtp_server)}, query_string=query)
    assert answer.location == "/espace-client"


def test_an_address_without_an_account_gets_the_same_pages(client: LintingClient, claire: Customer) -> None:
    said = set()
    for email in (CLAIRE, NOBODY):
        answers = [ask(client, email), client.get(ENTER), client.post(ENTER, data={"code": "000000"})]
        shown = [TOKEN.sub("", each.text).replace(email, "…") for each in answers]
        said.add(tuple((each.status_code, each.location, page) for each, page in zip(answers, shown, strict=True)))
    assert len(said) == 1
    assert [mail.recipient for mail in db.session.scalars(select(Delivery))] == [CLAIRE]


def test_an_address_that_is_none_is_said_beside_the_field_and_the_password_is_not_looked_at(
    client: LintingClient, claire: Customer
) -> None:
    for email in ("", "claire", "claire@"):
        answer = ask(client, email, password=PASSWORD)
        assert answer.status_code == 422
        assert 'id="email-error"' in answer.text
        assert 'id="password-error"' not in answer.text
        assert PASSWORD not in answer.text
        assert "Mot de passe oublié" in answer.text
    assert not is_signed_in(client)
    assert db.session.scalars(select(SignInCode)).all() == []


def test_a_wrong_code_is_said_beside_its_field_and_another_can_be_sent(
    client: LintingClient, claire: Customer, smtp_server: Mailbox
) -> None:
    ask(client)
    first = code_in(smtp_server)
    for code in ("", "12345", "1234567", "abcdef", "000000" if first != "000000" else "000001"):
        answer = client.post(ENTER, data={"code": code})
        assert (answer.status_code, 'id="code-error"' in answer.text) == (422, True)
    page = client.get(ENTER).text
    assert f'<input type="hidden" name="email" value="{CLAIRE}">' in page
    assert "Nous avons envoyé un nouveau code" not in page
    assert ask(client).location == ENTER
    assert "Nous avons envoyé un nouveau code, si cette adresse a un compte." in client.get(ENTER).text
    assert client.post(ENTER, data={"code": code_in(smtp_server)}).location == "/espace-client"


def test_a_code_with_blanks_is_read(client: LintingClient, claire: Customer, smtp_server: Mailbox) -> None:
    ask(client)
    code = code_in(smtp_server)
    assert client.post(ENTER, data={"code": f" {code[:3]} {code[3:]} "}).location == "/espace-client"


def test_in_another_browser_it_opens_nothing(
    app: Flask, client: LintingClient, claire: Customer, smtp_server: Mailbox
) -> None:
    ask(client)
    code, thief = code_in(smtp_server), another_browser(app)
    assert thief.post(ENTER, data={"code": code}).location == "/connexion"  # Nothing was asked for there.
    ask(thief)
    assert thief.post(ENTER, data={"code": code}).status_code == 422
    assert not is_signed_in(thief)
    assert client.post(ENTER, data={"code": code}).location == "/espace-client"


def test_after_ten_minutes_it_begins_with_the_address(
    client: LintingClient, claire: Customer, smtp_server: Mailbox, frozen_clock: Traveller
) -> None:
    ask(client)
    code = code_in(smtp_server)
    frozen_clock.shift(timedelta(minutes=10))
    answer = client.post(f"{ENTER}?next=/espace-client/factures", data={"code": code})
    assert (answer.status_code, answer.location) == (303, "/connexion?next=/espace-client/factures")
    assert "Demandez-en un autre" in client.get(answer.location).text
    assert client.get(ENTER).location == "/connexion"
    assert "Demandez-en un autre" not in client.get("/connexion").text
    assert not is_signed_in(client)


def test_the_second_press_of_a_code_is_no_error(
    app: Flask, client: LintingClient, claire: Customer, smtp_server: Mailbox
) -> None:
    ask(client)
    code, name = code_in(smtp_server), app.config["SESSION_COOKIE_NAME"]
    asked = client.get_cookie(name)
    assert asked is not None
    first = client.post(ENTER, data={"code": code})
    again = client.post(ENTER, data={"code": code})  # By then the browser has the session…
    beside = another_browser(app)
    beside.set_cookie(name, asked.value)  # …or the presses were at once, and the second bears the former cookie.
    at_once = beside.post(ENTER, data={"code": code})
    assert [(each.status_code, each.location) for each in (first, again, at_once)] == [(303, "/espace-client")] * 3
    assert not is_signed_in(beside)
    assert len(db.session.scalars(select(SignInSession)).all()) == 1


def test_signing_in_leaves_nothing_of_the_visitor_in_the_cookie(
    client: LintingClient, claire: Customer, smtp_server: Mailbox
) -> None:
    ask(client)
    with client.session_transaction() as cookie:
        cookie["of the visitor"] = "before"
        assert {"browser", "code_asked"} <= set(cookie)
    client.post(ENTER, data={"code": code_in(smtp_server)})
    with client.session_transaction() as cookie:
        assert not {"browser", "code_asked", "of the visitor"} & set(cookie)


def test_two_presses_ask_as_one_browser(client: LintingClient, claire: Customer) -> None:
    client.get("/connexion")
    with client.session_transaction() as cookie:
        secret = cookie["browser"]
    client.get("/connexion")
    ask(client)
    with client.session_transaction() as cookie:
        assert cookie["browser"] == secret


def test_whoever_is_signed_in_is_led_on(client: LintingClient, claire: Customer) -> None:
    customers.sign_in(client, claire)
    for answer in (client.get(ENTER), client.post(ENTER), client.get(ASK), ask(client)):
        assert (answer.status_code, answer.location) == (303, "/espace-client")
    assert db.session.scalars(select(Delivery)).all() == []


def test_opening_the_address_of_the_button_leads_to_the_page_with_it(client: LintingClient) -> None:
    assert client.get(f"{ASK}?next=/espace-client/factures").location == "/connexion?next=/espace-client/factures"


def test_too_many_tries_are_told_when_to_come_back(client: LintingClient, claire: Customer) -> None:
    for _try in range(10):
        limits.hit(limits.SIGN_IN_CODE_BY_EMAIL, CLAIRE)
    ask(client)
    answer = client.post(ENTER, data={"code": "000000"})
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)


def test_an_admin_is_asked_for_the_second_factor_as_well(
    client: LintingClient, smtp_server: Mailbox, frozen_clock: Traveller
) -> None:
    telephone = a_second_factor(a_customer(email="admin@example.org", admin=True))
    frozen_clock.shift(60)
    ask(client, "admin@example.org")
    step = client.post(f"{ENTER}?next=/admin/", data={"code": code_in(smtp_server)}).location
    assert step == "/connexion/code?next=/admin/"
    assert not is_in(client)
    assert "mot de passe" not in client.get(step).text  # None was given.
    assert client.post(step, data={"code": now_code(telephone.secret)}).location == "/admin/"
    assert is_in(client)


def register(client: LintingClient) -> int:
    client.post("/inscription", data={"email": CLAIRE, "password": PASSWORD})
    return the_account().id


def the_account() -> Customer:
    account = accounts.find(CLAIRE)
    assert account is not None
    return account


def test_where_the_account_was_opened_the_code_confirms_it(client: LintingClient, smtp_server: Mailbox) -> None:
    order_id, account_id = an_order(email=CLAIRE).id, register(client)
    ask(client)
    assert client.post(ENTER, data={"code": code_in(smtp_server)}).location == "/espace-client"
    assert is_signed_in(client)
    assert the_account().is_confirmed
    assert db.session.get_one(Order, order_id).customer_id == account_id


def test_an_account_that_somebody_else_has_opened_is_taken_over_empty_and_with_a_new_password(
    app: Flask, client: LintingClient, smtp_server: Mailbox
) -> None:
    register(client)
    owner = another_browser(app)
    customers.sign_in(client, the_account())  # The stranger, who waits for the owner to confirm.
    ask(owner)
    answer = owner.post(ENTER, data={"code": code_in(smtp_server)})
    assert answer.status_code == 303
    assert answer.location.startswith("/confirmer/")
    assert not is_signed_in(owner)
    assert 'autocomplete="new-password"' in owner.get(answer.location).text
    assert not the_account().is_confirmed
    assert owner.get(ENTER).location == "/connexion"
    owner.post(answer.location, data={"password": "quatre mots de passe"})
    assert not is_signed_in(client)
    assert sign_in(owner, password="quatre mots de passe").location == "/espace-client"
    assert accounts.authenticate(CLAIRE, PASSWORD) is None


def test_with_htmx_the_next_page_is_loaded_as_a_page(
    client: LintingClient, claire: Customer, smtp_server: Mailbox
) -> None:
    answer = client.post(ASK, data={"email": CLAIRE}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Location"]) == (204, ENTER)
    answer = client.post(ENTER, data={"code": code_in(smtp_server)}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Location"]) == (204, "/espace-client")


@pytest.mark.parametrize("path", [ASK, ENTER])
def test_both_need_their_token(app: Flask, client: LintingClient, claire: Customer, path: str) -> None:
    ask(client)
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post(path, data={"email": CLAIRE, "code": "000000"}).status_code == 400


def test_no_code_and_no_address_makes_anything_of_hostile_text(client: LintingClient, claire: Customer) -> None:
    ask(client)
    with client.session_transaction() as cookie:
        asked = cookie["code_asked"]
    for place, text in enumerate(TEXTS.values()):
        far = {"REMOTE_ADDR": f"192.0.2.{place}"}
        for answer in (
            client.post(ENTER, data={"code": text}, environ_base=far),
            client.post(ASK, data={"email": text}, environ_base=far),
        ):
            assert answer.status_code in (303, 400, 413, 422), text
            assert answer.location in (None, ENTER), text
            assert not [smuggled for smuggled in SMUGGLED if smuggled in answer.text], text
        with client.session_transaction() as cookie:
            cookie["code_asked"] = asked
    assert not is_signed_in(client)
    assert [mail.recipient for mail in db.session.scalars(select(Delivery))] == [CLAIRE]
