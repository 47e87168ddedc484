"""The file that is kept: what it declares, what it carries, and that checkers nobody here wrote find nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from lxml import etree
from PIL import Image, ImageCms

from documents import archive, facturx, pdf, renderer
from documents.archive import About
from documents.logo import Logo, LogoError, read_logo
from documents.snapshot import Snapshot
from documents.tagging import Node, Piece
from tests.support.validators import pdf_problems

from .factories import (
    COMPANY,
    GERLAND,
    INDIVIDUAL,
    a_credit_note,
    a_line,
    a_replacement,
    a_sale,
    a_seller,
    a_snapshot,
    many_lines,
)

ABOUT = About("Facture <1> & suite", "Fil & Encre", "Commande T-1", "L’Atelier", "fr", date(2026, 11, 22))
STRUCTURE = Node("Document", (Node("P", (Piece(0, 0),)),))
NAMES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "pdfuaid": "http://www.aiim.org/pdfua/ns/id/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "fx": "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
}


SAID = (
    *("dc:title//rdf:li", "dc:creator//rdf:li", "dc:description//rdf:li", "pdf:Producer"),
    *("xmp:CreatorTool", "xmp:CreateDate", "xmp:ModifyDate", "pdfaid:part", "pdfaid:conformance", "pdfuaid:part"),
    *("fx:DocumentType", "fx:DocumentFileName", "fx:Version", "fx:ConformanceLevel"),
)


def a_page(content: bytes = b"EMC") -> bytes:
    """A page as a library might draw it, with an identifier and properties that change from one time to the next."""
    with pikepdf.new() as file:
        file.add_blank_page(page_size=(595, 842))
        file.pages[0].Contents = file.make_indirect(pikepdf.Stream(file, content))
        file.docinfo["/CreationDate"] = "D:20200101"
        out = BytesIO()
        file.save(out, compress_streams=False)
    return out.getvalue()


def opened(data: bytes) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(data))


def metadata(file: pikepdf.Pdf) -> dict[str, str]:
    tree = etree.fromstring(file.Root.Metadata.read_raw_bytes())
    return {path: str(tree.findtext(f".//{path}", namespaces=NAMES)) for path in SAID}


# What the file says of itself ---------------------------------------------------------------------------------------


def test_the_metadata_names_the_standards_and_equals_the_properties() -> None:
    with opened(archive.seal(a_page(), b"<x/>", ABOUT, STRUCTURE)) as file:
        said = metadata(file)
        assert (said["pdfaid:part"], said["pdfaid:conformance"], said["pdfuaid:part"]) == ("3", "B", "1")
        assert [said[f"fx:{name}"] for name in ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")] == [
            "INVOICE",
            "factur-x.xml",
            "1.0",
            "EN 16931",
        ]
        info = {name: str(value) for name, value in file.docinfo.items()}
        assert info.pop("/CreationDate") == info.pop("/ModDate") == "D:20261122000000Z"
        assert said["xmp:CreateDate"] == said["xmp:ModifyDate"] == "2026-11-22T00:00:00Z"
        assert info == {
            "/Title": said["dc:title//rdf:li"],
            "/Author": said["dc:creator//rdf:li"],
            "/Subject": said["dc:description//rdf:li"],
            "/Creator": said["xmp:CreatorTool"],
            "/Producer": said["pdf:Producer"],
        }
        assert info["/Title"] == ABOUT.title
        assert "/Filter" not in file.Root.Metadata
        assert file.Root.ViewerPreferences.DisplayDocTitle
        assert str(file.Root.Lang) == "fr"


def test_the_properties_of_a_document_are_its_own() -> None:
    document = a_snapshot(language="en")
    with opened(pdf.render(document)) as file:
        assert str(file.docinfo["/Title"]) == "Invoice FA-2026-000123"
        assert str(file.docinfo["/Subject"]) == "Order T-100234"
        assert str(file.docinfo["/Author"]) == document.seller.identity.name
        assert str(file.docinfo["/Creator"]) == document.seller.shop_name
        assert str(file.docinfo["/CreationDate"]) == "D:20261122000000Z"
        assert str(file.Root.Lang) == "en"


def test_the_colours_mean_what_srgb_says() -> None:
    with opened(archive.seal(a_page(), b"<x/>", ABOUT, STRUCTURE)) as file:
        (intent,) = file.Root.OutputIntents
        assert str(intent.S) == "/GTS_PDFA1"
        assert int(intent.DestOutputProfile.N) == 3
        profile = ImageCms.ImageCmsProfile(BytesIO(intent.DestOutputProfile.read_bytes()))
    shades = Image.new("RGB", (16, 16))
    shades.putdata([(i, (i * 7) % 256, (i * 31) % 256) for i in range(256)])
    seen = ImageCms.profileToProfile(shades, profile, ImageCms.createProfile("sRGB"))
    assert isinstance(seen, Image.Image)
    assert max(abs(a - b) for a, b in zip(shades.tobytes(), seen.tobytes(), strict=True)) <= 1


# The XML inside -----------------------------------------------------------------------------------------------------


def test_the_xml_inside_is_the_one_that_was_written() -> None:
    document = a_snapshot()
    assert archive.embedded_xml(pdf.render(document)) == facturx.xml(document)
    assert archive.embedded_xml(a_page()) is None


def test_the_xml_is_attached_as_factur_x_wants() -> None:
    xml = b"<invoice>\xc3\xa9</invoice>"
    with opened(archive.seal(a_page(), xml, ABOUT, STRUCTURE)) as file:
        (described,) = file.Root.AF
        name, named = file.Root.Names.EmbeddedFiles.Names
        assert named.objgen == described.objgen
        assert str(name) == str(described.F) == str(described.UF) == "factur-x.xml"
        assert described.AFRelationship == "/Alternative"
        assert described.EF.F.objgen == described.EF.UF.objgen
        assert described.EF.F.Subtype == "/text/xml"
        parameters = described.EF.F.Params
        assert parameters.Size == len(xml)
        assert bytes(parameters.CheckSum) == hashlib.md5(xml, usedforsecurity=False).digest()
        assert str(parameters.ModDate) == "D:20261122000000Z"


# The same bytes -----------------------------------------------------------------------------------------------------


def test_sealing_the_same_twice_gives_the_same_bytes() -> None:
    sealed = {archive.seal(a_page(), b"<x/>", ABOUT, STRUCTURE) for _ in range(3)}
    assert len(sealed) == 1
    assert re.search(rb"/ID \[<[0-9a-f]{32}><[0-9a-f]{32}>\]", sealed.pop())


@pytest.mark.parametrize("changed", [replace(ABOUT, title="Autre"), replace(ABOUT, day=date(2026, 11, 23))])
def test_another_content_gives_another_identifier(changed: About) -> None:
    with (
        opened(archive.seal(a_page(), b"<x/>", ABOUT, STRUCTURE)) as one,
        opened(archive.seal(a_page(), b"<x/>", changed, STRUCTURE)) as other,
    ):
        assert bytes(one.trailer.ID[0]) != bytes(other.trailer.ID[0])


def test_no_stream_ends_in_what_could_be_the_end_of_its_line() -> None:
    content = b"EMC %\r"
    sealed = archive.seal(a_page(content), b"<x/>", ABOUT, STRUCTURE)
    assert b"\r\nendstream" not in sealed
    with opened(sealed) as file:
        assert file.pages[0].Contents.read_bytes() == content


def test_a_file_whose_own_tables_would_end_so_is_written_without_them() -> None:
    """One stream in 256 ends in a carriage return, also of those that only the last step writes."""
    page = a_page()
    for number in range(5000):
        sealed = archive.seal(page, b"<x/>", replace(ABOUT, title=f"Facture {number}"), STRUCTURE)
        assert b"\r\nendstream" not in sealed
        if b"/ObjStm" not in sealed:
            break
    else:
        pytest.fail("no file came near the case")
    with opened(sealed) as file:
        assert str(file.docinfo["/Title"]) == f"Facture {number}"


def test_the_fingerprint_covers_every_file_that_draws() -> None:
    hashed = {path.name for path in renderer.sources()}
    assert hashed >= {
        "pdf.py",
        "page.py",
        "tagging.py",
        "archive.py",
        "canvas.py",
        "facturx.py",
        "page.css",
        "srgb.icc",
    }
    assert hashed >= {"metadata.xmp", "SourceSans3-Regular.ttf"}
    modules = {
        module.__file__
        for name, module in pdf.__dict__.items()
        if getattr(module, "__name__", "").startswith("documents.")
    }
    assert modules <= {str(path) for path in renderer.sources()}
    for library in ("xhtml2pdf", "reportlab", "pikepdf", "lxml"):
        assert re.search(rf"\b{library} \d", renderer.fingerprint())


# Every document -----------------------------------------------------------------------------------------------------


def picture(mode: str, kind: str, **options: Any) -> Logo:
    out = BytesIO()
    image = Image.linear_gradient("L").resize((60, 30)).convert(mode)
    if "A" in mode:
        image.putalpha(Image.linear_gradient("L").resize((60, 30)))
    image.save(out, kind, **options)
    data = base64.b64encode(out.getvalue()).decode()
    return Logo(f"data:image/{kind};base64,{data}", "2.0000")


def drawing(inside: str) -> Logo:
    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 30">{inside}</svg>'
    return Logo(f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}", "2.0000")


def with_logo(logo: Logo | None) -> Snapshot:
    return a_snapshot(seller=a_seller(logo=logo))


DOCUMENTS: dict[str, Callable[[], Snapshot]] = {
    "one line": lambda: a_snapshot(a_sale(a_line())),
    "three lines": lambda: a_snapshot(a_sale(*many_lines(3)), buyer=COMPANY, shipping_address=GERLAND),
    "thirty lines, trial": lambda: a_snapshot(a_sale(*many_lines(30)), trial=True),
    "675 lines": lambda: a_snapshot(a_sale(*many_lines(675))),
    "English": lambda: a_snapshot(language="en"),
    "Spanish": lambda: a_snapshot(language="es"),
    "credit note": lambda: a_credit_note(a_snapshot()),
    "replacement": lambda: a_replacement(a_snapshot()),
    "no logo": lambda: with_logo(None),
    "logo, drawing": lambda: with_logo(drawing('<path d="M0 0L60 30L0 30Z" fill="#045"/>')),
    "logo, see-through drawing": lambda: with_logo(
        drawing('<rect width="60" height="30" fill="red" opacity="0.5"/><circle cx="9" cy="9" r="5" fill="black"/>')
    ),
    "logo, JPEG": lambda: with_logo(picture("RGB", "jpeg")),
    "logo, grey JPEG": lambda: with_logo(picture("L", "jpeg")),
    **{
        f"logo, PNG {mode}": lambda mode=mode: with_logo(picture(mode, "png"))  # type: ignore[misc]
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    },
    "logo, PNG palette with a see-through colour": lambda: with_logo(picture("P", "png", transparency=0)),
    **{
        f"name {name}": lambda name=name: a_snapshot(  # type: ignore[misc]
            a_sale(a_line(name)), buyer=replace(INDIVIDUAL, last_name=name, city=name)
        )
        for name in (
            "Łukasz Żółć",
            "Ἀθηνᾶ",
            "王小明",
            "عائشة",
            "👩‍🍳 Crêpes & Co <b>",
            "ひらがな 한국어",
            "ไทย",
            "\U000e0041\u0378",
        )
    },
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_every_document_is_pdf_a_and_pdf_ua(case: str) -> None:
    assert pdf_problems(pdf.render(DOCUMENTS[case]())) == []


@pytest.mark.parametrize("case", ["one line", "thirty lines, trial", "credit note", "name 王小明", "name عائشة"])
def test_every_font_is_inside_and_none_is_one_of_the_fourteen(case: str) -> None:
    with opened(pdf.render(DOCUMENTS[case]())) as file:
        fonts = [item for item in file.objects if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/Font"]
        assert fonts
        for font in fonts:
            assert re.match(r"/[A-Z]{6}\+", str(font.BaseFont)), font.BaseFont
            assert len(font.FontDescriptor.FontFile2.read_bytes()) > 1000
            assert b"<0000>" not in font.ToUnicode.read_bytes()
        used = {name for page in file.pages for name in page.resources.Font}
        selected = set()
        for page in file.pages:
            for instruction in pikepdf.parse_content_stream(page, "Tf"):
                selected.add(str(instruction.operands[0]))
        assert selected <= used


def test_the_page_is_drawn_in_rgb_and_grey_and_links_nowhere() -> None:
    with opened(pdf.render(DOCUMENTS["thirty lines, trial"]())) as file:
        for page in file.pages:
            assert "/Annots" not in page
            operators = {str(instruction.operator) for instruction in pikepdf.parse_content_stream(page)}
            assert not operators & {"k", "K", "cs", "CS", "sc", "SC", "scn", "SCN"}


def test_a_logo_in_inks_is_refused_before_any_document_bears_it(tmp_path: Path) -> None:
    Image.new("CMYK", (60, 30)).save(tmp_path / "logo.jpg")
    (tmp_path / "logo.svg").write_text('<svg viewBox="0 0 9 9"><rect fill="device-CMYK(0,1,0,0)"/></svg>')
    for name in ("logo.jpg", "logo.svg"):
        with pytest.raises(LogoError, match="CMJN"):
            read_logo(tmp_path / name)
