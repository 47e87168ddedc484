"""« Supprimer mon compte »: what the page says, what it asks, and what the browser keeps of it."""

import pytest
from flask import Flask

from extensions import db
from models import Customer
from services import erasure
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import PASSWORD, PLACED, a_customer, an_order

PAGE = "/espace-client/mon-compte/donnees-personnelles/supprimer-mon-compte"
SURE = {"own_password": PASSWORD, "sure": "y"}

pytestmark = pytest.mark.databases("sqlite")


def test_the_page_says_what_goes_and_what_the_law_keeps(app: Flask, client: LintingClient) -> None:
    sign_in(client, a_customer())
    assert PAGE in client.get("/espace-client/mon-compte").text
    text = client.get(PAGE).text
    for said in ("effacé tout de suite", "dix ans (article L123-22 du Code de commerce)", "empreinte illisible"):
        assert said in text


def test_the_account_goes_and_its_browser_is_signed_out(app: Flask, client: LintingClient) -> None:
    customer = sign_in(client, a_customer())
    answer = client.post(PAGE, data=SURE)
    assert (answer.status_code, answer.location) == (303, f"{PAGE.rpartition('/')[0]}/compte-supprime")
    with client.session_transaction() as cookie:
        assert dict(cookie) == {}
    page = client.get(answer.location)
    assert "Votre compte est supprimé" in page.text
    assert page.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert page.headers["Cache-Control"] == "no-store"
    assert client.get("/espace-client").status_code == 303
    db.session.expire_all()
    assert customer.erased_at is not None


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"sure": "y"}, "Indiquez votre mot de passe."),
        ({"own_password": PASSWORD}, "Cochez cette case pour supprimer votre compte."),
        ({"own_password": "not the password", "sure": "y"}, "Ce n&#39;est pas votre mot de passe actuel."),
    ],
)
def test_without_the_password_and_the_tick_nothing_goes(
    app: Flask, client: LintingClient, sent: dict[str, str], said: str
) -> None:
    customer = sign_in(client, a_customer())
    answer = client.post(PAGE, data=sent)
    assert answer.status_code == 422
    assert said in answer.text
    db.session.expire_all()
    assert customer.erased_at is None


def test_the_last_manager_reads_why_they_stay(app: Flask, client: LintingClient) -> None:
    patron: Customer = sign_in(client, a_customer(admin=True))
    answer = client.post(PAGE, data=SURE)
    assert answer.status_code == 422
    assert "Vous êtes la seule personne à gérer la boutique" in answer.text
    assert patron.is_manager


def test_who_has_not_confirmed_reads_that_their_orders_stay_the_shops(app: Flask, client: LintingClient) -> None:
    sign_in(client, a_customer(confirmed=False))
    text = client.get(PAGE).text
    assert "ce que vous avez saisi et demandé ici" in text
    assert "dans vos commandes" not in text


def test_an_admin_sees_that_an_order_was_erased_and_can_give_it_no_address(app: Flask, client: LintingClient) -> None:
    claire = a_customer()
    order = an_order(customer=claire, shipped_at=PLACED)
    erasure.erase(claire, PASSWORD)
    sign_in(client, a_customer(email="patron@example.org", admin=True))
    text = client.get(f"/admin/commandes/{order.number}").text
    assert "données personnelles effacées le" in text
    assert "Corriger l'e-mail" not in text
    assert "Adresse de livraison" not in text
