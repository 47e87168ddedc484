"""The same page drawn directly with reportlab, by a program that can draw nothing else.

Same texts, faces, logo, colours and tables; texts wrap, lines go on over pages with their header repeated, and pages
are numbered x/y, since customers' names and orders have any length. No HTML, no tags, no archive format, no XML. The
fonts are read once for all documents; the logo comes with each.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table
from svglib.svglib import svg2rlg

from documents import formatting
from documents.page import address_lines, legal_lines
from documents.renderer import ASSETS
from documents.snapshot import Snapshot

REGULAR, BOLD = "drawn", "drawn-bold"
WIDTH, HEIGHT = A4
MARGIN = 18 * mm
INK, GREY, PALE = HexColor("#1b2526"), HexColor("#5b6769"), HexColor("#dde2e2")
TEXT = ParagraphStyle("text", fontName=REGULAR, fontSize=9, leading=11.25, textColor=INK)
RIGHT = ParagraphStyle("right", parent=TEXT, alignment=TA_RIGHT)
SMALL = ParagraphStyle("small", parent=TEXT, fontSize=7.5, leading=9.4, textColor=GREY)
HEAD = ParagraphStyle("head", parent=SMALL, fontName=BOLD, textColor=white)
HEAD_RIGHT = ParagraphStyle("head-right", parent=HEAD, alignment=TA_RIGHT)


def draw(document: Snapshot) -> bytes:
    """The PDF of an invoice in French, of as many pages as it takes."""
    _register_fonts()
    out = BytesIO()
    template = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=16 * mm,
        bottomMargin=24 * mm,
        title=f"Facture {document.number}",
        author=document.seller.identity.name,
        initialFontName=REGULAR,
    )
    story = [_head(document), _space(), _parties(document), _space(), _facts(document), _space()]
    story += [_lines(document), _space(), _totals(document), _space(), *_words(document)]
    template.build(story, canvasmaker=_canvas_of(document))
    return out.getvalue()


@cache
def _register_fonts() -> None:
    pdfmetrics.registerFont(TTFont(REGULAR, str(ASSETS / "fonts" / "SourceSans3-Regular.ttf")))
    pdfmetrics.registerFont(TTFont(BOLD, str(ASSETS / "fonts" / "SourceSans3-SemiBold.ttf")))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


def _head(document: Snapshot) -> Table:
    logo = document.seller.logo
    picture: list[Flowable] = []
    if logo:
        width, height = (side * mm for side in logo.fitted(46, 18))
        drawing: Any = svg2rlg(BytesIO(logo.data))
        drawing.scale(width / drawing.width, height / drawing.height)
        drawing.width, drawing.height = width, height
        picture.append(drawing)
    name = Paragraph(f'<font size="12"><b>{escape(document.seller.shop_name)}</b></font>', TEXT)
    title = (
        f'<font size="24" color="{document.seller.accent}"><b>Facture</b></font><br/><br/>'
        f'<font size="12"><b>{document.number}</b></font><br/>'
        f'<font color="#5b6769">du {formatting.date_words(document.issue_date)}</font>'
    )
    return Table([[[*picture, name], Paragraph(title, RIGHT)]], colWidths=[94 * mm, 80 * mm], style=[_TOP])


def _parties(document: Snapshot) -> Table:
    seller, buyer, accent = document.seller.identity, document.buyer, HexColor(document.seller.accent)
    label = ParagraphStyle("label", parent=HEAD, textColor=accent)
    left = [*address_lines(seller), seller.email, seller.phone]
    right = [*address_lines(buyer), f"SIREN {buyer.siren}", f"TVA {buyer.vat_number}"]
    rows = [
        [Paragraph("Vendeur", label), "", Paragraph("Facturé à", label)],
        [_address(seller.name, left), "", _address(buyer.display_name, right)],
    ]
    ruled = [("LINEBELOW", (column, 0), (column, 0), 0.8, accent) for column in (0, 2)]
    return Table(rows, colWidths=[84 * mm, 6 * mm, 84 * mm], style=[_TOP, *ruled])


def _address(name: str, lines: list[str]) -> Paragraph:
    return Paragraph("<br/>".join([f"<b>{escape(name)}</b>", *(escape(line) for line in lines if line)]), TEXT)


def _facts(document: Snapshot) -> Table:
    order = document.order
    days = [("Passée le", order.placed_on), ("Expédiée le", order.shipped_on), ("Livrée le", order.delivered_on)]
    facts = [("Commande", order.number), *((label, formatting.date_words(day)) for label, day in days if day)]
    facts += [("Votre référence", order.purchase_order)] if order.purchase_order else []
    labels = [Paragraph(label, SMALL) for label, _value in facts]
    values = [Paragraph(f"<b>{escape(value)}</b>", TEXT) for _label, value in facts]
    grey = ("BACKGROUND", (0, 0), (-1, -1), HexColor("#f3f5f5"))
    return Table([labels, values], colWidths=[174 * mm / len(facts)] * len(facts), style=[_TOP, grey])


def _lines(document: Snapshot) -> Table:
    names = ("Désignation", "Qté", "Prix unit. HT", "TVA", "Montant HT", "Montant TTC")
    rows: list[list[Any]] = [[Paragraph(name, HEAD_RIGHT if index else HEAD) for index, name in enumerate(names)]]
    for line, amounts in zip(document.sale.lines, document.totals.lines, strict=True):
        what = f'{escape(line.description)}<br/><font size="7.5" color="#5b6769">Réf.\u00a0{escape(line.sku)}</font>'
        figures = (
            formatting.quantity(amounts.quantity),
            formatting.unit_price(amounts.unit_net),
            formatting.rate(line.vat_rate),
            formatting.number(amounts.net),
            formatting.number(amounts.gross),
        )
        rows.append([Paragraph(what, TEXT), *figures])
    widths = [71 * mm, 19 * mm, 23 * mm, 15 * mm, 23 * mm, 23 * mm]
    return Table(rows, colWidths=widths, style=_ruled(document), repeatRows=1)


def _totals(document: Snapshot) -> Table:
    totals, payment = document.totals, document.payment
    rates: list[list[Any]] = [["TVA par taux", "Base HT", "TVA", "TTC"]]
    for row in totals.rates:
        amounts = (formatting.number(amount) for amount in (row.net, row.vat, row.gross))
        rates.append([formatting.rate(row.rate), *amounts])
    named = (
        ("Total HT", totals.net),
        ("TVA", totals.vat),
        ("Total TTC", totals.gross),
        ("Déjà payé", payment.paid),
        ("Reste à payer", payment.left),
    )
    sums = [[label, formatting.money(amount, document.currency)] for label, amount in named]
    accent = HexColor(document.seller.accent)
    grand = [("BACKGROUND", (0, 2), (-1, 2), accent), ("TEXTCOLOR", (0, 2), (-1, 2), white)]
    plain: list[Any] = [_TOP, ("FONT", (0, 0), (-1, -1), REGULAR, 9), ("ALIGN", (1, 0), (-1, -1), "RIGHT")]
    below = ("LINEBELOW", (0, 0), (-1, -1), 0.5, PALE)
    left = Table(rates, colWidths=[28 * mm, 22 * mm, 22 * mm, 22 * mm], style=[*plain, below])
    right = Table(sums, colWidths=[33 * mm, 33 * mm], style=[*plain, below, *grand])
    return Table([[left, right]], colWidths=[108 * mm, 66 * mm], style=[_TOP])


def _words(document: Snapshot) -> list[Flowable]:
    payment = document.payment
    paid = f"<b>Payée</b> le {formatting.date_words(payment.paid_on)} {payment.words}." if payment.paid_on else ""
    return [Paragraph(paid, TEXT), _space(), Paragraph("<br/>".join(map(escape, document.mentions)), SMALL)]


_TOP = ("VALIGN", (0, 0), (-1, -1), "TOP")


def _ruled(document: Snapshot) -> list[Any]:
    return [
        _TOP,
        ("FONT", (0, 0), (-1, -1), REGULAR, 9),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("BACKGROUND", (0, 0), (-1, 0), HexColor(document.seller.accent)),
        ("LINEBELOW", (0, 1), (-1, -1), 0.5, PALE),
    ]


def _space() -> Spacer:
    return Spacer(1, 5 * mm)


def _canvas_of(document: Snapshot) -> type[Canvas]:
    """A canvas that draws the running parts once the number of pages is known."""
    accent, foot = HexColor(document.seller.accent), legal_lines(document.seller.identity)

    class Numbered(Canvas):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._held: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802  reportlab's
            self._held.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]

        def save(self) -> None:
            for number, held in enumerate(self._held, 1):
                self.__dict__.update(held)
                self.setFillColor(accent)
                self.rect(0, HEIGHT - 4 * mm, WIDTH, 4 * mm, stroke=0, fill=1)
                self.setStrokeColor(PALE)
                self.line(MARGIN, 20 * mm, WIDTH - MARGIN, 20 * mm)
                self.setFillColor(GREY)
                self.setFont(REGULAR, 7)
                for row, text in enumerate(foot):
                    self.drawString(MARGIN, (16 - 3.4 * row) * mm, text)
                self.setFont(BOLD, 7.5)
                self.drawRightString(WIDTH - MARGIN, 16 * mm, f"Page\u00a0{number}/{len(self._held)}")
                super().showPage()
            super().save()

    return Numbered
