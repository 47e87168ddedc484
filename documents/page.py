"""A snapshot as one HTML page and its running parts: everything the document says, before any library lays it out.

Every expression of the template passes `printable` and is then escaped: whatever customers type is text, never markup,
and never a box that the font cannot draw.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import zip_longest

from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from reportlab.pdfbase.ttfonts import TTFontFile

from documents import formatting
from documents.renderer import ASSETS, TEMPLATES
from documents.seller import Identity
from documents.snapshot import DeliveryAddress, OrderReference, Snapshot
from documents.totals import Line, LineAmounts, RateAmounts
from parties.details import Details

MISSING = "□"
# Control and format characters only steer how neighbours are drawn; without them the text reads the same.
_INVISIBLE = {"Cc", "Cf", "Cs"}


@dataclass(frozen=True, slots=True)
class RunningParts:
    """What every page carries around its content; `head` is for the second page on."""

    accent: str
    head: str
    foot: tuple[str, ...]
    watermark: str


def html(snapshot: Snapshot) -> str:
    """The page's content as HTML, its texts printable and escaped."""
    return _template().render(
        document=snapshot,
        facts=_facts(snapshot.order),
        shown_lines=list(zip(snapshot.sale.lines, snapshot.totals.lines, strict=True)),
        totals_rows=_totals_rows(snapshot),
        logo_size=snapshot.seller.logo.fitted(46, 18) if snapshot.seller.logo else None,
    )


def running(snapshot: Snapshot) -> RunningParts:
    """The head, foot and watermark that the canvas draws on each page, their texts printable."""
    return RunningParts(
        accent=snapshot.seller.accent,
        head=printable(f"{snapshot.seller.identity.name} · {title(snapshot)}"),
        foot=tuple(printable(row) for row in legal_lines(snapshot.seller.identity)),
        watermark="SPÉCIMEN" if snapshot.trial else "",
    )


def title(snapshot: Snapshot) -> str:
    """What the document is called, « Facture FA-2026-000123 »."""
    return f"Facture {snapshot.number}"


def warm_up() -> None:
    """Afterwards the template and the fonts' coverage are read."""
    _template()
    _glyphs()


def printable(text: str) -> str:
    """The text on one line, composed, every character the fonts lack replaced by a visible « □ »."""
    glyphs = _glyphs()
    shown = []
    for character in unicodedata.normalize("NFC", text):
        if character in "\n\r\t":
            shown.append(" ")
        elif unicodedata.category(character) in _INVISIBLE or "\ufe00" <= character <= "\ufe0f":
            continue
        else:
            shown.append(character if ord(character) in glyphs else MISSING)
    return "".join(shown)


def legal_lines(identity: Identity) -> tuple[str, str]:
    """The seller's mandatory identity in two lines (Code de commerce R123-237, R123-238)."""
    form = identity.legal_form
    if identity.capital is not None:
        places = 0 if identity.capital == identity.capital.to_integral_value() else 2
        capital = formatting.number(identity.capital, places)
        form = f"{form} au capital de {capital}{formatting.NO_BREAK}€".strip()
    place = f"{identity.line1}, {identity.postal_code} {identity.city}"
    numbers = [f"SIRET {grouped(identity.siret, 3, 3, 3, 5)}"]
    if identity.rcs:
        numbers.insert(0, f"RCS {identity.rcs} {grouped(identity.siren, 3, 3, 3)}")
    if identity.vat_number:
        numbers.append(f"TVA {identity.vat_number}")
    return " · ".join(part for part in (identity.name, form, place) if part), " · ".join(numbers)


def grouped(digits: str, *sizes: int) -> str:
    """A number in groups kept together by U+00A0, « 123 456 782 »; unchanged when it has another length."""
    if len(digits) != sum(sizes):
        return digits
    parts, start = [], 0
    for size in sizes:
        parts.append(digits[start : start + size])
        start += size
    return formatting.NO_BREAK.join(parts)


def address_lines(address: Details | DeliveryAddress | Identity) -> list[str]:
    """Street, place and, outside France, the country in capitals, as the post wants them."""
    country = Locale("fr").territories.get(address.country, address.country).upper() if address.country != "FR" else ""
    place = f"{address.postal_code} {address.city}".strip()
    return [line for line in (address.line1, address.line2, place, country) if line]


def _piece_price(amounts: LineAmounts) -> str:
    """The net price of one piece, with as few decimals (2 to 6) as give the line's amount: readers can check it."""
    amount = formatting.rounded(amounts.quantity * amounts.unit_net)
    for places in range(2, 6):
        price = formatting.rounded(amounts.unit_net, Decimal(1).scaleb(-places))
        if formatting.rounded(amounts.quantity * price) == amount:
            return formatting.number(price, places)
    return formatting.number(amounts.unit_net, 6)


def _rate_label(row: Line | RateAmounts) -> str:
    """How a rate is written: « 20 % », and « 0 % (K) » with the category that the reason at the foot names."""
    rate, category = (row.rate, row.category) if isinstance(row, RateAmounts) else (row.rate_key[0], row.rate_key[1])
    if rate:
        return formatting.rate(rate)
    return f"{formatting.rate(rate)} ({category})" if category else "\u2013"


def _facts(order: OrderReference) -> list[tuple[str, str]]:
    """What the strip under the addresses says, label by label; unknown dates are left out."""
    days = [("Passée le", order.placed_on), ("Expédiée le", order.shipped_on), ("Livrée le", order.delivered_on)]
    facts = [("Commande", order.number), *((label, formatting.date_words(day)) for label, day in days if day)]
    return facts + ([("Votre référence", order.purchase_order)] if order.purchase_order else [])


@dataclass(frozen=True, slots=True)
class _Sum:
    label: str
    amount: Decimal
    style: str


def _totals_rows(snapshot: Snapshot) -> list[tuple[RateAmounts | None, _Sum | None]]:
    """The VAT table and the sums side by side as one flat table: nested ones cost the library half its time."""
    totals, payment = snapshot.totals, snapshot.payment
    sums = [
        _Sum("Total HT", totals.net, "rule"),
        _Sum("TVA", totals.vat, "rule"),
        _Sum("Total TTC", totals.gross, "grand"),
        _Sum("Déjà payé", payment.paid, "rule"),
        _Sum("Reste à payer", payment.left, "left"),
    ]
    return list(zip_longest([None, *totals.rates], sums))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if isinstance(value, str) else value,
    )
    environment.filters.update(
        number=formatting.number,
        money=formatting.money,
        unit_price=formatting.unit_price,
        piece_price=_piece_price,
        quantity=formatting.quantity,
        rate_label=_rate_label,
        date=formatting.date_words,
        address=address_lines,
        grouped=grouped,
    )
    return environment.get_template("invoice.html")


@cache
def _glyphs() -> frozenset[int]:
    """The characters that both faces can draw."""
    faces = [TTFontFile(str(path)) for path in sorted((ASSETS / "fonts").glob("*.ttf"))]
    covered = set(faces[0].charToGlyph)
    for face in faces[1:]:
        covered &= set(face.charToGlyph)
    return frozenset(covered)
