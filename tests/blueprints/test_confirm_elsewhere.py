"""The link of a confirmation, opened where the account was not opened: on a phone, or by whose address it really is."""

import pytest
from flask import Flask

from extensions import db
from models import Customer
from services import accounts, tokens
from tests.support import customers
from tests.support.client import LintingClient
from tests.support.factories import PASSWORD, a_customer

ADDRESS = "claire@example.org"
NEW = "quatre mots de passe"

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def elsewhere(app: Flask) -> LintingClient:
    """Give another browser."""
    browser = app.test_client()
    assert isinstance(browser, LintingClient)
    return browser


def register(client: LintingClient) -> Customer:
    client.post("/inscription", data={"email": ADDRESS, "password": PASSWORD})
    account = accounts.find(ADDRESS)
    assert account is not None
    return account


def a_link(account: Customer) -> str:
    return f"/confirmer/{tokens.fresh(account, 'confirmation')[0]}"


def test_where_the_account_was_opened_a_press_confirms_it(client: LintingClient) -> None:
    account = register(client)
    link = a_link(account)
    assert 'name="password"' not in client.get(link).text
    assert client.post(link).location == "/connexion"
    assert accounts.authenticate(ADDRESS, PASSWORD) is account


def test_elsewhere_a_password_is_chosen_and_the_other_one_opens_nothing(
    client: LintingClient, elsewhere: LintingClient
) -> None:
    account = register(client)
    customers.sign_in(client, account)
    link = a_link(account)
    page = elsewhere.get(link).text
    assert 'autocomplete="new-password"' in page
    assert f'href="/connexion?next={link}"' in page  # Who has opened it signs in first and keeps what they did.
    for password in ("", "court"):
        refused = elsewhere.post(link, data={"password": password})
        assert (refused.status_code, 'id="password-error"' in refused.text) == (422, True)
    assert not db.session.get_one(Customer, account.id, populate_existing=True).is_confirmed
    answer = elsewhere.post(link, data={"password": NEW})
    assert (answer.status_code, answer.location) == (303, "/connexion")
    assert accounts.authenticate(ADDRESS, NEW) is not None
    assert accounts.authenticate(ADDRESS, PASSWORD) is None
    assert client.get("/espace-client").status_code == 303
    assert "déjà servi" in elsewhere.get(link).text
    assert "déjà servi" in elsewhere.post(link, data={"password": NEW}).text


def test_signed_in_elsewhere_a_press_is_enough(client: LintingClient, elsewhere: LintingClient) -> None:
    account = register(client)
    customers.sign_in(elsewhere, account)
    link = a_link(account)
    assert 'name="password"' not in elsewhere.get(link).text
    assert elsewhere.post(link).location == "/espace-client"


def test_registering_a_second_time_is_not_opening_the_account(client: LintingClient, elsewhere: LintingClient) -> None:
    account = register(client)
    register(elsewhere)
    assert 'name="password"' in elsewhere.get(a_link(account)).text


def test_signed_in_to_another_account_is_elsewhere(client: LintingClient, elsewhere: LintingClient) -> None:
    account = register(client)
    customers.sign_in(elsewhere, a_customer(email="paul@example.org"))
    assert 'name="password"' in elsewhere.get(a_link(account)).text


def test_every_registration_leaves_the_same_traces_in_the_browser(
    client: LintingClient, elsewhere: LintingClient
) -> None:
    traces = []
    for browser in (client, elsewhere):
        register(browser)
        with browser.session_transaction() as cookie:
            traces.append({name: len(value) for name, value in cookie.items()})
    assert traces[0] == traces[1]
