"""What the merchant does with issued documents: reads them, sends them again, credits, decides corrections."""

import re
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from documents import archive
from extensions import db
from models import AuditEntry, Correction, CreditNote, Customer, Delivery, Document, Invoice
from services import crediting, files, issuing
from tests.support.client import LintingClient
from tests.support.customers import a_correction, an_issued_invoice, draw
from tests.support.factories import a_customer, an_order, billing_details, company_details
from tests.support.queries import count_queries

pytestmark = pytest.mark.databases("sqlite")  # Pages; what they carry out is tested with the services.
ORDER = "/admin/commandes/T-1"
CREDIT = {"amount": "13,41", "reason": "Geste commercial", "refund": "y", "shown": "0"}


@pytest.fixture
def invoice(admin: Customer) -> Invoice:
    """Somebody's invoice of 31,72 € on order T-1."""
    customer = a_customer(email="paul@example.org")
    return an_issued_invoice(an_order(number="T-1", customer=customer, billing=billing_details()), drawn=False)


@pytest.fixture
def wish(invoice: Invoice) -> Correction:
    """The wish of its customer for another name on it."""
    assert invoice.order.customer is not None
    return a_correction(invoice, invoice.order.customer, company_details(), "BC <17>")


def url_of(invoice: Invoice) -> str:
    return f"/admin/factures/{invoice.number}/avoir"


def count(model: type[Document | Delivery | Correction]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def text_of(client: LintingClient, url: str = ORDER) -> str:
    """Return a page without its marks, its apostrophes as they are typed."""
    text = re.sub(r"\s+", " ", re.sub(r"<.*?>", "", client.get(url).text)).replace("&#39;", "'")
    return re.sub(r"[\u00a0\u202f]", " ", text)


def test_the_order_lists_all_its_documents_with_their_files(client: LintingClient, invoice: Invoice) -> None:
    assert crediting.credit(invoice, amount=Decimal("13.41"), reason="Geste", refund=True, shown=0)
    draw(invoice)
    said = text_of(client)
    assert f"Facture {invoice.number} du" in said
    note = db.session.scalars(select(CreditNote)).one()
    assert f"Avoir {note.number} du" in said
    assert f"−13,41 € sur la facture n° {invoice.number}" in said
    assert "dont il reste 18,31 € à créditer" in said
    xml = client.get(f"/admin/factures/{invoice.number}.xml")
    assert (xml.mimetype, xml.data) == ("application/xml", archive.embedded_xml(files.read(invoice) or b""))
    assert client.get("/admin/factures/FA-1999-000001.xml").status_code == 404


@pytest.mark.databases("sqlite", "postgresql")
def test_each_document_is_sent_again_once_a_press(client: LintingClient, invoice: Invoice) -> None:
    note = crediting.credit(invoice, amount=Decimal("1.00"), reason="Geste", refund=True, shown=0)
    assert note is not None
    mail = db.session.scalars(select(Delivery).where(Delivery.document_id == note.id)).one()
    for state in ("sending", "sent"):
        mail.become(state)
        db.session.commit()
    found = re.findall(r'name="shown"[^>]*value="(\d+)".*?name="document"[^>]*value="(\d+)"', client.get(ORDER).text)
    assert {document: shown for shown, document in found}[str(note.id)] == "1"
    for _ in range(2):
        data = {"shown": "1", "document": str(note.id)}
        assert client.post(f"{ORDER}/renvoyer", data=data).status_code == 303
    assert db.session.scalar(select(func.count()).where(Delivery.document_id == note.id)) == 2
    assert "Avoir renvoyé" in text_of(client)


@pytest.mark.databases("sqlite", "postgresql")
def test_a_credit_note_is_made_once_whoever_presses_twice(client: LintingClient, invoice: Invoice) -> None:
    for _ in range(2):
        assert client.post(url_of(invoice), data=CREDIT).location == ORDER
    note = db.session.scalars(select(CreditNote)).one()
    assert (note.gross, issuing.frozen(note).reason) == (Decimal("13.41"), "Geste commercial")
    assert issuing.frozen(note).settlement == "refund"
    said = text_of(client)
    assert "L'avoir est établi" in said
    assert "rien n'a été fait deux fois" in said
    assert "Avoir émis" in said


def test_without_an_amount_all_that_is_left_is_credited(client: LintingClient, invoice: Invoice) -> None:
    client.post(url_of(invoice), data=CREDIT)
    client.post(url_of(invoice), data={"reason": "Annulation", "amount": "", "shown": "1"})
    notes = db.session.scalars(select(CreditNote).order_by(CreditNote.id)).all()
    assert [note.gross for note in notes] == [Decimal("13.41"), Decimal("18.31")]
    assert issuing.frozen(notes[1]).settlement == "set_off"
    assert "Établir un avoir" not in text_of(client)  # Nothing is left.


def test_more_than_is_left_is_refused_with_the_reason(client: LintingClient, invoice: Invoice) -> None:
    answer = client.post(url_of(invoice), data={**CREDIT, "amount": "31,73"})
    assert answer.status_code == 422
    assert re.search(r'id="amount-error">.*?31,72', answer.text)
    assert 'value="Geste commercial"' in answer.text  # What was typed stays.
    assert count(CreditNote) == 0


def test_the_box_of_a_refund_warns_of_crediting_it_twice(client: LintingClient, invoice: Invoice) -> None:
    said = text_of(client)
    assert "Montant remboursé en dehors de la boutique" in said
    assert "établi ici aussi, il serait compté deux fois" in said


def test_the_history_names_fields_as_the_form_does(client: LintingClient, wish: Correction) -> None:
    said = text_of(client)
    assert "Raison sociale" in said
    assert re.search("Correction demandée [^<]*Votre référence / n° de bon de commande", said)
    assert "purchase_order" not in said


def test_each_mail_names_its_document(client: LintingClient, invoice: Invoice) -> None:
    note = crediting.credit(invoice, amount=Decimal("1.00"), reason="Geste", refund=True, shown=0)
    assert note is not None
    assert f"Avoir {note.number} paul@example.org" in text_of(client)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"amount": "douze"}, "amount"),
        ({"amount": "1,234"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "1e9999999"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 301}, "reason"),
        ({"reason": "\ue000"}, "reason"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: LintingClient, invoice: Invoice, typed: dict[str, str], wrong: str
) -> None:
    answer = client.post(url_of(invoice), data={**CREDIT, **typed})
    assert answer.status_code == 422
    assert f'id="{wrong}-error"' in answer.text
    assert 'value="Geste commercial"' in answer.text or "reason" in typed
    assert count(CreditNote) == 0


