"""What every page must be: valid, whole, labelled, and free of what our content security policy refuses."""

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib

HTML = "{http://www.w3.org/1999/xhtml}"
UNLABELLED_TYPES = {"hidden", "submit", "button", "reset", "image"}
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")


def page_faults(page: str) -> list[str]:
    """Return what is wrong with a whole page, in words; nothing when it is fine."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=True)
    document = parser.parse(page)
    faults = _parse_errors(parser)
    if not re.match(r"\s*<!doctype html>", page, re.IGNORECASE):
        faults.append("the page does not begin with <!doctype html>")
    if not document.get("lang"):
        faults.append("<html> has no lang")
    title = document.find(f"{HTML}head/{HTML}title")
    if title is None or not _text(title):
        faults.append("the page has no title")
    for name in ("main", "h1"):
        found = len(list(document.iter(HTML + name)))
        if found != 1:
            faults.append(f"the page has {found} <{name}>, not one")
    return faults + _element_faults(document) + _dangling_references(document)


def fragment_faults(fragment: str) -> list[str]:
    """Return what is wrong with an answer to htmx: one root with its id, besides elements that are out of band."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=True)
    first = re.match(r"\s*<(\w+)", fragment)
    container = {"tr": "tbody", "tbody": "table", "td": "tr"}.get(first.group(1) if first else "", "div")
    tree = parser.parseFragment(fragment, container=container)
    faults = _parse_errors(parser)
    roots = [element for element in tree if "hx-swap-oob" not in element.attrib]
    if len(roots) != 1:
        faults.append(f"the fragment has {len(roots)} roots, not one")
    faults += [f"the root <{_name(root)}> has no id" for root in roots if not root.get("id")]
    if (tree.text or "").strip() or any((element.tail or "").strip() for element in tree):
        faults.append("the fragment has text outside its root")
    return faults + _element_faults(tree)


def _parse_errors(parser: html5lib.HTMLParser) -> list[str]:
    return [f"line {line}: {code} {data or ''}".strip() for (line, _), code, data in parser.errors]


def _elements(tree: Element) -> Iterator[Element]:
    return (element for element in tree.iter() if isinstance(element.tag, str))


def _element_faults(tree: Element) -> list[str]:
    faults = []
    labelled = {label.get("for") for label in tree.iter(HTML + "label") if _text(label)}
    wrapped = {child for label in tree.iter(HTML + "label") if _text(label) for child in label.iter()}
    for element in _elements(tree):
        name = _name(element)
        what = f"<{name}{''.join(f' {key}={element.get(key)!r}' for key in ('id', 'name') if element.get(key))}>"
        faults += [f"{what} has {attribute}" for attribute in element.attrib if _is_inline(str(attribute))]
        if name == "style" or (name == "script" and not element.get("src")):
            faults.append(f"{what} is inline")
        if "javascript:" in (element.get("href") or ""):
            faults.append(f"{what} has a javascript: address")
        if _is_elsewhere(element.get("src") or element.get("action") or (name == "link" and element.get("href")) or ""):
            faults.append(f"{what} calls somebody else")
        if name in ("input", "select", "textarea") and element.get("type") not in UNLABELLED_TYPES:
            own_name = element.get("aria-label") or element.get("aria-labelledby")
            if not (own_name or element.get("id") in labelled or element in wrapped):
                faults.append(f"{what} has no label")
        if name in ("button", "a") and not (_text(element) or element.get("aria-label")):
            faults.append(f"{what} says nothing")
        if name == "img" and element.get("alt") is None:
            faults.append(f"{what} has no alt")
    ids = Counter(identity for element in _elements(tree) if (identity := element.get("id")))
    return faults + [f"the id {identity!r} stands {times} times" for identity, times in ids.items() if times > 1]


def _dangling_references(tree: Element) -> list[str]:
    ids = {element.get("id") for element in _elements(tree)}
    return [
        f"<{_name(element)} {attribute}> names {target!r}, which is not on the page"
        for element in _elements(tree)
        for attribute in REFERENCES
        for target in (element.get(attribute) or "").split()
        if target not in ids
    ]


def _is_inline(attribute: str) -> bool:
    return attribute == "style" or attribute.startswith(("on", "hx-on"))


def _is_elsewhere(address: str) -> bool:
    """Whether it leads to another site; what is inline (`data:`) leads nowhere."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Element) -> str:
    images = (image.get("alt") or "" for image in element.iter(HTML + "img"))
    return ("".join(element.itertext()) + "".join(images)).strip()
