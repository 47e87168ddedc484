"""Signing in, opening an account, recovering it, confirming its address: as a browser sees it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

import jobs
from extensions import db
from models import Customer, Delivery, Order, SignInSession
from services import accounts, limits, tokens
from tests.support import customers
from tests.support.client import LintingClient
from tests.support.factories import PASSWORD, a_customer, an_order
from tests.support.mailbox import Mailbox

pytestmark = pytest.mark.databases("sqlite")  # Pages; accounts, sessions and limits are tested with the services.
NEW = "une toute nouvelle phrase"
AREA = "/espace-client/mon-compte"


def sign_in(client: LintingClient, email: str = "claire@example.org", password: str = PASSWORD, **query: str):  # type: ignore[no-untyped-def]
    return client.post("/connexion", data={"email": email, "password": password}, query_string=query)


def is_signed_in(client: LintingClient) -> bool:
    return bool(client.get(AREA).status_code == 200)


def send_mails() -> None:
    for delivery_id in db.session.scalars(select(Delivery.id).where(Delivery.state == "pending")).all():
        jobs.deliver(delivery_id)


def read(mailbox: Mailbox) -> str:
    part = mailbox.last().get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text


def link_in(mailbox: Mailbox) -> str:
    found = re.search(r"http://localhost(/\S+)", read(mailbox))
    assert found is not None
    return found[1]


def test_signing_in_leads_to_the_area_and_out_again(client: LintingClient) -> None:
    a_customer()
    answer = sign_in(client, " CLAIRE@example.org ")
    assert (answer.status_code, answer.location) == (303, "/espace-client")
    assert is_signed_in(client)
    answer = client.post("/deconnexion")
    assert (answer.status_code, answer.location) == (303, "/")
    assert not is_signed_in(client)


def test_a_copied_cookie_is_worth_nothing_after_signing_out(app: Flask, client: LintingClient) -> None:
    a_customer()
    sign_in(client)
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    client.post("/deconnexion")
    client.set_cookie(name, cookie.value)
    assert not is_signed_in(client)


def test_signing_in_takes_a_new_session_and_keeps_nothing_of_the_visitor_before(client: LintingClient) -> None:
    a_customer()
    with client.session_transaction() as before:
        before["looked_up"] = (1, 4102444800)
    sign_in(client)
    with client.session_transaction() as after:
        assert "looked_up" not in after
    first = db.session.scalars(select(SignInSession.token_hash)).all()
    client.post("/deconnexion")
    sign_in(client)
    assert len(set(db.session.scalars(select(SignInSession.token_hash)).all()) - set(first)) == 1


@pytest.mark.parametrize("email", ["claire@example.org", "paul@example.org"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: LintingClient, email: str) -> None:
    a_customer()
    answer = sign_in(client, email, "not the password")
    assert answer.status_code == 422
    assert "Adresse e-mail ou mot de passe incorrect." in answer.text
    assert f'value="{email}"' in answer.text
    assert "not the password" not in answer.text
    assert not is_signed_in(client)


def test_what_is_missing_is_said_beside_its_field(client: LintingClient) -> None:
    answer = sign_in(client, "", "")
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert "Indiquez votre mot de passe." in answer.text


def test_too_many_tries_are_told_when_to_come_back(client: LintingClient, frozen_clock: time_machine.Traveller) -> None:
    a_customer()
    for _try in range(10):
        limits.hit(limits.SIGN_IN_BY_EMAIL, "claire@example.org")
    answer = sign_in(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 901


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/espace-client/commandes?q=1", "/espace-client/commandes?q=1"),
        ("https://evil.example/", "/espace-client"),
        ("//evil.example/", "/espace-client"),
        ("/\\evil.example", "/espace-client"),
        ("/\t/evil.example", "/espace-client"),
        ("javascript:alert(1)", "/espace-client"),
        ("", "/espace-client"),
    ],
)
def test_after_signing_in_nobody_is_led_elsewhere(client: LintingClient, wanted: str, location: str) -> None:
    a_customer()
    assert sign_in(client, next=wanted).location == location
    assert client.get("/connexion", query_string={"next": wanted}).location == location


def test_a_search_with_accents_is_led_back_to_by_htmx_too(client: LintingClient) -> None:
    claire = a_customer()
    data = {"email": claire.email, "password": PASSWORD}
    wanted = {"next": "/espace-client/commandes?q=é€"}
    answer = client.htmx("POST", "/connexion", data=data, query_string=wanted)
    assert answer.headers["HX-Location"] == "/espace-client/commandes?q=%C3%A9%E2%82%AC"


def test_a_page_asked_for_before_signing_in_comes_after_it(client: LintingClient) -> None:
    a_customer()
    answer = client.get(AREA)
    assert answer.status_code == 303
    page = client.get(answer.location)
    action = re.search(r'action="(/connexion[^"]*)"', page.text)
    assert action is not None
    again = client.post(action[1], data={"email": "claire@example.org", "password": PASSWORD})
    assert again.location == AREA


def test_an_expired_session_never_puts_the_sign_in_page_into_a_fragment(client: LintingClient) -> None:
    answer = client.htmx("POST", "/confirmer/renvoyer")
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/connexion"


def test_after_an_expired_session_the_sign_in_page_says_why_and_leads_back(client: LintingClient) -> None:
    page = "http://localhost/espace-client/donnees-de-facturation"
    by_htmx = client.htmx("POST", "/espace-client/donnees-de-facturation", headers={"HX-Current-URL": page})
    assert by_htmx.headers["HX-Redirect"] == "/connexion?next=/espace-client/donnees-de-facturation"
    assert "Votre session a expiré." in client.get(by_htmx.headers["HX-Redirect"]).text
    plain = client.post("/espace-client/donnees-de-facturation", headers={"Referer": page})
    assert plain.location == "/connexion?next=/espace-client/donnees-de-facturation"
    from_elsewhere = client.htmx("POST", "/confirmer/renvoyer", headers={"HX-Current-URL": "https://evil.example/x"})
    assert from_elsewhere.headers["HX-Redirect"] == "/connexion"


def test_registering_says_the_same_to_a_new_and_to_a_known_address_and_signs_nobody_in(client: LintingClient) -> None:
    a_customer(email="paul@example.org")
    pages = {}
    for email in ("claire@example.org", "paul@example.org"):
        answer = client.post("/inscription", data={"email": email, "password": NEW})
        assert answer.status_code == 200
        pages[email] = answer.text.replace(email, "…")
        assert not is_signed_in(client)
    assert "consultez vos e-mails" in pages["claire@example.org"]
    same = [re.sub(r"data-csrf=\S+", "", page) for page in pages.values()]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("email", "password", "complaint"),
    [
        ("claire", NEW, "pas complète"),
        ("claire@example.org\r\nBcc: x@example.org", NEW, "pas complète"),
        ("", NEW, "Indiquez votre adresse"),
        ("claire@example.org", "short", "de 8 à 128"),
        ("claire@example.org", "x" * 129, "de 8 à 128"),
        ("claire@example.org", "", "Choisissez un mot de passe."),
    ],
)
def test_what_cannot_be_an_account_is_refused(client: LintingClient, email: str, password: str, complaint: str) -> None:
    answer = client.post("/inscription", data={"email": email, "password": password})
    assert answer.status_code == 422
    assert complaint in answer.text.replace("\u00a0", " ")
    assert db.session.scalars(select(Customer)).all() == []


@pytest.mark.databases("sqlite", "postgresql")
def test_the_whole_way_from_registering_to_the_orders(client: LintingClient, smtp_server: Mailbox) -> None:
    an_order(email="claire@example.org", number="T-1")
    client.post("/inscription", data={"email": "Claire@example.org", "password": PASSWORD})
    send_mails()
    link = link_in(smtp_server)
    assert client.get(link).status_code == 200
    assert client.get(link).status_code == 200  # A mail scanner has looked already; looking confirms nothing.
    assert not db.session.scalars(select(Customer)).one().is_confirmed
    answer = client.post(link)
    assert (answer.status_code, answer.location) == (303, "/connexion")
    db.session.expire_all()
    claire = db.session.scalars(select(Customer)).one()
    assert claire.is_confirmed
    assert db.session.scalars(select(Order)).one().customer_id == claire.id
    assert "déjà servi" in client.get(link).text
    sign_in(client)
    assert "Confirmée" in client.get(AREA).text


@pytest.mark.parametrize("path", ["/confirmer/unknown", "/mot-de-passe/unknown"])
def test_a_dead_link_says_so_and_shows_the_way_out(client: LintingClient, path: str) -> None:
    for answer in (client.get(path), client.post(path, data={"password": NEW})):
        assert answer.status_code == 410
        assert "plus valable" in answer.text
        assert "aide@boutique.example" in answer.text
    customers.sign_in(client, a_customer(confirmed=False))
    assert client.get(path).status_code == 410


def test_the_code_confirms_from_any_page_of_the_area(client: LintingClient, smtp_server: Mailbox) -> None:
    claire = customers.sign_in(client, a_customer(confirmed=False))
    page = client.get(AREA)
    assert 'id="confirm-notice"' in page.text
    accounts.request_confirmation(claire)
    send_mails()
    code = re.search(r"\b(\d{6})\b", read(smtp_server))
    assert code is not None

    wrong = "000000" if code[1] != "000000" else "111111"
    answer = client.htmx("POST", "/confirmer-par-code", data={"code": wrong, "next": AREA})
    assert answer.status_code == 422
    assert 'id="confirm-notice"' in answer.text
    assert "pas le code" in answer.text
    plain = client.post("/confirmer-par-code", data={"code": "12", "next": AREA})
    assert plain.status_code == 422
    assert "Le code a 6 chiffres." in plain.text

    answer = client.htmx("POST", "/confirmer-par-code", data={"code": f" {code[1][:3]} {code[1][3:]} ", "next": AREA})
    assert (answer.status_code, answer.headers["HX-Location"]) == (204, AREA)
    assert "Confirmée" in client.get(AREA).text


def test_a_confirmed_code_leads_back_without_javascript_too_and_nowhere_else(client: LintingClient) -> None:
    claire = customers.sign_in(client, a_customer(confirmed=False))
    _link, code = tokens.fresh(claire, "confirmation")
    answer = client.post("/confirmer-par-code", data={"code": code, "next": "https://evil.example/"})
    assert (answer.status_code, answer.location) == (303, "/espace-client")


def test_the_confirmation_can_be_sent_again_a_few_times(
    client: LintingClient, frozen_clock: time_machine.Traveller
) -> None:
    customers.sign_in(client, a_customer(confirmed=False))
    answer = client.htmx("POST", "/confirmer/renvoyer", data={"next": AREA})
    assert answer.status_code == 200
    assert "claire@example.org" in answer.text
    assert client.post("/confirmer/renvoyer", data={"next": AREA}).location == AREA
    for _try in range(3):
        client.post("/confirmer/renvoyer")
    assert client.post("/confirmer/renvoyer").status_code == 429
    assert len(db.session.scalars(select(Delivery)).all()) == 5


def test_a_forgotten_password_says_the_same_for_every_address(client: LintingClient) -> None:
    a_customer()
    pages = []
    for email in ("claire@example.org", "paul@example.org"):
        answer = client.post("/mot-de-passe-oublie", data={"email": email})
        assert answer.status_code == 200
        pages.append(re.sub(r"data-csrf=\S+", "", answer.text.replace(email, "…")))
    assert pages[0] == pages[1]


@pytest.mark.databases("sqlite", "postgresql")
def test_the_whole_way_through_a_forgotten_password(
    make_app: Callable[..., Flask], client: LintingClient, smtp_server: Mailbox
) -> None:
    a_customer(confirmed=False)
    sign_in(client)
    client.post("/mot-de-passe-oublie", data={"email": "claire@example.org"})
    send_mails()
    link = link_in(smtp_server)
    assert client.get(link).status_code == 200
    short = client.post(link, data={"password": "short"})
    assert short.status_code == 422
    answer = client.post(link, data={"password": NEW})
    assert (answer.status_code, answer.location) == (303, "/connexion")
    assert not is_signed_in(client)
    assert sign_in(client).status_code == 422
    assert sign_in(client, password=NEW).status_code == 303
    assert client.get(link).status_code == 410
    assert "Confirmée" in client.get(AREA).text


@pytest.mark.parametrize(
    "path",
    ["/connexion", "/inscription", "/deconnexion", "/mot-de-passe-oublie", "/mot-de-passe/x", "/confirmer/x",
     "/confirmer-par-code", "/confirmer/renvoyer", "/suivi-commande", "/suivi-commande/compte", AREA + "/mot-de-passe",
     AREA + "/appareils/1/deconnexion", AREA + "/adresse", AREA + "/adresse/code", AREA + "/adresse/confirmer/x",
     "/espace-client/commandes/T-1/renvoyer"],
)  # fmt: skip
def test_every_change_needs_its_token(app: Flask, client: LintingClient, path: str) -> None:
    customers.sign_in(client, a_customer())
    app.config["WTF_CSRF_ENABLED"] = True
    answer = client.post(path, data={"email": "claire@example.org", "password": PASSWORD})
    assert answer.status_code == 400
    assert "formulaire a expiré" in answer.text


@pytest.mark.parametrize(
    ("path", "status"), [("/deconnexion", 405), ("/confirmer-par-code", 303), ("/confirmer/renvoyer", 410)]
)
def test_opening_a_link_changes_nothing(client: LintingClient, path: str, status: int) -> None:
    customers.sign_in(client, a_customer())
    assert client.get(path).status_code == status
    assert is_signed_in(client)


def test_a_page_that_polls_keeps_no_session_alive(client: LintingClient, frozen_clock: time_machine.Traveller) -> None:
    claire = a_customer()
    an_order(customer=claire, number="T-1")
    sign_in(client)
    first = db.session.scalars(select(SignInSession)).one().last_seen_at
    frozen_clock.shift(timedelta(hours=2))
    client.htmx("GET", "/espace-client/commandes/T-1/facture")
    assert db.session.scalars(select(SignInSession)).one().last_seen_at == first
    client.get(AREA)
    assert db.session.scalars(select(SignInSession)).one().last_seen_at == first + timedelta(hours=2)


def test_who_is_signed_in_is_not_asked_again(client: LintingClient) -> None:
    customers.sign_in(client, a_customer())
    assert client.get("/connexion").location == "/espace-client"
    assert client.get("/inscription").location == "/espace-client"
