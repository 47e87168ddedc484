"""The pages of customers for everyone: at 400 %, in forced colours, wider text, without motion, by key and by ear."""

import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from services.demo import CUSTOMER_EMAIL, GUEST_EMAIL, GUEST_ORDER
from tests.e2e.shop import Shop
from tests.e2e.visitors import ACCOUNT, AREA, BILLING, INVOICES, ORDERS, Opener, Visitors, come_in, fill_in_individual
from tests.e2e.walks import DESK, faults

pytestmark = pytest.mark.e2e
SCRIPT = (Path(__file__).parent / "everyone.js").read_text()
PUBLIC: tuple[str, ...] = (
    "/",
    "/connexion",
    "/inscription",
    "/mot-de-passe-oublie",
    "/suivi-commande",
    "/mentions-legales",
)
PUBLIC += ("/confidentialite", "/accessibilite", "/nulle-part", ACCOUNT + "/donnees-personnelles/compte-supprime")
PRIVATE: tuple[str, ...] = (
    AREA,
    ORDERS,
    ORDERS + "?q=nichts",
    BILLING,
    INVOICES,
    ACCOUNT,
    ACCOUNT + "/adresse",
    ACCOUNT + "/mes-donnees",
)
PRIVATE += (ACCOUNT + "/ajouter-une-commande", ACCOUNT + "/donnees-personnelles/supprimer-mon-compte")
ZOOMED = ViewportSize(width=320, height=256)
"""1280 × 1024 at 400 % (WCAG 1.4.10)."""

WIDER_TEXT = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
p { margin-bottom: 2em !important }"""
"""WCAG 1.4.12."""


def each(visit: Page, guest: Page, shop: Shop) -> list[tuple[str, Callable[[], object]]]:
    """Return how to come to each page of both journeys, whose names say whose they are."""
    number = shop.sells(email=CUSTOMER_EMAIL, shipped_at=None)["number"]
    private = [*PRIVATE, f"{ORDERS}/{number}", f"{ORDERS}/{number}/facturation"]

    def order_of_a_guest() -> None:
        guest.goto("/suivi-commande")
        guest.get_by_label("Numéro de commande").fill(GUEST_ORDER)
        guest.get_by_label("Adresse e-mail").fill(GUEST_EMAIL)
        guest.get_by_role("button", name="Consulter").click()
        guest.wait_for_url("**/suivi-commande/commande")

    states: list[tuple[str, Callable[[], object]]] = [("guest " + path, partial(guest.goto, path)) for path in PUBLIC]
    states += [("guest order", order_of_a_guest), ("guest account", partial(guest.goto, "/suivi-commande/compte"))]
    return states + [("customer " + path, partial(visit.goto, path)) for path in private]


@pytest.fixture
def pages(open_page: Opener, visitors: Visitors, shop: Shop) -> list[tuple[str, Page, Callable[[], object]]]:
    """Give each page of both journeys: its name, the browser's page it opens in, and how to come there."""
    visit, guest = open_page(state=visitors.state(CUSTOMER_EMAIL)), open_page()
    for one in (visit, guest):
        one.add_init_script(SCRIPT)
    return [(name, guest if name.startswith("guest") else visit, go) for name, go in each(visit, guest, shop)]


Pages = list[tuple[str, Page, Callable[[], object]]]


def test_each_page_says_what_it_is_to_who_cannot_see_it(pages: Pages) -> None:
    wrong, titles = dict[str, object](), dict[str, str]()
    for name, page, go in pages:
        go()
        found = page.evaluate("everyone.skeleton()")
        levels = found["levels"]
        jumps = [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1]
        held = (found["lang"], levels.count(1), levels[:1], jumps, found["landmarks"], found["unnamed"], found["said"])
        if held != ("fr", 1, [1], [], [1, 1, 1], [], 1):
            wrong[name] = held
        own = name.partition("?")[0]
        if titles.setdefault(found["title"], own) != own:
            wrong[name] = ("titled as", titles[found["title"]])
    assert wrong == {}


def test_at_400_percent_nothing_is_cut_off_or_beside_the_screen(pages: Pages) -> None:
    wrong = {}
    for name, page, go in pages:
        page.set_viewport_size(ZOOMED)
        go()
        wide = page.evaluate("everyone.wide()")
        if wide > ZOOMED["width"] or page.evaluate("everyone.cutOff()"):
            wrong[name] = [wide, *page.evaluate("everyone.cutOff()")]
        fixed = page.evaluate("everyone.fixed()")
        if fixed > ZOOMED["height"] / 4:
            wrong[name] = [f"{fixed} px of it are taken for ever"]
    assert wrong == {}


def test_wider_text_is_not_cut_off(pages: Pages) -> None:
    wrong = {}
    for name, page, go in pages:
        go()
        page.evaluate("(css) => everyone.widen(css)", WIDER_TEXT)
        for width in (DESK["width"], 320):
            page.set_viewport_size(ViewportSize(width=width, height=900))
            if page.evaluate("everyone.wide()") > width or page.evaluate("everyone.cutOff()"):
                wrong[f"{name} at {width}"] = page.evaluate("everyone.cutOff()")
    assert wrong == {}


def test_the_keyboard_never_loses_its_place_nor_finds_it_covered(pages: Pages) -> None:
    wrong = dict[str, list[str]]()
    for name, page, go in pages:
        for size in (ViewportSize(width=390, height=700), ZOOMED):
            page.set_viewport_size(size)
            go()
            for _press in range(90):
                page.keyboard.press("Tab")
                found = page.evaluate("everyone.place()")
                if found is None:
                    break
                if found:
                    wrong.setdefault(f"{name} at {size['width']} × {size['height']}", []).append(found)
            else:
                wrong.setdefault(name, []).append("no end: a trap")
    assert wrong == {}


