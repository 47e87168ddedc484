"""The checkers see what is wrong, and do not take a silent report for a good one."""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pytest

from documents import facturx
from tests.documents.factories import COMPANY, a_snapshot
from tests.support.validators import facturx_problems, pdf_problems

FREE_FORM = b"<?xml version='1.0'?><invoice/>"


def test_a_report_that_fired_no_rule_is_no_report() -> None:
    with pytest.raises(AssertionError, match="fired no rule"):
        facturx_problems(FREE_FORM, french=True)


@pytest.mark.parametrize(
    ("written", "changed", "said"),
    [
        (b"<ram:TypeCode>380</ram:TypeCode>", b"<ram:Code>380</ram:Code>", "[XSD]"),
        (b"<ram:LineTotalAmount>26.43<", b"<ram:LineTotalAmount>26.44<", "[BR-CO-10]"),
        (b"<ram:Content>B2B<", b"<ram:Content>B2X<", "[BR-FR-20_BT-21]"),
        (b"<ram:BasisAmount>26.43<", b"<ram:BasisAmount>much<", "[FACTUR-X_EN16931]"),
    ],
)
def test_each_of_the_three_rule_books_is_asked(written: bytes, changed: bytes, said: str) -> None:
    xml = facturx.xml(a_snapshot(buyer=COMPANY))
    assert written in xml
    problems = facturx_problems(xml.replace(written, changed), french=True)
    assert any(problem.startswith(said) for problem in problems), problems


def test_french_rules_are_for_sales_inside_france() -> None:
    xml = facturx.xml(a_snapshot(buyer=COMPANY)).replace(b"<ram:Content>B2B<", b"<ram:Content>B2X<")
    assert facturx_problems(xml, french=False) == []


def test_an_ordinary_pdf_is_neither_archived_nor_accessible() -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    pdf.pages[0].Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
    written = BytesIO()
    pdf.save(written)
    problems = pdf_problems(written.getvalue())
    assert any("PDF_A_3B" in problem for problem in problems)
    assert any("PDF_UA_1" in problem for problem in problems)
    assert "[font] /Helvetica is not embedded" in problems


def test_a_broken_pdf_is_said_to_be_broken() -> None:
    pdf, written = pikepdf.new(), BytesIO()
    pdf.add_blank_page()
    pdf.save(written)
    said = {problem.split("]")[0] for problem in pdf_problems(written.getvalue()[:-60])}
    assert {"[qpdf", "[pdfinfo", "[pdftotext"} <= said
