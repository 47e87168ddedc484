"""« Mes factures » by year: its sums, what it is narrowed to, the states, and the packs as a browser sees them."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
import time_machine
from flask import current_app

import jobs
from extensions import db
from models import Customer, DataExport, Document, Invoice
from services import crediting, data_exports, issuing, year_packs
from tests.support.client import LintingClient
from tests.support.customers import a_correction, a_refused_mail, an_issued_invoice, draw
from tests.support.factories import a_customer, a_line, an_order, billing_details, company_details

pytestmark = pytest.mark.databases("sqlite")  # Pages; the packs are tested with their service.
LIST = "/espace-client/factures"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def by_year(claire: Customer, frozen_clock: time_machine.Traveller) -> dict[str, Invoice]:
    """Give the invoices of two years, by the article each is about."""
    found = {}
    for year, article in ((2025, "Étiquettes"), (2026, "Affiches"), (2026, "Cartes de visite")):
        frozen_clock.move_to(datetime(year, 11, 24, 9, tzinfo=UTC))
        found[article] = an_invoice(claire, article)
    return found


def an_invoice(customer: Customer, article: str, **changes: Any) -> Invoice:
    billing = changes.pop("billing", billing_details())
    return an_issued_invoice(
        an_order(customer=customer, billing=billing, lines=[a_line(description=article)], **changes)
    )


def listed(page: str) -> list[str]:
    return re.findall(r'<th scope="row">.*?class="number">([^<]+)<', page)


def plain(page: str) -> str:
    return re.sub("[\u00a0\u202f]", " ", page).replace("&#39;", "'")


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", plain(page)).split())


def test_each_year_has_its_heading_its_number_and_its_sum(client: LintingClient, by_year: dict[str, Invoice]) -> None:
    note = crediting.credit(by_year["Affiches"], amount=Decimal("6.82"), reason="Retour", refund=True, shown=0)
    assert note is not None
    page = client.get(LIST).text
    assert re.findall(r'<h2 id="annee-(\d+)">(\d+)</h2>', page) == [("2026", "2026"), ("2025", "2025")]
    said = words(page)
    assert "2026 3 documents · Total : 46,82 €" in said  # 26,82 twice, less 6,82.
    assert "2025 1 document · Total : 26,82 €" in said


def test_the_day_is_the_one_that_the_document_bears(
    client: LintingClient, claire: Customer, frozen_clock: time_machine.Traveller
) -> None:
    for day in (24, 20):  # The clock is set back; the second is dated as the first.
        frozen_clock.move_to(datetime(2026, 11, day, 9, tzinfo=UTC))
        an_invoice(claire, "Affiches")
    frozen_clock.move_to(datetime(2026, 11, 24, 10, tzinfo=UTC))
    page = words(client.get(LIST).text)
    assert page.count("24 novembre 2026") == 2
    assert "20 novembre" not in page


def test_each_currency_is_summed_by_itself(client: LintingClient, claire: Customer) -> None:
    an_invoice(claire, "Affiches")
    an_invoice(claire, "Posters", currency="USD", exchange_rate=Decimal("0.9"))
    assert "2 documents · Total : 26,82 € · Total : 26,82 $US" in words(client.get(LIST).text)


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ("annee=2025", ["Étiquettes"]),
        ("q=etiquette", ["Étiquettes"]),
        ("q=CARTES+visite", ["Cartes de visite"]),
        ("q=visite+affiches", []),
        ("q=martin", ["Cartes de visite", "Affiches", "Étiquettes"]),
        ("q=Duval", []),
        ("annee=2026&q=étiquettes", []),
        ("type=factures&annee=2026", ["Cartes de visite", "Affiches"]),
        ("type=avoirs", []),
        ("annee=1999", []),
        ("annee=x&type=x&q=%20", ["Cartes de visite", "Affiches", "Étiquettes"]),
    ],
)
def test_the_address_narrows_the_list(
    client: LintingClient, by_year: dict[str, Invoice], narrowed: str, found: list[str]
) -> None:
    page = client.get(f"{LIST}?{narrowed}").text
    assert listed(page) == [by_year[article].number for article in found]
    assert ("Aucune facture ne correspond" in page) == (not found)
    assert ("Voir toutes mes factures" in page) == (not found)


def test_numbers_are_found_as_people_write_them(client: LintingClient, by_year: dict[str, Invoice]) -> None:
    invoice = by_year["Affiches"]
    series, year, sequence = invoice.number.split("-")
    for search in (invoice.number.lower(), f"{series}%20{year}%20{sequence}", f"%23{invoice.order.number}"):
        assert listed(client.get(f"{LIST}?q={search}").text) == [invoice.number], search


def test_a_company_and_who_it_was_delivered_to_are_found(client: LintingClient, claire: Customer) -> None:
    there = {"name": "Zoé Lebrun", "line1": "2 rue X", "line2": "", "postal_code": "29200", "city": "Brest"}
    invoice = an_invoice(claire, "Affiches", billing=company_details(), shipping_address=there | {"country": "FR"})
    for search in ("imprimerie", "zoe"):
        assert listed(client.get(f"{LIST}?q={search}").text) == [invoice.number], search


def test_asked_by_htmx_the_list_alone_is_answered_and_keeps_what_it_is_narrowed_to(
    client: LintingClient, by_year: dict[str, Invoice]
) -> None:
    part = client.get(f"{LIST}?annee=2026&q=affiches", headers=HTMX).text
    assert part.lstrip().startswith('<div id="invoices">')
    assert 'name="annee" value="2026"' in part
    assert 'value="affiches"' in part
    assert "annee=2025&amp;q=affiches" in part
    assert 'hx-push-url="true"' in part


def test_what_is_searched_for_is_shown_as_text(client: LintingClient, by_year: dict[str, Invoice]) -> None:
    page = client.get(f"{LIST}?q=%22%3E%3Cimg+src=x%3E").text
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page


def test_a_document_says_what_became_of_it_and_of_its_mail(
    client: LintingClient, claire: Customer, frozen_clock: time_machine.Traveller
) -> None:
    frozen_clock.move_to(datetime(2026, 11, 24, 9, tzinfo=UTC))
    invoice = an_invoice(claire, "Affiches")

    def state(document: Document = invoice) -> str:
        row = client.get(f"{LIST}?q={document.number}").text.partition("<tbody>")[2]
        at = next(piece for piece in row.split("<tr>") if f">{document.number}</span></strong>" in piece)
        return words(at.split("<td")[3].partition(">")[2])

    assert state() == "Émise"
    mail = issuing.mail(invoice)
    mail.become("sending")
    db.session.flush()
    mail.become("sent")
    db.session.commit()
    assert state() == "Envoyée Par e-mail le 24 novembre 2026"
    note = crediting.credit(invoice, amount=Decimal("1.00"), reason="Geste", refund=True, shown=0)
    assert note is not None
    assert state(note) == "Émis"
    assert state().startswith("Créditée en partie")
    crediting.credit(invoice, amount=None, reason="Retour", refund=True, shown=1)
    assert state().startswith("Créditée entièrement")
    other = an_invoice(claire, "Cartes")
    a_refused_mail(other)
    assert state(other) == "E-mail refusé"
    third = an_invoice(claire, "Cartes")
    a_correction(third, claire, billing_details(line1="1 rue Neuve"))
    assert state(third) == "Remplacée"


def test_the_way_to_the_pack_of_a_year(client: LintingClient, by_year: dict[str, Invoice]) -> None:
    page = plain(client.get(LIST).text)
    assert "Télécharger toutes les factures de 2026" in page
    assert "Télécharger toutes les factures de 2025" in page
    answer = client.post(f"{LIST}/annees/2026")
    assert answer.location == f"{LIST}?annee=2026#annee-2026"
    client.post(f"{LIST}/annees/2026")
    assert len(db.session.query(DataExport).all()) == 1
    page = plain(client.get(answer.location).text)
    assert "0 documents sur 2." in words(page)
    assert 'max="2" value="0"' in page
    assert "Rechargez cette page" in page
    assert "Télécharger toutes les factures de 2026" not in page
    assert client.get(f"{LIST}/annees/2026.zip").status_code == 404
    part = client.get(f"{LIST}/annees/2026", headers=HTMX).text
    assert 'hx-trigger="every 2s"' in part
    assert client.get(f"{LIST}/annees/2026").location == answer.location


def test_a_pack_is_handed_out_whole_and_kept_by_no_cache(client: LintingClient, claire: Customer) -> None:
    invoice = an_issued_invoice(an_order(customer=claire, billing=billing_details()), drawn=False)
    year = invoice.issue_date.year
    draw(invoice)
    client.post(f"{LIST}/annees/{year}")
    _make()
    part = client.get(f"{LIST}/annees/{year}", headers=HTMX).text
    assert "every 2s" not in part
    assert f"Le fichier des factures de {year} est prêt." in part
    assert re.search(r"Télécharger \(ZIP, [\d,]+ [km]o\)", words(part), re.IGNORECASE)
    assert "Disponible jusqu'au" in plain(part)
    assert "<form" not in part
    answer = client.get(f"{LIST}/annees/{year}.zip")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="factures-{year}.zip"'
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert f"{invoice.number}.pdf" in ZipFile(BytesIO(answer.data)).namelist()
    an_issued_invoice(an_order(customer=claire, billing=billing_details()))
    part = client.get(f"{LIST}/annees/{year}", headers=HTMX).text
    assert "1 document a été émis depuis." in words(part)
    assert "Préparer un nouveau fichier" in part


def test_a_pack_that_failed_may_be_tried_again(client: LintingClient, claire: Customer) -> None:
    year = an_issued_invoice(an_order(customer=claire, billing=billing_details())).issue_date.year
    year_packs.request(claire, year)
    _newest().become("failed")
    db.session.commit()
    page = plain(client.get(LIST).text)
    assert "Le fichier n'a pas pu être établi. Réessayez, ou écrivez-nous." in page
    answer = client.post(f"{LIST}/annees/{year}", headers=HTMX)
    assert f'id="progress-{year}"' in answer.text
    assert "data-focus" in answer.text
    assert "data-focus" not in client.get(f"{LIST}/annees/{year}", headers=HTMX).text
    assert _newest().state == "requested"


def test_a_strangers_pack_does_not_exist(client: LintingClient, claire: Customer) -> None:
    paul = a_customer(email="paul@example.org")
    year = an_issued_invoice(an_order(customer=paul, billing=billing_details())).issue_date.year
    year_packs.request(paul, year)
    for address in (f"{LIST}/annees/{year}.zip", f"{LIST}/annees/{year}"):
        assert client.get(address).status_code == 404
    assert client.post(f"{LIST}/annees/{year}").status_code == 404


def test_the_file_of_personal_data_and_a_pack_are_no_file_of_each_other(
    client: LintingClient, claire: Customer
) -> None:
    year = an_issued_invoice(an_order(customer=claire, billing=billing_details())).issue_date.year
    year_packs.request(claire, year)
    pack = _newest()
    assert data_exports.latest(claire) is None
    assert client.get(f"/espace-client/mon-compte/mes-donnees/{pack.id}.zip").status_code == 404
    assert "Préparer le fichier" in client.get("/espace-client/mon-compte/mes-donnees").text


def test_a_list_that_is_searched_offers_no_pack(client: LintingClient, by_year: dict[str, Invoice]) -> None:
    assert "Télécharger toutes" in client.get(f"{LIST}?annee=2026").text
    assert "Télécharger toutes" not in client.get(f"{LIST}?q=martin").text
    assert "Télécharger toutes" not in client.get(f"{LIST}?type=factures").text


def _newest() -> DataExport:
    db.session.expire_all()
    return db.session.query(DataExport).order_by(DataExport.id.desc()).first() or pytest.fail("there is none")


def _make() -> None:
    number = _newest().id
    db.session.commit()
    with current_app.app_context():
        jobs.export_data(number)
    db.session.expire_all()
