"""QR codes as a drawing that a template writes itself: nothing is fetched, nothing is marked as markup."""

from dataclasses import dataclass
from itertools import groupby

import segno

QUIET = 4
"""The margin in modules that readers need (ISO/IEC 18004)."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A square of `size` modules; `path` draws the dark ones as strokes of one module's width."""

    size: int
    path: str


def drawing(text: str) -> Drawing:
    """Return the QR code of a text."""
    rows = list(segno.make(text, error="m", micro=False).matrix_iter(border=QUIET))
    strokes = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                strokes.append(f"M{x} {y}.5h{length}")
            x += length
    return Drawing(len(rows), "".join(strokes))
