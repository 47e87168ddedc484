"""Who comes with a browser, and where they go: they sign in and fill in forms by the page."""

import re
from collections.abc import Callable

from playwright.sync_api import Browser, Page, StorageState, expect

from extensions import db, transaction
from mail.addresses import email_key
from models import Customer
from services import accounts, passwords
from services.demo import ADMIN_EMAIL, ADMIN_PASSWORD, CUSTOMER_PASSWORD
from tests.e2e.shop import Shop, text_of

Opener = Callable[..., Page]
AREA = "/espace-client"
ORDERS = AREA + "/commandes"
BILLING = AREA + "/donnees-de-facturation"
ACCOUNT = AREA + "/mon-compte"
INVOICES = AREA + "/factures"
PASSWORD = "une longue phrase de passe"


def sign_in(page: Page, address: str, password: str = PASSWORD) -> None:
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Se connecter").click()
    page.get_by_label("Adresse e-mail").fill(address)
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("main").get_by_role("button", name="Se connecter").click()


def register(page: Page, shop: Shop, address: str) -> None:
    """Open an account, confirm it by the link of the mail and sign in."""
    page.goto("/inscription")
    page.get_by_label("Adresse e-mail").fill(address)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile("e-mails?"))
    link = re.search(r"http\S+/confirmer/\S+", text_of(shop.mail(address, "/confirmer/")))
    assert link
    page.goto(link.group())
    page.get_by_role("button", name="Confirmer mon adresse").click()


def come_in(page: Page, shop: Shop, address: str) -> None:
    """Sign in to an account that was opened and confirmed before; two journeys go through the pages of that."""
    with shop.app.app_context(), transaction():
        opened = {"email": address, "email_key": email_key(address), "password_hash": passwords.hash(PASSWORD)}
        customer = Customer(**opened)
        db.session.add(customer)
        db.session.flush()
        accounts.confirm_mailbox(customer)
    page.goto("/connexion")
    page.get_by_label("Adresse e-mail").fill(address)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Se connecter").click()
    page.wait_for_url(re.compile(AREA))


def fill_in_individual(page: Page) -> None:
    page.get_by_label("Particulier").check()
    page.get_by_label("Prénom").fill("Claire")
    page.get_by_label("Nom", exact=True).fill("Martin")
    page.get_by_label("Adresse", exact=True).fill("8 rue du Port")
    page.get_by_label("Code postal").fill("69007")
    page.get_by_label("Ville").fill("Lyon")


class Visitors:
    """Who is signed in: each signs in once, and is then in every test that asks."""

    def __init__(self, browser: Browser, shop: Shop) -> None:
        self.browser, self.shop = browser, shop
        self.states: dict[str, StorageState] = {}

    def state(self, address: str, *, afresh: bool = False) -> StorageState:
        """Return the cookies of who is signed in to that account; no page is opened for it, others test that one."""
        if afresh or address not in self.states:
            context = self.browser.new_context(base_url=self.shop.url)
            token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', context.request.get("/connexion").text())
            assert token
            password = ADMIN_PASSWORD if address == ADMIN_EMAIL else CUSTOMER_PASSWORD
            sent = {"csrf_token": token[1], "email": address, "password": password}
            assert AREA in context.request.post("/connexion", form=sent).url
            self.states[address] = context.storage_state()
            context.close()
        return self.states[address]
