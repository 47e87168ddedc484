"""The elements of a Cross Industry Invoice (UN/CEFACT CII D22B): names, dates, numbers, and what XML cannot carry."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from lxml import etree

NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
# All that is not a Char of XML 1.0, section 2.2: control characters but tab and line ends, halves of pairs, FFFE, FFFF.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def root(name: str) -> etree._Element:
    """A document's outermost element, with every prefix that its parts use."""
    return etree.Element(_qualified(f"rsm:{name}"), nsmap=NAMESPACES)


def group(parent: etree._Element, name: str) -> etree._Element:
    """A new last child that holds other elements; `name` is one of `ram` unless it has another prefix."""
    return etree.SubElement(parent, _qualified(name))


def text(parent: etree._Element, name: str, content: str, **attributes: str) -> None:
    """Append an element with this text, or nothing where there is none: empty elements are refused (PEPPOL R008).

    Raises ValueError for a character that XML 1.0 cannot carry.
    """
    forbidden = _FORBIDDEN.search(content)
    if forbidden:
        raise ValueError(f"{name} holds U+{ord(forbidden[0]):04X}, which XML refuses: {content!r}")
    if not content.strip(" \t\r\n"):
        return
    etree.SubElement(parent, _qualified(name), attributes).text = content


def amount(parent: etree._Element, name: str, value: Decimal, **attributes: str) -> None:
    """Append a sum of money with the two places that it has (BR-DEC)."""
    text(parent, name, f"{value:.2f}", **attributes)


def number(parent: etree._Element, name: str, value: Decimal, **attributes: str) -> None:
    """Append a quantity, price or rate with the places it needs and no others."""
    plain = f"{value:f}"
    text(parent, name, plain.rstrip("0").rstrip(".") if "." in plain else plain, **attributes)


def day(parent: etree._Element, name: str, value: date, kind: str = "udt") -> None:
    """Append a date in the only format that EN 16931 takes, 102: YYYYMMDD."""
    text(group(parent, name), f"{kind}:DateTimeString", f"{value:%Y%m%d}", format="102")


def flag(parent: etree._Element, name: str, *, value: bool) -> None:
    """Append an indicator."""
    text(group(parent, name), "udt:Indicator", "true" if value else "false")


def to_bytes(element: etree._Element) -> bytes:
    """The document in UTF-8; equal documents give equal bytes."""
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _qualified(name: str) -> str:
    prefix, _, local = name.rpartition(":")
    return f"{{{NAMESPACES[prefix or 'ram']}}}{local}"
