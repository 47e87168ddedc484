"""Both journeys of the help page, by its labels, in a real browser, with and without JavaScript, to the mail."""

import re

import pytest
from playwright.sync_api import Page, expect

from services.demo import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.e2e.shop import Shop, text_of
from tests.e2e.visitors import PASSWORD, Opener, come_in, fill_in_individual, register, sign_in

pytestmark = pytest.mark.e2e
WITH_AND_WITHOUT = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])


def assert_invoice_arrived(shop: Shop, address: str, number: str, *words: str) -> None:
    """Wait for the mail and read its document."""
    text = shop.document(address)
    for word in (number, "31,72 €", *words):
        assert word in text
    invoices = [one for one in shop.mails(address) if list(one.iter_attachments())]
    assert len(invoices) == 1


@WITH_AND_WITHOUT
def test_a_registered_customer_gets_an_invoice(shop: Shop, open_page: Opener, javascript: bool) -> None:
    order = shop.sells()
    address, number = order["email"], order["number"]
    page = open_page(javascript=javascript, motion=javascript)  # Here fades are seen, as most people see them.
    register(page, shop, address)
    sign_in(page, address)

    page.get_by_role("banner").get_by_role("link", name="Espace client").click()
    page.get_by_role("navigation").get_by_role("link", name="Données de facturation").click()
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("Données de facturation enregistrées")

    page.get_by_role("navigation").get_by_role("link", name="Mes commandes").click()
    page.get_by_role("link", name=re.compile(f"Voir les détails.*{number}")).click()
    page.get_by_label("Votre référence / n° de bon de commande").fill("BC 2026/17")
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.get_by_text("Nous avons bien reçu votre demande").first).to_be_visible()

    assert_invoice_arrived(shop, address, number, "Claire Martin", "8 rue du Port", "BC 2026/17")

    if javascript:  # The progress refreshes itself.
        expect(page.get_by_role("link", name="Télécharger la facture (PDF)")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Mes factures").click()
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name=re.compile("^PDF")).first.click()
    assert download.value.path().read_bytes().startswith(b"%PDF")


@WITH_AND_WITHOUT
def test_a_guest_gets_an_invoice(shop: Shop, open_page: Opener, javascript: bool) -> None:
    order = shop.sells()
    address, number = order["email"], order["number"]
    page = open_page(javascript=javascript, width=390)
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Consulter l'état de votre commande").click()
    page.get_by_label("Numéro de commande").fill(f" #{number.lower()} ")
    page.get_by_label("Adresse e-mail").fill(address.upper())
    page.get_by_role("button", name="Consulter").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(number)
    assert "3 rue de la Barre" not in page.content()  # Where the shop sent the parcel.

    page.get_by_role("link", name="Créer un compte gratuit").click()
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Créer un compte gratuit").click()
    page.get_by_role("navigation").get_by_role("link", name="Mes commandes").click()
    page.get_by_role("link", name=re.compile(f"Voir les détails.*{number}")).click()
    assert "3 rue de la Barre" not in page.content()  # Where the shop sent the parcel.

    page.get_by_role("link", name=re.compile("^Modifier")).click()
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.get_by_text("Confirmez votre adresse").first).to_be_visible()

    code = re.search(r"\b\d{6}\b", text_of(shop.mail(address, "/confirmer/")))
    assert code
    page.get_by_label(re.compile("[Cc]ode")).fill(code.group())
    page.get_by_role("button", name=re.compile("Confirmer")).click()

    assert_invoice_arrived(shop, address, number, "Claire Martin")


def invoiced(page: Page, shop: Shop) -> tuple[str, str]:
    """Sign a new customer in whose invoice has arrived; return their address and the order's number."""
    order = shop.sells()
    address, number = order["email"], order["number"]
    come_in(page, shop, address)
    page.goto("/espace-client/donnees-de-facturation")
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    page.goto(f"/espace-client/commandes/{number}")
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.get_by_text("Nous avons bien reçu votre demande").first).to_be_visible()
    shop.mail(address, number)
    return address, number


