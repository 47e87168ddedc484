"""A drawn page as the file that is kept for ten years: PDF/A-3b (ISO 19005-3), PDF/UA-1 (ISO 14289-1), Factur-X.

One pass over the PDF that reportlab wrote adds what the three ask for and the library does not know: the colours'
meaning, the metadata, the structure for those who do not see the page, and the invoice as XML inside.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import a85encode
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape  # nosec B406  # It writes; nothing is parsed by it.

from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Pdf, Stream, StreamDecodeLevel, String
from pikepdf import Object as PdfObject

from documents.renderer import ASSETS
from documents.tagging import Node, Piece

AMBIGUOUS = b"\r\nendstream"
XML_NAME = "factur-x.xml"
PRODUCER = "xhtml2pdf, reportlab, pikepdf"


@dataclass(frozen=True, slots=True)
class About:
    """What the file says of itself, as properties and as XMP; `day` is the document's date, the only one in it."""

    title: str
    author: str
    subject: str
    creator: str
    language: str
    day: date


def seal(page: bytes, xml: bytes, about: About, structure: Node) -> bytes:
    """The archived file: the page unchanged to the eye, with `xml` inside. Equal arguments give equal bytes."""
    with Pdf.open(BytesIO(page)) as pdf:
        if "/ID" in pdf.trailer:
            del pdf.trailer.ID
        _describe(pdf, about)
        _declare_colours(pdf)
        _embed(pdf, xml, about)
        _write_structure(pdf, structure)
        sealed = _saved(pdf, compressed=True)
        if AMBIGUOUS in sealed:
            _wrap_ambiguous_streams(pdf)
            sealed = _saved(pdf, compressed=False)  # Else the library would take the wrapping off again.
        return sealed


def embedded_xml(pdf: bytes) -> bytes | None:
    """The `factur-x.xml` inside the file, None where there is none. Raises pikepdf.PdfError when it is no PDF."""
    with Pdf.open(BytesIO(pdf)) as opened:
        attached = opened.attachments.get(XML_NAME)
        return attached.get_file().read_bytes() if attached else None


def _saved(pdf: Pdf, *, compressed: bool) -> bytes:
    """Written with its streams as they are: which is compressed, and that the metadata is not, was decided before."""
    out = BytesIO()
    pdf.save(
        out,
        force_version="1.7",
        fix_metadata_version=False,
        stream_decode_level=StreamDecodeLevel.none,
        compress_streams=compressed,
        object_stream_mode=ObjectStreamMode.generate if compressed else ObjectStreamMode.disable,
        deterministic_id=True,
    )
    return out.getvalue()


def _wrap_ambiguous_streams(pdf: Pdf) -> None:
    """Afterwards no stream ends in a carriage return, which before « endstream » would not count (6.1.7.1)."""
    for item in pdf.objects:
        if isinstance(item, Stream) and (raw := item.read_raw_bytes()).endswith(b"\r"):
            inner = item.get("/Filter", Array())
            filters = [Name.ASCII85Decode, *(inner if isinstance(inner, Array) else [inner])]
            item.write(a85encode(raw) + b"~>", filter=Array(filters), type_check=False)


def _describe(pdf: Pdf, about: About) -> None:
    """The properties twice, since PDF/A wants XMP to equal them (ISO 19005-3, 6.6.2.3)."""
    moment = about.day.strftime("D:%Y%m%d000000Z")
    pdf.trailer.Info = pdf.make_indirect(
        Dictionary(
            Title=String(about.title),
            Author=String(about.author),
            Subject=String(about.subject),
            Creator=String(about.creator),
            Producer=String(PRODUCER),
            CreationDate=String(moment),
            ModDate=String(moment),
        )
    )
    metadata = Stream(pdf, _xmp(about))
    metadata.Type, metadata.Subtype = Name.Metadata, Name.XML
    pdf.Root.Metadata = metadata
    pdf.Root.Lang = String(about.language)
    pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)


