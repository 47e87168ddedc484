"""Whose an account and an order are, decided by mailboxes: in real browsers, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.shop import Shop, text_of
from tests.e2e.visitors import PASSWORD, Opener, come_in, fill_in_individual, sign_in

pytestmark = pytest.mark.e2e


def test_who_registered_a_stranger_s_address_is_out_once_its_owner_comes(shop: Shop, open_page: Opener) -> None:
    address = shop.sells()["email"]
    thief, owner = open_page(), open_page(width=390)
    thief.goto("/inscription")
    thief.get_by_label("Adresse e-mail").fill(address)
    thief.get_by_label("Mot de passe").fill("celui du voleur")
    thief.get_by_role("main").get_by_role("button").click()
    sign_in(thief, address, "celui du voleur")
    thief.goto("/espace-client/donnees-de-facturation")
    fill_in_individual(thief)
    thief.get_by_role("button", name="Enregistrer").click()
    expect(thief.get_by_role("status").first).to_contain_text("enregistrées")

    link = re.search(r"http\S+/confirmer/\S+", text_of(shop.mail(address, "/confirmer/")))
    assert link
    owner.goto(link.group())
    owner.get_by_label("mot de passe").fill(PASSWORD)
    owner.get_by_role("button", name="Confirmer mon adresse").click()
    sign_in(owner, address)
    owner.goto("/espace-client/donnees-de-facturation")
    expect(owner.get_by_label("Adresse", exact=True)).to_have_value("")
    thief.goto("/espace-client/commandes")
    expect(thief.get_by_role("heading", level=1)).to_have_text("Se connecter")


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_an_order_placed_with_another_address_is_added_by_its_code(
    shop: Shop, open_page: Opener, javascript: bool
) -> None:
    own, other = shop.sells(), shop.sells()
    page = open_page(javascript=javascript, width=390)
    come_in(page, shop, own["email"])
    page.goto("/espace-client/mon-compte")
    page.get_by_role("link", name="Ajouter une commande").click()
    page.get_by_label("Numéro de commande").fill(other["number"])
    page.get_by_label("Adresse e-mail").fill(other["email"])
    page.get_by_role("button", name="Recevoir le code").click()
    code = re.search(r"^(\d{6})\s*$", text_of(shop.mail(other["email"], other["number"])), re.MULTILINE)
    assert code
    page.get_by_label("Code à 6 chiffres").fill(code[1])
    page.get_by_role("button", name="Ajouter la commande").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(other["number"])
    expect(page.get_by_role("status").first).to_contain_text("dans votre espace client")
