"""« Corriger »: what changes is seen before the second press does it; once an invoice, and nothing is lost."""

import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from extensions import db
from models import Correction, CreditNote, Customer, Delivery, Document, Invoice
from services import corrections, crediting, issuing
from tests.support.client import LintingClient
from tests.support.customers import COMPANY, PERSON, a_correction, an_issued_invoice, page_of
from tests.support.factories import PLACED, a_customer, a_line, an_order, billing_details, company_details
from tests.support.queries import count_queries

pytestmark = pytest.mark.databases("sqlite")  # Pages; corrections are tested with their service.
LIST = "/espace-client/factures"
MOVED = {**PERSON, "city": "Villeurbanne", "purchase_order": "BC 17"}
RENAMED = {**PERSON, "last_name": "Martin-Durand"}
CONFIRM = {"confirm": "1"}


@pytest.fixture
def invoice(claire: Customer) -> Invoice:
    """Claire's invoice."""
    return an_issued_invoice(an_order(customer=claire, billing=billing_details()))


def page(invoice: Invoice) -> str:
    return f"{LIST}/{invoice.number}/corriger"


def rows(text: str) -> list[tuple[str, ...]]:
    """Return what a page says that changes: field, before, after."""
    return re.findall(r"<dt>(.*?)</dt>\s*<dd>.*?<del>(.*?)</del>.*?<ins>(.*?)</ins>", text, re.DOTALL)


