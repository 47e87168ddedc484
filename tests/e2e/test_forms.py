"""The form « Données de facturation » while it is filled in: it reads along, disturbs nobody, says what is missing."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from services.demo import CUSTOMER_EMAIL
from tests.e2e.shop import Shop
from tests.e2e.visitors import BILLING, ORDERS, Opener, Visitors, come_in
from tests.e2e.walks import faults
from tests.shops.messages import a_company as sent_for_a_company

pytestmark = pytest.mark.e2e
ASKED = "**/verification"
VALID = "732 829 320 00074"
NEVER_AGAIN = "2040-01-01"


def a_company(page: Page) -> None:
    page.goto(BILLING)
    page.get_by_role("radio", name="Entreprise").check()
    expect(page.get_by_label("SIRET")).to_be_visible()


def test_a_siret_is_read_while_it_is_typed(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    a_company(page)
    siret, said = page.get_by_label("SIRET"), page.locator("#siret-said")
    expect(said).to_have_role("status")
    siret.press_sequentially("732 829 320")
    expect(said).to_have_text("SIREN valide, encore 5 chiffres")
    assert faults(page) == []
    siret.press_sequentially(" 00079")
    expect(page.get_by_text("Ce SIRET n'est pas valide")).to_be_visible()
    expect(siret).to_have_attribute("aria-invalid", "true")
    expect(siret).to_have_attribute("aria-describedby", "siret-hint siret-error")
    expect(siret).to_be_focused()
    assert faults(page) == []
    page.keyboard.press("Backspace")
    expect(said).to_have_text("SIREN valide, encore 1 chiffre")
    expect(siret).not_to_have_attribute("aria-invalid", "true")
    page.keyboard.type("4")
    expect(said).to_have_text("SIRET valide")
    expect(siret).to_have_attribute("aria-describedby", "siret-hint siret-said")
    expect(page.get_by_role("button", name="Utiliser FR44732829320")).to_be_visible()
    assert faults(page) == []


def test_an_answer_that_comes_late_takes_neither_what_is_typed_nor_the_caret(
    open_page: Opener, visitors: Visitors
) -> None:
    page, asked = open_page(state=visitors.state(CUSTOMER_EMAIL)), list[Route]()

    def held(route: Route) -> None:
        asked.append(route)

    page.clock.install(time=0)
    a_company(page)
    page.clock.pause_at(NEVER_AGAIN)
    page.route(ASKED, held)
    siret = page.get_by_label("SIRET")
    siret.press_sequentially("732 829 320 0007")
    with page.expect_request(ASKED):
        page.clock.run_for(400)
    page.keyboard.press("Home")
    page.keyboard.type("1")  # Nobody asks again: the clock stands.
    asked[0].continue_()
    expect(page.locator("#siret-said")).to_have_text("SIREN valide, encore 1 chiffre")  # What was asked then.
    expect(siret).to_have_value("1732 829 320 0007")
    expect(siret).to_be_focused()
    assert siret.evaluate("(input) => [input.selectionStart, input.selectionEnd]") == [1, 1]
    assert len(asked) == 1


def test_a_number_that_is_left_is_judged_and_the_focus_stays_where_it_went(
    open_page: Opener, visitors: Visitors
) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    a_company(page)
    siret = page.get_by_label("SIRET")
    siret.press_sequentially("732 829")
    page.get_by_label("Raison sociale").click()
    expect(siret).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Raison sociale")).to_be_focused()
    expect(siret).to_have_value("732 829")
    siret.fill("")
    expect(siret).not_to_have_attribute("aria-invalid", "true")
    page.get_by_label("Raison sociale").click()
    page.get_by_label("Code postal").fill("6900")
    page.get_by_label("Ville").click()
    expect(page.get_by_label("Code postal")).to_have_attribute("aria-invalid", "true")
    expect(siret).not_to_have_attribute("aria-invalid", "true")  # Nothing is missing before « Enregistrer ».
    expect(page.get_by_label("Ville")).to_be_focused()


def test_what_is_read_while_the_network_is_away_says_nothing(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL), trouble="ERR_INTERNET_DISCONNECTED|to fetch")
    a_company(page)
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        page.get_by_label("SIRET").press_sequentially(VALID)
    expect(page.get_by_label("SIRET")).to_have_value(VALID)
    expect(page.locator("#flash")).to_be_empty()


def test_several_errors_are_listed_and_each_leads_to_its_field(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL), width=390)
    a_company(page)
    page.get_by_label("SIRET").fill("12")
    page.get_by_role("button", name="Enregistrer").click()
    summary = page.get_by_role("group", name="Il y a 5 erreurs")
    expect(summary).to_be_focused()
    expect(summary).to_be_in_viewport()
    summary.get_by_role("link", name="Indiquez votre ville.").click()
    expect(page.get_by_label("Ville")).to_be_focused()


@pytest.mark.parametrize("javascript", [True, False])
def test_the_address_of_the_delivery_is_one_press_away(
    open_page: Opener, visitors: Visitors, shop: Shop, javascript: bool
) -> None:
    number = shop.sells(email=CUSTOMER_EMAIL)["number"]
    page = open_page(javascript=javascript, state=visitors.state(CUSTOMER_EMAIL))
    page.goto(f"{ORDERS}/{number}/facturation")
    line1, same = page.get_by_label("Adresse", exact=True), page.get_by_role("button", name="Identique à l'adresse")
    before = line1.input_value()
    expect(same).to_have_count(0)  # It is there already: nothing is on record.
    line1.fill("1 rue Neuve")
    page.get_by_role("radio", name="Entreprise").check()
    if not javascript:
        page.get_by_role("button", name="Afficher les champs").click()
    same.click()
    expect(line1).to_have_value(before)
    expect(same).to_have_count(0)
    expect(page.get_by_role("radio", name="Entreprise")).to_be_checked()
    if javascript:
        expect(line1).to_be_focused()


def test_what_is_saved_is_said_beside_the_button_on_a_telephone(open_page: Opener, shop: Shop) -> None:
    page = open_page(width=390)
    come_in(page, shop, shop.sells()["email"])
    page.goto(BILLING)
    for label, text in (("Prénom", "Théo"), ("Nom", "Marchand"), ("Adresse", "8 rue du Port"), ("Ville", "Lyon")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Code postal").fill("69 007")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("Enregistré", exact=True)).to_be_in_viewport()
    expect(page.get_by_text("Données de facturation enregistrées.")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Enregistrer")).to_be_focused()
    expect(page.get_by_label("Code postal")).to_have_value("69007")


def test_the_country_changes_labels_and_keyboards(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    a_company(page)
    expect(page.get_by_label("Code postal")).to_have_attribute("inputmode", "numeric")
    page.get_by_label("Pays").select_option("GB")
    expect(page.get_by_label(re.compile(r"^Numéro de TVA\b(?! intra)"))).to_be_visible()
    expect(page.get_by_text("Par exemple SW1A 1AA.")).to_be_visible()
    expect(page.get_by_label("Code postal")).not_to_have_attribute("inputmode", "numeric")


@pytest.mark.parametrize("javascript", [True, False])
def test_who_buys_for_a_company_ticks_a_box_and_gives_a_name(open_page: Opener, shop: Shop, javascript: bool) -> None:
    page = open_page(javascript=javascript, width=390)
    order = shop.sells(billing=sent_for_a_company(), shipped_at=None)
    number = order["number"]
    come_in(page, shop, order["email"])  # What is recorded becomes the account's own, and others want theirs without.
    page.goto(f"{ORDERS}/{number}/facturation")
    tick, first_name = page.get_by_label("J'achète pour le compte de cette entreprise"), page.get_by_label("Prénom")
    expect(tick).not_to_be_checked()
    expect(first_name).to_have_count(0)
    tick.check()
    if javascript:
        expect(tick).to_be_focused()
        expect(page.get_by_text("Votre nom figurera sur la facture")).to_be_visible()
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("group", name="Il y a 2 erreurs")).to_be_focused()
    first_name.fill("Claire")
    page.get_by_label("Nom", exact=True).fill("Martin")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("Données de facturation enregistrées.")).to_be_visible()
    page.goto(f"{ORDERS}/{number}/facturation")
    expect(tick).to_be_checked()
    expect(first_name).to_have_value("Claire")
    tick.uncheck()
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("Données de facturation enregistrées.")).to_be_visible()
    page.goto(f"{ORDERS}/{number}/facturation")
    expect(tick).not_to_be_checked()