@WITH_AND_WITHOUT
def test_a_customer_corrects_the_address_of_an_invoice(shop: Shop, open_page: Opener, javascript: bool) -> None:
    page = open_page(javascript=javascript, width=390)
    address, number = invoiced(page, shop)
    page.get_by_role("navigation").get_by_role("link", name="Mes factures").click()
    page.get_by_role("link", name=re.compile("^Corriger la facture")).click()
    page.get_by_role("button", name="Voir ce qui change").click()
    expect(page.get_by_role("status").first).to_contain_text("Rien ne change")

    page.get_by_label("Adresse", exact=True).fill("1 place du Marché")
    page.get_by_label("Votre référence / n° de bon de commande").fill("BC 99")
    page.get_by_role("button", name="Voir ce qui change").click()
    changes = page.locator(".changes")
    expect(changes).to_contain_text("8 rue du Port")
    expect(changes).to_contain_text("1 place du Marché")
    expect(page.get_by_text("Aucun remboursement ne suit, et vous n'avez rien à payer.")).to_be_visible()

    page.get_by_role("button", name="Modifier").click()  # And back: what was typed is still there.
    expect(page.get_by_label("Adresse", exact=True)).to_have_value("1 place du Marché")
    page.get_by_role("button", name="Voir ce qui change").click()
    page.get_by_role("button", name="Confirmer la correction").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mes factures")
    expect(page.get_by_role("status").first).to_contain_text("Votre facture est corrigée")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_text("−31,72 €")).to_be_visible()

    credit_note = page.locator("tbody th").filter(has_text="Avoir").locator(".number").first
    credited = shop.document(address, credit_note.inner_text())
    assert "8 rue du Port" in credited
    name = page.locator("tbody th").filter(has_text="remplace la facture").locator(".number").first.inner_text()
    corrected = shop.document(address, name)
    for word in (name, number, "1 place du Marché", "BC 99", "31,72 €"):
        assert word in corrected
    page.get_by_role("link", name=f"Voir {name}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.get_by_role("article")).to_contain_text("1 place du Marché")

    page.goto(f"/espace-client/commandes/{number}")
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mes factures")
    expect(page.locator("tbody tr")).to_have_count(3)


@WITH_AND_WITHOUT
def test_another_name_is_for_the_merchant_to_decide(shop: Shop, open_page: Opener, javascript: bool) -> None:
    page = open_page(javascript=javascript)
    address, number = invoiced(page, shop)
    page.goto(f"/espace-client/commandes/{number}")
    page.get_by_role("link", name=re.compile("^Corriger la facture")).last.click()
    page.get_by_label("Nom", exact=True).fill("Martin-Durand")
    page.get_by_role("button", name="Voir ce qui change").click()
    expect(page.get_by_text("Votre demande sera examinée par")).to_be_visible()
    page.get_by_role("button", name="Envoyer la demande").click()
    expect(page.get_by_role("status").first).to_contain_text("Votre demande de correction est envoyée")
    expect(page.get_by_text("Correction demandée")).to_be_visible()

    merchant = open_page(javascript=javascript)
    sign_in(merchant, ADMIN_EMAIL, ADMIN_PASSWORD)
    merchant.goto("/admin/")
    merchant.get_by_role("link", name=re.compile("Corrections à décider")).click()
    merchant.get_by_role("link", name=number).click()
    expect(merchant.locator(".changes")).to_contain_text("Martin-Durand")
    merchant.get_by_role("button", name="Accepter").click()
    expect(merchant.get_by_role("status").first).to_contain_text("La facture est remplacée")
    merchant.get_by_label("Montant TTC").fill("1,72")
    merchant.get_by_label("Motif").fill("Geste commercial")
    merchant.get_by_role("button", name="Établir l'avoir").click()
    expect(merchant.get_by_role("status").first).to_contain_text("L'avoir est établi")
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(4)
    newest = page.locator("tbody tr").first
    expect(newest).to_contain_text("−1,72 €")
    assert "Geste commercial" in shop.document(address, newest.locator(".number").first.inner_text())


def test_asking_first_opens_the_form_and_says_what_is_missing(shop: Shop, open_page: Opener) -> None:
    order = shop.sells()
    page = open_page()
    come_in(page, shop, order["email"])
    page.goto(f"/espace-client/commandes/{order['number']}")
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.get_by_label("Prénom")).to_be_visible()
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("Nous avons bien reçu votre demande").first).to_be_visible()
    assert_invoice_arrived(shop, order["email"], order["number"], "Claire Martin")


