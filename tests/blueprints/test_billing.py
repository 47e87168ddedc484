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
from tests.support.factories import PASSWORD, a_customer, an_order, billing_details, company_details
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
    assert not [name for name, attributes in shown.items() if "autofocus" in attributes]  # The summary has it.
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


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_several_errors_are_summed_up_with_links_to_their_fields(
    client: LintingClient, claire: Customer, headers: dict[str, str]
) -> None:
    page = client.post(URL, data=COMPANY | {"siret": "1", "city": ""}, headers=headers).text
    found = re.search(r'<div class="notice notice-error"([^>]*)>(.*?)</div>', page, re.DOTALL)
    assert found is not None
    assert "Il y a 2 erreurs" in found[2]
    assert re.findall(r'<a href="#(\w+)">', found[2]) == ["siret", "city"]
    assert "Indiquez votre ville." in found[2]
    assert 'tabindex="-1"' in found[1]
    assert "autofocus" in found[1]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_single_error_takes_the_focus_to_its_field(
    client: LintingClient, claire: Customer, headers: dict[str, str]
) -> None:
    page = client.post(URL, data=COMPANY | {"city": ""}, headers=headers).text
    assert "Il y a" not in page
    assert [name for name, attributes in fields(page).items() if "autofocus" in attributes] == ["city"]


def check(client: LintingClient, field: str, text: str, *, left: bool = False, **changes: str) -> str:
    sent = COMPANY | {field: text} | changes | {"left" if left else "check": field}
    answer = client.htmx("POST", URL + "/verification", data=sent)
    assert (answer.status_code, answer.headers["HX-Reswap"]) == (200, "none")
    return answer.text


def test_a_number_is_read_while_it_is_typed(client: LintingClient, claire: Customer) -> None:
    assert "Encore 6 chiffres" in check(client, "siret", "732 829 32")
    assert "SIREN valide, encore 5 chiffres" in check(client, "siret", "732 829 320")
    assert "SIREN valide, encore 1 chiffre<" in check(client, "siret", "732 829 320 0007")
    valid = check(client, "siret", "732 829 320 00074")
    assert "SIRET valide" in valid
    assert "Utiliser FR44732829320" in valid
    assert "vat-proposal" not in check(client, "vat_number", "FR44732829320")  # The focus may stand on it already.
    assert claire.billing is None


def test_a_number_is_wrong_only_once_it_is_whole_or_left(client: LintingClient, claire: Customer) -> None:
    wrong = "Ce SIRET n'est pas valide\u00a0: vérifiez les 14 chiffres."
    for text, left in (("732 829 320 00079", False), ("732 829 321", True), ("12", True)):
        page = check(client, "siret", text, left=left)
        assert wrong in page.replace("&#39;", "'")
        shown = fields(page)["siret"]
        assert (shown["aria-invalid"], shown["aria-describedby"]) == ("true", "siret-hint siret-error")
    for text in ("", "12", "732 829 321", "732 829 321 0007"):
        assert "aria-invalid" not in check(client, "siret", text)
    assert "aria-invalid" not in check(client, "siret", "", left=True)


def test_the_answer_to_what_is_typed_takes_nothing_away(client: LintingClient, claire: Customer) -> None:
    """htmx morphs the field that is there: without `value`, `autofocus` and another asker it stays as it is."""
    before = fields(client.htmx("POST", URL, data=COMPANY | {"show": "1"}).text)["siret"]
    page = check(client, "siret", "732 829 320 00079")
    shown = fields(page)["siret"]
    assert set(before) - set(shown) == {"value"}
    assert set(shown) - set(before) == {"aria-invalid"}
    asking = [name for name in before if name.startswith("hx-")]
    assert "hx-post" in asking
    assert [shown[name] for name in asking] == [before[name] for name in asking]
    roots = re.findall(r'<div[^>]* id="([\w-]+)"[^>]* hx-swap-oob="outerMorph">', page)
    assert roots == ["siret-field", "vat-proposal"]
    assert 'id="flash"' not in page


def test_only_numbers_that_are_shown_are_read(client: LintingClient, claire: Customer) -> None:
    assert not check(client, "siret", "73282932000074", country="DE").strip()
    assert not check(client, "city", "Lyon").strip()
    plain = client.post(URL + "/verification", data=COMPANY | {"check": "siret"})
    assert (plain.status_code, plain.location) == (303, URL)


def test_what_is_saved_is_said_beside_the_button_too(client: LintingClient, claire: Customer) -> None:
    page = client.htmx("POST", URL, data=PERSON).text
    assert "Enregistré</span>" in page[page.index("billing-save") :]
    assert "Enregistré</span>" not in client.get(URL).text


