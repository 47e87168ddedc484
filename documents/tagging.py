"""The structure of a page for readers who do not see it (PDF/UA-1): which drawn content belongs to which element.

xhtml2pdf forgets the markup before it draws. Here every fragment of text keeps the element it came from, and a
paragraph tells it where its content went; all that no paragraph draws is an artifact. The hooks lean on what xhtml2pdf
0.2.28 and reportlab do inside, hence the pinned versions and the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self
from xml.dom import minidom  # nosec B408  # For its types; what it has read is our own markup.

from xhtml2pdf.context import pisaContext
from xhtml2pdf.xhtml2pdf_reportlab import PmlParagraph

BLOCKS = {"h1": "H1", "h2": "H2", "h3": "H3", "p": "P", "div": "P", "td": "P", "th": "P", "body": "P"}
CJK = "\u2e80"  # Where in Unicode the scripts of East Asia begin.
KEPT = ("alt", "colspan", "lang", "role", "scope")
ROUNDING = 0.001  # Points.
_RULES: dict[str, Any] = {}
SCOPES = {"": "Column", "col": "Column", "row": "Row"}


class Piece(NamedTuple):
    """A stretch of marked content: the page, from 0, and its number there."""

    page: int
    number: int


NOWHERE = Piece(sys.maxsize, 0)


@dataclass(eq=False, slots=True)
class Element:
    """An element of the markup, with the pieces of text drawn of it; `box` is where a picture stands, in points."""

    name: str
    parent: Element | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None

    def append(self, name: str, attributes: dict[str, str] | None = None) -> Element:
        """A new last child."""
        child = Element(name, self, attributes or {})
        self.children.append(child)
        return child

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: the library copies what it lays out, and all copies are of one element."""
        return self

    @property
    def block(self) -> Element:
        """The element whose text this is: itself, or the nearest around it that is no mere piece of a line."""
        element = self
        while element.name not in BLOCKS and element.parent is not None:
            element = element.parent
        return element

    @property
    def drawn(self) -> bool:
        """Whether any content of it is on a page."""
        return bool(self.pieces) or any(child.drawn for child in self.children)


@dataclass(frozen=True, slots=True)
class Node:
    """A structure element of the file; `scope` is of header cells, `alt` and `box` of figures, `span` of wide cells."""

    tag: str
    kids: tuple[Node | Piece, ...]
    scope: str = ""
    span: int = 1
    alt: str = ""
    box: tuple[float, float, float, float] | None = None
    language: str = ""


class _Styles(dict[Any, Any]):
    """The style of each element once worked out: our rules name one tag or class each, and never what is around it."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, style: Any) -> None:
        super().__setitem__(key[1:], style)


class TaggedContext(pisaContext):
    """xhtml2pdf's context, with what each fragment and paragraph needs to tell where it comes from."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.root = Element("document")
        self.cssAttrCache = _Styles()

    def _parseCSSSource(self, text: str, sourceName: str) -> Any:  # noqa: N802, N803  xhtml2pdf's
        """Rules that are the same in each document are read once; fonts and pages belong to a document."""
        if "@" in text:
            return super()._parseCSSSource(text, sourceName)
        if text not in _RULES:
            _RULES[text] = super()._parseCSSSource(text, sourceName)
        return _RULES[text]

    def pushFrag(self) -> None:  # noqa: N802  xhtml2pdf's; called once as each element begins
        super().pushFrag()
        parent = getattr(self.fragStack[-1], "element", self.root)
        self.frag.element = parent.append(self.node.tagName, _attributes(self.node))

    def addStory(self, data: Any) -> None:  # noqa: N802  xhtml2pdf's; every paragraph passes here as it is finished
        if type(data) is PmlParagraph:
            data.__class__ = TaggedParagraph
        super().addStory(data)


