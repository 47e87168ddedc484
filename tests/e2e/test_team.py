"""Whoever joins the team, in a real browser: the invitation, the second factor, and « Confirmez que c'est vous »."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from services.demo import ADMIN_EMAIL
from tests.e2e.shop import Shop, text_of
from tests.e2e.visitors import ACCOUNT, PASSWORD, Opener, Visitors, sign_in
from tests.e2e.walks import walk
from tests.support.second_factors import now_code

pytestmark = pytest.mark.e2e
TEAM, FACTOR = "/admin/equipe", ACCOUNT + "/double-authentification"
NEW = "jeanne.dubois-lefebvre@mercerie-du-faubourg-saint-antoine.example.com"
PRESENT = "theo.marchand@example.com"
States = list[tuple[str, Callable[[], object]]]


def invite(admin: Page, address: str, role: str) -> None:
    admin.goto(TEAM)
    admin.get_by_label("Adresse e-mail").fill(address)
    admin.get_by_role("radio", name=role).check()
    admin.get_by_role("button", name="Envoyer l'invitation").click()
    expect(admin.get_by_role("status").first).to_contain_text(f"L'invitation part vers {address}")


def invitation(shop: Shop, address: str) -> str:
    link = re.search(r"http\S+/invitation/\S+", text_of(shop.mail(address, "/invitation/")))
    assert link
    return link.group()


def press(page: Page, name: str) -> None:
    """Press twice: codes, links and sessions are used up by the first press, whose answer has to be the one shown."""
    page.get_by_role("main").get_by_role("button", name=name).dblclick()
    page.wait_for_load_state()


@pytest.mark.visits("team.index", "team.invite", "team.accept")
def test_an_invitation_has_no_faults_whoever_opens_it(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    admin, visitor = open_page(state=visitors.state(ADMIN_EMAIL)), open_page()
    theirs = open_page(state=visitors.state(PRESENT))

    def refused() -> None:
        press(admin, "Envoyer l'invitation")
        expect(admin.get_by_label("Adresse e-mail")).to_be_focused()

    states: States = [("team", lambda: admin.goto(TEAM)), ("refused", refused)]
    assert walk(admin, [*states, ("invited", lambda: invite(admin, PRESENT, "Lecture"))]) == {}
    link = invitation(shop, PRESENT)

    def to_sign_in() -> None:
        visitor.goto(link)
        expect(visitor.get_by_role("link", name="Se connecter pour accepter")).to_be_visible()

    def to_accept() -> None:
        theirs.goto(link)
        expect(theirs.get_by_role("button", name="Accepter l'invitation")).to_be_visible()

    def of_somebody_else() -> None:
        admin.goto(link)
        expect(admin.get_by_text("Vous êtes connecté à un autre compte.")).to_be_visible()

    def withdrawn() -> None:
        admin.goto(TEAM)
        admin.get_by_role("button", name=f"Annuler l'invitation : {PRESENT}").click()
        expect(admin.get_by_role("status").first).to_contain_text("L'invitation est annulée.")
        visitor.goto(link)
        expect(visitor.get_by_role("heading", level=1)).to_have_text("Ce lien n'est plus valable")

    assert walk(theirs, [("to accept", to_accept)]) == {}
    assert walk(admin, [("of somebody else", of_somebody_else)]) == {}
    assert walk(visitor, [("to sign in", to_sign_in), ("withdrawn", withdrawn)]) == {}


class NewAdmin:
    """Somebody who is invited, and goes in step by step; `codes` are the recovery codes that were noted last."""

    def __init__(self, page: Page, shop: Shop) -> None:
        self.page, self.shop = page, shop
        self.codes: list[str] = []

    def invited(self) -> None:
        self.page.goto(invitation(self.shop, NEW))

    def refused(self) -> None:
        press(self.page, "Accepter l'invitation")
        expect(self.page.get_by_label("Nouveau mot de passe")).to_be_focused()

    def joined(self) -> None:
        self.page.get_by_label("Nouveau mot de passe").fill(PASSWORD)
        press(self.page, "Accepter l'invitation")
        expect(self.page.get_by_role("status").first).to_contain_text("Vous faites maintenant partie de l'équipe.")

    def account(self) -> None:
        sign_in(self.page, NEW)
        self.page.get_by_role("navigation").get_by_role("link", name="Mon compte").click()
        expect(self.page.get_by_role("link", name="Connexion en deux étapes")).to_be_visible()

    def without(self) -> None:
        self.page.get_by_role("link", name="Connexion en deux étapes").click()
        expect(self.page.get_by_role("button", name="Activer la double authentification")).to_be_visible()

    def drawn(self) -> None:
        press(self.page, "Activer la double authentification")
        expect(self.page.get_by_role("img", name=re.compile("^Code QR"))).to_be_visible()

    def wrong(self) -> None:
        self.page.get_by_label("Code affiché par l'application").fill("abc")
        press(self.page, "Activer")
        expect(self.page.get_by_label("Code affiché par l'application")).to_be_focused()

    def recovery(self) -> None:
        secret = self.page.locator("main code").inner_text().replace(" ", "")
        self.page.get_by_label("Code affiché par l'application").fill(now_code(secret))
        press(self.page, "Activer")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Codes de secours")
        self.codes.extend(self.page.locator("main li code").all_inner_texts())

    def protected(self) -> None:
        self.page.get_by_role("link", name="C'est noté").click()
        expect(self.page.get_by_text("Il vous reste 10 codes de secours.")).to_be_visible()

    def asked_again(self) -> None:
        self.shop.was_last_proven_long_ago(NEW)
        press(self.page, "Établir de nouveaux codes de secours")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Confirmez que c'est vous")

    def answered_badly(self) -> None:
        press(self.page, "Confirmer et continuer")
        expect(self.page.get_by_label("Votre mot de passe")).to_be_focused()

    def renewed(self) -> None:
        self.page.get_by_label("Votre mot de passe").fill(PASSWORD)
        self.page.get_by_label("Code de l'application").fill(self.codes[0])
        press(self.page, "Confirmer et continuer")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Codes de secours")
        self.codes[:] = self.page.locator("main li code").all_inner_texts()

    def second_step(self) -> None:
        self.page.get_by_role("banner").get_by_role("button", name="Se déconnecter").click()
        sign_in(self.page, NEW)
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Saisir le code")

    def wrong_step(self) -> None:
        self.page.get_by_label("Code de l'application").fill("abc")
        press(self.page, "Se connecter")
        expect(self.page.get_by_label("Code de l'application")).to_be_focused()

    def inside(self) -> None:
        self.page.get_by_label("Code de l'application").fill(self.codes[0])
        press(self.page, "Se connecter")
        self.page.get_by_role("navigation").get_by_role("link", name="Administration").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Demandes de facture")

    def listed(self) -> None:
        self.page.goto(TEAM)
        expect(self.page.get_by_role("rowheader", name=NEW)).to_be_visible()


@pytest.mark.visits("team.accept", "second_factor.show", "second_factor.confirm", "second_factor.renew_codes")
@pytest.mark.visits("second_factor.challenge", "account.show", "admin.index")
def test_a_new_admin_meets_no_faults_on_the_way_in(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    invite(open_page(state=visitors.state(ADMIN_EMAIL)), NEW, "Gestion")
    page = open_page()
    new = NewAdmin(page, shop)
    steps = [new.invited, new.refused, new.joined, new.account, new.without, new.drawn, new.wrong, new.recovery]
    steps += [new.protected, new.asked_again, new.answered_badly, new.renewed]
    steps += [new.second_step, new.wrong_step, new.inside, new.listed]
    assert walk(page, [(step.__name__, step) for step in steps]) == {}
