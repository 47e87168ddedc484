"""How mails write sentences, days and moments: French typography, Paris time, lines that any program can show."""

import re
import textwrap
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date

PARIS = ZoneInfo("Europe/Paris")
NO_BREAK = "\u00a0"
LONGEST_LINE = 76
"""Columns of a plain text: 78 are what RFC 5322 (2.1.1) advises, and who answers puts « > » before each line."""


def spaced(sentence: str) -> str:
    """Return a French sentence whose « : ; ? ! » and quotation marks never begin a line, or end one, alone."""
    return re.sub(r" (?=[:;?!»])", NO_BREAK, sentence.replace("« ", f"«{NO_BREAK}"))


def translated(translate: Callable[[str], str], language: str) -> Callable[[str], str]:
    """Return what gives each sentence of a template as it is written in that language."""
    return (lambda sentence: spaced(translate(sentence))) if language == "fr" else translate


def wrapped(text: str) -> str:
    """Return the text in lines of 76 columns at most; addresses stay whole, and so does what no-break spaces hold."""
    return "\n".join(
        textwrap.fill(line, LONGEST_LINE, break_long_words=False, break_on_hyphens=False)
        if len(line) > LONGEST_LINE
        else line
        for line in text.split("\n")
    )


def day(written: date) -> str:
    """« 24 novembre 2026 », « 1er novembre 2026 »."""
    return format_date(written, f"{_pattern(written)} y", locale="fr").replace(" ", NO_BREAK)


def moment(written: datetime) -> str:
    """« mardi 24 novembre à 10 h », « dimanche 1er novembre à 9 h 05 », in Paris.

    In the night when the clocks go back, « 2 h 30 (heure d'été) » is not « 2 h 30 (heure d'hiver) ».
    """
    local = written.astimezone(PARIS)
    words = format_date(local.date(), f"EEEE {_pattern(local.date())}", locale="fr").replace(" ", NO_BREAK)
    hour = f"{local.hour}{NO_BREAK}h" + (f"{NO_BREAK}{local.minute:02}" if local.minute else "")
    if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        hour += " (heure d'hiver)" if local.fold else " (heure d'été)"
    return f"{words} à {hour}"


def _pattern(written: date) -> str:
    return "'1er' MMMM" if written.day == 1 else "d MMMM"
