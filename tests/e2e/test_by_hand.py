"""Both journeys by the keyboard alone, with and without JavaScript: how many presses and fields they take."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.by_hand import DETAILS, Hand, as_a_guest, as_registered, code_of, known
from tests.e2e.shop import Shop
from tests.e2e.visitors import Opener

pytestmark = pytest.mark.e2e
WITH_AND_WITHOUT = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
MOST_PRESSES, MOST_FIELDS = 3, 5


@WITH_AND_WITHOUT
def test_whose_details_are_known_has_an_invoice_in_three_presses(
    shop: Shop, open_page: Opener, javascript: bool
) -> None:
    hand = Hand(open_page(javascript=javascript))
    address, number = known(hand.page, shop)
    as_registered(hand, address, number)
    assert hand.presses <= MOST_PRESSES
    assert hand.fields == ["email", "password"]


@WITH_AND_WITHOUT
def test_a_guest_fills_in_five_fields_at_most_beyond_the_billing_details(
    shop: Shop, open_page: Opener, javascript: bool
) -> None:
    order = shop.sells()
    hand = Hand(open_page(javascript=javascript, width=390))
    as_a_guest(hand, order["email"], order["number"])
    hand.fill_in("code", code_of(shop, order["email"]))
    hand.press()
    expect(hand.page.get_by_text(re.compile("adresse e-mail est confirmée")).first).to_be_visible()
    assert len([name for name in hand.fields if name not in DETAILS]) <= MOST_FIELDS
    assert set(DETAILS) < set(hand.fields)
