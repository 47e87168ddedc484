"""« Se déconnecter » stands on each page behind the sign-in, and nobody is signed out before the time."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from werkzeug.routing import Rule

from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer

FORM = 'action="/deconnexion"'


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("admin", [False, True], ids=["customer", "admin"])
def test_every_page_of_a_signed_in_person_has_the_button(app: Flask, client: LintingClient, *, admin: bool) -> None:
    sign_in(client, a_customer(admin=admin))
    seen = []
    for rule in app.url_map.iter_rules():
        if not is_page(rule):
            continue
        answer = client.get(rule.rule)
        if answer.status_code == 200 and answer.mimetype == "text/html":
            seen.append(rule.rule)
            assert FORM in answer.text, rule.rule
    assert {"/espace-client", "/espace-client/commandes", "/espace-client/mon-compte", "/confidentialite"} <= set(seen)
    assert ("/admin/" in seen) == admin


def is_page(rule: Rule) -> bool:
    """Whether it is a page without anything to name in its address; the inbox of development is none of ours."""
    return "GET" in (rule.methods or ()) and not rule.arguments and not rule.rule.startswith("/dev/")


@pytest.mark.databases("sqlite")
def test_the_cookie_is_good_as_long_as_its_session(client: LintingClient, frozen_clock: time_machine.Traveller) -> None:
    sign_in(client, a_customer())
    for _week in range(12):
        frozen_clock.shift(timedelta(days=7))
        assert client.get("/espace-client").status_code == 200
    frozen_clock.shift(timedelta(days=6))
    assert client.get("/espace-client").status_code == 303
