"""A walk through pages and their states: what axe finds in each, in both schemes, and what the keyboard reaches."""

from collections.abc import Callable, Iterable
from functools import partial

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe().axe_script


def faults(page: Page, *, phone: bool = False) -> list[str]:
    """Return what axe finds, in the light scheme, then of colours in the dark one, and a narrow page's overflow.

    `phone` has axe look on a telephone's screen as well, where a table becomes cards.
    """
    # Between two pages, and while a message appears, colours are mixed: axe reads those that stay.
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished)).then(() => null)")
    page.evaluate(AXE)
    found, size = in_both_schemes(page), page.viewport_size
    if phone:
        page.set_viewport_size({"width": 390, "height": 844})
        found += [f"on a telephone, {one}" for one in in_both_schemes(page)]
    page.set_viewport_size({"width": 320, "height": 700})
    wide = page.evaluate("document.documentElement.scrollWidth")
    if size:
        page.set_viewport_size(size)
    return found + ([f"{wide} px wide on a screen of 320"] if wide > 320 else [])


def in_both_schemes(page: Page) -> list[str]:
    """Return what axe finds in the light scheme, then of colours in the dark one."""
    found = violations(page, {"resultTypes": ["violations"]})
    page.emulate_media(color_scheme="dark")
    found += violations(page, {"resultTypes": ["violations"], "runOnly": ["color-contrast"]})
    page.emulate_media(color_scheme="light")
    return found


def violations(page: Page, options: dict[str, object]) -> list[str]:
    """Return what axe finds on a page that it was put into; the rest of its answer stays in the browser."""
    found: list[str] = page.evaluate(
        """async (options) => (await axe.run(options)).violations.map(
            ({id, nodes}) => `${id}: ${JSON.stringify(nodes.map((node) => node.html.slice(0, 120)))}`)""",
        options,
    )
    return found


def addresses(page: Page, paths: Iterable[str]) -> list[tuple[str, Callable[[], object]]]:
    """Return the states that a page's address alone leads to."""
    return [(path, partial(page.goto, path)) for path in paths]


def walk(
    page: Page, states: Iterable[tuple[str, Callable[[], object]]], *, phone: bool = False
) -> dict[str, list[str]]:
    """Go to each state; return those with faults (see there)."""
    found = {}
    for name, go in states:
        go()
        if wrong := faults(page, phone=phone):
            found[name] = wrong
    return found


def focused(page: Page) -> tuple[str, bool]:
    """Return what has the focus, and whether that is seen: outlined, and on the screen."""
    name, outline, on_screen = page.evaluate("""() => {
        const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
        const said = one.matches("select") ? "" : one.textContent.trim(); // Or it would be all of its choices.
        return [said || one.name || one.tagName, `${style.outlineStyle} ${style.outlineWidth}`,
                box.top > 5 && box.bottom < innerHeight - 5];
    }""")
    return name, (outline, on_screen) == ("solid 3px", True)


def tab_to(page: Page, name: str) -> None:
    """Press the tabulator until what bears that name has the focus, and is seen to have it."""
    for _press in range(40):
        page.keyboard.press("Tab")
        reached, seen = focused(page)
        if reached == name:
            assert seen, name
            return
    raise AssertionError(f"the keyboard does not reach « {name} »")
