"""How typed text is cleaned: names keep every script, numbers become plain capitals."""

import re
import unicodedata

_TURNING = "\u200b\u202a-\u202e\u2066-\u2069\ufeff"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + rest) for plane in range(0, 0x110000, 0x10000) for rest in (0xFFFE, 0xFFFF)
)
_UNTYPED = re.compile(f"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_TURNING}{_NONCHARACTERS}]")
_INVISIBLE = re.compile(f"[{_TURNING}\u00ad\u200c-\u200f\u2060]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")


def visible(text: str) -> str:
    """Return the text without what nobody types and nobody sees, wherever it comes from.

    Controls come along with what is pasted, and signs that turn a line around make it say something else; those that
    join letters or emoji stay, as do tabs and line ends. A NUL stays too: it is no slip, and is refused.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNTYPED.sub(lambda sign: " " if sign[0].isspace() else "", text)


def tidy(text: str) -> str:
    """Return a name or an address line in composed letters (NFC) with single blanks, and nothing unseen in it."""
    return " ".join(unicodedata.normalize("NFC", visible(text)).split())


def plain(text: str) -> str:
    """Return a number as typed, in plain capitals: one kind of blank, dash and digit, nothing unseen."""
    capitals = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).upper()
    signs = unicodedata.normalize("NFKC", capitals)  # A capital may be written in parts where the small letter was not.
    digits = (str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in signs)
    letters = "".join(sign for sign in digits if not unicodedata.combining(sign))
    return " ".join(_DASHES.sub("-", letters).split())
