"""An address that refuses our mail, in a real browser: said, corrected, and the invoice arrives at the new one."""

import re

import pytest
from playwright.sync_api import expect

from services.demo import CUSTOMER_PASSWORD
from tests.e2e.shop import Shop, text_of
from tests.e2e.visitors import ACCOUNT, AREA, Opener, sign_in
from tests.e2e.walks import addresses, walk

pytestmark = pytest.mark.e2e


@pytest.mark.visits("account.confirm_address")
def test_an_address_that_refused_an_invoice_has_no_faults_on_its_way_to_another(open_page: Opener, shop: Shop) -> None:
    former, new = "lukasz.wojcik@example.com", "lukasz.wojcik-lewandowski@imprimerie-du-faubourg.example.com"
    shop.returns(shop.mail(former, "Votre facture"))
    page = open_page()
    sign_in(page, former, CUSTOMER_PASSWORD)
    expect(page.get_by_text(f"L'adresse {former} a refusé nos e-mails")).to_be_visible()

    def order() -> None:
        page.goto(AREA)
        page.get_by_role("link", name=re.compile("^Facture FA-")).click()
        expect(page.get_by_text(f"L'adresse {former} a refusé l'e-mail")).to_be_visible()

    def form() -> None:
        page.goto(ACCOUNT)
        page.get_by_role("link", name=re.compile("^Modifier l'adresse")).click()
        expect(page.get_by_label("Nouvelle adresse e-mail")).to_be_visible()

    def refused() -> None:
        page.get_by_role("button", name="Recevoir le code").click()
        expect(page.get_by_role("group", name="Il y a 2 erreurs")).to_be_focused()

    def code() -> None:
        page.get_by_label("Nouvelle adresse e-mail").fill(new)
        page.get_by_label("Votre mot de passe").fill(CUSTOMER_PASSWORD)
        page.get_by_role("button", name="Recevoir le code").click()
        expect(page.get_by_label("Code à 6 chiffres")).to_be_visible()

    def link() -> None:
        found = re.search(r"http\S+/adresse/confirmer/\S+", text_of(shop.mail(new, "/adresse/confirmer/")))
        assert found
        page.goto(found.group())

    states = addresses(page, [AREA])
    states += [("order", order), ("form", form), ("refused", refused), ("code", code), ("link", link)]
    assert walk(page, states) == {}
    page.get_by_role("button", name="Confirmer ma nouvelle adresse").click()
    expect(page.get_by_role("status").first).to_contain_text(f"Votre adresse e-mail est maintenant {new}.")
    shop.mail(new, "Votre facture")


def test_without_javascript_a_refused_address_is_corrected_and_its_invoice_arrives(
    open_page: Opener, shop: Shop
) -> None:
    former, new = "camille.ozturk@example.com", "camille@example.com"
    shop.returns(shop.mail(former, "Votre facture"))
    page = open_page(javascript=False)
    sign_in(page, former, CUSTOMER_PASSWORD)
    page.get_by_role("link", name=re.compile("^Facture FA-")).click()
    expect(page.get_by_role("link", name="Télécharger la facture (PDF)")).to_be_visible()
    order = page.url
    page.get_by_role("link", name="Corriger l'adresse").click()
    page.get_by_label("Nouvelle adresse e-mail").fill(new)
    page.get_by_label("Votre mot de passe").fill(CUSTOMER_PASSWORD)
    page.get_by_role("button", name="Recevoir le code").click()
    code = re.search(r"\b\d{6}\b", text_of(shop.mail(new, "/adresse/confirmer/")))
    assert code
    page.get_by_label("Code à 6 chiffres").fill(code.group())
    page.get_by_role("button", name="Confirmer").click()
    expect(page.get_by_role("status").first).to_contain_text(f"Votre adresse e-mail est maintenant {new}.")
    shop.mail(new, "Votre facture")
    shop.mail(former, "a changé")
    page.goto(order)
    expect(page.get_by_text("a refusé l'e-mail")).to_have_count(0)
