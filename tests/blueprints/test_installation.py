"""« Réglages »: what is in force without its secrets, and a mail to try it with."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import clock
import jobs
from extensions import db
from models import Customer, Delivery
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer
from tests.support.mailbox import Mailbox
from tests.support.outbox import a_delivery

PAGE = "/admin/reglages"

pytestmark = pytest.mark.databases("sqlite")


def pressed(client: LintingClient, page: str = "") -> str:
    """Press the button of the page; return where that leads."""
    found = re.search(r'name="press"[^>]*value="([0-9a-f]+)"', page or client.get(PAGE).text)
    assert found
    answer = client.post(f"{PAGE}/essai", data={"press": found[1]})
    assert answer.status_code == 303
    return answer.location


def mails() -> list[Delivery]:
    return list(db.session.scalars(select(Delivery).where(Delivery.kind == "test").order_by(Delivery.id)))


def test_settings_are_shown_without_their_secrets(make_app: Callable[..., Flask]) -> None:
    secret = "s3cret-of-the-shop"
    app = make_app(
        SMTP_URL=f"smtp://shop:{secret}@mail.example:587?starttls=1",
        REDIS_URL=f"redis://:{secret}@127.0.0.1:1/0",
        BOUNCES_URL=f"imaps://bounces:{secret}@imap.example",
        METRICS_TOKEN=secret,
    )
    with app.app_context():
        client = app.test_client()
        assert isinstance(client, LintingClient)
        sign_in(client, a_customer(admin=True))
        page = client.get(PAGE).text
    for shown in ("smtp://mail.example:587", "STARTTLS", "avec identifiant", "redis://127.0.0.1:1/0", "Atelier Fil",
                  "imaps://imap.example", "alertes@boutique.example", "entre 24 et 48 heures", "sqlite"):  # fmt: skip
        assert shown in page or shown.replace(" ", "") in page, shown
    settings = app.extensions["settings"]
    for kept in (secret, settings.secret_key, settings.keys_secret):
        assert kept not in page


def test_a_test_mail_goes_to_the_admin_and_says_how_it_ended(
    app: Flask, client: LintingClient, admin: Customer, smtp_server: Mailbox
) -> None:
    page = pressed(client)
    assert "En route" in client.get(page).text
    assert 'hx-trigger="every 2s"' in client.get(page).text
    with app.app_context():
        jobs.deliver(mails()[0].id)
    db.session.commit()
    assert "Le serveur de messagerie l&#39;a accepté" in client.get(page).text.replace("'", "&#39;")
    assert "hx-trigger" not in client.htmx("GET", page).text
    [mail] = smtp_server.messages
    assert mail["To"] == admin.email


def test_pressing_twice_sends_one_mail_and_again_later_another(client: LintingClient, admin: Customer) -> None:
    page = client.get(PAGE).text
    assert pressed(client, page) == pressed(client, page)
    assert len(mails()) == 1
    pressed(client)
    assert len(mails()) == 2


def test_htmx_gets_the_fragment_with_the_outcome(client: LintingClient, admin: Customer) -> None:
    answer = client.htmx("POST", f"{PAGE}/essai", data={"press": "ab"})
    assert answer.status_code == 200
    assert 'id="test-mail"' in answer.text
    assert "En route" in answer.text
    assert client.post(f"{PAGE}/essai", data={"press": "x" * 41}).status_code == 422


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"state": "failed", "last_error": "550 Non."}, "550 Non."),
        ({"state": "unknown", "last_error": "Réponse perdue."}, "Réponse perdue."),
        ({"trouble": "smtp", "last_error": "Mot de passe refusé."}, "Mot de passe refusé."),
        ({"created_at": -timedelta(minutes=2)}, "vérifiez que le worker"),
        ({"created_at": -timedelta(minutes=11)}, "vérifiez que le worker"),
    ],
)
def test_every_outcome_has_its_words(client: LintingClient, admin: Customer, facts: dict[str, Any], said: str) -> None:
    if "created_at" in facts:
        facts = {"created_at": clock.now() + facts["created_at"]}
    a_delivery(kind="test", customer=admin, occasion=f"test:{admin.id}:ab", **facts)
    assert said in client.get(f"{PAGE}?essai=ab").text


def test_nobody_sees_the_test_mail_of_another_admin(client: LintingClient, admin: Customer) -> None:
    page = pressed(client)
    assert "En route" in client.get(page).text
    client.post("/deconnexion")
    sign_in(client, a_customer(email="autre@example.org", admin=True))
    assert "En route" not in client.get(page).text
