"""The faces of a document: ours, and fallbacks for what ours lack, each read when a document first needs it.

xhtml2pdf draws every character in the first family of the page's list that has it; this module says which families that
list needs, and what no family can draw. How the fallback files were made: documents/assets/fonts/README.md.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from arabic_reshaper import reshape
from reportlab.pdfbase import pdfmetrics, ttfonts
from xhtml2pdf.bidi import get_display
from xhtml2pdf.util import split_by_coverage

from documents.renderer import ASSETS

# The names under which xhtml2pdf looks for the faces of the family « brand »; faces registered here are read once.
REGULAR, BOLD = "brand_00", "brand_10"
FALLBACKS = {
    "scripts": "NotoSansScripts-Regular.ttf",
    "han": "DroidSansFallback.ttf",
    "emoji": "NotoEmoji-Regular.ttf",
}
FILES = {
    REGULAR: "SourceSans3-Regular.ttf",
    BOLD: "SourceSans3-SemiBold.ttf",
    **{f"{family}_00": file for family, file in FALLBACKS.items()},
}
MISSING = "□"
NO_BREAK = "\u00a0"
# Control and format characters only steer how neighbours are drawn; without them the text reads the same.
_INVISIBLE = {"Cc", "Cf", "Cs"}
_NO_BREAKS = {NO_BREAK, "\u2007", "\u202f"}
_VARIATIONS = re.compile("[\ufe00-\ufe0f]")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f]")


def warm_up() -> None:
    """Afterwards our own two faces are read; fallbacks wait for a document that needs them."""
    _plain()


def printable(text: str) -> str:
    """The text on one line, composed, Arabic letters joined, and a visible « □ » for what no face can draw."""
    if _plain().issuperset(text):
        return text
    text = unicodedata.normalize("NFC", _VARIATIONS.sub("", text))
    if _ARABIC.search(text):
        text = reshape(text)
    return "".join(_shown(character) for character in text)


def families(text: str) -> tuple[str, ...]:
    """The fallback families that a printable text needs, in the order in which they are tried."""
    lacking = {ord(character) for character in set(text) if not character.isspace()} - _ours()
    needed = []
    for family in FALLBACKS:
        if lacking and (found := lacking & _coverage(f"{family}_00")):
            needed.append(family)
            lacking -= found
    return tuple(needed)


def runs(text: str, face: str, fallbacks: tuple[str, ...]) -> list[tuple[str, str]]:
    """A printable text as (run, face) from left to right, each in the first face that has its characters."""
    faces = [face, *(f"{family}_00" for family in fallbacks)]
    for name in faces:
        _coverage(name)
    parts: list[tuple[str, str]] = split_by_coverage(get_display(text), faces)
    return parts


def _shown(character: str) -> str:
    if character.isspace():
        # Fallback faces have no other blanks than these two.
        return NO_BREAK if character in _NO_BREAKS else " "
    if unicodedata.category(character) in _INVISIBLE:
        return ""
    point = ord(character)
    drawn = point in _ours() or any(point in _coverage(f"{family}_00") for family in FALLBACKS)
    return character if drawn else MISSING


@cache
def _coverage(face: str) -> frozenset[int]:
    """The characters of a face, which is registered for the library at the same time."""
    font = ttfonts.TTFont(face, str(ASSETS / "fonts" / FILES[face]))
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)


@cache
def _ours() -> frozenset[int]:
    """The characters that both of our own faces have."""
    return _coverage(REGULAR) & _coverage(BOLD)


@cache
def _plain() -> frozenset[str]:
    """The characters of our own that are printed just as they are typed, whatever stands beside them."""
    characters = (chr(point) for point in _ours() if point)
    return frozenset(
        character
        for character in characters
        if unicodedata.category(character) not in _INVISIBLE
        and not unicodedata.category(character).startswith(("M", "Zl", "Zp"))
        and unicodedata.is_normalized("NFC", character)
    )


def _to_unicode(fontname: str, subset: list[int]) -> str:
    """A subset's ToUnicode table: what is drawn reads back as it was typed (ISO 32000-1 9.10.3).

    reportlab writes five hexadecimal digits beyond U+FFFF, which no reader understands; UTF-16 is asked for. Joined
    Arabic letters read back as the plain ones.
    """
    # Codes that draw nothing stand at U+0000, which PDF/UA-1 refuses (7.21.7).
    drawn = [(index, _typed(point).encode("utf-16-be").hex().upper()) for index, point in enumerate(subset) if point]
    rows = [f"<{index:02X}> <{character}>" for index, character in drawn]
    head = (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        f"/CIDSystemInfo << /Registry ({fontname}) /Ordering ({fontname}) /Supplement 0 >> def\n"
        f"/CMapName /{fontname} def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<00> <{len(subset) - 1:02X}>\nendcodespacerange\n"
    )
    # A block has 100 rows at most.
    blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    body = "".join(f"{len(block)} beginbfchar\n{chr(10).join(block)}\nendbfchar\n" for block in blocks)
    return f"{head}{body}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"


def _typed(point: int) -> str:
    character = chr(point)
    if 0xFB50 <= point <= 0xFEFC:
        # Readers put right-to-left text in order themselves, so that a ligature's letters are given the same way.
        return unicodedata.normalize("NFKC", character)
    return character if not 0xD800 <= point < 0xE000 else "\ufffd"


ttfonts.makeToUnicodeCMap = _to_unicode