@pytest.mark.parametrize(
    ("country", "keyboard", "hint"),
    [
        ("FR", "numeric", ""),
        ("DE", "numeric", "Par exemple 10115."),
        ("GB", None, "Par exemple SW1A 1AA."),
        ("LT", None, "Par exemple LT-11111."),
        ("CI", None, ""),
    ],
)
def test_the_country_chooses_the_keyboard_of_the_postal_code(
    client: LintingClient, claire: Customer, country: str, keyboard: str | None, hint: str
) -> None:
    page = client.htmx("POST", URL, data={"kind": "individual", "country": country, "show": "1"}).text
    assert fields(page)["postal_code"].get("inputmode") == keyboard
    assert ("postal_code-hint" in page) == bool(hint)
    assert hint in page


def test_the_country_names_the_vat_number(client: LintingClient, claire: Customer) -> None:
    def label(country: str) -> str:
        page = client.htmx("POST", URL, data={"kind": "company", "country": country, "show": "1"}).text
        found = re.search(r'<label for="vat_number">([^<]*)', page)
        assert found is not None
        return found[1].strip()

    assert [label(country) for country in ("FR", "DE", "MC")] == ["Numéro de TVA intracommunautaire"] * 3
    assert [label(country) for country in ("GB", "IM")] == ["Numéro de TVA"] * 2


def test_a_company_is_asked_for_its_number_first(client: LintingClient, claire: Customer) -> None:
    page = client.htmx("POST", URL, data={"kind": "company", "country": "FR", "show": "1"}).text
    named = [name for name, attributes in fields(page).items() if attributes.get("type") != "hidden"]
    assert named[:5] == ["kind", "country", "siret", "vat_number", "company_name"]


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


def test_an_order_offers_the_address_of_its_delivery_and_fills_it_in(client: LintingClient, claire: Customer) -> None:
    an_order(customer=claire, number="T-9", billing=company_details(line1="1 rue Neuve", city="Paris"))
    url = "/espace-client/commandes/T-9/facturation"
    assert "Identique à l'adresse de livraison" in client.get(url).text.replace("&#39;", "'")
    sent = COMPANY | {"line1": "1 rue Neuve", "city": "Paris", "same_as_delivery": "1"}
    for answer in (client.post(url, data=sent), client.htmx("POST", url, data=sent)):
        assert answer.status_code == 200
        shown = fields(answer.text)
        assert (shown["line1"]["value"], shown["city"]["value"]) == ("12 rue Mercière", "Lyon")
        assert shown["company_name"]["value"] == COMPANY["company_name"]
        assert "same_as_delivery" not in answer.text
        assert not list(errors(answer.text))


def test_who_may_not_see_the_delivery_is_not_offered_its_address(client: LintingClient) -> None:
    emma = sign_in(client, a_customer(email="emma@example.org", confirmed=False))
    an_order(customer=emma, number="T-9")
    url = "/espace-client/commandes/T-9/facturation"
    assert "same_as_delivery" not in client.get(url).text
    answer = client.post(url, data=PERSON | {"line1": "1 rue Neuve", "same_as_delivery": "1"})
    assert fields(answer.text)["line1"]["value"] == "1 rue Neuve"


def test_an_account_has_no_delivery_to_take_over(client: LintingClient, claire: Customer) -> None:
    assert "same_as_delivery" not in client.get(URL).text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_tick_asks_a_company_for_the_name_of_who_buys(
    client: LintingClient, claire: Customer, headers: dict[str, str]
) -> None:
    ticked = COMPANY | {"on_behalf": "y"}
    assert "on_behalf" in fields(client.post(URL, data=COMPANY | {"show": "1"}, headers=headers).text)
    page = client.post(URL, data=ticked | {"show": "1"}, headers=headers).text
    assert {"first_name", "last_name"} <= set(fields(page))
    assert "sous celui de l'entreprise" in page.replace("&#39;", "'")
    refused = client.post(URL, data=ticked, headers=headers)
    assert refused.status_code == 422
    assert list(errors(refused.text)) == ["first_name", "last_name"]
    client.post(URL, data=ticked | {"first_name": "Claire", "last_name": "Martin"}, headers=headers)
    assert claire.billing is not None
    assert claire.billing.details() == company_details(vat_number="", first_name="Claire", last_name="Martin")
    client.post(URL, data=COMPANY, headers=headers)
    db.session.refresh(claire.billing)
    assert claire.billing.details() == company_details(vat_number="")
