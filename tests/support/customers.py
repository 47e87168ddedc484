"""What the tests of the customer's pages share: signing in, and an order that is invoiced."""

import re

from flask import current_app

import clock
from extensions import db
from models import Correction, Customer, Delivery, Document, Invoice, Order, StoredFile
from parties.details import Details
from services import corrections, files, issuing, sessions
from tests.support.client import LintingClient
from tests.support.factories import PLACED, a_request, billing_details

LIST = "/espace-client/commandes"
PERSON = {
    "kind": "individual", "first_name": "Claire", "last_name": "Martin", "tax_id": "",
    "line1": "12 rue Mercière", "line2": "", "postal_code": "69002", "city": "Lyon", "country": "FR",
}  # fmt: skip
COMPANY = {
    "kind": "company", "company_name": "Imprimerie Martin SARL", "siret": "732 829 320 00074", "vat_number": "",
    "tax_id": "", "line1": "3 quai Perrache", "line2": "", "postal_code": "69002", "city": "Lyon", "country": "FR",
}  # fmt: skip


def sign_in(client: LintingClient, customer: Customer) -> Customer:
    """Give the browser a session of the customer, as the sign-in page does after its work; give back the customer."""
    token = sessions.open(customer, "pytest")
    with client.session_transaction() as cookie:
        cookie.update({"_user_id": token, "_fresh": True})
    return customer


def page_of(order: Order) -> str:
    """Return the address of an order's page."""
    return f"{LIST}/{order.number}"


def listed(page: str) -> list[str]:
    """Return the numbers of the orders that « Mes commandes » shows, in their order."""
    return re.findall(r'<th scope="row" class="number">([^<]+)</th>', page)


def an_issued_invoice(order: Order, *, state: str = "sent", drawn: bool = True) -> Invoice:
    """Return the invoice of an order, its request with it; not `drawn`, it has no file yet.

    Its file is a row only; a test that reads the bytes has them drawn by `draw`.
    """
    sent_at = clock.now() if state == "sent" else None
    request = a_request(order, state=state, sent_at=sent_at, earliest_at=PLACED, deadline_at=PLACED)
    invoice = issuing.invoice(request, order, order.effective_details() or billing_details())
    if drawn:
        invoice.file = StoredFile(name=f"{invoice.number}.pdf", sha256="0" * 64, xml_sha256="0" * 64, size=1)
    db.session.commit()
    return invoice


def a_refused_mail(document: Document) -> Delivery:
    """Return the first mail of a document that was issued, refused by its address for good."""
    mail, request = issuing.mail(document), document.request
    mail.become("failed", trouble="recipient", error="550 5.1.1 no such mailbox")
    request.become("needs_attention", reason="L'adresse e-mail a refusé le message.")
    db.session.commit()
    return mail


def draw(document: Document) -> Document:
    """Write the document's file as a worker does, in a context of its own; return the document."""
    document_id = document.id
    db.session.commit()  # And nothing read since: SQLite lets nobody write over what they have seen change.
    with current_app.app_context():
        files.ensure(document_id)
    return document


def a_correction(invoice: Invoice, customer: Customer, wanted: Details, purchase_order: str = "") -> Correction:
    """Return the correction that the customer asked for; one of the address alone is carried out already."""
    return corrections.submit(invoice, wanted, purchase_order, customer)
