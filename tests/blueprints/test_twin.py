"""The document as a page: what the PDF says, for every browser and screen reader."""

import re
from collections import Counter
from decimal import Decimal
from typing import Any

import html5lib
import pytest
from lxml import etree

from documents import page
from extensions import db
from models import Customer, Document, Order
from services import crediting, files, issuing
from tests.documents.reading import amounts_in, figures_in, page_text
from tests.support.client import LintingClient
from tests.support.customers import a_correction, an_issued_invoice, draw
from tests.support.factories import a_customer, a_line, an_order, billing_details, company_details, shipping

pytestmark = pytest.mark.databases("sqlite")  # The page of a snapshot; its bytes are tested with the files.
LIST = "/espace-client/factures"
HTML = "{http://www.w3.org/1999/xhtml}"


def article_of(text: str) -> etree._Element:
    """Return the document's own part of the page."""
    found = html5lib.parse(text, treebuilder="lxml").find(f".//{HTML}article")
    assert isinstance(found, etree._Element)
    return found


def text_of(element: etree._Element) -> str:
    """Return what an element says, cells apart."""
    return "\n".join(str(text) for text in element.itertext())


def several_rates(customer: Customer, **changes: Any) -> Order:
    """Return an order at two rates, with discounts and a thousand."""
    lines = [
        a_line(quantity=Decimal("2.5"), unit_price=Decimal("1199.90"), discount=Decimal("0.00")),
        a_line(description="Livre de patrons", vat_rate=Decimal("5.50"), unit_price=Decimal("10.11")),
        shipping(),
    ]
    facts = {"lines": lines, "order_discount": Decimal("7.77"), "billing": billing_details(), **changes}
    return an_order(customer=customer, **facts)


def documents(kind: str, customer: Customer, language: str) -> list[Document]:
    """Return issued documents of a kind: plain, of two rates, credited in part, corrected."""
    if kind == "rates":
        return [an_issued_invoice(several_rates(customer, locale=language), drawn=False)]
    invoice = an_issued_invoice(an_order(customer=customer, billing=company_details(), locale=language), drawn=False)
    if kind == "credited":
        note = crediting.credit(invoice, amount=Decimal("13.41"), reason="Geste", refund=True, shown=0)
        assert note is not None
        return [note]
    if kind == "corrected":
        a_correction(invoice, customer, company_details(city="Lyon 2e"))
        return list(invoice.order.documents)
    return [invoice]


@pytest.mark.usefixtures("poppler")
@pytest.mark.parametrize("kind", ["plain", "rates", "credited", "corrected"])
@pytest.mark.parametrize("language", ["fr", "en", "es"])
def test_pdf_data_and_page_say_the_same_amounts(
    client: LintingClient, claire: Customer, kind: str, language: str
) -> None:
    for document in documents(kind, claire, language):
        draw(document)
        pdf, xml = files.read(document), files.read_xml(document)
        assert pdf
        assert xml
        said = text_of(article_of(client.get(f"{LIST}/{document.number}.html").text))
        shown = figures_in(said, language)
        assert shown == figures_in(page_text(pdf), language)
        amounts = amounts_in(xml)
        stated = [amounts.net, amounts.vat, amounts.gross, *(rate.vat for rate in amounts.rates)]
        stated += [line.net for line in amounts.lines]
        assert not Counter(stated) - shown
        assert (amounts.net, amounts.vat, amounts.gross) == (document.net, document.vat, document.gross)


@pytest.mark.parametrize("language", ["fr", "en", "es"])
def test_it_says_everything_in_the_language_of_the_document(
    client: LintingClient, claire: Customer, language: str
) -> None:
    order = an_order(customer=claire, billing=company_details(), purchase_order="BC <17>", locale=language)
    invoice = an_issued_invoice(order, drawn=False)
    article = article_of(client.get(f"{LIST}/{invoice.number}.html").text)
    said, contents = text_of(article), page.contents(issuing.frozen(invoice))
    wanted = [contents.title, contents.dated, *contents.payment, *contents.mentions, *contents.legal_lines]
    wanted += [text for party in contents.parties for text in (party.label, party.name, *party.rows)]
    wanted += [text for fact in contents.facts for text in fact]
    wanted += [text for item in contents.items for text in (item.description, *item.notes, *item.figures)]
    wanted += [column.label for column in contents.columns]
    assert [text for text in wanted if text not in said] == []
    assert article.get("lang") == language
    footer = article.find(f"{HTML}footer")
    assert footer is not None
    assert footer.get("lang") == "fr"  # What the law wants in French stays French.


def test_tables_and_headings_are_real(client: LintingClient, claire: Customer) -> None:
    article = article_of(client.get(f"{LIST}/{an_issued_invoice(several_rates(claire)).number}.html").text)
    assert [text_of(each) for each in article.iter(f"{HTML}h2")] == ["Vendeur", "Facturé à", "Livré à"][:2]
    for table in article.iter(f"{HTML}table"):
        assert table.find(f"{HTML}caption") is not None
        assert {each.get("scope") for each in table.iter(f"{HTML}th")} <= {"col", "row"}
        assert all(each.get("scope") for each in table.iter(f"{HTML}th"))
    assert article.find(f"{HTML}dl") is not None


def test_it_changes_with_nothing_that_changes_later(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, billing=billing_details())
    url = f"{LIST}/{an_issued_invoice(order).number}.html"
    before = etree.tostring(article_of(client.get(url).text))
    assert order.billing is not None
    order.billing.city, order.lines[0].description, order.locale = "Ailleurs", "Autre chose", "en"
    db.session.commit()
    assert etree.tostring(article_of(client.get(url).text)) == before


def test_an_invoice_that_is_replaced_leads_to_the_new_one(client: LintingClient, claire: Customer) -> None:
    invoice = an_issued_invoice(an_order(customer=claire, billing=billing_details()))
    a_correction(invoice, claire, billing_details(city="Paris"))
    replacement = invoice.replaced_by
    assert replacement is not None
    page_of_old = client.get(f"{LIST}/{invoice.number}.html").text
    assert f'href="{LIST}/{replacement.number}.html"' in page_of_old
    assert "/corriger" not in page_of_old
    assert re.search(rf"Remplace la facture n°\s{invoice.number}", client.get(f"{LIST}/{replacement.number}.html").text)


def test_it_is_kept_by_no_cache(client: LintingClient, claire: Customer) -> None:
    number = an_issued_invoice(an_order(customer=claire)).number
    assert client.get(f"{LIST}/{number}.html").headers["Cache-Control"] == "no-store"


def test_markup_that_somebody_typed_is_text(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, billing=billing_details(last_name="<b>Żółć</b> 👩‍🍳"), lines=[a_line()])
    text = client.get(f"{LIST}/{an_issued_invoice(order).number}.html").text
    assert "&lt;b&gt;Żółć&lt;/b&gt; 👩‍🍳" in text


def test_a_neighbour_reads_nothing(client: LintingClient, claire: Customer) -> None:
    theirs = an_issued_invoice(an_order(customer=a_customer(email="voisin@example.org"), billing=billing_details()))
    assert client.get(f"{LIST}/{theirs.number}.html").status_code == 404
