"""How typed text is cleaned: names keep every script, numbers become plain capitals."""

import re
import unicodedata

_TURNING = "\u200b\u202a-\u202e\u2066-\u2069\ufeff"
_DIRECTIONS = re.compile(f"[{_TURNING}]")
_INVISIBLE = re.compile(f"[{_TURNING}\u00ad\u200c-\u200f\u2060]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")


def tidy(text: str) -> str:
    """Return a name or an address line in composed letters (NFC) with single blanks.

    Invisible signs that would turn a line of a document around are left out; those that join letters or emoji stay.
    """
    return " ".join(unicodedata.normalize("NFC", _DIRECTIONS.sub("", text)).split())


def plain(text: str) -> str:
    """Return a number as typed, in plain capitals: one kind of blank, dash and digit, nothing unseen."""
    capitals = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).upper()
    signs = unicodedata.normalize("NFKC", capitals)  # A capital may be written in parts where the small letter was not.
    digits = (str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in signs)
    letters = "".join(sign for sign in digits if not unicodedata.combining(sign))
    return " ".join(_DASHES.sub("-", letters).split())