class TaggedParagraph(PmlParagraph):
    """A paragraph whose text is a piece of its element; one that holds a picture is that picture's figure.

    Drawn again, as the header of a table on each further page is, it stays the artifact that it then is.
    """

    _drawn = False
    _measured: tuple[float, tuple[float, float]] | None = None

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:  # noqa: N803  reportlab's
        """A cell is measured again to be placed, at a width that differs by rounding alone: its lines are the same."""
        known = self._measured if hasattr(self, "blPara") else None
        if known is not None and abs(known[0] - availWidth) < ROUNDING:
            self.width, self.height = known[1]
            return known[1]
        size: tuple[float, float] = super().wrap(availWidth, availHeight)
        # A picture's size depends on the height as well.
        self._measured = None if any(hasattr(frag, "cbDefn") for frag in self.frags) else (availWidth, size)
        return size

    def drawPara(self, debug: int = 0) -> None:  # noqa: N802  reportlab's
        if self._drawn:
            super().drawPara(debug)
            return
        self._drawn = True
        pictures = [frag.element for frag in self.frags if getattr(getattr(frag, "cbDefn", None), "kind", "") == "img"]
        element = pictures[0] if pictures else self.frags[0].element.block
        if pictures:
            left, bottom = self.canv.absolutePosition(0, 0)
            right, top = self.canv.absolutePosition(self.width, self.height)
            element.box = (left, bottom, right, top)
        with self.canv.piece(BLOCKS.get(element.name, "Figure")) as piece:
            super().drawPara(debug)
        element.pieces.append(piece)

    def displayLines(self) -> list[Any]:  # noqa: N802  xhtml2pdf's
        """Each line but the last ends in the blank that parts its last word from the next (ISO 32000-1, 14.8.2.5)."""
        lines = super().displayLines()
        return [*map(_parted, lines[:-1]), *lines[-1:]]


def tree(root: Element) -> Node:
    """The structure of a document whose pages are drawn, in the order of its markup."""
    return Node("Document", tuple(_contents(root)))


def _parted(line: Any) -> Any:
    """A line with a blank at its end; scripts that know no blank between words get none."""
    if isinstance(line, tuple):
        room, words = line
        return (room, [*words, b""])
    *before, last = line.words
    # Of a word that was broken to fit, the parts may come as bytes.
    text = last.text.decode() if isinstance(last.text, bytes) else last.text
    if hasattr(last, "cbDefn") or text[-1:] >= CJK:
        return line
    return line.clone(words=[*before, last.clone(text=f"{text} ")])


def _contents(element: Element) -> list[Node]:
    if element.name == "table":
        layout = element.attributes.get("role") == "presentation"
        return list(_columns(_grid(element)) if layout else _tables(_grid(element)))
    inner = [node for child in element.children for node in _contents(child)]
    if not element.pieces:
        return inner
    language, alt = element.attributes.get("lang", ""), element.attributes.get("alt", "")
    own = Node(BLOCKS.get(element.name, "Figure"), tuple(element.pieces), alt=alt, box=element.box, language=language)
    return sorted([own, *inner], key=_place)


def _place(kid: Node | Piece) -> Piece:
    """Where a node begins, for a block whose own text stands beside other blocks."""
    return kid if isinstance(kid, Piece) else min(map(_place, kid.kids), default=NOWHERE)


def _columns(grid: list[list[Element]]) -> Iterator[Node]:
    """A table that only places things side by side is read column after column."""
    for column in range(max(map(len, grid))):
        for row in grid:
            if column < len(row):
                yield from _contents(row[column])


def _tables(grid: list[list[Element]]) -> Iterator[Node]:
    """A column without content parts two tables that stand side by side; rows without any are left out."""
    width = max(map(len, grid))
    filled = [any(column < len(row) and row[column].drawn for row in grid) for column in range(width)]
    start = 0
    for end in range(width + 1):
        if end < width and filled[end]:
            continue
        rows = [list(dict.fromkeys(row[start:end])) for row in grid]
        kept = [Node("TR", tuple(map(_cell, row))) for row in rows if any(cell.drawn for cell in row)]
        if kept:
            yield Node("Table", tuple(kept))
        start = end + 1


def _cell(cell: Element) -> Node:
    inner = [node for child in cell.children for node in _contents(child)]
    kids: list[Node | Piece] = sorted([*cell.pieces, *inner], key=_place)
    header = cell.name == "th"
    scope = SCOPES[cell.attributes.get("scope", "")] if header else ""
    return Node("TH" if header else "TD", tuple(kids), scope=scope, span=_span(cell))


def _grid(table: Element) -> list[list[Element]]:
    """The cells of each row, a cell as often as it has columns."""
    rows = [row for part in table.children for row in ([part] if part.name == "tr" else part.children)]
    return [[cell for cell in row.children for _ in range(_span(cell))] for row in rows]


def _span(cell: Element) -> int:
    return int(cell.attributes.get("colspan", "1"))


def _attributes(node: minidom.Element) -> dict[str, str]:
    return {name: node.getAttribute(name) for name in KEPT if node.hasAttribute(name)}
