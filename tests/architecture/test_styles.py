"""Style sheets and templates know each other: no dead rule, no class that means nothing."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHEETS = ("app.css", "admin.css")
MADE_UP = {
    f"{kind}-{tone}" for kind in ("badge", "notice", "step") for tone in ("good", "warn", "error", "info", "neutral")
}
MADE_UP |= {f"step-{state}" for state in ("done", "now", "next", "failed")}
MADE_UP |= {"button-primary", "button-secondary", "button-quiet"}
"""What macros put together from a kind and a tone; the sheet knows tones by how a class ends."""


def classes_of(sheet: str) -> set[str]:
    """Return every class that a style sheet names."""
    rules = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", (ROOT / "static/css" / sheet).read_text(), flags=re.DOTALL)
    return set(re.findall(r"\.([a-z][a-z0-9-]*)", rules))


def words_of_templates() -> set[str]:
    """Return every word of the templates and scripts in which a class may be named."""
    files = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static/js").glob("*.js")]
    text = " ".join(file.read_text() for file in files if not {"emails", "pdf"} & set(file.parts))
    return set(re.findall(r"[a-z][a-z0-9-]*", text))


def classes_in_templates() -> set[str]:
    """Return the classes that templates name in so many letters."""
    named = set()
    for file in (ROOT / "templates").rglob("*.html"):
        if not {"emails", "pdf"} & set(file.parts):
            for names in re.findall(r'class="([^"{]*)"', file.read_text()):
                named.update(names.split())
    return named


@pytest.mark.parametrize("sheet", SHEETS)
def test_no_rule_is_for_a_class_that_nothing_has(sheet: str) -> None:
    assert classes_of(sheet) - MADE_UP - {"htmx-request"} - words_of_templates() == set()


def test_no_template_names_a_class_without_a_rule() -> None:
    assert classes_in_templates() - classes_of("app.css") - classes_of("admin.css") - MADE_UP == set()
