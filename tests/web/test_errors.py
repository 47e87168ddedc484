"""What people and machines meet when something is wrong: French pages, a sentence for htmx, problem+json."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from flask import Flask, abort
from sqlalchemy.exc import OperationalError

from extensions import DomainError, NotTheirs, csrf
from services.limits import TooMany
from tests.support.client import LintingClient

TITLES = {
    403: "Accès en lecture",
    404: "Page introuvable",
    422: "Demande impossible",
    429: "Trop d'essais",
    500: "Une erreur est survenue",
    503: "Service indisponible",
}
SECRET = "claire@example.org"


@pytest.fixture
def browser(make_app: Callable[..., Flask]) -> Iterator[LintingClient]:
    """Give a browser of an application that fails on demand at /panne/<status> and /api/panne/<status>."""
    app = make_app()

    def fail(status: int) -> str:
        if status == 429:
            raise TooMany(120)
        if status == 500:
            raise ValueError(SECRET)
        if status == 503:
            raise OperationalError(f"SELECT '{SECRET}'", {"email": SECRET}, Exception(SECRET))
        abort(status)

    csrf.exempt(fail)
    app.add_url_rule("/panne/<int:status>", "tests.page", fail, methods=["GET", "POST"])
    app.add_url_rule("/api/panne/<int:status>", "tests.api", fail, methods=["GET", "POST"])
    with app.app_context():
        client = app.test_client()
        assert isinstance(client, LintingClient)
        yield client


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("status", TITLES)
def test_people_get_a_whole_french_page(browser: LintingClient, status: int) -> None:
    answer = browser.get(f"/panne/{status}")
    assert answer.status_code == status
    assert TITLES[status].replace("'", "&#39;") in answer.text
    assert "aide@boutique.example" in answer.text
    assert SECRET not in answer.text


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("status", TITLES)
def test_htmx_gets_a_sentence_and_swaps_nothing(browser: LintingClient, status: int) -> None:
    answer = browser.htmx("POST", f"/panne/{status}")
    assert answer.status_code == status
    assert answer.headers["HX-Reswap"] == "none"
    assert answer.text.startswith('<div id="flash" role="status"')
    assert 'class="notice notice-error"' in answer.text
    assert SECRET not in answer.text


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("path", ["/api/panne/{}", "/webhooks/{}"])
@pytest.mark.parametrize("status", TITLES)
def test_machines_get_a_problem(browser: LintingClient, path: str, status: int) -> None:
    answer = browser.post(path.format(status))
    wanted = status if path.startswith("/api") else 404
    assert answer.status_code == wanted
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert (answer.json["status"], answer.json["title"]) == (wanted, TITLES[wanted])
    assert SECRET not in answer.text


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("status", "seconds"), [(429, "120"), (503, "60")])
def test_when_to_come_back_is_said(browser: LintingClient, status: int, seconds: str) -> None:
    for answer in (browser.get(f"/panne/{status}"), browser.htmx("GET", f"/panne/{status}")):
        assert answer.headers["Retry-After"] == seconds


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "Recommencez dans une minute."),
        (61, "Recommencez dans 2 minutes."),
        (3600, "Recommencez dans 60 minutes."),
        (36_000, "Vous pourrez recommencer lundi 23 novembre à 8\u00a0h."),
    ],
)
def test_who_has_tried_too_often_reads_when_to_come_back(
    make_app: Callable[..., Flask], seconds: int, said: str
) -> None:
    app = make_app()

    def refuse() -> str:
        raise TooMany(seconds)

    app.add_url_rule("/trop", "tests.too_many", refuse)
    with app.app_context(), time_machine.travel(datetime(2026, 11, 22, 21, tzinfo=UTC), tick=False):
        answer = app.test_client().get("/trop")
    assert (answer.status_code, said in answer.text) == (429, True)


@pytest.mark.databases("sqlite")
def test_a_refusal_of_the_trade_is_said_in_its_own_words(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    def refuse() -> str:
        raise DomainError("Cette commande a été annulée.")

    app.add_url_rule("/refus", "tests.refusal", refuse)
    with app.app_context():
        answer = app.test_client().get("/refus")
    assert (answer.status_code, "Cette commande a été annulée." in answer.text) == (422, True)


@pytest.mark.databases("sqlite")
def test_what_has_become_somebody_else_s_does_not_exist(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    def leave() -> str:
        raise NotTheirs

    app.add_url_rule("/parti", "tests.left", leave)
    with app.app_context():
        answer = app.test_client().get("/parti")
    assert (answer.status_code, TITLES[404] in answer.text) == (404, True)


def test_who_is_signed_in_reads_a_page_while_the_database_is_away(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/at/all.db")
    with app.app_context():
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = "a-token"
        answer = client.get("/espace-client/commandes")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert TITLES[503] in answer.text


@pytest.mark.databases("sqlite")
def test_an_expired_form_says_so(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.config["WTF_CSRF_ENABLED"] = True
    with app.app_context():
        answer = app.test_client().post("/connexion", data={"email": SECRET, "password": "x"})
    assert answer.status_code == 400
    assert "Ce formulaire a expiré." in answer.text
