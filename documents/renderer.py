"""Which renderer drew a document: recorded in each snapshot, since bytes are comparable for one renderer only."""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
TEMPLATES = HERE.parent / "templates" / "pdf"
LIBRARIES = ("xhtml2pdf", "reportlab", "pikepdf", "lxml")
BEHIND_THEM = ("arabic-reshaper", "html5lib", "pillow", "svglib")


@cache
def fingerprint() -> str:
    """The versions of the libraries that draw, and a hash of what stands behind them and of our own files."""
    content = hashlib.sha256(zlib.ZLIB_RUNTIME_VERSION.encode())
    for library in BEHIND_THEM:
        content.update(f"{library} {version(library)}\0".encode())
    for path in sources():
        content.update(path.name.encode() + b"\0" + path.read_bytes())
    versions = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    return f"{versions}, {content.hexdigest()[:12]}"


def sources() -> list[Path]:
    """All of our own files that can change a document.

    All of `documents/`, since a module left out of a list would change bytes unseen; the price is that a change which
    draws nothing counts too.
    """
    return sorted([*HERE.glob("*.py"), *ASSETS.rglob("*.*"), *TEMPLATES.glob("*.*")])
