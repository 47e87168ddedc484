"""Every page and state in a real browser: accessible in both schemes, on a narrow screen, by keyboard, in trouble."""

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from services.demo import ADMIN_EMAIL, CUSTOMER_EMAIL, GUEST_EMAIL, GUEST_ORDER
from tests.e2e.shop import Shop, text_of
from tests.e2e.visitors import (
    ACCOUNT,
    AREA,
    BILLING,
    INVOICES,
    ORDERS,
    PASSWORD,
    Opener,
    Visitors,
    fill_in_individual,
)
from tests.e2e.walks import addresses, faults, focused, walk

pytestmark = pytest.mark.e2e
CLAIMS, DATA = ACCOUNT + "/ajouter-une-commande", ACCOUNT + "/mes-donnees"
RENAMED = "hugo.bernard@example.com"
UNCONFIRMED, INVOICED, IN_DOUBT = "emma.rousseau@example.com", "lea.fournier@example.com", "theo.marchand@example.com"


def submit(page: Page, path: str, **fields: str) -> None:
    """Fill in the form of a page and press its button."""
    page.goto(path)
    for name, text in fields.items():
        page.locator(f"main [name={name}]").fill(text)
    page.locator("main form button").last.click()
    page.wait_for_load_state()


def save(page: Page) -> None:
    page.get_by_role("button", name="Enregistrer").click()


def test_faults_of_either_scheme_of_a_telephone_and_of_a_narrow_screen_are_found(open_page: Opener) -> None:
    page = open_page()
    dark = "@media (prefers-color-scheme: dark) { body { background: #000; color: #111 } }"
    page.set_content(
        f"<!doctype html><html lang='fr'><title>Un titre</title><style>{dark} p {{ width: 500px }}</style>"
        "<main><h1>Un titre</h1><p>Une phrase.</p></main></html>"
    )
    in_the_dark, narrow = faults(page)
    assert in_the_dark.startswith("color-contrast: ")
    assert ("Une phrase." in in_the_dark, narrow) == (True, "508 px wide on a screen of 320")
    page.locator("main").evaluate(
        """(main) => main.insertAdjacentHTML("beforeend",
            "<img class=wide><img class=narrow hidden><button>A</button><button>B</button>")"""
    )
    page.add_style_tag(content="button { min-width: 3rem; height: 3rem }")
    wide = ["image-alt", "color-contrast"]
    assert [found.partition(":")[0] for found in faults(page)] == [*wide, narrow]
    on_a_telephone = """
        p { color: #eee }
        h1 { color: light-dark(#000, #222); color-scheme: light dark }
        .wide { display: none } .narrow { display: inline !important }
        button { min-width: 0; width: 1rem; height: 1rem; padding: 0 }"""
    page.add_style_tag(content=f"@media (max-width: 400px) {{ {on_a_telephone} }}")
    found = [one for one in faults(page) if one.startswith("on a telephone, ")]
    ids = [one.removeprefix("on a telephone, ").partition(":")[0] for one in found]
    assert sorted(ids) == ["color-contrast", "color-contrast", "image-alt", "target-size"]
    assert ids[-1] == "color-contrast"  # In the dark.
    of_each = dict(zip(ids, found, strict=True))
    assert ("wide" in of_each["image-alt"], "h1" in found[-1], "Une phrase." in found[-1]) == (False, True, False)


