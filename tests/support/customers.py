"""What the tests of the customer's pages share: signing in, and an order that is invoiced."""

from decimal import Decimal

import clock
from extensions import db
from models import Customer, Invoice, NumberSeries, Order, StoredFile
from tests.support.client import LintingClient
from tests.support.factories import PASSWORD, PLACED, a_request

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
    """Sign the customer in, and give them back."""
    client.post("/connexion", data={"email": customer.email, "password": PASSWORD})
    return customer


def page_of(order: Order) -> str:
    """Return the address of an order's page."""
    return f"{LIST}/{order.number}"


def an_issued_invoice(order: Order, *, state: str = "sent", drawn: bool = True) -> Invoice:
    """Return the invoice of an order, its request with it; not `drawn`, it has no document yet."""
    sent_at = clock.now() if state == "sent" else None
    request = a_request(order, state=state, sent_at=sent_at, earliest_at=PLACED, deadline_at=PLACED)
    db.session.merge(NumberSeries(name="FA-2026", last_number=order.id, last_date=PLACED.date()))
    invoice = Invoice(
        request_id=request.id, order_id=order.id, number=f"FA-2026-{order.id:06}", series="FA-2026",
        sequence=order.id, trial=False, issue_date=PLACED.date(), issued_at=PLACED, currency="EUR",
        net=Decimal("26.43"), vat=Decimal("5.29"), gross=order.total, snapshot="{}", snapshot_sha256="0" * 64,
    )  # fmt: skip
    if drawn:
        invoice.file = StoredFile(name=f"{invoice.number}.pdf", sha256="0" * 64, size=1)
    db.session.add(invoice)
    db.session.commit()
    return invoice
