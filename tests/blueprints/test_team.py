"""« Équipe » and the page of an invitation, as a browser sees them."""

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Customer, Token
from services import accounts, team, tokens
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import PASSWORD, a_customer

pytestmark = pytest.mark.databases("sqlite")  # Pages; the team is tested with its service.
PAGE = "/admin/equipe"
NEW = "nina@example.org"
PHRASE = "une phrase bien longue"


def invited(email: str = NEW, role: str = "managing") -> str:
    """Return the address of an invitation's page."""
    team.invite(email, role)
    customer = accounts.find(email)
    assert customer is not None
    return f"/invitation/{tokens.fresh(customer, 'invitation')[0]}"


def test_a_manager_invites_and_withdraws(client: LintingClient, admin: Customer) -> None:
    assert client.post(f"{PAGE}/inviter", data={"email": NEW, "role": "reading"}).location == PAGE
    page = client.get(PAGE).text
    assert NEW in page
    assert "Invitation envoyée" in page
    customer = accounts.find(NEW)
    assert customer is not None
    assert client.post(f"{PAGE}/{customer.id}/annuler").location == PAGE
    assert "Invitation envoyée" not in client.get(PAGE).text


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"email": "nina", "role": "reading"}, "email"),
        ({"email": NEW, "role": "owner"}, "role"),
        ({"email": "admin@example.org", "role": "reading"}, "email"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: LintingClient, admin: Customer, data: dict[str, str], field: str
) -> None:
    answer = client.post(f"{PAGE}/inviter", data=data)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert db.session.scalars(select(Customer)).all() == [admin]


def test_roles_change_and_people_leave(client: LintingClient, admin: Customer) -> None:
    other = a_customer(email="autre@example.org", admin_role="reading")
    assert client.post(f"{PAGE}/{other.id}/role", data={"role": "owner"}).status_code == 422
    assert client.post(f"{PAGE}/{other.id}/role", data={"role": "managing"}).location == PAGE
    assert other.is_manager
    assert client.post(f"{PAGE}/{other.id}/retirer").location == PAGE
    assert not other.is_admin
    assert client.post(f"{PAGE}/{admin.id}/retirer").location == PAGE
    assert "au moins une personne en gestion" in client.get(PAGE).text
    assert admin.is_manager


def test_somebody_new_accepts_with_a_password(client: LintingClient, app: Flask) -> None:
    page = invited()
    assert "gérer l'espace client" in client.get(page).text
    short = client.post(page, data={"password": "court"})
    assert short.status_code == 422
    assert 'id="password-error"' in short.text
    answer = client.post(page, data={"password": PHRASE})
    assert (answer.status_code, answer.location) == (303, "/connexion?next=/admin/")
    assert client.post("/connexion", data={"email": NEW, "password": PHRASE}).status_code == 303
    assert client.get("/admin/").status_code == 200
    assert client.get(page).status_code == 410
    assert client.post(page, data={"password": PHRASE}).status_code == 410


def test_opening_the_link_uses_nothing_up(client: LintingClient, app: Flask) -> None:
    page = invited()
    for _time in range(3):
        assert client.get(page).status_code == 200
    assert set(db.session.scalars(select(Token.used_at))) == {None}


def test_who_has_an_account_signs_in_first_and_gets_a_new_token(client: LintingClient, app: Flask) -> None:
    claire = a_customer()
    page = invited(claire.email, "reading")
    assert "Se connecter pour accepter" in client.get(page).text
    assert client.post(page).location == f"/connexion?next={page}"
    client.post("/connexion", data={"email": claire.email, "password": PASSWORD})
    with client.session_transaction() as cookie:
        former = cookie["_user_id"]
    assert "consulter l'espace client" in client.get(page).text
    assert client.post(page).location == "/admin/"
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] != former
    assert client.get("/admin/").status_code == 200
    assert claire.admin_role == "reading"


def test_another_account_accepts_nothing(client: LintingClient, app: Flask) -> None:
    page = invited(a_customer(email="lea@example.org").email)
    stranger = sign_in(client, a_customer())
    assert "Vous êtes connecté à un autre compte" in client.get(page).text
    assert client.post(page).status_code == 303
    assert not stranger.is_admin
    assert not db.session.scalars(select(Customer).where(Customer.admin_role.is_not(None))).all()