@pytest.mark.parametrize("typed", ["13.41", "13,41 €", " 1 3,41"])
def test_an_amount_is_read_as_people_write_it(client: LintingClient, invoice: Invoice, typed: str) -> None:
    client.post(url_of(invoice), data={**CREDIT, "amount": typed})
    assert db.session.scalars(select(CreditNote)).one().gross == Decimal("13.41")


def test_only_invoices_are_credited(client: LintingClient, invoice: Invoice) -> None:
    note = crediting.credit(invoice, amount=Decimal("1.00"), reason="Geste", refund=True, shown=0)
    assert note is not None
    assert client.post(f"/admin/factures/{note.number}/avoir", data=CREDIT).status_code == 404
    assert client.post("/admin/factures/FA-1999-000001/avoir", data=CREDIT).status_code == 404


@pytest.mark.databases("sqlite", "postgresql")
def test_corrections_to_decide_are_counted_and_listed(client: LintingClient, wish: Correction) -> None:
    an_order(number="T-2")
    assert "Corrections à décider 1" in text_of(client, "/admin/")
    listed = text_of(client, "/admin/?etat=corrections-a-decider")
    assert "T-1" in listed
    assert "T-2" not in listed
    assert "T-1" in text_of(client, "/admin/?etat=corrections-a-decider&q=t-1")


def test_the_order_shows_what_a_correction_would_change(client: LintingClient, wish: Correction) -> None:
    text = client.get(ORDER).text
    rows = re.findall(
        r"<dt>([^<]*)</dt>\s*<dd><span[^>]*>[^<]*</span><del>(.*?)</del>.*?<ins>(.*?)</ins>", text, re.DOTALL
    )
    assert ("Vous êtes", "Particulier", "Entreprise") in rows
    assert ("Nom", "Martin", "rien") in rows
    assert ("Raison sociale", "rien", "Imprimerie Martin SARL") in rows
    assert ("Votre référence / n° de bon de commande", "rien", "BC &lt;17&gt;") in rows


@pytest.mark.databases("sqlite", "postgresql")
def test_accepting_replaces_the_invoice_once(client: LintingClient, wish: Correction) -> None:
    for _ in range(2):
        assert client.post(f"/admin/corrections/{wish.id}/accepter").location == ORDER
    assert (count(CreditNote), count(Invoice)) == (1, 2)
    said = text_of(client)
    assert "La facture est remplacée" in said
    assert "rien n'a été fait deux fois" in said
    assert "Correction à décider" not in said
    assert "Imprimerie Martin SARL" in said
    assert "remplacée par la facture n°" in said
    assert "Corrections à décider 0" in text_of(client, "/admin/")


def test_declining_wants_a_reason_and_keeps_the_invoice(client: LintingClient, wish: Correction) -> None:
    url = f"/admin/corrections/{wish.id}/refuser"
    refused = client.post(url, data={"refusal": " "})
    assert refused.status_code == 422
    assert 'id="refusal-error"' in refused.text
    for _ in range(2):
        assert client.post(url, data={"refusal": "Le SIRET n'est pas le vôtre."}).location == ORDER
    said = text_of(client)
    assert "Motif : Le SIRET n'est pas le vôtre." in said
    assert "rien n'a été fait deux fois" in said
    assert count(Document) == 1
    actions = db.session.scalars(select(AuditEntry.action).where(AuditEntry.actor.startswith("admin:"))).all()
    assert "correction.declined" in actions


def test_what_is_not_there_is_not_decided(client: LintingClient, admin: Customer) -> None:
    for act in ("accepter", "refuser"):
        for number in ("404", "2147483648", "9" * 30):  # What no column holds is not there either.
            assert client.post(f"/admin/corrections/{number}/{act}", data={"refusal": "x"}).status_code == 404


def test_the_order_costs_the_same_with_all_its_documents(client: LintingClient, wish: Correction) -> None:
    client.get(ORDER)
    with count_queries() as with_wish:
        client.get(ORDER)
    assert with_wish.count <= 8 + 3, str(with_wish)  # That an admin has looked costs three (tests/test_queries.py).
    client.post(f"/admin/corrections/{wish.id}/accepter")
    client.get(ORDER)
    with count_queries() as with_three:
        client.get(ORDER)
    assert with_three.count <= with_wish.count, str(with_three)
