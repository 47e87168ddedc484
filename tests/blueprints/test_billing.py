"""« Données de facturation » as a customer meets it, with htmx and without."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from html5lib import parse

from extensions import db
from models import Customer
from tests.support.client import HTMX, LintingClient
from tests.support.customers import COMPANY, PERSON, sign_in
from tests.support.factories import PASSWORD, a_customer, billing_details, company_details
from tests.support.queries import count_queries

pytestmark = pytest.mark.databases("sqlite")  # Pages; what is written is tested with the service.
URL = "/espace-client/donnees-de-facturation"
HTML = "{http://www.w3.org/1999/xhtml}"
SAVED = "Données de facturation enregistrées."


@pytest.fixture
def claire(client: LintingClient) -> Customer:
    """Claire, signed in."""
    return sign_in(client, a_customer())


def fields(page: str) -> dict[str, dict[str, str]]:
    """Return the inputs and selects of a page by name, with their attributes."""
    elements = (e for e in parse(page, namespaceHTMLElements=True).iter() if isinstance(e.tag, str))
    return {
        e.attrib["name"]: dict(e.attrib)
        for e in elements
        if e.tag in (f"{HTML}input", f"{HTML}select") and "name" in e.attrib
    }


def errors(page: str) -> Iterator[str]:
    return (match[1] for match in re.finditer(r'<p class="error" id="(\w+)-error">', page))


def test_the_form_begins_with_a_person_in_france(client: LintingClient, claire: Customer) -> None:
    page = client.get(URL)
    assert page.status_code == 200
    shown = fields(page.text)
    assert {"kind", "country", "first_name", "last_name", "tax_id", "line1", "line2", "postal_code", "city"} <= set(
        shown
    )
    assert not {"company_name", "siret", "vat_number", "also_account"} & set(shown)
    assert "Numéro d'identification fiscale" in page.text
    assert "Enregistrer" in page.text
    assert not list(errors(page.text))


def test_browsers_can_fill_the_form_in_by_themselves(client: LintingClient, claire: Customer) -> None:
    shown = fields(client.get(URL).text)
    wanted = {
        "first_name": "given-name", "last_name": "family-name", "line1": "address-line1", "line2": "address-line2",
        "postal_code": "postal-code", "city": "address-level2", "country": "country",
    }  # fmt: skip
    assert {name: shown[name].get("autocomplete") for name in wanted} == wanted
    company = fields(client.post(URL, data={"kind": "company", "country": "FR", "show": "1"}).text)
    assert company["company_name"].get("autocomplete") == "organization"
    assert company["siret"].get("inputmode") == "numeric"


def test_saving_without_javascript_leads_back_with_a_message(client: LintingClient, claire: Customer) -> None:
    answer = client.post(URL, data=PERSON)
    assert (answer.status_code, answer.location) == (303, URL)
    page = client.get(URL)
    assert SAVED in page.text
    assert fields(page.text)["last_name"]["value"] == "Martin"
    assert claire.billing is not None
    assert claire.billing.details() == billing_details()


def test_saving_with_htmx_answers_the_form_and_the_message(client: LintingClient, claire: Customer) -> None:
    answer = client.htmx("POST", URL, data=PERSON)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<section id="billing-form"')
    assert SAVED in answer.text
    assert "<h1" not in answer.text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_errors_stand_beside_their_fields_and_what_was_typed_stays(
    client: LintingClient, claire: Customer, headers: dict[str, str]
) -> None:
    answer = client.post(URL, data=COMPANY | {"siret": "732 829 320 00079", "city": ""}, headers=headers)
    assert answer.status_code == 422
    assert list(errors(answer.text)) == ["siret", "city"]
    assert "Ce SIRET n'est pas valide\u00a0: vérifiez les 14 chiffres." in answer.text.replace("&#39;", "'")
    shown = fields(answer.text)
    assert shown["siret"]["value"] == "732 829 320 00079"
    assert shown["company_name"]["value"] == COMPANY["company_name"]
    assert shown["siret"]["aria-invalid"] == "true"
    assert [name for name, attributes in shown.items() if "autofocus" in attributes] == ["siret"]
    assert claire.billing is None


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_another_kind_shows_its_fields_and_keeps_what_was_typed(
    client: LintingClient, claire: Customer, headers: dict[str, str]
) -> None:
    answer = client.post(URL, data=PERSON | {"kind": "company", "city": "Paris", "show": "1"}, headers=headers)
    assert answer.status_code == 200
    assert not list(errors(answer.text))
    shown = fields(answer.text)
    assert {"company_name", "siret", "vat_number", "tax_id"} <= set(shown)
    assert not {"first_name", "last_name"} & set(shown)
    assert shown["city"]["value"] == "Paris"
    assert claire.billing is None


@pytest.mark.parametrize(
    ("kind", "country", "shown", "hidden"),
    [
        ("individual", "ES", {"tax_id"}, {"siret", "vat_number"}),
        ("company", "DE", {"vat_number", "tax_id"}, {"siret"}),
        ("company", "MC", {"vat_number", "tax_id"}, {"siret"}),
        ("company", "US", {"tax_id"}, {"siret", "vat_number"}),
        ("company", "XX", {"tax_id"}, {"siret", "vat_number"}),
    ],
)
def test_another_country_shows_its_numbers(
    client: LintingClient, claire: Customer, kind: str, country: str, shown: set[str], hidden: set[str]
) -> None:
    page = fields(client.htmx("POST", URL, data={"kind": kind, "country": country, "show": "1"}).text)
    assert shown <= set(page)
    assert not hidden & set(page)


def test_the_optional_number_says_so_and_the_mandatory_one_does_not(client: LintingClient, claire: Customer) -> None:
    def mark(country: str) -> bool:
        page = client.htmx("POST", URL, data={"kind": "individual", "country": country, "show": "1"}).text
        label = re.search(r'<label for="tax_id">.*?</label>', page, re.DOTALL)
        assert label is not None
        return "facultatif" in label[0]

    assert mark("FR")
    assert not mark("ES")


def test_a_button_shows_the_fields_without_javascript(client: LintingClient, claire: Customer) -> None:
    page = client.get(URL).text
    found = re.search(r'<p class="without-script">(.*?)</p>', page, re.DOTALL)
    assert found is not None
    assert 'name="show"' in found[1]
    assert "formnovalidate" in found[1]
    assert "Afficher les champs" in found[1]


def test_enter_records_and_does_not_press_another_button(client: LintingClient, claire: Customer) -> None:
    """Browsers press the first submit button of a form (HTML, implicit submission)."""
    page = client.get(URL).text
    form = page[page.index('hx-target="#billing-form"') :]
    first = re.search(r"<(?:input type=\"submit\"|button)[^>]*>", form)
    assert first is not None
    assert "name=" not in first[0]


def test_the_vat_number_is_offered_after_saving_and_taken_by_a_press(client: LintingClient, claire: Customer) -> None:
    saved = client.htmx("POST", URL, data=COMPANY)
    assert "Utiliser FR44732829320" in saved.text
    assert not fields(saved.text)["vat_number"].get("value")
    taken = client.htmx("POST", URL, data=COMPANY | {"use_proposed_vat_number": "1"})
    assert fields(taken.text)["vat_number"]["value"] == "FR44732829320"
    assert "Utiliser FR" not in taken.text
    assert claire.billing is not None
    assert claire.billing.vat_number == ""  # Offered, not recorded.
    client.htmx("POST", URL, data=COMPANY | {"vat_number": "FR44732829320"})
    db.session.refresh(claire)
    assert claire.billing.details() == company_details()


def test_an_erased_vat_number_is_erased(client: LintingClient, claire: Customer) -> None:
    client.post(URL, data=COMPANY | {"vat_number": "FR44732829320"})
    client.post(URL, data=COMPANY)
    assert claire.billing is not None
    assert claire.billing.vat_number == ""
    assert not fields(client.get(URL).text)["vat_number"].get("value")


def test_changing_the_siret_asks_only_for_the_offer(client: LintingClient, claire: Customer) -> None:
    """htmx selects the offer out of the whole page, so that what is being typed elsewhere is not disturbed."""
    shown = fields(client.htmx("POST", URL, data={"kind": "company", "country": "FR", "show": "1"}).text)
    assert (shown["siret"]["hx-target"], shown["siret"]["hx-select"]) == ("#vat-proposal", "#vat-proposal")
    whole = {"HX-Request": "true", "HX-Request-Type": "full"}
    answer = client.post(URL, data=COMPANY | {"show": "1"}, headers=whole)
    assert answer.status_code == 200
    assert 'id="vat-proposal"' in answer.text
    assert "Utiliser FR44732829320" in answer.text


def test_what_a_customer_types_is_shown_as_text(client: LintingClient, claire: Customer) -> None:
    client.post(URL, data=PERSON | {"last_name": '"><script>alert(1)</script>'})
    page = client.get(URL).text
    assert "<script>alert" not in page
    assert fields(page)["last_name"]["value"] == '"><script>alert(1)</script>'


def test_strangers_are_led_to_the_sign_in_page(client: LintingClient) -> None:
    assert client.get(URL).status_code == 303
    assert client.post(URL, data=PERSON).status_code == 303
    expired = client.htmx("POST", URL, data=PERSON)
    assert expired.status_code == 401
    assert expired.headers["HX-Redirect"].endswith("/connexion")


def test_a_post_needs_its_token(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.config["WTF_CSRF_ENABLED"] = True
    with app.app_context():
        customer = a_customer()
        browser = app.test_client()
        assert isinstance(browser, LintingClient)
        token = fields(browser.get("/connexion").text)["csrf_token"]["value"]
        browser.post("/connexion", data={"email": customer.email, "password": PASSWORD, "csrf_token": token})
        assert browser.post(URL, data=PERSON).status_code == 400
        token = fields(browser.get(URL).text)["csrf_token"]["value"]
        assert browser.post(URL, data=PERSON | {"csrf_token": token}).status_code == 303


def test_the_page_asks_little_of_the_database(client: LintingClient, claire: Customer) -> None:
    client.post(URL, data=COMPANY)
    with count_queries() as queries:
        client.get(URL)
    assert queries.count <= 8, str(queries)
