"""A walk through pages and their states: what axe finds in each, in both schemes, and what the keyboard reaches."""

import os
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal
from weakref import WeakSet

from playwright.sync_api import Page, ViewportSize

HERE = Path(__file__).parent
SCRIPT = "\n".join((HERE / name).read_text() for name in ("vendor/axe-core-4.14.1.min.js", "walks.js"))
DESK, TABLET, TELEPHONE, NARROW = (ViewportSize(width=width, height=900) for width in (1280, 768, 390, 320))
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
MEANT = (
    200,
    401,
    422,
)  # A page, one that asks who it is, a form that is refused; dead links and absent pages are none.
VISITED: list[str] = []
"""The addresses of the pages that a test has looked at, for what it says of itself (`conftest.visits_what_it_says`)."""

screens: Path | None = None
"""The folder in which to write what each state looks like; nobody looks at every one in every run."""
_bring_it: WeakSet[Page] = WeakSet()
"""The pages on whose every document the script comes by itself, which takes a fifth of the work of sending it there."""


def faults(page: Page) -> list[str]:
    """Return what axe finds on a desk and on a telephone, where a table becomes cards, and a narrow page's overflow.

    Colours are judged in both schemes. The page has to be light and as wide as a desk, and is so afterwards.
    """
    if not page.evaluate("'walks' in window"):
        page.evaluate(SCRIPT)
    found: list[str] = page.evaluate("walks.everything()")
    page.emulate_media(color_scheme="dark")
    found += page.evaluate("walks.colours()")
    page.set_viewport_size(TELEPHONE)
    in_the_dark = page.evaluate("walks.colours()")
    page.emulate_media(color_scheme="light")
    found += [f"on a telephone, {one}" for one in page.evaluate("walks.onATelephone()") + in_the_dark]
    page.set_viewport_size(NARROW)
    wide, status = page.evaluate("walks.widthAndStatus()")
    page.set_viewport_size(DESK)
    if status in MEANT:
        VISITED.append(page.url)
    return found + ([f"{wide} px wide on a screen of 320"] if wide > 320 else [])


def addresses(page: Page, paths: Iterable[str]) -> list[tuple[str, Callable[[], object]]]:
    """Return the states that a page's address alone leads to."""
    return [(path, partial(page.goto, path)) for path in paths]


def walk(page: Page, states: Iterable[tuple[str, Callable[[], object]]]) -> dict[str, list[str]]:
    """Go to each state; return those with faults (see there)."""
    if page not in _bring_it:
        page.add_init_script(SCRIPT)
        _bring_it.add(page)
    found = {}
    for name, go in states:
        go()
        if wrong := faults(page):
            found[name] = wrong
        if screens:
            pictures(page, name, screens)
    return found


def pictures(page: Page, name: str, folder: Path) -> None:
    """Write what the page looks like at three widths, light and dark; it is a light desk again afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    called = re.sub(r"[^a-z0-9]+", "-", f"{os.environ['PYTEST_CURRENT_TEST'].split('::')[1]} {name}".lower())
    for size in (TELEPHONE, TABLET, DESK):
        page.set_viewport_size(size)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{called}-{size['width']}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")


def focused(page: Page) -> tuple[str, bool]:
    """Return what has the focus, and whether that is seen: outlined, on the screen, and under nothing (WCAG 2.4.11)."""
    name, outline, on_screen = page.evaluate("""() => {
        const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
        const said = one.matches("select") ? "" : one.textContent.trim(); // Or it would be all of its choices.
        const above = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
        return [said || one.name || one.tagName, `${style.outlineStyle} ${style.outlineWidth}`,
                box.top > 5 && box.bottom < innerHeight - 5 && (one.contains(above) || above?.contains(one))];
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