def test_forced_colours_leave_everything_told_apart(open_page: Opener, visitors: Visitors, shop: Shop) -> None:
    page = open_page(state=visitors.state(CUSTOMER_EMAIL))
    page.add_init_script(SCRIPT)
    page.emulate_media(forced_colors="active")

    def border(selector: str) -> list[str | float]:
        found: list[str | float] = page.locator(selector).first.evaluate("(one) => everyone.border(one)")
        return found

    page.goto(ORDERS)
    for framed in (".button", ".badge", "[type=search]", ".filters a"):
        style, width = border(framed)[:2]
        assert (framed, style, float(width) >= 1) == (framed, "solid", True)
    assert border(".filters [aria-current]")[2] != border(".filters a:not([aria-current])")[2]
    current, others = (page.locator(f".menu a{which}").first for which in ("[aria-current]", ":not([aria-current])"))
    bottom = "(one) => getComputedStyle(one).borderBottomColor"
    assert current.evaluate(bottom) != others.evaluate(bottom)
    page.get_by_role("link", name="Sans facture").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    outline = page.evaluate(
        "(({ outlineStyle, outlineWidth }) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
    )
    assert outline == ["solid", "3px"]
    icon = page.locator(".search .icon").first
    assert icon.evaluate("(one) => getComputedStyle(one).stroke === getComputedStyle(one.parentElement).color")
    address = shop.sells()["email"]
    asked = open_page(width=390)
    asked.emulate_media(forced_colors="active")
    come_in(asked, shop, address)
    asked.goto(BILLING)
    asked.get_by_role("button", name="Enregistrer").click()
    wrong = asked.locator(".field-wrong").first
    expect(wrong).to_be_visible()
    assert wrong.evaluate("(one) => getComputedStyle(one).borderInlineStartStyle") == "solid"
    notice = asked.locator(".notice-error").first
    assert notice.evaluate("(one) => getComputedStyle(one).borderTopStyle") == "solid"


def test_the_steps_of_a_request_are_told_apart_in_forced_colours(open_page: Opener, shop: Shop) -> None:
    order = shop.sells(shipped_at=None)
    page = open_page()
    come_in(page, shop, order["email"])
    page.goto(BILLING)
    fill_in_individual(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status").first).to_contain_text("enregistrées")
    page.goto(f"{ORDERS}/{order['number']}")
    page.get_by_role("button", name="Demander une facture").click()
    expect(page.locator(".step-now")).to_have_count(1)
    page.emulate_media(forced_colors="active")
    for state in ("done", "now"):  # By a picture, and by a word for who sees none.
        expect(page.locator(f".step-{state} .icon").first).to_be_visible()
    assert page.locator(".step-next .icon").count() == 0
    expect(page.locator(".step-now")).to_contain_text("en cours")
    assert faults(page) == []


def test_who_wants_no_motion_gets_none(pages: Pages) -> None:
    moving = {}
    for name, page, go in pages:
        go()
        found = page.evaluate("everyone.moving()")
        if found or page.evaluate("everyone.faded"):
            moving[name] = found
    assert moving == {}


def test_what_is_swapped_in_has_no_faults_and_holds_the_focus(open_page: Opener, shop: Shop) -> None:
    order = shop.sells(shipped_at=None)
    page = open_page()
    come_in(page, shop, order["email"])
    here = f"{ORDERS}/{order['number']}"

    def to(path: str, role: Literal["button", "link"], name: str) -> None:
        """Press something on another page, by the key."""
        page.goto(path)
        page.get_by_role(role, name=re.compile(f"^{name}")).first.press("Enter")

    def saved() -> None:
        fill_in_individual(page)
        page.get_by_role("button", name="Enregistrer").click()

    swaps: list[tuple[str, Callable[[], object]]] = [
        ("narrowed", lambda: to(ORDERS, "link", "Sans facture")),
        ("ask for none", lambda: to(ORDERS, "button", "Demander les factures cochées")),
        ("form", lambda: to(here, "link", "Modifier")),
        ("refused", page.get_by_role("button", name="Enregistrer").click),
        ("left", lambda: page.get_by_role("link", name="Annuler").press("Enter")),
        ("asked", page.get_by_role("button", name="Demander une facture").click),
        ("saved", saved),
        ("address", lambda: to(ACCOUNT, "link", "Modifier")),
        ("address refused", page.get_by_role("button", name="Recevoir le code").click),
        ("password refused", lambda: to(ACCOUNT, "button", "Changer le mot de passe")),
    ]
    page.add_init_script(SCRIPT)
    page.goto(ORDERS)
    wrong = {}
    for name, go in swaps:
        page.evaluate("everyone.settled = 0")
        go()
        page.evaluate("everyone.swapped()")
        lost = page.evaluate("document.activeElement === document.body")
        if (found := faults(page)) or lost:
            wrong[name] = [*found, *(["the focus is lost"] if lost else [])]
    assert wrong == {}


def test_the_dialog_of_an_ended_session_has_no_faults_holds_the_keyboard_and_gives_it_back(
    open_page: Opener, visitors: Visitors, shop: Shop
) -> None:
    order = shop.sells()
    page = open_page()
    come_in(page, shop, order["email"])
    page.goto(BILLING)
    shop.ends_every_session()
    visitors.states.clear()
    save = page.get_by_role("button", name="Enregistrer")
    save.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Votre session a expiré")
    expect(dialog).to_be_visible()
    assert faults(page) == []
    for _press in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#expired')")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(save).to_be_focused()