def count(model: type[Document | Correction | Delivery]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_the_form_begins_with_what_the_invoice_says(client: LintingClient, claire: Customer, invoice: Invoice) -> None:
    billing = invoice.order.billing
    assert billing is not None
    billing.city = "Ailleurs"  # What is on record now is not what the invoice says.
    text = client.get(page(invoice)).text
    assert 'value="Lyon"' in text
    assert "Ailleurs" not in text
    assert "Votre référence / n° de bon de commande" in text


def test_the_first_press_shows_what_changes_and_writes_nothing(client: LintingClient, invoice: Invoice) -> None:
    for answer in (client.post(page(invoice), data=MOVED), client.htmx("POST", page(invoice), data=MOVED)):
        assert answer.status_code == 200
        assert rows(answer.text) == [
            ("Ville", "Lyon", "Villeurbanne"),
            ("Votre référence / n° de bon de commande", "rien", "BC 17"),
        ]
        assert f"La facture {invoice.number} sera annulée par un avoir et remplacée" in answer.text
        assert "Aucun remboursement ne suit, et vous n'avez rien à payer." in answer.text
        assert "Confirmer la correction" in answer.text
    assert (count(Correction), count(Document)) == (0, 1)


def test_what_is_left_to_pay_stays_so(client: LintingClient, claire: Customer) -> None:
    invoice = an_issued_invoice(an_order(customer=claire, billing=billing_details(), paid_at=None, paid_amount=0))
    text = client.post(page(invoice), data=MOVED).text
    assert "ce qui reste à payer ne change pas" in text
    assert "rien à payer" not in text


@pytest.mark.databases("sqlite", "postgresql")
def test_the_second_press_replaces_the_invoice(client: LintingClient, invoice: Invoice) -> None:
    answer = client.post(page(invoice), data=MOVED | CONFIRM)
    assert (answer.status_code, answer.location) == (303, LIST)
    assert (count(CreditNote), count(Invoice)) == (1, 2)
    text = client.get(LIST).text
    assert "Votre facture est corrigée" in text
    replacement = invoice.replaced_by
    assert replacement is not None
    story = re.sub("</?span.*?>", "", text)
    assert f"remplacée par la facture n°\u00a0{replacement.number}" in story
    assert f"remplace la facture n°\u00a0{invoice.number}" in story
    assert f"sur la facture n°\u00a0{invoice.number}" in story
    assert "−31,72" in text
    assert f"{replacement.number}/corriger" in text
    assert f"{invoice.number}/corriger" not in text


@pytest.mark.databases("sqlite", "postgresql")
def test_a_double_press_corrects_once(client: LintingClient, invoice: Invoice) -> None:
    for _ in range(2):
        assert client.post(page(invoice), data=MOVED | CONFIRM).location == LIST
        assert "Votre facture est corrigée" in client.get(LIST).text
    assert (count(Correction), count(CreditNote), count(Invoice)) == (1, 1, 2)


def test_htmx_is_led_to_the_list(client: LintingClient, invoice: Invoice) -> None:
    answer = client.htmx("POST", page(invoice), data=MOVED | CONFIRM)
    assert (answer.status_code, answer.headers["HX-Location"]) == (204, LIST)


def test_going_back_after_it_leads_to_the_list_with_the_reason(client: LintingClient, invoice: Invoice) -> None:
    client.post(page(invoice), data=MOVED | CONFIRM)
    client.get(LIST)
    assert client.get(page(invoice)).location == LIST
    assert "Cette facture est déjà remplacée" in client.get(LIST).text
    assert client.post(page(invoice), data={**MOVED, "city": "Bron"} | CONFIRM).location == LIST
    assert "Cette facture est déjà remplacée" in client.get(LIST).text
    assert count(Correction) == 1


def test_the_preview_leads_back_to_what_was_typed(client: LintingClient, invoice: Invoice) -> None:
    answer = client.htmx("POST", page(invoice), data=MOVED | {"show": "1"})
    assert 'value="Villeurbanne"' in answer.text
    assert 'value="BC 17"' in answer.text
    assert "Voir ce qui change" in answer.text


def test_the_preview_carries_all_that_the_second_press_needs(client: LintingClient, invoice: Invoice) -> None:
    text = client.post(page(invoice), data=COMPANY | {"purchase_order": "<17>"}).text
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', text))
    assert sent["siret"].replace(" ", "") == "73282932000074"
    assert sent["purchase_order"] == "&lt;17&gt;"
    sent["purchase_order"] = "<17>"
    client.post(page(invoice), data=sent | CONFIRM)
    correction = db.session.scalars(select(Correction)).one()
    assert correction.wanted == company_details(vat_number="")
    assert correction.purchase_order == "<17>"


def test_who_it_is_made_out_to_is_asked_of_the_merchant(client: LintingClient, invoice: Invoice) -> None:
    text = client.post(page(invoice), data=RENAMED).text
    assert "Votre demande sera examinée par" in text
    assert "Envoyer la demande" in text
    assert "sera annulée" not in text
    assert client.post(page(invoice), data=RENAMED | CONFIRM).location == LIST
    text = client.get(LIST).text
    assert "Votre demande de correction est envoyée" in text
    assert "Correction demandée" in text
    assert "/corriger" not in text
    assert count(Document) == 1
    assert client.get(page(invoice)).location == LIST
    assert "en cours d'examen" in client.get(LIST).text.replace("&#39;", "'")


def test_nothing_changed_is_said(client: LintingClient, invoice: Invoice) -> None:
    answer = client.post(page(invoice), data=PERSON)
    assert answer.status_code == 422
    assert "Rien ne change" in answer.text
    assert "Voir ce qui change" in answer.text
    assert client.htmx("POST", page(invoice), data=PERSON | CONFIRM).status_code == 204
    assert count(Correction) == 0


@pytest.mark.parametrize("second", [{}, CONFIRM])
def test_errors_stand_beside_their_fields(client: LintingClient, invoice: Invoice, second: dict[str, str]) -> None:
    wrong = {**COMPANY, "siret": "123", "purchase_order": "x" * 101}
    answer = client.post(page(invoice), data=wrong | second)
    assert answer.status_code == 422
    assert 'id="siret-error"' in answer.text
    assert 'id="purchase_order-error"' in answer.text
    assert count(Correction) == 0


def test_a_credited_invoice_is_not_corrected(client: LintingClient, invoice: Invoice) -> None:
    crediting.credit(invoice, amount=None, reason="Retour", refund=True, shown=0)
    assert "/corriger" not in client.get(LIST).text
    assert client.get(page(invoice)).location == LIST
    assert "entièrement créditée" in client.get(LIST).text


@pytest.mark.databases("sqlite", "postgresql")
def test_credit_notes_and_other_people_s_invoices_are_not_corrected(client: LintingClient, invoice: Invoice) -> None:
    note = crediting.credit(invoice, amount=None, reason="Retour", refund=True, shown=0)
    assert note is not None
    assert client.get(f"{LIST}/{note.number}/corriger").status_code == 404
    theirs = an_issued_invoice(an_order(customer=a_customer(email="voisin@example.org"), billing=billing_details()))
    for method in ("GET", "POST"):
        assert client.open(page(theirs), method=method, data=MOVED | CONFIRM).status_code == 404
    assert count(Correction) == 0


def test_a_sale_without_vat_keeps_its_vat_number(client: LintingClient, claire: Customer) -> None:
    german = company_details(
        company_name="Muster GmbH", siret="", vat_number="DE136695976", country="DE", postal_code="10115"
    )
    line = a_line(vat_rate=0, vat_category="K", exemption="VATEX-EU-IC")
    invoice = an_issued_invoice(
        an_order(customer=claire, billing=german, lines=[line], shipping_address=None, shipped_at=PLACED)
    )
    sent = {"kind": "company", "company_name": "Muster GmbH", "vat_number": "", "country": "DE",
            "line1": "3 quai Perrache", "postal_code": "10115", "city": "Berlin"}  # fmt: skip
    answer = client.post(page(invoice), data=sent)
    assert answer.status_code == 422
    assert 'id="vat_number-error"' in answer.text


def test_the_order_shows_all_its_documents_and_what_was_decided(client: LintingClient, invoice: Invoice) -> None:
    claire = invoice.order.customer
    assert claire is not None
    asked = a_correction(invoice, claire, billing_details(last_name="Durand"))
    text = client.get(page_of(invoice.order)).text
    assert "Correction demandée" in text
    corrections.decline(asked.id, "Ce nom n'est pas le vôtre.")
    text = client.get(page_of(invoice.order)).text.replace("&#39;", "'")
    assert "Motif\u00a0: Ce nom n'est pas le vôtre." in text
    assert f'href="{page(invoice)}"' in text  # Declined, it may be asked for again.
    a_correction(invoice, claire, billing_details(city="Bron"))
    text = client.get(page_of(invoice.order)).text
    numbers = [document.number for document in invoice.order.documents]
    assert len(numbers) == 3
    assert all(f'href="{LIST}/{number}.html"' in text for number in numbers)
    assert "Bron" in text


def test_what_replaces_an_invoice_is_corrected_by_the_merchant_only(client: LintingClient, invoice: Invoice) -> None:
    client.post(page(invoice), data=MOVED | CONFIRM)
    replacement = db.session.scalars(select(Invoice).where(Invoice.replaces_id == invoice.id)).one()
    text = client.get(page(replacement)).text
    assert "Cette facture en remplace déjà une autre" in text
    assert "corrigées aussitôt" not in text
    text = client.post(page(replacement), data={**MOVED, "city": "Bron"}).text
    assert "cette facture en remplace déjà une autre." in text
    assert "Envoyer la demande" in text


def test_the_pages_cost_the_same_whatever_the_lines(app: Flask, client: LintingClient, claire: Customer) -> None:
    counted = []
    for lines in (1, 12):
        order = an_order(customer=claire, billing=billing_details(), lines=[a_line() for _ in range(lines)])
        url = page(an_issued_invoice(order))
        for method, data in (("GET", None), ("POST", MOVED)):
            with count_queries() as queries:
                assert client.open(url, method=method, data=data).status_code == 200
            assert queries.count <= 8, str(queries)
            counted.append(queries.count)
    assert counted[:2] == counted[2:]


def test_who_bought_for_a_company_is_carried_to_the_second_press(client: LintingClient, claire: Customer) -> None:
    invoice = an_issued_invoice(an_order(customer=claire, billing=company_details()))
    named = COMPANY | {"vat_number": "FR44732829320", "on_behalf": "y", "first_name": "Claire", "last_name": "Martin"}
    shown = client.post(page(invoice), data=named)
    assert rows(shown.text) == [("Prénom", "rien", "Claire"), ("Nom", "rien", "Martin")]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown.text))
    client.post(page(invoice), data=hidden | CONFIRM)
    assert invoice.replaced_by is not None
    assert issuing.frozen(invoice.replaced_by).buyer.contact == "Claire Martin"
