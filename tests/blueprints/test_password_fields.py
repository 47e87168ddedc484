"""Passwords as people type, paste and keep them: fields that hide them and help a password manager, nothing changed."""

import html5lib
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from services import accounts, tokens
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import PASSWORD, a_customer, an_order

pytestmark = pytest.mark.databases("sqlite")
EMAIL = "claire.martin@example.org"
TOO_COMMON = "Ce mot de passe est trop courant. Choisissez-en un autre, par exemple plusieurs mots à la suite."


def password_fields(page: str) -> list[dict[str, str]]:
    document = html5lib.parse(page, namespaceHTMLElements=False)
    return [dict(field.attrib) for field in document.iter("input") if "password" in (field.get("name") or "")]


def test_every_field_hides_what_is_typed_and_lets_it_be_pasted(app: Flask, client: LintingClient) -> None:
    claire = a_customer(email="claire@example.org")
    link, _code = tokens.fresh(claire, "password_reset")
    order = an_order(email="guest@example.org")
    pages = [client.get(path).text for path in ("/connexion", "/inscription", f"/mot-de-passe/{link}")]
    client.post("/suivi-commande", data={"order_number": order.number, "email": "guest@example.org"})
    pages.append(client.get("/suivi-commande/compte").text)
    sign_in(client, claire)
    pages += [client.get(f"/espace-client/mon-compte{part}").text for part in ("", "/adresse")]
    for page in pages:
        fields = password_fields(page)
        assert fields
        for field in fields:
            assert field["type"] == "password"
            assert field["autocomplete"] in ("current-password", "new-password")
            assert not {"maxlength", "pattern", "readonly"} & field.keys()
            assert not field.get("value")


@pytest.mark.parametrize(
    "password",
    [
        "toutenminuscules",
        "TOUTENMAJUSCULES",
        "7392046158",
        "!?$%&/()=+",
        "  espaces autour  ",
        "ёжик в тумане",
        "🙂🙃🙂🙃🙂🙃🙂🙃",
        "x%sy{z}" * 18,
    ],
)
def test_any_characters_make_a_password_and_each_of_them_counts(client: LintingClient, password: str) -> None:
    assert client.post("/inscription", data={"email": "claire@example.org", "password": password}).status_code == 200
    assert accounts.authenticate("claire@example.org", password)
    assert accounts.authenticate("claire@example.org", password[:-1]) is None
    assert accounts.authenticate("claire@example.org", f"{password} ") is None
    if password.lower() != password.upper():
        assert accounts.authenticate("claire@example.org", password.swapcase()) is None


@pytest.mark.parametrize("password", ["12345678", "claire.martin", "Claire.Martin@example.org", "Atelier Fil & Encre"])
def test_what_everybody_tries_first_is_refused_beside_each_field(
    app: Flask, client: LintingClient, password: str
) -> None:
    order = an_order(email=EMAIL)
    client.post("/suivi-commande", data={"order_number": order.number, "email": EMAIL})
    forms = [("/inscription", {"email": EMAIL}), ("/suivi-commande/compte", {})]
    claire = a_customer(email=EMAIL, confirmed=False)
    forms.append((f"/mot-de-passe/{tokens.fresh(claire, 'password_reset')[0]}", {}))
    forms.append((f"/confirmer/{tokens.fresh(claire, 'confirmation')[0]}", {}))
    for path, others in forms:
        assert refusal(client.post(path, data={"password": password, **others})) == TOO_COMMON, path
    sign_in(client, claire)
    changed = client.post(
        "/espace-client/mon-compte/mot-de-passe", data={"current_password": PASSWORD, "password": password}
    )
    assert refusal(changed) == TOO_COMMON
    assert accounts.authenticate(EMAIL, PASSWORD) == claire


def refusal(answer: TestResponse) -> str:
    """Return what is said beside the field of the password."""
    assert answer.status_code == 422
    said = html5lib.parse(answer.text, namespaceHTMLElements=False).find(".//*[@id='password-error']")
    return "" if said is None else "".join(said.itertext()).strip().removeprefix("Erreur\u00a0: ")
