"""Documents speak three languages, and none of them lacks a word."""

from __future__ import annotations

from dataclasses import fields
from string import Formatter

import pytest

from documents import fonts, snapshot
from documents.words import FRENCH, LANGUAGES, Words, words

NAMES = [field.name for field in fields(Words) if field.name != "methods"]


def blanks(sentence: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("name", NAMES)
def test_no_language_lacks_a_word_or_a_figure_of_a_sentence(language: str, name: str) -> None:
    sentence = getattr(words(language), name)
    assert sentence
    assert blanks(sentence) == blanks(getattr(FRENCH, name))
    assert fonts.printable(sentence) == sentence


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"fr"}))
def test_every_way_to_pay_has_words(language: str) -> None:
    assert set(words(language).methods) == set(snapshot.METHODS.values())
    assert words(language).paid_by("(Klarna)") == "(Klarna)"


def test_french_stays_as_the_snapshot_has_it() -> None:
    assert words("fr").paid_by("par carte bancaire") == "par carte bancaire"


def test_french_punctuation_keeps_its_blank() -> None:
    for name in NAMES:
        assert " :" not in getattr(FRENCH, name), name


def test_another_language_is_refused() -> None:
    with pytest.raises(KeyError):
        words("de")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_reason_within_a_sentence_stays_as_it_was_written(language: str) -> None:
    said = words(language).restated.format(number="AV-2026-000001", reason="{Geste} commercial")
    assert "AV-2026-000001" in said
    assert said.endswith("{Geste} commercial")
