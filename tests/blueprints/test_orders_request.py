"""« Modifier », « Demander une facture » and the progress of the request, with htmx and without."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
import time_machine
from flask import Flask

import clock
from extensions import db
from models import BillingDetails, Customer, InvoiceRequest
from tests.support.client import LintingClient
from tests.support.customers import COMPANY, PERSON, an_issued_invoice, page_of, sign_in
from tests.support.factories import (
    PLACED,
    a_customer,
    a_line,
    a_request,
    an_order,
    billing_details,
    company_details,
)

pytestmark = pytest.mark.databases("sqlite")  # Fragments; requests are tested with their service.
ASKED = "Nous avons bien reçu votre demande."


# « Demander une facture »


def test_asking_confirms_with_the_promised_dates(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, shipped_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with time_machine.travel(datetime(2026, 11, 23, 9, 30, tzinfo=UTC), tick=False):
        sign_in(client, claire)
        answer = client.post(page_of(order) + "/facture", data={"purchase_order": " BC\N{NO-BREAK SPACE}12 "})
        assert (answer.status_code, answer.location) == (303, page_of(order) + "#request")
        page = client.get(page_of(order)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert ASKED in page
    assert "entre le mardi 24 novembre à 10 h et le mercredi 25 novembre à 10 h 30" in page
    assert "Programmée" in page
    assert "Demander une facture" not in page
    assert db.session.query(InvoiceRequest).one().purchase_order == "BC 12"


def test_htmx_gets_the_progress_in_place_of_the_button(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    answer = client.htmx("POST", page_of(order) + "/facture", data={"purchase_order": ""})
    assert answer.status_code == 200
    assert '<section id="request"' in answer.text
    assert "data-focus" in answer.text
    assert ASKED in answer.text
    assert "entre 24 et 48 heures après l'expédition" in answer.text
    assert "<html" not in answer.text


@pytest.mark.databases("sqlite", "postgresql")
def test_asking_twice_is_asking_once(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    for _press in range(2):
        assert client.htmx("POST", page_of(order) + "/facture", data={}).status_code == 200
    assert db.session.query(InvoiceRequest).count() == 1


def test_whatever_else_is_sent_the_invoice_goes_to_the_account_alone(client: LintingClient, claire: Customer) -> None:
    stranger = "voleur@example.org"
    sent = dict.fromkeys(("email", "recipient", "to", "buyer_email", "customer_id", "purchase_order"), stranger)
    order = an_order(customer=claire, email=stranger, shipped_at=PLACED)
    client.post(page_of(order) + "/facture", data=sent, query_string=sent, headers={"Reply-To": stranger})
    request = db.session.query(InvoiceRequest).one()
    assert (request.recipient, request.customer_id) == (claire.email, claire.id)


def test_a_reference_that_is_too_long_is_refused_beside_its_field(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    for answer in (
        client.post(page_of(order) + "/facture", data={"purchase_order": "x" * 101}),
        client.htmx("POST", page_of(order) + "/facture", data={"purchase_order": "x" * 101}),
    ):
        assert answer.status_code == 422
        assert "100 caractères au plus" in answer.text
        assert "x" * 101 in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert db.session.query(InvoiceRequest).count() == 0


def test_a_reference_that_cannot_be_printed_is_refused(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    answer = client.post(page_of(order) + "/facture", data={"purchase_order": "BC \ue000 118"})
    assert answer.status_code == 422
    assert "effacez-le" in answer.text
    assert db.session.query(InvoiceRequest).count() == 0


def test_a_reference_cannot_turn_the_line_around_it(client: LintingClient, claire: Customer) -> None:
    client.post(page_of(an_order(customer=claire)) + "/facture", data={"purchase_order": "\u202eBC\u2066 118"})
    assert db.session.query(InvoiceRequest).one().purchase_order == "BC 118"


def test_the_shops_own_reference_is_proposed(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, purchase_order="BC-2026-118")
    assert 'value="BC-2026-118"' in client.get(page_of(order)).text


def test_asking_with_incomplete_details_opens_the_form_in_place(client: LintingClient, newcomer: Customer) -> None:
    order = an_order(customer=newcomer, shipping_address=None)
    answer = client.htmx("POST", page_of(order) + "/facture", data={})
    assert answer.status_code == 200
    assert ASKED in answer.text
    assert re.search(r'<section id="billing"[^>]*hx-swap-oob="outerMorph"', answer.text)
    assert "Indiquez votre nom." in answer.text
    assert answer.text.count("autofocus") == 1
    assert "Il manque des informations" in answer.text
    assert db.session.query(InvoiceRequest).one().waiting_for == "details"


def test_asking_with_incomplete_details_leads_to_the_form_without_javascript(
    client: LintingClient, newcomer: Customer
) -> None:
    order = an_order(customer=newcomer, shipping_address=None)
    answer = client.post(page_of(order) + "/facture", data={})
    assert (answer.status_code, answer.location) == (303, page_of(order) + "/facturation?incomplet=1")
    page = client.get(answer.location)
    assert page.status_code == 200
    assert "Indiquez votre nom." in page.text
    assert "Complétez vos données de facturation" in page.text
    saved = client.post(page_of(order) + "/facturation", data=PERSON)
    assert (saved.status_code, saved.location) == (303, page_of(order) + "#request")
    assert "après l'expédition" in client.get(page_of(order)).text
    assert db.session.query(InvoiceRequest).one().waiting_for == "shipment"


def test_saving_the_details_moves_the_waiting_request_on_in_place(client: LintingClient, newcomer: Customer) -> None:
    order = an_order(customer=newcomer)
    client.htmx("POST", page_of(order) + "/facture", data={})
    answer = client.htmx("POST", page_of(order) + "/facturation", data={**PERSON, "also_account": "y"})
    assert answer.status_code == 200
    assert "12 rue Mercière" in answer.text
    assert re.search(r'<section id="request"[^>]*hx-swap-oob="outerMorph"', answer.text)
    assert "après l'expédition" in answer.text
    db.session.refresh(newcomer)
    assert newcomer.billing is not None


def test_the_account_keeps_its_details_unless_the_tick_says_so(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    form = client.get(page_of(order) + "/facturation").text
    assert re.search(r'<input id="also_account"(?![^>]*checked)', form)
    client.post(page_of(order) + "/facturation", data={**PERSON, "city": "Villeurbanne"})
    db.session.expire_all()
    assert claire.billing is not None
    assert claire.billing.city == "Lyon"
    assert "Villeurbanne" in client.get(page_of(order)).text


def test_the_tick_is_on_when_the_account_has_no_details(client: LintingClient, newcomer: Customer) -> None:
    order = an_order(customer=newcomer)
    assert re.search(r'<input [^>]*checked[^>]*id="also_account"', client.get(page_of(order) + "/facturation").text)


def test_wrong_details_are_refused_beside_their_fields_and_kept(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    data = {**PERSON, "city": "", "last_name": "Lefèvre"}
    answer = client.htmx("POST", page_of(order) + "/facturation", data=data)
    assert answer.status_code == 422
    assert "Indiquez votre ville." in answer.text
    assert 'value="Lefèvre"' in answer.text


def test_another_kind_shows_its_fields_and_records_nothing(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    data = {**PERSON, "kind": "company", "show": "1"}
    answer = client.htmx("POST", page_of(order) + "/facturation", data=data)
    assert answer.status_code == 200
    assert 'id="siret"' in answer.text
    assert db.session.query(BillingDetails).count() == 1


# What gives no invoice


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"existing_invoice": "F-2026-98"}, "Déjà facturée : n° F-2026-98"),
        ({"cancelled_at": PLACED}, "Cette commande a été annulée"),
        ({"review": ["écart de 3,00 €"]}, "Montants à vérifier"),
    ],
)
def test_an_order_that_gives_no_invoice_has_no_button_and_says_why(
    client: LintingClient, claire: Customer, facts: dict[str, Any], reason: str
) -> None:
    order = an_order(customer=claire, **facts)
    page = client.get(page_of(order)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Demander une facture" not in page
    assert reason in page
    answer = client.post(page_of(order) + "/facture", data={})
    assert answer.status_code == 303
    assert db.session.query(InvoiceRequest).count() == 0


def test_an_order_whose_figures_contradict_each_other_shows_no_invented_tax(
    client: LintingClient, claire: Customer
) -> None:
    order = an_order(customer=claire, review=["écart"], total=Decimal("99.00"))
    page = client.get(page_of(order)).text
    assert "Total HT" not in page
    assert "99,00" in page


def test_details_are_not_edited_once_the_invoice_is_issued(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, billing=billing_details())
    an_issued_invoice(order)
    assert "Modifier" not in client.get(page_of(order)).text
    answer = client.post(page_of(order) + "/facturation", data={**PERSON, "city": "Paris"})
    assert answer.status_code == 422
    db.session.expire_all()
    assert order.billing is not None
    assert order.billing.city == "Lyon"


# Progress


def test_the_progress_asks_for_itself_while_a_change_is_near(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, shipped_at=PLACED)
    now = clock.now()
    a_request(order, state="scheduled", earliest_at=now, deadline_at=now + timedelta(hours=1), due_at=now)
    page = client.get(page_of(order)).text
    url = f"{page_of(order)}/facture"
    assert f'hx-get="{url}" hx-trigger="every 4s"' in page
    fragment = client.htmx("GET", url).text
    assert fragment.lstrip().startswith('<section id="request"')
    assert "hx-trigger" in fragment
    assert "data-focus" not in fragment
    assert 'id="flash"' not in fragment


@pytest.mark.parametrize("state", ["sent", "cancelled", "needs_attention", "waiting", "later"])
def test_the_progress_is_still_when_nothing_is_near(client: LintingClient, claire: Customer, state: str) -> None:
    order = an_order(customer=claire, shipped_at=PLACED)
    later = clock.now() + timedelta(hours=5)
    facts: dict[str, dict[str, Any]] = {
        "sent": {"sent_at": PLACED},
        "cancelled": {"reason": "Cette commande a été annulée."},
        "needs_attention": {"reason": "La facture n'a pas pu être produite."},
        "later": {"state": "scheduled", "earliest_at": later, "deadline_at": later, "due_at": later},
    }
    a_request(order, **({"state": state} | facts.get(state, {})))
    assert "hx-trigger" not in client.htmx("GET", page_of(order) + "/facture").text


def test_the_address_of_the_progress_leads_a_browser_to_the_order(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    answer = client.get(page_of(order) + "/facture")
    assert (answer.status_code, answer.location) == (303, page_of(order) + "#request")


@pytest.mark.parametrize(
    ("waiting_for", "words"),
    [
        ("shipment", "de l'expédition de votre commande, par"),
        ("confirmation", "de vous : confirmez votre adresse e-mail"),
        ("details", "de vous : complétez vos données de facturation"),
        ("reconciliation", "de la vérification des montants"),
    ],
)
def test_the_progress_says_what_the_request_waits_for(
    client: LintingClient, claire: Customer, waiting_for: str, words: str
) -> None:
    order = an_order(customer=claire)
    a_request(order, waiting_for=waiting_for)
    page = client.get(page_of(order)).text
    assert "En attente" in page
    assert words in page


def test_a_problem_is_told_calmly_with_the_address_of_the_support(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, shipped_at=PLACED)
    a_request(order, state="needs_attention", reason="KeyError: 'x'")
    page = client.get(page_of(order)).text
    assert "Un problème est survenu, nous nous en occupons." in page
    assert "KeyError" not in page
    assert page.count("mailto:aide@boutique.example") == 2


def test_a_cancelled_request_says_why_and_may_be_made_again(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    a_request(order, state="cancelled", reason="Cette commande avait été annulée.")
    page = client.get(page_of(order)).text
    assert "Cette commande avait été annulée." in page
    assert "Demander une facture" in page


def test_an_issued_invoice_is_downloaded_from_the_order(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, shipped_at=PLACED)
    invoice = an_issued_invoice(order)
    page = client.get(page_of(order)).text
    assert f'href="/espace-client/factures/{invoice.number}.pdf" download' in page
    assert "Votre facture vous a été envoyée par e-mail." in page


def test_an_invoice_that_is_not_drawn_yet_has_no_link(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, shipped_at=PLACED)
    an_issued_invoice(order, state="issued", drawn=False)
    page = client.get(page_of(order)).text
    assert ".pdf" not in page
    assert "Votre facture est émise." in page


# Before the mailbox is proven


def test_an_unproven_account_sees_its_order_without_addresses(client: LintingClient, unproven: Customer) -> None:
    order = an_order(customer=unproven, billing=company_details(company_name="Secret SARL"), purchase_order="Pour Zoé")
    for url in (page_of(order), page_of(order) + "/facturation"):
        page = client.get(url).text
        for secret in ("Secret SARL", "quai Perrache", "rue Mercière", "73282932000074", "Pour Zoé"):
            assert secret not in page
    assert "T-shirt personnalisé" in client.get(page_of(order)).text
    assert "une fois votre adresse e-mail confirmée" in client.get(page_of(order)).text


@pytest.mark.databases("sqlite", "postgresql")
def test_the_request_of_an_unproven_account_is_recorded_and_waits(client: LintingClient, unproven: Customer) -> None:
    order = an_order(customer=unproven, shipped_at=PLACED)
    client.post(page_of(order) + "/facturation", data=PERSON)
    answer = client.htmx("POST", page_of(order) + "/facture", data={})
    assert f"<strong>{ASKED}</strong> Confirmez votre adresse pour recevoir la facture." in answer.text
    assert 'name="code"' in answer.text
    assert db.session.query(InvoiceRequest).one().waiting_for == "confirmation"
    assert "12 rue Mercière" in client.get(page_of(order)).text  # What they typed themselves is shown.


def test_an_automatic_request_claims_no_demand(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, invoice_requested=True)
    a_request(order, origin="checkout", customer=None)
    page = client.get(page_of(order)).text
    assert ASKED not in page
    assert "Votre facture est prévue" in page


@pytest.mark.parametrize("state", ["issued", "sent"])
def test_a_trial_promises_no_mail_to_the_customer(make_app: Callable[..., Flask], state: str) -> None:
    app = make_app(ISSUE_MODE="trial")
    with app.app_context():
        browser = app.test_client()
        customer = sign_in(cast("LintingClient", browser), a_customer())
        order = an_order(customer=customer, shipped_at=PLACED)
        a_request(order, state=state, sent_at=PLACED if state == "sent" else None)
        page = browser.get(page_of(order)).text
    assert "le spécimen de cette facture est allé au vendeur" in page
    assert "Votre facture vous a été envoyée" not in page


def test_the_form_says_what_a_sale_without_vat_wants_of_its_buyer(client: LintingClient, claire: Customer) -> None:
    berlin = {"name": "", "line1": "Am Ufer 1", "line2": "", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    line = a_line(vat_rate=Decimal(0), vat_category="K")
    order = an_order(customer=claire, lines=[line], total=Decimal("26.82"), shipping_address=berlin)
    for data, field in ((PERSON, "kind"), (COMPANY | {"vat_number": "FR44732829320"}, "vat_number")):
        answer = client.post(page_of(order) + "/facturation", data=data)
        assert answer.status_code == 422
        assert "a été vendue sans TVA" in answer.text
        assert f'id="{field}-error"' in answer.text
    assert order.billing is None
