"""Why a correcting document exists, in the language of the invoice."""

import pytest

from documents import reasons

LANGUAGES = ("fr", "en", "es")


def test_every_language_has_words_of_its_own() -> None:
    for reason in (reasons.refund, reasons.correction, lambda language: reasons.restated(language, "AV-1", "x")):
        assert len({reason(language) for language in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_credit_note_that_is_stated_again_names_the_first_and_its_reason(language: str) -> None:
    said = reasons.restated(language, "AV-2026-000001", "{Geste} commercial")
    assert "AV-2026-000001" in said
    assert said.endswith("{Geste} commercial")
