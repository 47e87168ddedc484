"""An address that refused a document: said wherever its customer looks, with the two ways out."""

import pytest
from sqlalchemy import func, select

from blueprints import customer
from extensions import db
from models import Customer, Delivery, Order
from services import issuing
from tests.support.client import LintingClient
from tests.support.customers import LIST, a_refused_mail, an_issued_invoice, page_of
from tests.support.factories import an_order, billing_details

HOME = "/espace-client"
ACCOUNT = "/espace-client/mon-compte"
REFUSED = "L'adresse claire@example.org a refusé"
CORRECT = 'href="/espace-client/mon-compte/adresse"'

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def order(claire: Customer) -> Order:
    """An order of Claire's whose invoice her address refused."""
    order = an_order(customer=claire, billing=billing_details())
    a_refused_mail(an_issued_invoice(order))
    return order


def text(client: LintingClient, url: str) -> str:
    return client.get(url).text.replace("&#39;", "'")


def resend(order: Order) -> str:
    return f"{page_of(order)}/renvoyer"


def mails() -> int:
    return db.session.scalar(select(func.count()).select_from(Delivery)) or 0


def test_the_home_says_which_documents_were_refused_and_leads_to_them(client: LintingClient, order: Order) -> None:
    page = text(client, HOME)
    assert REFUSED in page
    assert CORRECT in page
    assert f'href="{page_of(order)}#request"' in page
    assert "FA-2026-000001" in page


@pytest.mark.parametrize(("many", "said"), [(2, "FA-2026-000001"), (3, "et 1 autre, dans"), (4, "et 2 autres, dans")])
def test_the_home_names_the_latest_of_many_and_leads_to_the_others(
    client: LintingClient, order: Order, many: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer, "MOST_REFUSED", 2)
    for _ in range(many - 1):
        a_refused_mail(an_issued_invoice(an_order(customer=order.customer, billing=billing_details())))
    page = text(client, HOME)
    assert page.count('Facture <span class="number">') == 2
    assert f"FA-2026-00000{many}" in page
    assert said in page


def test_the_list_says_it_in_words(client: LintingClient, order: Order) -> None:
    assert "Adresse e-mail refusée" in text(client, LIST)
    assert "Adresse e-mail refusée" in client.htmx("GET", LIST).text


def test_the_order_says_it_with_the_invoice_at_hand_and_both_ways_out(client: LintingClient, order: Order) -> None:
    page = text(client, page_of(order))
    assert REFUSED in page
    assert CORRECT in page
    assert f'action="{resend(order)}"' in page
    assert "Télécharger la facture (PDF)" in page
    assert "nous nous en occupons" not in page
    assert "Rien n'est perdu" in page


def test_what_a_former_address_refused_is_not_blamed_on_the_present_one(client: LintingClient, order: Order) -> None:
    assert order.customer is not None
    assert "Refuse nos e-mails" in text(client, ACCOUNT)
    order.customer.email = order.customer.email_key = "claire.martin@example.org"
    db.session.commit()
    page = text(client, page_of(order))
    assert REFUSED in page
    assert "Vos e-mails vont désormais à claire.martin@example.org." in page.replace("\u00a0", " ")
    assert f'action="{resend(order)}"' in page
    assert "boîte était pleine" not in page
    assert REFUSED in text(client, HOME)
    assert CORRECT not in page + text(client, HOME)
    assert "Refuse nos e-mails" not in text(client, ACCOUNT)


def test_the_documents_say_it_too(client: LintingClient, order: Order) -> None:
    for url in ("/espace-client/factures", "/espace-client/factures/FA-2026-000001.html"):
        assert REFUSED in text(client, url)


def test_pressing_sends_it_again_and_the_notice_goes(client: LintingClient, order: Order) -> None:
    answer = client.htmx("POST", resend(order))
    assert answer.status_code == 200
    assert "e-mail part de nouveau" in answer.text
    assert "refusé" not in answer.text
    assert "hx-trigger" in answer.text  # The section looks after itself until the mail has gone.
    plain = client.post(resend(order))
    assert (plain.status_code, plain.location) == (303, f"{page_of(order)}#request")
    assert "rien n'a été fait deux fois" in text(client, page_of(order))
    assert mails() == 2
    assert REFUSED not in text(client, HOME)


def test_too_many_presses_are_told_to_wait(client: LintingClient, order: Order) -> None:
    for _press in range(3):
        assert client.htmx("POST", resend(order)).status_code == 200
        mail = db.session.scalars(select(Delivery).where(Delivery.state == "pending")).one()
        mail.become("failed", trouble="recipient")
        db.session.commit()
    refused = client.htmx("POST", resend(order))
    assert (refused.status_code, "Vous avez essayé trop souvent." in refused.text) == (429, True)


def test_a_refused_credit_note_leaves_the_invoice_sent(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire, billing=billing_details())
    invoice = an_issued_invoice(order)
    issuing.credit_note(invoice, None, reason="Retour", settlement="set_off", refunded_on=None, occasion="test")
    mail = db.session.scalars(select(Delivery)).one()
    mail.become("failed", trouble="recipient")
    page = text(client, page_of(order))
    assert REFUSED in page
    assert "Votre facture vous a été envoyée" in page
    assert "Facture envoyée" in text(client, LIST)
    assert "AV-2026-000001" in text(client, HOME)
