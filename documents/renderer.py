"""Which renderer drew a document: recorded in each snapshot, since bytes are comparable for one renderer only."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
TEMPLATES = Path(__file__).parent.parent / "templates" / "pdf"


@cache
def fingerprint() -> str:
    """The versions of xhtml2pdf and reportlab, and a hash of the fonts, templates and code that draw the page."""
    content = hashlib.sha256()
    drawing = [Path(__file__).parent / name for name in ("pdf.py", "page.py", "canvas.py", "formatting.py")]
    for path in [*sorted(ASSETS.rglob("*.ttf")), *sorted(TEMPLATES.glob("*")), *drawing]:
        content.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"xhtml2pdf {version('xhtml2pdf')}, reportlab {version('reportlab')}, {content.hexdigest()[:12]}"
