"""Names in any script: drawn by a face that has them, read back as they were typed, and never a missing glyph."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import fonts

FOLDER = Path(fonts.__file__).parent / "assets" / "fonts"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("Ἀθηνᾶ", "Ἀθηνᾶ"),
        ("Жукова", "Жукова"),
        ("Cafe\u0301", "Café"),
        ("王小明", "王小明"),
        ("山田\u3000タロウ", "山田 タロウ"),
        ("👩\u200d🍳 Crêpes", "👩🍳 Crêpes"),
        ("❤\ufe0f", "❤"),
        ("a\u0000b\u202ec\u200bd", "abcd"),
        ("deux\nlignes", "deux lignes"),
        ("1\u202f234\u00a0€", "1\u202f234\u00a0€"),
        ("王 1\u202f234", "王 1\u00a0234"),
        ("\u0378\ue000", "□□"),
    ],
)
def test_what_no_face_can_draw_is_visibly_replaced(typed: str, shown: str) -> None:
    assert fonts.printable(typed) == shown


def test_arabic_letters_are_joined_and_a_persian_break_is_kept() -> None:
    assert fonts.printable("عائشة") == "\ufecb\ufe8e\ufe8b\ufeb8\ufe94"
    joined, broken = fonts.printable("علیرضا"), fonts.printable("علی\u200cرضا")
    assert joined.startswith("\ufecb\ufee0\ufbff\ufeae")
    assert broken.startswith("\ufecb\ufee0\ufbfd\ufead")


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("Łukasz Żółć, Ἀθηνᾶ, Жукова", ()),
        ("王小明", ("han",)),
        ("山田 やまだ タロウ", ("han",)),
        ("김철수", ("han",)),
        ("عائشة", ("scripts",)),
        ("דוד כהן", ("scripts",)),
        ("สมชาย", ("scripts",)),
        ("प्रिया", ("scripts",)),
        ("Հայկ გიორგი አበበ", ("scripts",)),
        ("👩🍳 Crêpes & Co <b>", ("emoji",)),
        ("عائشة 王 👩", ("scripts", "han", "emoji")),
    ],
)
def test_a_document_names_only_the_families_it_needs(name: str, families: tuple[str, ...]) -> None:
    assert fonts.families(fonts.printable(name)) == families


@given(st.text())
def test_every_character_of_a_printable_text_has_a_face_that_draws_it(text: str) -> None:
    shown = fonts.printable(text)
    for run, face in fonts.runs(shown, fonts.REGULAR, fonts.families(shown)):
        assert {ord(character) for character in run} <= fonts._coverage(face)
    assert fonts.printable(shown) == shown


def test_right_to_left_names_are_drawn_from_right_to_left() -> None:
    shown = fonts.printable("Reçu de דוד")
    assert fonts.runs(shown, fonts.BOLD, ("scripts",)) == [("Reçu de ", fonts.BOLD), ("דוד"[::-1], "scripts_00")]


def test_drawn_characters_read_back_as_they_were_typed() -> None:
    table = fonts._to_unicode("F", [ord("A"), 0x1F469, 0xFECB, 0xFEFB, *range(0x400, 0x480)])
    assert "<00> <0041>" in table
    assert "<01> <D83DDC69>" in table
    assert "<02> <0639>" in table
    assert "<03> <06440627>" in table
    assert "100 beginbfchar" in table
    assert "32 beginbfchar" in table


def test_every_font_file_is_known_and_has_its_licence() -> None:
    files = {path.name for path in FOLDER.glob("*.ttf")}
    assert files == set(fonts.FILES.values())
    licences = [path.name.split("-")[0] for path in FOLDER.glob("*.txt")]
    assert {name.split("-")[0].removesuffix(".ttf") for name in files} == set(licences)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.ttf")) < 8_000_000


def test_our_own_faces_keep_the_typography_of_money_and_dates() -> None:
    for character in "\u00a0\u202f\u2212\u2013°«»€£□·":
        assert fonts.printable(character) == character, unicodedata.name(character)