@pytest.mark.visits(
    "home.index", "home.legal", "home.privacy", "home.accessibility", "api.reference", "personal_data.deleted"
)
@pytest.mark.visits("auth.sign_in", "auth.register", "auth.confirm", "auth.forgot", "auth.reset")
@pytest.mark.visits("guest.status", "guest.order", "guest.create_account", "devmail.inbox", "devmail.message")
@pytest.mark.visits("components.index", "devmail.previews", "devmail.preview")
def test_the_public_pages_have_no_faults(open_page: Opener, shop: Shop) -> None:
    page, address = open_page(), shop.sells()["email"]

    def follow(kind: str) -> None:
        found = re.search(rf"http\S+/{kind}/\S+", text_of(shop.mail(address, f"/{kind}/")))
        assert found
        page.goto(found.group())

    def confirmed() -> None:
        page.get_by_role("button", name="Confirmer mon adresse").click()
        page.wait_for_url("**/connexion")
        follow("confirmer")

    def caught() -> None:
        page.goto("/dev/mail")
        page.locator("main li a, main th a").first.click()
        page.wait_for_url("**.eml")

    paths = ["/", "/connexion", "/inscription", "/mot-de-passe-oublie", "/suivi-commande", "/mentions-legales"]
    paths += ["/confidentialite", "/accessibilite", "/nulle-part", "/confirmer/x", "/mot-de-passe/x", "/dev/mail"]
    paths += ["/dev/composants", "/dev/mail/apercus", "/dev/mail/apercus/invoice-0"]
    paths += ["/api/v1/", "/entrer/x", ACCOUNT + "/donnees-personnelles/compte-supprime"]
    states = addresses(page, paths)
    states += [
        ("refused sign-in", lambda: submit(page, "/connexion", email="nobody@example.org", password="wrong words")),
        ("refused registration", lambda: submit(page, "/inscription", email="no address", password="a")),
        ("registered", lambda: submit(page, "/inscription", email=address, password=PASSWORD)),
        ("its link", lambda: follow("confirmer")),
        ("its link, used", confirmed),
        ("mail on its way", lambda: submit(page, "/mot-de-passe-oublie", email=address)),
        ("new password", lambda: follow("mot-de-passe")),
        ("caught mail", caught),
        ("no such order", lambda: submit(page, "/suivi-commande", order_number="X-1", email="nobody@example.org")),
        ("a guest's order", lambda: submit(page, "/suivi-commande", order_number=GUEST_ORDER, email=GUEST_EMAIL)),
        ("its account", lambda: page.goto("/suivi-commande/compte")),
        ("a refused account", lambda: submit(page, "/suivi-commande/compte", password="a")),
    ]
    assert walk(page, states) == {}


