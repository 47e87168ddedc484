"""Who is signed in, for the tests of an order's pages."""

import pytest

from models import Customer
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer, billing_details


@pytest.fixture
def claire(client: LintingClient) -> Customer:
    """Claire, signed in, with complete details."""
    return sign_in(client, a_customer(billing=billing_details()))


@pytest.fixture
def newcomer(client: LintingClient) -> Customer:
    """A confirmed account that has not said yet who its invoices are made out to."""
    return sign_in(client, a_customer(email="nouveau@example.org"))


@pytest.fixture
def unproven(client: LintingClient) -> Customer:
    """An account whose mailbox is not proven."""
    return sign_in(client, a_customer(email="inconnu@example.org", confirmed=False))


@pytest.fixture
def admin(client: LintingClient) -> Customer:
    """The merchant, signed in."""
    return sign_in(client, a_customer(email="admin@example.org", admin=True))
