"""« Adresse e-mail » of « Mon compte », as a browser sees it: typed, proven, changed."""

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from extensions import db
from models import Customer, Delivery
from services import sessions, tokens
from tests.support.client import LintingClient
from tests.support.factories import PASSWORD, a_customer

HERE = "/espace-client/mon-compte"
NEW = "claire.martin@example.org"

pytestmark = pytest.mark.databases("sqlite")


def ask(client: LintingClient, email: str = NEW, password: str = PASSWORD, *, htmx: bool = False) -> TestResponse:
    data = {"email": email, "own_password": password}
    return client.htmx("POST", f"{HERE}/adresse", data=data) if htmx else client.post(f"{HERE}/adresse", data=data)


def test_the_section_becomes_the_form_and_then_asks_for_the_code(client: LintingClient, claire: Customer) -> None:
    assert f'hx-get="{HERE}/adresse"' in client.get(HERE).text
    form = client.htmx("GET", f"{HERE}/adresse").text
    assert 'name="own_password"' in form
    assert "Mot de passe</h2>" not in form
    code = ask(client, htmx=True)
    assert code.status_code == 200
    assert 'name="code"' in code.text
    assert NEW in code.text
    assert 'name="code"' in client.get(HERE).text
    assert f'value="{NEW}"' in client.htmx("GET", f"{HERE}/adresse").text  # To begin again with one letter changed.


def test_without_javascript_the_same_by_pages(client: LintingClient, claire: Customer) -> None:
    assert "Changer d'adresse e-mail</h1>" in client.get(f"{HERE}/adresse").text.replace("&#39;", "'")
    answer = ask(client)
    assert (answer.status_code, answer.location) == (303, HERE)
    _link, code = tokens.fresh(claire, "email_change", NEW)
    answer = client.post(f"{HERE}/adresse/code", data={"code": code})
    assert (answer.status_code, answer.location) == (303, HERE)
    page = client.get(HERE).text
    assert "Votre adresse e-mail est maintenant claire.martin@example.org." in page.replace("\u00a0", " ")
    assert "aussi à la boutique pour vos prochaines commandes" in page  # Which come under the address that they bear.
    assert 'name="code"' not in page


def test_an_address_that_has_an_account_gets_the_same_answers(client: LintingClient, claire: Customer) -> None:
    a_customer(email="paul@example.org")
    answers = [ask(client, email, htmx=True).text.replace(email, "…") for email in (NEW, "paul@example.org")]
    assert answers[0] == answers[1]
    tokens.fresh(claire, "email_change", NEW)
    codes = [client.htmx("POST", f"{HERE}/adresse/code", data={"code": "000000"}).text for _try in range(6)]
    assert len(set(codes)) == 1  # Tried in vain, or with none left to try.
    assert {mail.kind for mail in db.session.scalars(select(Delivery))} == {"email_change", "account_exists"}


@pytest.mark.parametrize(
    ("email", "password", "wrong"),
    [
        ("claire", PASSWORD, 'id="email-error"'),
        ("claire@example.org", PASSWORD, "déjà l&#39;adresse de votre compte"),
        (NEW, "", "Indiquez votre mot de passe."),
        (NEW, "not the password", 'id="own_password-error"'),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: LintingClient, claire: Customer, email: str, password: str, wrong: str
) -> None:
    for htmx in (False, True):
        answer = ask(client, email, password, htmx=htmx)
        assert answer.status_code == 422
        assert wrong in answer.text
    assert db.session.scalars(select(Delivery)).all() == []


def test_who_is_not_confirmed_confirms_first(client: LintingClient, unproven: Customer) -> None:
    assert f"{HERE}/adresse" not in client.get(HERE).text
    assert "Confirmez votre adresse e-mail" in client.get(f"{HERE}/adresse").text
    assert ask(client).status_code == 422
    assert db.session.scalars(select(Delivery)).all() == []


def test_the_code_leads_to_the_whole_page_and_keeps_this_device_only(client: LintingClient, claire: Customer) -> None:
    elsewhere = sessions.open(claire, "curl/8")
    ask(client)
    _link, code = tokens.fresh(claire, "email_change", NEW)
    answer = client.htmx("POST", f"{HERE}/adresse/code", data={"code": f" {code[:3]} {code[3:]} "})
    assert (answer.status_code, answer.headers["HX-Location"]) == (204, HERE)
    assert NEW in client.get(HERE).text
    assert sessions.load(elsewhere) is None


def test_a_code_pressed_twice_is_told_that_it_is_done(client: LintingClient, claire: Customer) -> None:
    ask(client)
    _link, code = tokens.fresh(claire, "email_change", NEW)
    with client.session_transaction() as cookie:
        sent = dict(cookie)
    for _press in range(2):
        with client.session_transaction() as cookie:
            cookie.update(sent)  # The second press leaves before the first one is answered.
        answer = client.post(f"{HERE}/adresse/code", data={"code": code})
        assert (answer.status_code, answer.location) == (303, HERE)
    assert client.post(f"{HERE}/adresse/code", data={"code": code}).status_code == 422


def test_a_session_that_ends_over_the_code_leads_back_to_it(client: LintingClient, claire: Customer) -> None:
    ask(client)
    wrong = client.post(f"{HERE}/adresse/code", data={"code": "1"})
    assert wrong.status_code == 422
    page = client.get(f"{HERE}/adresse/code")
    assert (page.status_code, 'name="code"' in page.text, "error" in page.text) == (200, True, False)


def test_opening_the_link_changes_nothing_and_pressing_does(client: LintingClient, claire: Customer) -> None:
    link, _code = tokens.fresh(claire, "email_change", NEW)
    url = f"{HERE}/adresse/confirmer/{link}"
    assert NEW in client.get(url).text
    db.session.refresh(claire)
    assert claire.email == "claire@example.org"
    for _press in range(2):
        answer = client.post(url)
        assert (answer.status_code, answer.location) == (303, HERE)
    db.session.refresh(claire)
    assert claire.email == NEW


def test_a_link_opened_elsewhere_leads_through_signing_in(client: LintingClient) -> None:
    claire = a_customer()
    link, _code = tokens.fresh(claire, "email_change", NEW)
    url = f"{HERE}/adresse/confirmer/{link}"
    answer = client.get(url)
    assert (answer.status_code, answer.location) == (303, f"/connexion?next={url}")
    client.post("/connexion", data={"email": claire.email, "password": PASSWORD})
    assert client.get(url).status_code == 200


def test_a_dead_link_shows_the_way_to_another(client: LintingClient, claire: Customer) -> None:
    for answer in (client.get(f"{HERE}/adresse/confirmer/x"), client.post(f"{HERE}/adresse/confirmer/x")):
        assert answer.status_code == 410
        assert f'href="{HERE}/adresse"' in answer.text


def test_an_address_that_was_taken_meanwhile_is_said_in_words(client: LintingClient, claire: Customer) -> None:
    link, code = tokens.fresh(claire, "email_change", NEW)
    a_customer(email=NEW)
    by_code = client.htmx("POST", f"{HERE}/adresse/code", data={"code": code})
    assert by_code.status_code == 422
    assert "Un autre compte utilise désormais cette adresse" in by_code.text.replace("\u00a0", " ")
    by_link = client.post(f"{HERE}/adresse/confirmer/{link}")
    assert (by_link.status_code, by_link.location) == (303, HERE)
    assert "Un autre compte utilise désormais cette adresse" in client.get(HERE).text