@pytest.mark.visits(
    "customer.home",
    "customer.back",
    "orders.index",
    "billing.edit",
    "invoices.index",
    "account.show",
    "account.change_address",
)
@pytest.mark.visits(
    "account.confirm_address_code", "claims.add", "claims.confirm", "data_exports.show", "personal_data.delete_account"
)
def test_the_pages_of_a_customer_have_no_faults(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    deletion = ACCOUNT + "/donnees-personnelles/supprimer-mon-compte"
    paths = [AREA, AREA + "/de-retour", ORDERS, ORDERS + "?q=nichts", ORDERS + "?etat=a-demander", BILLING, INVOICES]
    paths += [ACCOUNT, deletion]
    paths += [ACCOUNT + "/adresse", ACCOUNT + "/adresse/code", CLAIMS, CLAIMS + "/code", DATA]

    def company() -> None:
        page.goto(BILLING)
        page.get_by_role("radio", name="Entreprise").check()
        page.get_by_label("SIRET").fill("732 829 320 00074")
        page.get_by_label("SIRET").blur()
        expect(page.get_by_role("button", name="Utiliser")).to_be_visible()

    def refused() -> None:
        save(page)
        expect(page.get_by_role("group", name="Il y a 4 erreurs")).to_be_focused()

    def claim_refused() -> None:
        page.goto(CLAIMS)
        page.get_by_role("button", name="Recevoir le code").click()
        expect(page.get_by_role("group", name="Il y a 2 erreurs")).to_be_focused()

    def code_refused() -> None:
        page.goto(CLAIMS + "/code")
        page.get_by_role("button", name="Ajouter la commande").click()
        expect(page.get_by_label("Code à 6 chiffres")).to_be_focused()

    def data_asked_for() -> None:
        page.goto(DATA)
        asked = page.get_by_role("button", name="Préparer le fichier")
        asked.click()
        expect(asked).to_have_count(0)

    def data_ready() -> None:
        shop.mail(CUSTOMER_EMAIL, DATA)
        page.goto(DATA)
        expect(page.get_by_role("heading", name="Votre fichier est prêt")).to_be_visible()

    def more() -> None:
        page.goto(ORDERS)
        page.get_by_role("link", name="Afficher plus").click()
        expect(page.get_by_text("Vous avez vu toutes vos commandes.")).to_be_visible()

    def session_over() -> None:
        page.goto(BILLING)
        page.evaluate("document.getElementById('expired').showModal()")

    states = addresses(page, paths)
    states += [
        ("session over", session_over),
        ("company", company),
        ("company, refused", refused),
        ("second run", more),
    ]
    states += [("password refused", lambda: submit(page, ACCOUNT, current_password="x", password="y"))]
    states += [("deletion refused", lambda: submit(page, deletion, own_password="x"))]
    states += [("claim refused", claim_refused), ("code refused", code_refused)]
    states += [("data asked for", data_asked_for), ("data ready", data_ready)]
    assert walk(page, states) == {}


@pytest.mark.visits("orders.show", "orders.billing")
def test_an_order_has_no_faults_in_any_state(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    found: dict[str, list[str]] = {}
    for address in (UNCONFIRMED, INVOICED, IN_DOUBT):
        page = open_page(state=visitors.state(address))
        page.goto(ORDERS)
        links = page.get_by_role("link", name=re.compile("^Voir les détails")).all()
        paths = [link.get_attribute("href") or "" for link in links[:6]]
        found |= walk(page, addresses(page, [AREA, *paths]))
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    number = shop.sells(email=CUSTOMER_EMAIL)["number"]

    def asked_too_early() -> None:
        page.goto(f"{ORDERS}/{number}")
        page.get_by_role("button", name="Demander une facture").click()
        expect(page.get_by_label("Prénom")).to_be_focused()

    found |= walk(page, [("asked too early", asked_too_early), *addresses(page, [f"{ORDERS}/{number}/facturation"])])
    assert found == {}


@pytest.mark.visits("invoices.index", "invoices.twin", "invoices.correct")
def test_the_pages_of_a_document_have_no_faults(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    shop.mail(INVOICED, "Votre facture")
    page = open_page(state=visitors.state(INVOICED))
    page.goto(INVOICES)
    links = [link.get_attribute("href") or "" for link in page.get_by_role("link", name=re.compile("^Voir")).all()]
    correct = page.get_by_role("link", name=re.compile("^Corriger")).last.get_attribute("href") or ""

    def wrong() -> None:
        submit(page, correct, city="")

    def preview() -> None:
        submit(page, correct, city="Villeurbanne", purchase_order="x" * 100)
        expect(page.get_by_role("heading", name="Vérifiez ce qui change")).to_be_focused()

    def corrected() -> None:
        page.get_by_role("button", name="Confirmer").click()
        expect(page.locator("tbody tr")).to_have_count(len(links) + 2)

    def credit_note() -> None:
        page.get_by_role("link", name=re.compile("^Voir")).first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Avoir")

    states = addresses(page, [INVOICES, *links, correct])
    states += [("wrong", wrong), ("preview", preview), ("corrected", corrected), ("credit note", credit_note)]
    assert walk(page, states) == {}


def test_a_document_prints_without_the_page_around_it(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    shop.mail(INVOICED, "Votre facture")  # Before that there is no document to open.
    page = open_page(state=visitors.state(INVOICED))
    page.goto(INVOICES)
    page.get_by_role("link", name=re.compile("^Voir")).first.click()
    expect(page.get_by_role("article")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("article")).to_be_visible()
    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.get_by_role("link", name=re.compile("^PDF"))).to_be_hidden()


@pytest.mark.visits("admin.index", "admin.order", "journal.index", "installation.show")
def test_the_merchant_s_pages_have_no_faults(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    page = open_page(state=visitors.state(ADMIN_EMAIL))

    def first_order() -> None:
        page.goto("/admin/")
        page.locator("main th a").first.click()
        page.wait_for_load_state()

    shop.mail(RENAMED, "Votre facture")
    customer = open_page(state=visitors.state(RENAMED))
    customer.goto(INVOICES)
    customer.get_by_role("link", name=re.compile("^Corriger")).last.click()
    customer.get_by_label("Nom", exact=True).fill("Bernard-Petit")
    customer.get_by_role("button", name="Voir ce qui change").click()
    customer.get_by_role("button", name="Envoyer la demande").click()
    expect(customer.get_by_text("Correction demandée")).to_be_visible()

    def to_decide() -> None:
        page.goto("/admin/?etat=corrections-a-decider")
        page.locator("main th a").first.click()
        expect(page.get_by_role("heading", name="Correction à décider")).to_be_visible()

    def refused() -> None:
        page.get_by_role("button", name="Refuser").click()
        expect(page.get_by_label("Motif du refus")).to_be_focused()

    def credit_refused() -> None:
        page.get_by_label("Montant TTC").fill("beaucoup")
        page.get_by_role("button", name="Établir l'avoir").click()
        expect(page.get_by_label("Montant TTC")).to_be_focused()

    def incident() -> None:
        shop.has_an_incident()
        page.goto("/admin/")
        expect(page.get_by_text("worker-1")).to_be_visible()

    def test_mail() -> None:
        page.goto("/admin/reglages")
        page.get_by_role("button", name="Envoyer un e-mail d'essai").click()
        expect(page.get_by_text("Le serveur de messagerie l'a accepté")).to_be_visible()

    states = addresses(page, ["/admin/journal", "/admin/journal?since=hier", "/admin/journal?group=refus&number=T-0"])
    states += [("list", lambda: page.goto("/admin/")), ("order", first_order), ("no orders", lambda: page.goto(ORDERS))]
    states += [("incident", incident), ("settings", lambda: page.goto("/admin/reglages")), ("test mail", test_mail)]
    states += [("to decide", to_decide), ("decline refused", refused), ("credit refused", credit_refused)]
    assert walk(page, states) == {}


def test_more_orders_are_appended_and_have_an_address_of_their_own(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    page.goto(ORDERS)
    details = page.get_by_role("link", name=re.compile("^Voir les détails"))
    before = details.count()
    more = page.get_by_role("link", name="Afficher plus")
    address = more.get_attribute("href")
    more.click()
    expect(page.get_by_text("Vous avez vu toutes vos commandes.")).to_be_visible()
    expect(details.nth(before)).to_be_focused()  # Reading goes on where it stopped.
    appended = [link.get_attribute("href") for link in details.all()]
    assert len(set(appended)) == len(appended) > before
    plain = open_page(javascript=False, state=visitors.state(CUSTOMER_EMAIL))
    plain.goto(address or "")
    expect(plain.get_by_role("heading", level=1)).to_have_text("Mes commandes")
    shown = plain.get_by_role("link", name=re.compile("^Voir les détails")).all()
    assert [link.get_attribute("href") for link in shown] == appended[before:]


def test_without_javascript_a_button_shows_the_fields(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(javascript=False, state=visitors.state(INVOICED))
    page.goto(BILLING)
    page.get_by_role("radio", name="Entreprise").check()
    page.get_by_role("button", name="Afficher les champs").click()
    page.get_by_label("SIRET").fill("732 829 320 00074")
    page.get_by_label("Pays").select_option("ES")
    page.get_by_role("button", name="Afficher les champs").click()
    expect(page.get_by_label("SIRET")).to_have_count(0)
    save(page)
    expect(page.get_by_role("group", name="erreurs")).to_be_focused()


def test_a_refused_form_takes_the_focus_to_its_errors(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(IN_DOUBT))
    page.goto(BILLING)
    page.get_by_label("Ville").fill("Lyon")
    save(page)
    expect(page.get_by_role("group", name="Il y a 4 erreurs")).to_be_focused()
    first = page.get_by_label("Prénom")
    page.get_by_role("link", name="Indiquez votre prénom.").click()
    expect(first).to_be_focused()
    assert "Indiquez votre prénom" in first.evaluate(
        "(input) => document.getElementById(input.getAttribute('aria-describedby')).textContent"
    )
    expect(page.get_by_label("Ville")).to_have_value("Lyon")


def test_the_proposed_vat_number_takes_the_focus_into_its_field(
    open_page: Opener, visitors: Visitors, shop: Shop
) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    page.goto(f"{ORDERS}/{shop.sells(email=CUSTOMER_EMAIL)['number']}")
    page.get_by_role("link", name=re.compile("^Modifier")).click()
    expect(page.get_by_role("heading", name="Données de facturation")).to_be_focused()
    page.get_by_role("radio", name="Entreprise").check()
    expect(page.get_by_role("radio", name="Entreprise")).to_be_focused()
    page.get_by_label("SIRET").fill("732 829 320 00074")
    page.get_by_label("SIRET").blur()
    page.get_by_role("button", name="Utiliser").click()
    expect(page.get_by_label(re.compile("Numéro de TVA"))).to_be_focused()
    page.get_by_role("link", name="Annuler").click()
    expect(page.get_by_role("heading", name="Données de facturation")).to_be_focused()


def test_asking_while_the_details_are_being_saved_loses_neither_answer(
    open_page: Opener, visitors: Visitors, shop: Shop
) -> None:
    number = shop.sells(email=CUSTOMER_EMAIL, shipped_at=None)["number"]
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    page.goto(f"{ORDERS}/{number}")
    page.get_by_label("Votre référence / n° de bon de commande").fill("BC 17")
    page.get_by_role("link", name=re.compile("^Modifier")).click()
    fill_in_individual(page)
    page.get_by_label("Enregistrer aussi").uncheck()  # The other tests' customer stays without details.

    def slow(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/facturation", slow)
    save(page)
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.get_by_text("Nous avons bien reçu votre demande.")).to_be_visible()
    expect(page.get_by_role("button", name="Demander une facture")).to_have_count(0)
    expect(page.locator("#billing")).to_contain_text("8 rue du Port")
    page.reload()
    expect(page.locator("#request")).to_contain_text(re.compile(r"Votre référence\s: BC 17"))


def test_asking_leaves_what_is_typed_in_the_open_form(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    number = shop.sells(email=IN_DOUBT, shipped_at=None)["number"]
    page = open_page(state=visitors.state(IN_DOUBT))
    page.goto(f"{ORDERS}/{number}")
    page.get_by_role("link", name=re.compile("^Modifier")).click()
    page.get_by_label("Prénom").fill("Théo")
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.get_by_role("status").first).to_contain_text("Il manque des informations")
    expect(page.get_by_label("Prénom")).to_have_value("Théo")


def test_the_progress_stops_asking_when_it_is_final(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    number = shop.sells(email=INVOICED)["number"]
    page = open_page(state=visitors.state(INVOICED))
    asked = []
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith("/facture") else None)
    page.clock.install()
    page.goto(f"{ORDERS}/{number}")
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.get_by_text("Votre facture vous a été envoyée par e-mail.")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("heading", name="Facture", exact=True)).to_be_focused()
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    asked.clear()
    page.clock.run_for(60_000)
    with page.expect_response("**/healthz"):  # What was asked before it is known by then.
        page.evaluate("fetch('/healthz').then(() => null)")
    assert asked == []


def test_trouble_is_said_and_keeps_what_was_typed(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(IN_DOUBT), trouble=r"status of [45]\d\d|ERR_INTERNET_DISCONNECTED|to fetch")
    page.goto(BILLING)
    page.get_by_label("Ville").fill("Lyon")
    said = page.get_by_role("status").first
    page.context.set_offline(True)
    save(page)
    expect(said).to_contain_text("La connexion semble interrompue")
    page.context.set_offline(False)
    page.route("**" + BILLING, lambda route: route.fulfill(status=500, body="<h1>Internal Server Error</h1>"))
    save(page)
    expect(said).to_contain_text("Un problème est survenu de notre côté")
    page.unroute("**" + BILLING)
    page.evaluate("document.querySelectorAll('[name=csrf_token]').forEach((one) => { one.value = 'old'; })")
    page.evaluate("document.body.dataset.csrf = 'old'")
    save(page)
    expect(said).to_contain_text("Ce formulaire a expiré")
    expect(page.get_by_label("Ville")).to_have_value("Lyon")
    expect(page.get_by_role("button", name="Enregistrer")).to_be_enabled()


def test_back_shows_no_private_page_after_signing_out(open_page: Opener, visitors: Visitors) -> None:
    page = open_page(state=visitors.state(INVOICED, afresh=True))
    del visitors.states[INVOICED]  # This session ends here.
    page.goto(ORDERS)
    page.goto(ACCOUNT)
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("status")).to_contain_text("Vous êtes déconnecté.")
    for _step in range(2):
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")
        assert INVOICED not in page.content()


def test_the_keyboard_alone_reaches_everything_and_is_seen(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    number = shop.sells(email=IN_DOUBT, shipped_at=None)["number"]
    page = open_page(state=visitors.state(IN_DOUBT), width=390)
    page.goto(f"{ORDERS}/{number}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    reached = []
    for _press in range(40):
        page.keyboard.press("Tab")
        name, seen = focused(page)
        if name.startswith("Atelier") or one_round(page):
            break
        assert seen, name
        reached.append(name)
    assert "purchase_order" in reached
    assert "Demander une facture" in reached
    page.get_by_role("button", name="Demander une facture").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Prénom")).to_be_focused()


def one_round(page: Page) -> bool:
    """Whether the focus has left the page, where the browser's own controls are: there is no trap."""
    return bool(page.evaluate("document.activeElement === document.body"))
