"""A shop's own signed-in customer comes in: with and without JavaScript, accessible, and by one press alone."""

import pytest
from playwright.sync_api import expect

from extensions import db
from services import shop_sign_in
from tests.e2e.shop import Shop
from tests.e2e.visitors import Opener
from tests.e2e.walks import faults

pytestmark = pytest.mark.e2e


def a_link(shop: Shop, email: str) -> str:
    with shop.app.app_context():
        link = shop_sign_in.issue(email).token
        db.session.remove()
        db.engine.dispose()
    return f"/entrer/{link}"


@pytest.mark.visits("auth.enter")
def test_the_page_behind_a_shops_link_has_no_faults(shop: Shop, open_page: Opener) -> None:
    page = open_page()
    page.goto(a_link(shop, shop.sells()["email"]))
    expect(page.get_by_role("button", name="Entrer")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("javascript", [True, False])
def test_a_shops_customer_comes_in_by_one_press(shop: Shop, open_page: Opener, javascript: bool) -> None:
    order = shop.sells()
    link = a_link(shop, order["email"])
    page = open_page(javascript=javascript)
    page.goto(f"{link}?next=/espace-client/commandes/{order['number']}")
    expect(page.get_by_text(order["email"])).to_be_visible()
    page.get_by_role("button", name="Entrer").click()
    expect(page).to_have_url(f"{shop.url}/espace-client/commandes/{order['number']}")
    expect(page.get_by_role("button", name="Demander une facture")).to_be_visible()
