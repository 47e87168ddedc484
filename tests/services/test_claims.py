"""« Ajouter une commande »: whose mailbox an order was placed with decides who gets it."""

import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from extensions import DomainError, db
from models import AuditEntry, Customer, Delivery, Order, Token
from services import accounts, claims, intake, invoicing, letters, limits, tokens
from shops.schema import OrderMessage
from tests.shops.messages import a_message
from tests.support.factories import a_customer, a_request, an_order, billing_details

OTHER = "bureau@example.org"


@pytest.fixture
def claire(app: Flask) -> Customer:
    """Give a confirmed account."""
    return a_customer(billing=billing_details())


def the_mails() -> list[tuple[str, str]]:
    return [(mail.kind, mail.recipient) for mail in db.session.scalars(select(Delivery).order_by(Delivery.id))]


def the_text() -> str:
    body = letters.write(db.session.scalars(select(Delivery.id)).one()).get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text


def a_code(customer: Customer, order: Order) -> str:
    return tokens.fresh(customer, "order_claim", order=order)[1]


def test_the_code_goes_to_the_mailbox_of_the_order_and_gives_the_order(claire: Customer) -> None:
    order = an_order(email=OTHER)
    claims.request(claire, f" #{order.number.lower()} ", OTHER.upper())
    assert the_mails() == [("order_code", OTHER)]
    assert order.customer_id is None
    (code,) = re.findall(r"^(\d{6})\s*$", the_text(), re.MULTILINE)
    given = claims.confirm(claire, code)
    assert given.customer_id == claire.id
    assert given.email == OTHER
    assert invoicing.ask(given, claire).recipient == claire.email  # What she asks for goes to her alone.
    with pytest.raises(accounts.WrongCode):
        claims.confirm(claire, code)


def test_an_automatic_request_goes_on_to_the_address_of_the_order(claire: Customer) -> None:
    order = an_order(email=OTHER, billing=billing_details())
    request = a_request(order, origin="checkout", customer=None)
    claims.confirm(claire, a_code(claire, order))
    assert request.recipient == OTHER


def test_nothing_tells_whether_there_is_such_an_order(claire: Customer) -> None:
    order = an_order(email=OTHER)
    for number, email in ((order.number, "paul@example.org"), ("T-0", OTHER), ("T-0", "nobody"), ("?", "@")):
        claims.request(claire, number, email)
    assert the_mails() == []
    asked = select(AuditEntry.order_id).where(AuditEntry.action == "order.claim_asked")
    assert db.session.scalars(asked).all() == [None] * 4


def test_an_order_that_is_in_an_account_stays_there_and_its_mailbox_is_told(claire: Customer) -> None:
    paul = a_customer(email="paul@example.org")
    order = an_order(customer=paul, email=OTHER)
    claims.request(claire, order.number, OTHER)
    assert the_mails() == [("order_code", OTHER)]
    assert "déjà dans un espace client" in the_text()
    assert db.session.scalar(select(func.count(Token.id))) == 0
    assert order.customer_id == paul.id


def test_of_two_who_have_a_code_the_first_gets_the_order(claire: Customer) -> None:
    paul = a_customer(email="paul@example.org")
    order = an_order(email=OTHER)
    codes = {each.id: a_code(each, order) for each in (claire, paul)}
    claims.confirm(claire, codes[claire.id])
    with pytest.raises(accounts.WrongCode):
        claims.confirm(paul, codes[paul.id])
    assert order.customer_id == claire.id


def test_an_order_that_was_given_away_meanwhile_is_said_to_be(claire: Customer) -> None:
    order = an_order(email=OTHER)
    code = a_code(claire, order)
    order.customer = a_customer(email=OTHER)
    db.session.commit()
    with pytest.raises(DomainError, match="entre-temps"):
        claims.confirm(claire, code)


def test_a_code_is_of_the_account_that_asked_and_worth_five_tries(claire: Customer) -> None:
    paul = a_customer(email="paul@example.org")
    order = an_order(email=OTHER)
    code = a_code(claire, order)
    with pytest.raises(accounts.WrongCode):
        claims.confirm(paul, code)
    for _try in range(5):
        with pytest.raises(accounts.WrongCode):
            claims.confirm(claire, "000000" if code != "000000" else "000001")
    with pytest.raises(accounts.WrongCode):
        claims.confirm(claire, code)
    assert order.customer_id is None


def test_ones_own_order_and_an_unproven_account_are_told_at_once(claire: Customer) -> None:
    own = an_order(customer=claire)
    with pytest.raises(DomainError, match="déjà dans votre espace"):
        claims.request(claire, own.number, claire.email)
    unproven = a_customer(email="paul@example.org", confirmed=False)
    with pytest.raises(DomainError, match="Confirmez"):
        claims.request(unproven, own.number, claire.email)
    assert the_mails() == []


def test_a_mailbox_gets_five_codes_an_hour_whoever_asks(claire: Customer) -> None:
    order = an_order(email=OTHER)
    for number in range(6):
        claims.request(a_customer(email=f"c{number}@example.org"), order.number, "Bureau@example.org")
    assert len(the_mails()) == limits.ORDER_CODES_BY_HOUR.most
    for number in range(4):
        claims.request(claire, f"T-{number}", OTHER)
    claims.request(claire, "T-9", OTHER)
    with pytest.raises(limits.TooMany):
        claims.request(claire, "T-10", OTHER)


def test_the_next_message_of_the_shop_leaves_the_order_where_it_is(claire: Customer) -> None:
    def push(version: int) -> Order:
        message = OrderMessage.model_validate(a_message(email=OTHER, version=version))
        receipt = intake.receive(message, source="tests", strict=True)
        return db.session.get_one(Order, receipt.order_id, populate_existing=True)

    order = push(1)
    claims.confirm(claire, a_code(claire, order))
    a_customer(email=OTHER)
    assert push(2).customer_id == claire.id
