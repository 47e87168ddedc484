"""`flask accounts erase`: what it asks, and what it says."""

import pytest
from click.testing import Result
from flask import Flask

from extensions import db
from models import Customer
from tests.support.factories import a_customer, a_request, an_order, company_details

pytestmark = pytest.mark.databases("sqlite")  # What is asked and said; the erasure is tested with its service.
EMAIL = "claire@example.org"


def run(app: Flask, *arguments: str, typed: str | None = None) -> Result:
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["accounts", "erase", *arguments], input=typed)
    db.session.expire_all()
    return result


def test_the_data_of_an_address_are_erased_once_that_is_confirmed(app: Flask) -> None:
    customer: Customer = a_customer(email=EMAIL)
    assert run(app, EMAIL, typed="n\n").exit_code == 1
    assert customer.erased_at is None
    result = run(app, EMAIL.upper(), typed="y\n")
    assert result.exit_code == 0, result.output
    assert "sont effacées" in result.output
    assert customer.erased_at is not None


def test_what_waits_for_its_invoice_is_said(app: Flask) -> None:
    order = an_order(email=EMAIL, billing=company_details())
    a_request(order, origin="company", customer=None)
    assert "1 commande attend encore une facture due" in run(app, EMAIL, "--yes").output


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("claire", "n'est pas complète"),
        ("paul@example.org", "Rien n'est connu"),
        ("patron@example.org", "seule personne à gérer"),
    ],
)
def test_what_cannot_be_done_is_said(app: Flask, email: str, said: str) -> None:
    a_customer(email="patron@example.org", admin=True)
    result = run(app, email, "--yes")
    assert (result.exit_code, said in result.output) == (1, True), result.output
