"""« Mes factures »: the list and the documents, for their owner alone."""

from collections.abc import Callable
from io import BytesIO

import pikepdf
import pytest
import time_machine
from flask import Flask

import storage
from documents import archive
from extensions import db
from models import Customer, Invoice, StoredFile
from services import crediting, files, invoices, issuing
from tests.support.client import LintingClient
from tests.support.customers import an_issued_invoice, draw, sign_in
from tests.support.factories import a_customer, an_order, billing_details
from tests.support.queries import count_queries

pytestmark = pytest.mark.databases("sqlite")  # Pages and bytes.
LIST = "/espace-client/factures"


def an_invoice(customer: Customer, *, drawn: bool = True) -> Invoice:
    """Return an issued invoice whose file is on disk as a worker writes it."""
    invoice = an_issued_invoice(an_order(customer=customer, billing=billing_details()), drawn=False)
    if drawn:
        draw(invoice)
    return invoice


@pytest.mark.databases("sqlite", "postgresql")
def test_the_list_begins_with_the_newest_invoice(
    client: LintingClient, claire: Customer, frozen_clock: time_machine.Traveller
) -> None:
    older, newer = (an_issued_invoice(an_order(customer=claire)) for _ in range(2))
    page = client.get(LIST).text
    assert page.index(newer.number) < page.index(older.number)
    assert page.count(f'factures/{older.number}.pdf"') == 1
    assert "31,72" in page
    assert f'href="/espace-client/commandes/{older.order.number}"' in page


def test_the_list_goes_on_run_by_run_and_says_its_end(
    client: LintingClient, claire: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoices, "PAGE_SIZE", 2)
    first = an_issued_invoice(an_order(customer=claire, billing=billing_details()))
    second = an_issued_invoice(an_order(customer=claire, billing=billing_details()))
    page = client.get(LIST).text
    assert first.number in page
    assert "Afficher plus" not in page
    note = crediting.credit(second, amount=None, reason="Retour", refund=True, shown=0)
    assert note is not None
    page = client.get(LIST).text
    assert second.number in page
    assert first.number not in page
    following = f"{LIST}?avant={second.number}"
    assert f'href="{following}"' in page
    rest = client.get(following).text
    assert first.number in rest
    assert "2026 (suite)" in rest
    assert "Vous avez vu toutes vos factures." in rest
    assert "Revenir aux plus récentes" in rest
    assert "Télécharger toutes" not in rest
    run = client.get(following, headers={"HX-Request": "true", "HX-Request-Type": "partial"}).text
    assert run.lstrip().startswith('<div id="run-')
    an_issued_invoice(an_order(customer=claire, billing=billing_details()))
    page = client.get(LIST).text
    credited = f'sur la facture n° <span class="number">{second.number}'
    assert credited in page.replace("\u00a0", " ")  # Not listed itself.


def test_an_account_without_invoices_learns_how_to_get_one(client: LintingClient, claire: Customer) -> None:
    page = client.get(LIST).text
    assert "Aucune facture pour le moment" in page
    assert "Demander une facture" in page


def test_the_document_is_handed_out_byte_for_byte_and_kept_by_no_cache(client: LintingClient, claire: Customer) -> None:
    invoice = an_invoice(claire)
    answer = client.get(f"{LIST}/{invoice.number}.pdf")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "application/pdf", files.read(invoice))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize("ending", ["pdf", "html", "xml"])
def test_a_strangers_document_does_not_exist(client: LintingClient, claire: Customer, ending: str) -> None:
    invoice = an_issued_invoice(an_order(customer=a_customer(email="voisin@example.org"), billing=billing_details()))
    assert client.get(f"{LIST}/{invoice.number}.{ending}").status_code == 404
    assert invoice.number not in client.get(LIST).text


@pytest.mark.parametrize("ending", ["pdf", "html", "xml"])
def test_nobody_downloads_without_signing_in(client: LintingClient, ending: str) -> None:
    invoice = an_issued_invoice(an_order(customer=a_customer()))
    answer = client.get(f"{LIST}/{invoice.number}.{ending}")
    assert answer.status_code == 303
    assert "/connexion" in answer.location


def test_an_unproven_account_sees_no_documents(client: LintingClient, unproven: Customer) -> None:
    invoice = an_issued_invoice(an_order(customer=unproven))
    for ending in ("pdf", "html", "xml"):
        assert client.get(f"{LIST}/{invoice.number}.{ending}").status_code == 404
    page = client.get(LIST).text
    assert invoice.number not in page
    assert "une fois votre adresse e-mail confirmée" in page


@pytest.mark.databases("sqlite", "postgresql")
def test_trial_documents_are_no_invoices(make_app: Callable[..., Flask]) -> None:
    app = make_app(ISSUE_MODE="trial")
    with app.app_context():
        client = app.test_client()
        assert isinstance(client, LintingClient)
        invoice = an_issued_invoice(an_order(customer=sign_in(client, a_customer())))
        assert client.get(f"{LIST}/{invoice.number}.pdf").status_code == 404
        assert invoice.number not in client.get(LIST).text


def test_a_document_that_is_not_drawn_yet_is_said_to_be_on_its_way(client: LintingClient, claire: Customer) -> None:
    invoice = an_invoice(claire, drawn=False)
    assert "en préparation" in client.get(LIST).text
    assert client.get(f"{LIST}/{invoice.number}.pdf").status_code == 404
    assert client.get(f"{LIST}/{invoice.number}.xml").status_code == 404


def test_the_data_are_those_that_the_pdf_carries(client: LintingClient, claire: Customer) -> None:
    invoice = an_invoice(claire)
    answer = client.get(f"{LIST}/{invoice.number}.xml")
    assert (answer.status_code, answer.mimetype) == (200, "application/xml")
    assert answer.data == archive.embedded_xml(files.read(invoice) or b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{invoice.number}.xml"'
    assert f'href="{LIST}/{invoice.number}.xml"' in client.get(LIST).text


def test_a_document_drawn_before_it_carried_data_has_no_link_to_them(client: LintingClient, claire: Customer) -> None:
    invoice = an_invoice(claire, drawn=False)
    old = BytesIO()
    pikepdf.new().save(old)
    stored = storage.write_once("old.pdf", old.getvalue())
    invoice.file = StoredFile(name="old.pdf", sha256=stored.sha256, size=stored.size)
    db.session.commit()
    assert ".xml" not in client.get(LIST).text
    assert client.get(f"{LIST}/{invoice.number}.xml").status_code == 404


def test_the_list_asks_as_little_for_many_invoices_as_for_one(client: LintingClient, claire: Customer) -> None:
    an_issued_invoice(an_order(customer=claire))
    with count_queries() as for_one:
        client.get(LIST)
    for _ in range(10):
        an_issued_invoice(an_order(customer=claire))
    with count_queries() as for_many:
        client.get(LIST)
    assert for_many.count == for_one.count <= 8, str(for_many)


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_a_document_whose_mail_may_be_lost_says_that_it_is_here(
    client: LintingClient, claire: Customer, state: str
) -> None:
    invoice = an_issued_invoice(an_order(customer=claire, billing=billing_details()))
    lost = "est peut-être pas parvenu"
    pages = (LIST, f"{LIST}/{invoice.number}.html", f"/espace-client/commandes/{invoice.order.number}")
    mail = issuing.mail(invoice)
    mail.become("sending")
    db.session.flush()
    mail.become(state)
    db.session.commit()
    assert all(lost in client.get(page).text for page in pages)
    issuing.mail(invoice, again=1)
    db.session.commit()
    assert not any(lost in client.get(page).text for page in pages)
