"""The structure tree: what a reader who does not see the page is told, in which order, and as what."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from documents import pdf
from documents.page import RunningParts
from documents.snapshot import Snapshot
from documents.tagging import Node, Piece

from .factories import COMPANY, GERLAND, a_line, a_sale, a_snapshot, many_lines

STYLE = """<style>
@font-face { font-family: brand; src: url("fonts/SourceSans3-Regular.ttf"); }
@page { size: a4; margin: 2cm; }
body, div, p, h1, h2, table, tr, td, th { display: block; }
body { font-family: brand; font-size: 9pt; overflow-wrap: break-word; }
</style>"""
RUNNING = RunningParts("#004455", "Entête", ("Pied de page",), page="Page {page}/{pages}", watermark="", fallbacks=())
PAINTS = {"Tj", "TJ", "'", '"', "S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "sh", "Do", "INLINE IMAGE"}


@pytest.fixture(autouse=True, scope="module")
def _our_faces() -> None:
    pdf.warm_up()


def structure(body: str) -> list[Any]:
    """The structure of some markup as nested lists, without the foot: [tag, kid…], a kid being a list or a piece."""
    _, root = pdf.lay_out(f"<html>{STYLE}{body}</html>", RUNNING)
    assert isinstance(root.kids[-1], Node)
    assert root.kids[-1].tag == "P"
    return [outline(kid) for kid in root.kids[:-1]]


def outline(kid: Node | Piece) -> Any:
    return tuple(kid) if isinstance(kid, Piece) else [kid.tag, *map(outline, kid.kids)]


def nodes(kid: Node | Piece, tag: str) -> list[Node]:
    if isinstance(kid, Piece):
        return []
    return ([kid] if kid.tag == tag else []) + [node for child in kid.kids for node in nodes(child, tag)]


def elements(file: pikepdf.Pdf, tag: str = "") -> list[Any]:
    """The structure elements of a finished file in reading order."""

    def walk(element: Any) -> Iterator[Any]:
        if not tag or str(element.S) == f"/{tag}":
            yield element
        for kid in element.K:
            if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
                yield from walk(kid)

    return list(walk(file.Root.StructTreeRoot.K))


def marked(page: pikepdf.Page) -> Iterator[tuple[str, list[Any]]]:
    """What is painted on a page, as (operator, the marked content around it)."""
    around: list[Any] = []
    for instruction in pikepdf.parse_content_stream(page):
        operator = str(instruction.operator)
        if operator == "BMC":
            around.append((str(instruction.operands[0]), None))
        elif operator == "BDC":
            tag, properties = instruction.operands
            around.append((str(tag), properties.get("/MCID")))
        elif operator == "EMC":
            around.pop()
        elif operator in PAINTS:
            yield operator, list(around)
    assert not around


def opened(document: Snapshot) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(pdf.render(document)))


def test_headings_and_paragraphs_are_named_in_the_order_of_the_page() -> None:
    assert structure("<h1>Facture</h1><p>Un</p><h2>Deux</h2><div>Trois <b>quatre</b></div>") == [
        ["H1", (0, 0)],
        ["P", (0, 1)],
        ["H2", (0, 2)],
        ["P", (0, 3)],
    ]


def test_text_beside_a_block_keeps_its_place() -> None:
    assert structure("<div><h1>Facture</h1>du jour</div>") == [["H1", (0, 0)], ["P", (0, 1)]]


def test_a_table_has_rows_headers_and_cells_and_keeps_its_empty_ones() -> None:
    rows = ("<th>A</th><th>B</th>", "<th scope='row'>1</th><td></td>", "<td>x</td><td>y</td>")
    markup = f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
    _, root = pdf.lay_out(f"<html>{STYLE}{markup}</html>", RUNNING)
    (table,) = nodes(root, "Table")
    assert outline(table) == [
        "Table",
        ["TR", ["TH", (0, 0)], ["TH", (0, 1)]],
        ["TR", ["TH", (0, 2)], ["TD"]],
        ["TR", ["TD", (0, 3)], ["TD", (0, 4)]],
    ]
    assert [header.scope for header in nodes(table, "TH")] == ["Column", "Column", "Row"]


def test_a_cell_over_two_columns_says_so() -> None:
    _, root = pdf.lay_out(
        f"<html>{STYLE}<table><tr><td colspan='2'>A</td></tr><tr><td>b</td><td>c</td></tr></table></html>", RUNNING
    )
    assert [[cell.span for cell in nodes(row, "TD")] for row in nodes(root, "TR")] == [[2], [1, 1]]


def test_an_empty_column_parts_two_tables() -> None:
    markup = "<table><tr><td>a</td><td></td><td>x</td></tr><tr><td></td><td></td><td>y</td></tr></table>"
    assert structure(markup) == [
        ["Table", ["TR", ["TD", (0, 0)]]],
        ["Table", ["TR", ["TD", (0, 1)]], ["TR", ["TD", (0, 2)]]],
    ]


def test_a_table_that_only_places_things_is_read_column_by_column() -> None:
    markup = (
        "<table role='presentation'><tr><td>label</td><td>label</td></tr><tr><td>value</td><td>value</td></tr></table>"
    )
    assert structure(markup) == [["P", (0, 0)], ["P", (0, 2)], ["P", (0, 1)], ["P", (0, 3)]]


def test_a_paragraph_over_two_pages_is_one_element_of_two_pieces() -> None:
    words = " ".join(f"mot{number}" for number in range(1000))
    assert structure(f"<p>{words}</p>") == [["P", (0, 0), (1, 0)]]


def test_a_cell_over_two_pages_is_one_cell_of_one_table() -> None:
    words = "<br/>".join(f"ligne {number}" for number in range(90))
    (table,) = structure(f"<table repeat='1'><tr><th>A</th></tr><tr><td>{words}</td></tr></table>")
    assert table == ["Table", ["TR", ["TH", (0, 0)]], ["TR", ["TD", (0, 1), (1, 0)]]]


def test_another_language_is_told() -> None:
    _, root = pdf.lay_out(f"<html>{STYLE}<p>Total</p><p lang='en'>Total</p></html>", RUNNING)
    assert [node.language for node in nodes(root, "P")] == ["", "en", ""]


@pytest.mark.parametrize("typed", ["un mot", "deux<br/>lignes", "un <b>mot gras</b><br/>et <b>un</b><br/>autre"])
def test_lines_are_parted_by_a_blank(typed: str) -> None:
    drawn, _ = pdf.lay_out(f"<html>{STYLE}<p>{typed}</p></html>", RUNNING)
    with pikepdf.open(BytesIO(drawn)) as file:
        instructions = pikepdf.parse_content_stream(file.pages[0])
    shown = "".join(str(i.operands[0]) for i in instructions if str(i.operator) == "Tj")
    spoken = typed.replace("<br/>", " ").replace("<b>", "").replace("</b>", "")
    assert shown.startswith(spoken)


@pytest.mark.parametrize("lines", [1, 60])
@pytest.mark.parametrize("trial", [False, True])
def test_all_that_is_painted_is_content_of_one_element_or_an_artifact(lines: int, trial: bool) -> None:
    with opened(a_snapshot(a_sale(*many_lines(lines)), buyer=COMPANY, shipping_address=GERLAND, trial=trial)) as file:
        for page in file.pages:
            numbers = set()
            for operator, around in marked(page):
                assert len(around) == 1, operator
                ((tag, number),) = around
                assert (number is None) == (tag == "/Artifact")
                numbers.add(number)
            owners = file.Root.StructTreeRoot.ParentTree.Nums[2 * int(page.obj.StructParents) + 1]
            assert numbers - {None} == set(range(len(owners)))


def test_each_piece_leads_to_its_element_and_back() -> None:
    with opened(a_snapshot(a_sale(*many_lines(60)))) as file:
        pages = [page.obj.objgen for page in file.pages]
        claimed: set[tuple[int, int, Any]] = set()
        for element in elements(file):
            for kid in element.K:
                if isinstance(kid, int):
                    claimed.add((pages.index(element.Pg.objgen), kid, element.objgen))
                elif "/MCID" in kid:
                    claimed.add((pages.index(kid.Pg.objgen), int(kid.MCID), element.objgen))
                else:
                    assert kid.P.objgen == element.objgen
        numbered: Any = file.Root.StructTreeRoot.ParentTree.Nums
        owned = {
            (page, number, owner.objgen)
            for page in range(len(pages))
            for number, owner in enumerate(numbered[2 * page + 1])
        }
    assert claimed == owned


def test_the_lines_of_a_long_invoice_are_one_table_with_one_header() -> None:
    with opened(a_snapshot(a_sale(*many_lines(60)))) as file:
        assert len(file.pages) > 1
        lines = elements(file, "Table")[0]
        assert len(lines.K) == 61
        assert [str(cell.S) for cell in lines.K[0].K] == ["/TH"] * 6
        assert {str(cell.S) for row in list(lines.K)[1:] for cell in row.K} == {"/TD"}
        assert {str(header.A.Scope) for header in lines.K[0].K} == {"/Column"}


def test_an_invoice_has_one_title_and_the_seller_s_identity_once() -> None:
    with opened(a_snapshot(a_sale(*many_lines(60)), trial=True)) as file:
        assert [str(element.S) for element in elements(file)].count("/H1") == 1
        assert elements(file, "Document")[0].K[-1].Pg.objgen == file.pages[0].obj.objgen
        assert file.Root.MarkInfo.Marked
        assert str(file.Root.Lang) == "fr"
        assert all(page.obj.Tabs == "/S" for page in file.pages)


@pytest.mark.usefixtures("poppler")
def test_the_title_is_read_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "invoice.pdf"
    file.write_bytes(pdf.render(a_snapshot()))
    read = subprocess.run(["pdfinfo", "-struct-text", file], capture_output=True, text=True, check=True).stdout
    assert 'H1 (block)\n    "Facture FA-2026-000123"\n' in read


def test_the_logo_is_a_figure_with_words_and_a_place() -> None:
    document = a_snapshot()
    with opened(document) as file:
        (figure,) = elements(file, "Figure")
        assert str(figure.Alt) == document.seller.shop_name
        left, bottom, right, top = map(float, figure.A.BBox)
        assert 0 < left < right < 595
        assert 700 < bottom < top < 842


def test_a_line_with_a_break_inside_still_has_all_its_cells() -> None:
    sale = a_sale(a_line("Très longue description " * 12), a_line("W" * 300))
    with opened(a_snapshot(sale)) as file:
        assert [len(row.K) for row in elements(file, "Table")[0].K] == [6, 6, 6]
