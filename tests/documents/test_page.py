"""What the page says, before it is laid out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from documents import formatting, mentions, page


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("Ἀθηνᾶ", "Ἀθηνᾶ"),
        ("Жукова", "Жукова"),
        ("Cafe\u0301", "Café"),
        ("王小明", "□□□"),
        ("👩\u200d🍳 Crêpes", "□□ Crêpes"),
        ("a\u0000b\u202ec\u200bd", "abcd"),
        ("deux\nlignes", "deux lignes"),
        ("1\u202f234\u00a0€", "1\u202f234\u00a0€"),
        ("\u0378", "□"),
    ],
)
def test_a_character_the_font_lacks_is_visibly_replaced(typed: str, shown: str) -> None:
    assert page.printable(typed) == shown


def test_our_own_texts_need_no_replacement() -> None:
    template = (Path(__file__).parents[2] / "templates" / "pdf" / "invoice.html").read_text(encoding="utf-8")
    texts = [template, *mentions.CATEGORIES.values(), *mentions.EXEMPTIONS.values(), *mentions.NATURES.values()]
    texts += [formatting.money(Decimal("-1234.56")), formatting.rate(Decimal("5.5")), mentions.SPECIMEN, page.MISSING]
    for text in texts:
        assert page.printable(text) == text.replace("\n", " ")
