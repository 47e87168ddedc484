"""« Mon compte », as a browser sees it."""

import pytest
from sqlalchemy import select

from extensions import db
from models import SignInSession
from services import sessions
from tests.support.client import LintingClient
from tests.support.customers import a_refused_mail, an_issued_invoice
from tests.support.factories import PASSWORD, a_customer, an_order, billing_details
from tests.support.queries import count_queries

pytestmark = pytest.mark.databases("sqlite")  # Pages; passwords and sessions are tested with the services.
NEW = "une toute nouvelle phrase"
HERE = "/espace-client/mon-compte"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sign_in(client: LintingClient, password: str = PASSWORD) -> int:
    data = {"email": "claire@example.org", "password": password}
    return client.post("/connexion", data=data, headers={"User-Agent": FIREFOX}).status_code


def test_the_account_shows_its_address_its_state_and_its_devices(client: LintingClient) -> None:
    a_customer()
    sign_in(client)
    page = client.get(HERE).text
    assert "claire@example.org" in page
    assert "Confirmée" in page
    assert "Firefox sur Linux" in page
    assert "Cet appareil" in page


def test_an_address_that_refused_a_document_is_said_to_refuse(client: LintingClient) -> None:
    a_refused_mail(an_issued_invoice(an_order(customer=a_customer(), billing=billing_details())))
    sign_in(client)
    page = client.get(HERE).text
    assert "Refuse nos e-mails" in page
    assert "Confirmée" not in page


def test_strangers_are_led_to_the_sign_in_page(client: LintingClient) -> None:
    assert client.get(HERE).status_code == 303
    assert client.post(f"{HERE}/mot-de-passe").status_code == 303
    assert client.post(f"{HERE}/adresse").status_code == 303
    assert client.post(f"{HERE}/appareils/1/deconnexion").status_code == 303


def test_changing_the_password_signs_out_the_other_devices(client: LintingClient) -> None:
    claire = a_customer()
    elsewhere = sessions.open(claire, "curl/8")
    sign_in(client)
    answer = client.htmx("POST", f"{HERE}/mot-de-passe", data={"current_password": PASSWORD, "password": NEW})
    assert answer.status_code == 200
    assert 'id="security"' in answer.text
    assert "Appareil inconnu" not in answer.text
    assert NEW not in answer.text
    assert sessions.load(elsewhere) is None
    assert client.get(HERE).status_code == 200
    client.post("/deconnexion")
    assert sign_in(client) == 422
    assert sign_in(client, NEW) == 303


def test_a_wrong_current_password_is_said_beside_its_field(client: LintingClient) -> None:
    a_customer()
    sign_in(client)
    data = {"current_password": "wrong", "password": NEW}
    for answer in (
        client.post(f"{HERE}/mot-de-passe", data=data),
        client.htmx("POST", f"{HERE}/mot-de-passe", data=data),
    ):
        assert answer.status_code == 422
        assert 'id="current_password-error"' in answer.text
    short = client.post(f"{HERE}/mot-de-passe", data={"current_password": PASSWORD, "password": "short"})
    assert 'id="password-error"' in short.text


def test_a_device_is_signed_out_from_another(client: LintingClient) -> None:
    claire = a_customer()
    elsewhere = sessions.open(claire, "curl/8")
    sign_in(client)
    other = db.session.scalars(select(SignInSession).where(SignInSession.user_agent == "curl/8")).one()
    assert "Déconnecter" in client.get(HERE).text
    answer = client.post(f"{HERE}/appareils/{other.id}/deconnexion")
    assert (answer.status_code, answer.location) == (303, HERE)
    assert sessions.load(elsewhere) is None
    assert client.get(HERE).status_code == 200


@pytest.mark.databases("sqlite", "postgresql")
def test_a_device_of_somebody_else_stays_signed_in(client: LintingClient) -> None:
    paul = a_customer(email="paul@example.org")
    pauls = sessions.open(paul, "")
    a_customer()
    sign_in(client)
    theirs = db.session.scalars(select(SignInSession).where(SignInSession.customer_id == paul.id)).one()
    assert client.post(f"{HERE}/appareils/{theirs.id}/deconnexion").status_code == 404
    assert client.post(f"{HERE}/appareils/{10**30}/deconnexion").status_code == 404
    assert sessions.load(pauls) is not None


def test_the_page_asks_little_of_the_database(client: LintingClient) -> None:
    claire = a_customer()
    for _device in range(5):
        sessions.open(claire, FIREFOX)
    sign_in(client)
    with count_queries() as queries:
        client.get(HERE)
    assert queries.count <= 4, str(queries)