def test_a_company_gets_its_fields_by_the_choice_alone(shop: Shop, open_page: Opener) -> None:
    order = shop.sells()
    page = open_page()
    come_in(page, shop, order["email"])
    page.goto("/espace-client/donnees-de-facturation")
    page.get_by_label("Adresse", exact=True).fill("2 place Bellecour")
    page.get_by_role("radio", name="Entreprise").check()
    page.get_by_label("Raison sociale").fill("Les Cousettes SARL")
    expect(page.get_by_label("Adresse", exact=True)).to_have_value("2 place Bellecour")
    page.get_by_label(re.compile("SIRET")).fill("732 829 320 00075")
    page.get_by_label("Code postal").fill("69002")
    page.get_by_label("Ville").fill("Lyon")
    page.get_by_role("button", name="Enregistrer").click()
    siret = page.get_by_label(re.compile("SIRET"))
    expect(siret).to_be_focused()
    expect(siret).to_have_attribute("aria-invalid", "true")
    expect(siret).to_have_value("732 829 320 00075")
    siret.fill("732 829 320 00074")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")


def test_a_double_click_is_one_request(shop: Shop, open_page: Opener) -> None:
    order = shop.sells()
    page = open_page()
    come_in(page, shop, order["email"])
    page.goto("/espace-client/donnees-de-facturation")
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    page.goto(f"/espace-client/commandes/{order['number']}")
    page.get_by_role("button", name="Demander une facture").dblclick()
    assert_invoice_arrived(shop, order["email"], order["number"])
    page.go_back()
    page.goto(f"/espace-client/commandes/{order['number']}")
    expect(page.get_by_role("button", name="Demander une facture")).to_have_count(0)


def test_two_presses_of_a_form_within_three_seconds_are_one(open_page: Opener) -> None:
    page = open_page()
    page.goto("/connexion")
    # Sent by hand: this browser drops the second of two presses by itself, others do not.
    went_on = page.evaluate("""() => {
        const form = document.querySelector("main form");
        const press = () => form.dispatchEvent(new SubmitEvent("submit", { bubbles: true, cancelable: true }));
        return [press(), press(), (form.dataset.pressedAt -= 3000, press())];
    }""")
    assert went_on == [True, False, True]


def test_an_expired_session_is_said_and_what_was_typed_is_saved_after_signing_in_beside_it(
    shop: Shop, open_page: Opener
) -> None:
    order = shop.sells()
    page = open_page()
    come_in(page, shop, order["email"])
    page.goto("/espace-client/donnees-de-facturation")
    shop.ends_every_session()
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    dialog = page.get_by_role("dialog", name="Votre session a expiré")
    expect(dialog).to_be_visible()
    with page.expect_popup() as opened:
        dialog.get_by_role("link", name="Se reconnecter").click()
    beside = opened.value
    beside.get_by_label("Adresse e-mail").fill(order["email"])
    beside.get_by_label("Mot de passe").fill(PASSWORD)
    with beside.expect_event("close"):
        beside.get_by_role("main").get_by_role("button", name="Se connecter").click()

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # This browser shows every tab all the time.
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status").first).to_contain_text("Vous êtes de nouveau connecté")
    expect(page.get_by_label("Ville")).to_have_value("Lyon")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("Données de facturation enregistrées")


def test_after_an_expired_session_another_account_gets_its_own_page(shop: Shop, open_page: Opener) -> None:
    mine, others = shop.sells(), shop.sells()
    page = open_page()
    come_in(page, shop, mine["email"])
    page.goto("/espace-client/donnees-de-facturation")
    shop.ends_every_session()
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("dialog", name="Votre session a expiré")).to_be_visible()
    beside = page.context.new_page()
    come_in(beside, shop, others["email"])
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_label("Ville")).to_have_value("")
