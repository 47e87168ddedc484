"""The shop's logo: one small file that documents carry inside themselves, so that changing it changes no issued one."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

MOST_BYTES = 100_000
MOST_PIXELS = 4_000_000
_SIZE = re.compile(r"<svg\b[^>]*\bviewBox=[\"']\s*[-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)", re.DOTALL)
# Text in an SVG would bring a font that is not ours; the rest reaches outside the file or runs.
_REFUSED = re.compile(r"<(text|tspan|image|use|script|style|foreignObject)\b|<!ENTITY|<!DOCTYPE|\bhref=", re.I)
# Documents are PDF/A with the colours of a screen, which knows no inks (ISO 19005-3, 6.2.4.3).
_CMYK = "est en CMJN : enregistrez-le en RVB"


class LogoError(ValueError):
    """The file cannot be the logo; the text says why, in French, and follows the words « logo »."""


@dataclass(frozen=True, slots=True)
class Logo:
    """An image as a `data:` URI with its proportions."""

    data_uri: str
    ratio: str

    @property
    def mimetype(self) -> str:
        return self.data_uri[5 : self.data_uri.index(";")]

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.data_uri.partition(",")[2])

    def fitted(self, width: float, height: float) -> tuple[float, float]:
        """The largest size with the logo's proportions inside `width` × `height`, in the same unit."""
        ratio = float(self.ratio)
        return (width, width / ratio) if ratio > width / height else (height * ratio, height)


def read_logo(path: Path) -> Logo:
    """Read an SVG, PNG or JPEG file. Raises LogoError when it is none, too large, or not safe to print."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LogoError(f"({path.name}) est illisible ({error.strerror})") from error
    if len(data) > MOST_BYTES:
        raise LogoError(f"({path.name}) pèse plus de {MOST_BYTES // 1000} ko")
    mimetype, width, height = _svg(data) if path.suffix.lower() == ".svg" else _picture(data)
    uri = f"data:{mimetype};base64,{base64.b64encode(data).decode('ascii')}"
    return Logo(uri, f"{width / height:.4f}")


def _svg(data: bytes) -> tuple[str, float, float]:
    text = data.decode("utf-8", errors="replace")
    size = _SIZE.search(text)
    if size is None or not float(size[1]) or not float(size[2]):
        raise LogoError("n'est pas un SVG avec un attribut viewBox")
    if "cmyk(" in text.lower():
        raise LogoError(_CMYK)
    if found := _REFUSED.search(text):
        raise LogoError(f"contient « {found[0]} » : vectorisez les textes et n'appelez rien d'extérieur")
    return "image/svg+xml", float(size[1]), float(size[2])


def _picture(data: bytes) -> tuple[str, float, float]:
    try:
        with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as image:
            width, height, kind = image.width, image.height, image.format
            if width * height > MOST_PIXELS:
                raise LogoError("a plus de 4 millions de points")
            if image.mode == "CMYK":
                raise LogoError(_CMYK)
            image.verify()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise LogoError("n'est ni un SVG, ni un PNG, ni un JPEG") from error
    return ("image/png" if kind == "PNG" else "image/jpeg"), width, height
