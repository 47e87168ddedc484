"""Signing in by a code of the mail: the whole way, in a browser with and without a script."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from extensions import db, transaction
from mail.addresses import email_key
from models import Customer
from services import accounts, passwords
from tests.e2e.shop import Shop, text_of
from tests.e2e.visitors import AREA, INVOICES, PASSWORD, Opener
from tests.e2e.walks import walk

HERE = "/connexion/code-par-e-mail"


def an_account(shop: Shop) -> str:
    """Open and confirm an account; return its address."""
    address = f"claire.{uuid4().hex[:8]}@example.org"
    with shop.app.app_context(), transaction():
        opened = {"email": address, "email_key": email_key(address), "password_hash": passwords.hash(PASSWORD)}
        customer = Customer(**opened)
        db.session.add(customer)
        db.session.flush()
        accounts.confirm_mailbox(customer)
    return address


def ask(page: Page, address: str) -> None:
    page.get_by_label("Adresse e-mail").fill(address)
    page.get_by_role("button", name="Recevoir un code par e-mail").click()
    page.wait_for_url(re.compile(HERE))


def give(page: Page, code: str) -> None:
    page.get_by_label("Code à 6 chiffres").fill(code)
    page.get_by_role("main").get_by_role("button", name="Se connecter").click()


def code_for(shop: Shop, address: str) -> str:
    found = re.search(r"^(\d{6})\s*$", text_of(shop.mail(address, "Voici le code")), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_code_signs_in_and_leads_to_the_page_that_was_asked_for(
    open_page: Opener, shop: Shop, javascript: bool
) -> None:
    address, page = an_account(shop), open_page(javascript=javascript)
    page.goto(INVOICES)
    ask(page, address)
    expect(page.get_by_role("main")).to_contain_text(address)
    code = code_for(shop, address)
    give(page, "000000" if code != "000000" else "000001")
    expect(page.get_by_label("Code à 6 chiffres")).to_be_focused()
    expect(page.get_by_role("main")).to_contain_text("Ce n'est pas le code")
    give(page, f"{code[:3]} {code[3:]}")
    page.wait_for_url(re.compile(INVOICES))
    expect(page.get_by_role("heading", level=1)).to_have_text("Mes factures")


def test_the_key_enter_signs_in_by_the_password(open_page: Opener, shop: Shop) -> None:
    address, page = an_account(shop), open_page()
    page.goto("/connexion")
    page.get_by_label("Adresse e-mail").fill(address)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(AREA))


@pytest.mark.visits("sign_in_code.enter")
def test_its_pages_have_no_faults(open_page: Opener, shop: Shop) -> None:
    address, page = an_account(shop), open_page()

    def refused_address() -> None:
        page.goto("/connexion")
        page.get_by_label("Adresse e-mail").fill("no address")
        page.get_by_role("button", name="Recevoir un code par e-mail").click()
        expect(page.get_by_label("Adresse e-mail")).to_have_attribute("aria-invalid", "true")

    def refused_code() -> None:
        give(page, "12")
        expect(page.get_by_label("Code à 6 chiffres")).to_have_attribute("aria-invalid", "true")

    def sent_again() -> None:
        page.get_by_role("button", name="Renvoyer un code").click()
        expect(page.get_by_role("status").first).to_contain_text("nouveau code")

    states = [("refused address", refused_address), ("asked", lambda: ask(page, address))]
    assert walk(page, [*states, ("refused code", refused_code), ("sent again", sent_again)]) == {}
