"""Documents that an address refused: told to their customer, sent again once for each press."""

from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

import jobs
from extensions import NotTheirs, db
from models import AuditEntry, Delivery, Order
from services import invoicing, limits, refusals, repair
from services.limits import TooMany
from tests.support.customers import a_refused_mail, an_issued_invoice, draw
from tests.support.factories import a_customer, an_order, billing_details
from tests.support.mailbox import Mailbox


def a_refused_order(*, confirmed: bool = True) -> Order:
    order = an_order(customer=a_customer(confirmed=confirmed), billing=billing_details())
    a_refused_mail(an_issued_invoice(order))
    return order


def mails(order: Order) -> list[tuple[str, str]]:
    found = select(Delivery.recipient, Delivery.state).where(Delivery.order_id == order.id).order_by(Delivery.id)
    return [(recipient, state) for recipient, state in db.session.execute(found)]


def test_a_refused_document_is_known_by_its_customer_until_it_is_sent_again(app: Flask) -> None:
    order = a_refused_order()
    claire = order.customer
    assert claire is not None
    assert [(mail.order_id, mail.recipient) for mail in refusals.of(claire)] == [(order.id, "claire@example.org")]
    assert refusals.of(a_customer(email="paul@example.org")) == []
    refusals.send_again(order)
    assert refusals.of(claire) == []


@pytest.mark.parametrize("trouble", ["message", None])
def test_what_failed_for_another_reason_is_no_refused_address(app: Flask, trouble: str | None) -> None:
    order = a_refused_order()
    assert order.customer is not None
    mail = db.session.scalars(select(Delivery)).one()
    mail.trouble = trouble
    db.session.commit()
    assert refusals.of(order.customer) == []
    assert not refusals.send_again(order)
    assert len(mails(order)) == 1


def test_who_has_not_proven_the_mailbox_is_told_nothing_and_sends_nothing(app: Flask) -> None:
    order = a_refused_order(confirmed=False)
    assert order.customer is not None
    assert refusals.of(order.customer) == []
    assert not refusals.send_again(order)
    assert len(mails(order)) == 1


def test_a_press_sends_the_document_once_more_and_a_second_press_nothing(app: Flask, smtp_server: Mailbox) -> None:
    order = an_order(customer=a_customer(), billing=billing_details())
    a_refused_mail(draw(an_issued_invoice(order, drawn=False)))
    assert refusals.send_again(order)
    assert not refusals.send_again(order)
    assert mails(order) == [("claire@example.org", "failed"), ("claire@example.org", "pending")]
    assert invoicing.of_order(order.id).state == "rendered"
    again = db.session.scalars(select(Delivery.id).where(Delivery.state == "pending")).one()
    db.session.commit()
    with app.app_context():
        jobs.deliver(again)
    db.session.expire_all()
    assert [message["To"] for message in smtp_server.messages] == ["claire@example.org"]
    assert invoicing.of_order(order.id).state == "sent"
    assert "invoice.resent" in db.session.scalars(select(AuditEntry.action)).all()


def test_a_press_that_sends_nothing_is_not_counted(app: Flask) -> None:
    order = a_refused_order()
    assert [refusals.send_again(order) for _press in range(5)] == [True, False, False, False, False]


def test_who_has_lost_the_order_since_its_page_was_loaded_sends_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, hit = a_refused_order(), limits.hit

    def hit_and_lose(*counted: Any) -> None:
        hit(*counted)
        repair.correct_email(db.session.get_one(Order, order.id), "paul@example.org")

    monkeypatch.setattr(limits, "hit", hit_and_lose)
    with pytest.raises(NotTheirs):
        refusals.send_again(order)
    assert mails(order) == [("claire@example.org", "failed")]


def test_an_order_is_sent_again_three_times_a_day_at_most(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    order = a_refused_order()
    for _press in range(3):
        assert refusals.send_again(order)
        mail = db.session.scalars(select(Delivery).where(Delivery.state == "pending")).one()
        mail.become("failed", trouble="recipient")
        db.session.commit()
    with pytest.raises(TooMany):
        refusals.send_again(order)
    assert len(mails(order)) == 4
