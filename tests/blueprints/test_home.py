"""The front page, the legal pages and the error pages, as a stranger meets them."""

import pytest
from flask import Flask

from extensions import db
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer

pytestmark = pytest.mark.databases("sqlite")  # Pages that show no rows.


def test_the_front_page_has_two_doors(client: LintingClient) -> None:
    page = client.get("/").text
    assert 'href="/connexion">Se connecter<' in page
    assert 'href="/suivi-commande">Consulter l\'état de votre commande<' in page
    assert "Mon espace" not in page


def test_the_front_page_leads_a_signed_in_customer_on(client: LintingClient) -> None:
    sign_in(client, a_customer())
    page = client.get("/").text
    assert "Mon espace" in page
    assert "Se connecter" in page
    for label in ("Mes commandes", "Données de facturation", "Mes factures", "Mon compte", "Se déconnecter"):
        assert label in page


def test_the_legal_page_says_who_sells(client: LintingClient) -> None:
    page = client.get("/mentions-legales").text
    for fact in ("Atelier Fil &amp; Encre", "SAS", "12345678200010", "Lyon", "bonjour@fil-et-encre.example"):
        assert fact in page


def test_the_privacy_page_says_how_long_invoices_are_kept(client: LintingClient) -> None:
    page = client.get("/confidentialite").text
    assert "10 ans" in page
    assert "aide@boutique.example" in page


def test_the_accessibility_page_claims_no_audit(client: LintingClient) -> None:
    page = client.get("/accessibilite").text
    assert "Aucun audit n'a été mené par un tiers" in page
    assert "conformité partielle" in page
    assert "Défenseur des droits" in page
    assert 'href="mailto:aide@boutique.example"' in page.partition("Retour d'information")[2].partition("</section>")[0]


def test_every_page_names_the_support(client: LintingClient) -> None:
    assert 'href="mailto:aide@boutique.example"' in client.get("/").text


def test_the_merchants_colour_and_logo_come_from_the_sellers_file(client: LintingClient) -> None:
    colour, logo = client.get("/marque.css"), client.get("/logo")
    assert (colour.mimetype, colour.text) == ("text/css", ":root { --brand: #0f5c5c; }\n")
    assert logo.mimetype == "image/svg+xml"
    assert logo.data.startswith(b"<svg")


def test_an_unknown_page_is_explained_in_french(client: LintingClient) -> None:
    answer = client.get("/nulle-part")
    assert answer.status_code == 404
    assert "Page introuvable" in answer.text


def test_the_page_of_a_breakdown_asks_nothing_of_the_database(
    app: Flask, client: LintingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, a_customer())

    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the database is gone")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    with monkeypatch.context() as patch:
        patch.setattr(type(db.session()), "scalar", broken)
        patch.setattr(type(db.session()), "scalars", broken)
        answer = client.get("/espace-client/commandes")
    assert answer.status_code == 500
    assert "Une erreur est survenue" in answer.text
    assert "Mes commandes" not in answer.text


@pytest.mark.parametrize("path", ["css/app.css", "js/app.js", "vendor/htmx-4.0.1.min.js", "icon.svg"])
def test_static_files_are_there(client: LintingClient, path: str) -> None:
    with client.get(f"/static/{path}") as answer:
        assert answer.status_code == 200
