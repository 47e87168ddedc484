"""« Consulter l'état de votre commande » and « Créer un compte gratuit », as a browser sees them."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select
from werkzeug.test import TestResponse

from extensions import db
from models import Customer, Delivery, Order, Shipment
from services import limits, repair
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import PASSWORD, PLACED, a_customer, an_order, billing_details

pytestmark = pytest.mark.databases("sqlite")  # Pages; looking up is tested with its service.
ADDRESS_WORDS = ("Mercière", "69002", "Lyon", "Martin")


def look_up(client: LintingClient, number: str = "T-100234", email: str = "claire@example.org") -> TestResponse:
    return client.post("/suivi-commande", data={"order_number": number, "email": email})


def the_order(**changes: object) -> Order:
    facts = {"number": "T-100234", "email": "claire@example.org", "billing": billing_details()} | changes
    return an_order(**facts)  # type: ignore[arg-type]


def test_one_order_is_shown_without_any_address(client: LintingClient) -> None:
    parcel = Shipment(ref="1", shipped_at=PLACED, carrier="Colissimo", tracking_number="8L123")
    the_order(shipped_at=PLACED, shipments=[parcel])
    other = an_order(email="claire@example.org")
    answer = look_up(client, "# t-100 234", "Claire@Example.org")
    assert (answer.status_code, answer.location) == (303, "/suivi-commande/commande")
    page = client.get(answer.location).text
    assert "T-100234" in page
    assert "Expédiée" in page
    assert "T-shirt personnalisé" in page
    assert "31,72" in page
    assert "Colissimo" in page
    assert "Créer un compte gratuit" in page
    assert other.number not in page
    assert "claire@example.org" not in page
    assert not [word for word in ADDRESS_WORDS if word in page]


def test_a_wrong_number_and_a_wrong_address_get_the_same_answer(client: LintingClient) -> None:
    the_order()
    pages = []
    for number, email in (("T-999999", "claire@example.org"), ("T-100234", "paul@example.org")):
        answer = look_up(client, number, email)
        assert answer.status_code == 422
        assert "Aucune commande ne correspond" in answer.text
        text = answer.text.replace(number, "…").replace(email, "…")
        pages.append(re.sub(r"data-csrf=\S+", "", text))
    assert pages[0] == pages[1]
    assert client.get("/suivi-commande/commande").status_code == 303


def test_who_finds_nothing_is_told_what_to_try(client: LintingClient) -> None:
    assert "essayez vos autres adresses" not in client.get("/suivi-commande").text
    assert "essayez vos autres adresses" in look_up(client).text


def test_no_invoice_is_promised_for_an_order_that_gives_none(client: LintingClient) -> None:
    the_order(existing_invoice="F-2025-17")
    page = client.get(look_up(client).location).text
    assert "Besoin d'une facture" not in page
    assert "Déjà facturée" in page
    assert "Créer un compte gratuit" in page


def test_who_has_an_account_already_signs_in_and_comes_to_the_order(client: LintingClient) -> None:
    the_order()
    sign_in_here = 'href="/connexion?next=/espace-client/commandes/T-100234"'
    for page in (look_up(client).location, "/suivi-commande/compte"):
        assert sign_in_here in client.get(page).text


def test_what_is_missing_is_said_beside_its_field(client: LintingClient) -> None:
    answer = look_up(client, "", "")
    assert answer.status_code == 422
    assert "Indiquez le numéro de votre commande." in answer.text
    assert "Indiquez votre adresse e-mail." in answer.text


def test_hostile_text_comes_back_as_text(client: LintingClient) -> None:
    answer = look_up(client, '"><img src=x onerror=alert(1)>')
    assert answer.status_code == 422
    assert "<img src=x" not in answer.text


def test_what_was_found_is_remembered_for_half_an_hour(
    client: LintingClient, frozen_clock: time_machine.Traveller
) -> None:
    the_order()
    look_up(client)
    frozen_clock.shift(timedelta(minutes=29))
    assert client.get("/suivi-commande/commande").status_code == 200
    frozen_clock.shift(timedelta(minutes=2))
    assert client.get("/suivi-commande/commande").location == "/suivi-commande"
    assert client.get("/suivi-commande/compte").location == "/suivi-commande"
    assert client.post("/suivi-commande/compte", data={"password": PASSWORD}).location == "/suivi-commande"


def test_what_was_found_is_forgotten_once_the_order_bears_another_address(client: LintingClient) -> None:
    order = the_order()
    look_up(client)
    repair.correct_email(order, "secret@example.org")
    for page in ("/suivi-commande/commande", "/suivi-commande/compte"):
        answer = client.get(page)
        assert (answer.status_code, answer.location) == (303, "/suivi-commande")
    assert client.post("/suivi-commande/compte", data={"password": PASSWORD}).location == "/suivi-commande"


def test_guessing_is_told_when_to_come_back(client: LintingClient, frozen_clock: time_machine.Traveller) -> None:
    the_order()
    for _try in range(10):
        limits.hit(limits.LOOK_UP_BY_NUMBER, "T-100234")
    answer = look_up(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 901


@pytest.mark.databases("sqlite", "postgresql")
def test_a_free_account_is_signed_in_at_once_with_the_order_and_without_its_addresses(client: LintingClient) -> None:
    the_order()
    look_up(client)
    form = client.get("/suivi-commande/compte")
    assert "claire@example.org" in form.text
    answer = client.post("/suivi-commande/compte", data={"password": PASSWORD, "email": "thief@example.org"})
    assert (answer.status_code, answer.location) == (303, "/espace-client/commandes/T-100234?modifier=1#billing")
    claire = db.session.scalars(select(Customer)).one()
    assert (claire.email, claire.is_confirmed) == ("claire@example.org", False)
    page = client.get(answer.location)
    assert page.status_code == 200
    assert "Mercière" not in page.text
    assert 'name="last_name"' in page.text
    assert "T-100234" in client.get("/espace-client/commandes").text
    assert [mail.kind for mail in db.session.scalars(select(Delivery))] == ["confirmation"]


def test_an_address_that_has_an_account_gets_a_mail_and_nobody_is_signed_in(client: LintingClient) -> None:
    a_customer()
    the_order()
    look_up(client)
    answer = client.post("/suivi-commande/compte", data={"password": PASSWORD})
    assert answer.status_code == 200
    assert "consultez vos e-mails" in answer.text
    assert client.get("/espace-client").status_code == 303
    assert [mail.kind for mail in db.session.scalars(select(Delivery))] == ["account_exists"]


@pytest.mark.parametrize("password", ["", "short", "x" * 129])
def test_a_password_that_is_none_is_refused_beside_its_field(client: LintingClient, password: str) -> None:
    the_order()
    look_up(client)
    answer = client.post("/suivi-commande/compte", data={"password": password})
    assert answer.status_code == 422
    assert 'id="password-error"' in answer.text
    assert db.session.scalars(select(Customer)).all() == []


def test_who_is_signed_in_is_led_to_their_own_orders(client: LintingClient) -> None:
    the_order(customer=sign_in(client, a_customer()))
    look_up(client)
    page = client.get("/suivi-commande/commande")
    assert "/espace-client/commandes/T-100234" in page.text
    assert "Créer un compte gratuit" not in page.text
    assert client.get("/suivi-commande/compte").location == "/espace-client/commandes"
