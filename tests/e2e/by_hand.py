"""Both journeys as a hand goes through them that has a keyboard alone; it counts, and may take a person's time."""

import re
import time
from dataclasses import dataclass, field

from playwright.sync_api import Page, expect

from tests.e2e.shop import Shop, text_of
from tests.e2e.visitors import BILLING, PASSWORD, come_in, fill_in_individual
from tests.e2e.walks import tab_to

RECEIVED = "Nous avons bien reçu votre demande"
DETAILS = {
    "first_name": "Paul",
    "last_name": "Lefèvre",
    "line1": "8 rue du Port",
    "postal_code": "59000",
    "city": "Lille",
}


@dataclass
class Hand:
    """Who types, with the seconds that each letter takes and those it takes to find what comes next."""

    page: Page
    letter: float = 0
    finding: float = 0
    fields: list[str] = field(default_factory=list)
    presses: int = 0

    def fill_in(self, name: str, text: str) -> None:
        time.sleep(self.finding)
        tab_to(self.page, name)
        self.page.keyboard.type(text, delay=self.letter * 1000)
        self.fields.append(name)

    def press(self, label: str = "") -> None:
        """Press Enter on what bears the label, without one where the hand is, and wait for what follows."""
        time.sleep(self.finding)
        if label:
            tab_to(self.page, label)
        self.page.keyboard.press("Enter")
        self.presses += 1


def known(page: Page, shop: Shop) -> tuple[str, str]:
    """Open an account whose billing details are known, and sign out; return its address and the order's number."""
    order = shop.sells()
    come_in(page, shop, order["email"])
    page.goto(BILLING)
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    page.context.clear_cookies()
    page.goto("/connexion")
    return order["email"], order["number"]


def as_registered(hand: Hand, address: str, number: str) -> None:
    """From signing in to the confirmation."""
    hand.fill_in("email", address)
    hand.fill_in("password", PASSWORD)
    hand.press()
    hand.page.wait_for_url("**/espace-client")
    hand.press(f"Demander une facture pour la commande {number}")
    expect(hand.page.get_by_text(RECEIVED).first).to_be_visible()


def as_a_guest(hand: Hand, address: str, number: str) -> None:
    """From the door to the confirmation."""
    page = hand.page
    page.goto("/")
    hand.press("Consulter l'état de votre commande")
    page.wait_for_url("**/suivi-commande")
    hand.fill_in("order_number", number)
    hand.fill_in("email", address)
    hand.press()
    page.wait_for_url("**/suivi-commande/commande")
    hand.press("Créer un compte gratuit")
    page.wait_for_url("**/suivi-commande/compte")
    hand.fill_in("password", PASSWORD)
    hand.press()
    page.wait_for_url(re.compile("/espace-client/commandes/"))
    for name, text in DETAILS.items():
        hand.fill_in(name, text)
    hand.press()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    hand.press("Demander une facture")
    expect(page.get_by_text(RECEIVED).first).to_be_visible()


def code_of(shop: Shop, address: str) -> str:
    """Return the code of the mail that asks a new account's owner to confirm their address."""
    found = re.search(r"\b\d{6}\b", text_of(shop.mail(address, "/confirmer/")))
    assert found
    return found.group()
