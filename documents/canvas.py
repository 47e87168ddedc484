"""What the renderer's library leaves to us on each page: the running parts, the page count, and no font but our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from xhtml2pdf.builders.printmarks import MarkedCanvas
from xhtml2pdf.xhtml2pdf_reportlab import PmlBaseDoc

from documents import fonts
from documents.fonts import BOLD, REGULAR
from documents.page import RunningParts
from documents.tagging import Element, Piece

MARGIN = 18 * mm
GREY = HexColor("#5b6769")
PALE = HexColor("#e9ecec")


class NumberedCanvas(MarkedCanvas):
    """A canvas that holds its pages back until their number is known, so that one layout gives « page x/y ».

    `<pdf:pagecount>` would lay the whole document out twice.
    """

    running: RunningParts
    foot: Element

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: list[dict[str, Any]] = []
        self._pieces = 0

    def _make_preamble(self) -> None:
        """Begin pages without the library's idle Helvetica, which would be a font that is not embedded.

        What is drawn is an artifact (rules, colours, running parts) until a piece says that it is content.
        """
        self._preamble = "1 0 0 1 0 0 cm /Artifact BMC"

    @contextmanager
    def piece(self, tag: str) -> Iterator[Piece]:
        """What is drawn inside is content of an element (PDF/UA-1, 7.1)."""
        piece = Piece(self._pageNumber - 1, self._pieces)
        self._pieces += 1
        self._code.append(f"EMC /{tag} <</MCID {piece.number}>> BDC")
        yield piece
        self._code.append("EMC /Artifact BMC")

    @contextmanager
    def _pagination(self, subtype: str) -> Iterator[None]:
        self._code.append(f"EMC /Artifact <</Type /Pagination /Subtype /{subtype}>> BDC")
        yield
        self._code.append("EMC /Artifact BMC")

    def setFont(self, psfontname: str, size: float, leading: float | None = None) -> None:  # noqa: N802  reportlab's
        """Tables select Helvetica before they draw cells that bring their own font; ours stands in for it."""
        super().setFont(REGULAR if psfontname.startswith("Helvetica") else psfontname, size, leading)

    def showPage(self) -> None:  # noqa: N802  reportlab's
        self._held.append(dict(self.__dict__))
        self._pieces = 0
        self._startPage()

    def save(self) -> None:
        for held in self._held:
            self.__dict__.update(held)
            self._draw_running_parts(len(self._held))
            self._code.append("EMC")
            super().showPage()
        self._doc.SaveToFile(self._filename, self)

    def _draw_running_parts(self, pages: int) -> None:
        """The foot names the seller as the law asks: content once, on the first page, and then an artifact."""
        width, height = self._pagesize
        first = self._pageNumber == 1
        self.saveState()
        with self._pagination("Header"):
            self.setFillColor(HexColor(self.running.accent))
            self.rect(0, height - 4 * mm, width, 4 * mm, stroke=0, fill=1)
            self.setFillColor(GREY)
            if not first:
                self._draw_text(height - 11 * mm, self.running.head, 8)
        with self._pagination("Footer"):
            self.setStrokeColor(PALE)
            self.setLineWidth(0.6)
            self.line(MARGIN, 20 * mm, width - MARGIN, 20 * mm)
            self.setFont(BOLD, 7.5)
            number = self.running.page.format(page=self._pageNumber, pages=pages)
            self.drawRightString(width - MARGIN, 16 * mm, number)
        with self.piece("P") if first else self._pagination("Footer") as piece:
            for row, text in enumerate(self.running.foot):
                self._draw_text(16 * mm - row * 3.4 * mm, text, 7)
        if piece:
            self.foot.pieces.append(piece)
        self.restoreState()
        if self.running.watermark:
            with self._pagination("Watermark"):
                self._draw_watermark(width, height)

    def _draw_text(self, y: float, text: str, size: float) -> None:
        """One line from the left margin, each character in the first face that has it.

        What is too long for a line, beside the number of the page, is set smaller.
        """
        line = self.beginText(MARGIN, y)
        runs = fonts.runs(text, REGULAR, self.running.fallbacks)
        room = self._pagesize[0] - 2 * MARGIN - 20 * mm
        fitted = min(size, room / (sum(stringWidth(run, face, 1) for run, face in runs) or 1))
        for run, face in runs:
            line.setFont(face, fitted)
            line.textOut(run)
        line.textOut(" ")
        self.drawText(line)

    def _draw_watermark(self, width: float, height: float) -> None:
        """Over the content but see-through, so that no table hides it."""
        self.saveState()
        self.setFillColor(HexColor("#b3261e"), alpha=0.14)
        self.translate(width / 2, height / 2)
        self.rotate(52)
        size = 0.82 * width / stringWidth(self.running.watermark, BOLD, 1)
        self.setFont(BOLD, size)
        self.drawCentredString(0, -size / 3, self.running.watermark)
        self.restoreState()


class NumberedDocument(PmlBaseDoc):
    """xhtml2pdf's document, drawn on our canvas; `foot` is the element of the seller's identity at the foot."""

    def __init__(self, *args: Any, running: RunningParts, foot: Element, **options: Any) -> None:
        super().__init__(*args, **options)
        self._running, self._foot = running, foot

    def _makeCanvas(self, filename: Any = None, canvasmaker: Any = None) -> NumberedCanvas:  # noqa: ARG002, N802
        """Called by reportlab, whose plain canvas we never want."""
        canvas: NumberedCanvas = super()._makeCanvas(filename=filename, canvasmaker=NumberedCanvas)
        canvas.running, canvas.foot = self._running, self._foot
        return canvas
