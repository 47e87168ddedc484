"""« Mes factures »: the list and the documents, for their owner alone."""

from datetime import timedelta
from decimal import Decimal

import pytest

import storage
from extensions import db
from models import Customer, Invoice, NumberSeries, StoredFile
from tests.support.client import LintingClient
from tests.support.factories import PASSWORD, PLACED, a_customer, a_request, an_order
from tests.support.queries import count_queries

LIST = "/espace-client/factures"
PDF = b"%PDF-1.7 one document"


def sign_in(client: LintingClient, customer: Customer) -> Customer:
    client.post("/connexion", data={"email": customer.email, "password": PASSWORD})
    return customer


@pytest.fixture
def claire(client: LintingClient) -> Customer:
    """Claire, signed in."""
    return sign_in(client, a_customer())


def an_invoice(customer: Customer, sequence: int = 1, *, trial: bool = False, drawn: bool = True) -> Invoice:
    order = an_order(customer=customer, number=f"T-{sequence}")
    request = a_request(order, state="sent", sent_at=PLACED)
    db.session.merge(NumberSeries(name="FA-2026", last_number=sequence, last_date=PLACED.date()))
    invoice = Invoice(
        request_id=request.id, order_id=order.id, number=f"FA-2026-{sequence:06}", series="FA-2026",
        sequence=sequence, trial=trial, issue_date=PLACED.date(), issued_at=PLACED + timedelta(minutes=sequence),
        currency="EUR", net=Decimal("26.43"), vat=Decimal("5.29"), gross=Decimal("31.72"),
        snapshot="{}", snapshot_sha256="0" * 64,
    )  # fmt: skip
    if drawn:
        stored = storage.write_once(f"{invoice.number}.pdf", PDF)
        invoice.file = StoredFile(name=f"{invoice.number}.pdf", sha256=stored.sha256, size=stored.size)
    db.session.add(invoice)
    db.session.commit()
    return invoice


def test_the_list_begins_with_the_newest_invoice(client: LintingClient, claire: Customer) -> None:
    for sequence in (1, 2):
        an_invoice(claire, sequence)
    page = client.get(LIST).text
    assert page.index("FA-2026-000002") < page.index("FA-2026-000001")
    assert page.count(" download") == 2
    assert "31,72" in page
    assert 'href="/espace-client/commandes/T-1"' in page


def test_an_account_without_invoices_learns_how_to_get_one(client: LintingClient, claire: Customer) -> None:
    page = client.get(LIST).text
    assert "Aucune facture pour le moment" in page
    assert "Demander une facture" in page


def test_the_document_is_handed_out_byte_for_byte_and_kept_by_no_cache(client: LintingClient, claire: Customer) -> None:
    answer = client.get(f"{LIST}/{an_invoice(claire).number}.pdf")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "application/pdf", PDF)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="FA-2026-000001.pdf"'


def test_a_strangers_document_does_not_exist(client: LintingClient, claire: Customer) -> None:
    an_invoice(a_customer(email="voisin@example.org"))
    assert client.get(f"{LIST}/FA-2026-000001.pdf").status_code == 404
    assert "FA-2026-000001" not in client.get(LIST).text


def test_nobody_downloads_without_signing_in(client: LintingClient) -> None:
    an_invoice(a_customer())
    answer = client.get(f"{LIST}/FA-2026-000001.pdf")
    assert answer.status_code == 303
    assert "/connexion" in answer.location


def test_an_unproven_account_sees_no_documents(client: LintingClient) -> None:
    customer = sign_in(client, a_customer(email="inconnu@example.org", confirmed=False))
    an_invoice(customer)
    assert client.get(f"{LIST}/FA-2026-000001.pdf").status_code == 404
    page = client.get(LIST).text
    assert "FA-2026-000001" not in page
    assert "une fois votre adresse e-mail confirmée" in page


def test_trial_documents_are_no_invoices(client: LintingClient, claire: Customer) -> None:
    an_invoice(claire, trial=True)
    assert client.get(f"{LIST}/FA-2026-000001.pdf").status_code == 404
    assert "FA-2026-000001" not in client.get(LIST).text


def test_a_document_that_is_not_drawn_yet_is_said_to_be_on_its_way(client: LintingClient, claire: Customer) -> None:
    an_invoice(claire, drawn=False)
    assert "en préparation" in client.get(LIST).text
    assert client.get(f"{LIST}/FA-2026-000001.pdf").status_code == 404


def test_the_list_asks_as_little_for_many_invoices_as_for_one(client: LintingClient, claire: Customer) -> None:
    an_invoice(claire, 1)
    with count_queries() as for_one:
        client.get(LIST)
    for sequence in range(2, 12):
        an_invoice(claire, sequence)
    with count_queries() as for_many:
        client.get(LIST)
    assert for_many.count == for_one.count <= 8, str(for_many)