def _declare_colours(pdf: Pdf) -> None:
    """What the page's RGB means: sRGB, by a profile with the numbers of IEC 61966-2-1."""
    profile = _compressed(pdf, _asset("srgb.icc"))
    profile.N = 3
    pdf.Root.OutputIntents = Array(
        [
            Dictionary(
                Type=Name.OutputIntent,
                S=Name.GTS_PDFA1,
                OutputConditionIdentifier=String("sRGB"),
                Info=String("sRGB IEC61966-2.1"),
                DestOutputProfile=profile,
            )
        ]
    )


def _embed(pdf: Pdf, xml: bytes, about: About) -> None:
    """The XML as an associated file (Factur-X 1.09; ISO 19005-3, 6.8)."""
    file = _compressed(pdf, xml)
    file.Type, file.Subtype = Name.EmbeddedFile, Name("/text/xml")
    file.Params = Dictionary(
        Size=len(xml),
        CheckSum=String(hashlib.md5(xml, usedforsecurity=False).digest()),
        ModDate=String(about.day.strftime("D:%Y%m%d000000Z")),
    )
    described = pdf.make_indirect(
        Dictionary(
            Type=Name.Filespec,
            F=String(XML_NAME),
            UF=String(XML_NAME),
            Desc=String("Factur-X"),
            AFRelationship=Name.Alternative,
            EF=Dictionary(F=file, UF=file),
        )
    )
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=Array([String(XML_NAME), described])))
    pdf.Root.AF = Array([described])


def _compressed(pdf: Pdf, content: bytes) -> Stream:
    stream = Stream(pdf, b"")
    stream.write(zlib.compress(content), filter=Name.FlateDecode)
    return stream


def _write_structure(pdf: Pdf, structure: Node) -> None:
    """The structure tree, and the way back from each piece of a page to its element (ISO 32000-1, 14.7)."""
    pages = [page.obj for page in pdf.pages]
    owners: dict[int, dict[int, PdfObject]] = defaultdict(dict)

    def write(node: Node, parent: PdfObject) -> PdfObject:
        element = pdf.make_indirect(Dictionary(S=Name("/" + node.tag), P=parent, **_attributes(node)))
        kids = Array()
        home = next((kid.page for kid in node.kids if isinstance(kid, Piece)), None)
        for kid in node.kids:
            if isinstance(kid, Node):
                kids.append(write(kid, element))
                continue
            owners[kid.page][kid.number] = element
            if kid.page == home:
                kids.append(kid.number)
            else:
                kids.append(Dictionary(Type=Name.MCR, Pg=pages[kid.page], MCID=kid.number))
        if home is not None:
            element.Pg = pages[home]
        element.K = kids
        return element

    root = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
    root.K = write(structure, root)
    numbered = Array()
    for number, page in enumerate(pages):
        page.Tabs = Name.S
        if number in owners:
            page.StructParents = number
            numbered.append(number)
            numbered.append(Array(owners[number][piece] for piece in sorted(owners[number])))
    root.ParentTree = Dictionary(Nums=numbered)
    root.ParentTreeNextKey = len(pages)
    pdf.Root.StructTreeRoot = root
    pdf.Root.MarkInfo = Dictionary(Marked=True)


def _attributes(node: Node) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if node.alt:
        attributes["Alt"] = String(node.alt)
    if node.language:
        attributes["Lang"] = String(node.language)
    if node.box:
        box = Array(round(edge, 2) for edge in node.box)
        attributes["A"] = Dictionary(O=Name.Layout, Placement=Name.Block, BBox=box)
    elif node.scope or node.span > 1:
        table = Dictionary(O=Name.Table)
        if node.scope:
            table.Scope = Name("/" + node.scope)
        if node.span > 1:
            table.ColSpan = node.span
        attributes["A"] = table
    return attributes


@cache
def _asset(name: str) -> bytes:
    return (ASSETS / name).read_bytes()


def _xmp(about: About) -> bytes:
    moment = about.day.strftime("%Y-%m-%dT00:00:00Z")
    values = {
        "title": about.title,
        "author": about.author,
        "subject": about.subject,
        "creator": about.creator,
        "language": about.language,
    }
    escaped = {name: escape(value) for name, value in values.items()}
    template = _asset("metadata.xmp").decode()
    return template.format(**escaped, producer=PRODUCER, moment=moment, name=XML_NAME).encode()
