"""What a customer is told of their request beside the invoice: once, to a proven mailbox, and while it is true."""

import threading
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

import clock
import jobs
import task_queue
from extensions import DomainError, db, transaction
from mail import samples
from models import Customer, Delivery, Invoice, InvoiceRequest, Order
from services import accounts, delivery, invoicing, leases, letters, notices, production, repair
from tests.support import factories
from tests.support.factories import PLACED, a_customer, a_request, billing_details, company_details
from tests.support.mailbox import Mailbox
from tests.support.outbox import a_delivery, an_invoice_to_mail, mail_of, now_sending, request_of

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


def an_order(**changes: Any) -> Order:
    """Return an order of a proven account with its details, shipped two hours ago."""
    facts: dict[str, Any] = {"shipped_at": clock.now() - 2 * HOUR, "number": "T-100234"}
    if "customer" not in changes:
        facts["customer"] = a_customer(billing=billing_details())
    return factories.an_order(**(facts | changes))


def asked(order: Order, purchase_order: str = "") -> InvoiceRequest:
    assert order.customer is not None
    return invoicing.ask(order, order.customer, purchase_order)


def mails(kind: str = notices.RECEIVED) -> list[Delivery]:
    return list(db.session.scalars(select(Delivery).where(Delivery.kind == kind).order_by(Delivery.id)))


def text(mail: Delivery) -> str:
    return text_of(letters.write(mail.id))


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def dropped(mail: Delivery) -> bool:
    """Try to send it, and say whether that ended it without a word to anybody."""
    assert delivery.claim(mail.id) is None
    kept = db.session.get_one(Delivery, mail.id, populate_existing=True)
    return (kept.state, kept.last_error, kept.lease_token) == ("failed", notices.OVERTAKEN, None)


# The request that was received.


def test_a_press_is_confirmed_with_the_promise_and_who_the_invoice_is_for(app: Flask) -> None:
    asked(an_order(), "BC-7")
    (mail,) = mails()
    assert (mail.recipient, mail.state, mail.order.number) == ("claire@example.org", "pending", "T-100234")  # type: ignore[union-attr]
    said = text(mail)
    for each in (
        "entre le mardi 24 novembre à 8 h et le mercredi 25 novembre à 10 h.",
        "T-100234 du 2 novembre 2026",
        "Montant TTC : 31,72 €",
        "Demandée le lundi 23 novembre à 10 h",
        "Votre référence : BC-7",
        "au nom de : Claire Martin 12 rue Mercière 69002 Lyon",
        "http://localhost/espace-client/commandes/T-100234",
        "Vous n'avez pas fait cette demande ?",
        "SAS au capital de 20 000 € · 14 rue de la Navette",
    ):
        assert each in said, each


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shipped_at": None}, "entre 24 et 48 heures après l'expédition de votre commande"),
        ({"shipped_at": None, "billing": company_details()}, "au nom de : Imprimerie Martin SARL 3 quai Perrache"),
    ],
)
def test_it_says_what_the_invoice_waits_for(app: Flask, changes: dict[str, Any], said: str) -> None:
    asked(an_order(**changes))
    (mail,) = mails()
    assert said in text(mail)


def test_details_that_are_wanting_are_asked_for_and_nobody_is_named(app: Flask) -> None:
    asked(an_order(customer=a_customer(billing=billing_details(city=""))))
    (mail,) = mails()
    assert "Il manque des données de facturation" in text(mail)
    assert "Claire" not in text(mail)


def test_a_second_press_is_not_confirmed_again(app: Flask) -> None:
    order = an_order()
    asked(order)
    asked(order)
    assert len(mails()) == 1


def test_of_twenty_presses_at_once_one_is_confirmed(app: Flask) -> None:
    order_id = an_order().id
    db.session.commit()
    failures: list[BaseException] = []
    gate = threading.Barrier(20)

    def press() -> None:
        with app.app_context():
            try:
                gate.wait()
                asked(db.session.get_one(Order, order_id))
            except BaseException as error:
                failures.append(error)

    presses = [threading.Thread(target=press) for _ in range(20)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert failures == []
    assert len(mails()) == 1


@pytest.mark.parametrize(("hours", "told"), [(24, 0), (23.9, 0), (23.8, 1)])
def test_an_invoice_that_comes_within_ten_minutes_answers_by_itself(app: Flask, hours: float, told: int) -> None:
    asked(an_order(shipped_at=clock.now() - hours * HOUR))
    assert len(mails()) == told


def test_a_request_that_was_there_before_such_mails_is_not_confirmed_when_something_changes(app: Flask) -> None:
    order = an_order(shipped_at=None)
    a_request(order)
    with transaction():
        order.shipped_at = clock.now()
        invoicing.reconsider(order)
    assert invoicing.of_order(order.id).state == "scheduled"
    assert mails() == []


def test_nobody_confirms_what_the_shop_asked_for(app: Flask) -> None:
    order = an_order(invoice_requested=True)
    with transaction():
        invoicing.open_automatic(order)
    assert order.request is not None
    assert mails() == []


def test_an_order_that_gives_no_invoice_is_not_confirmed(app: Flask) -> None:
    with pytest.raises(DomainError):
        asked(an_order(cancelled_at=clock.now()))
    assert mails() == []


def test_no_customer_hears_of_a_trial(make_app: Any) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        assert asked(an_order()).state == "scheduled"
        assert mails() == []


def test_a_mailbox_is_told_of_its_request_once_it_is_proven(app: Flask) -> None:
    customer = a_customer(confirmed=False, billing=billing_details())
    asked(an_order(customer=customer))
    assert mails() == []
    confirm(customer)
    (mail,) = mails()
    assert "entre le mardi 24 novembre à 8 h" in text(mail)
    with transaction():
        invoicing.reconsider_customer(customer)
    assert len(mails()) == 1


def test_a_mailbox_that_is_proven_when_the_invoice_is_due_gets_the_invoice(app: Flask) -> None:
    customer = a_customer(confirmed=False, billing=billing_details())
    request = asked(an_order(customer=customer, shipped_at=PLACED))
    confirm(customer)
    assert request.state == "scheduled"
    assert mails() == []


def confirm(customer: Customer) -> None:
    with transaction():
        invoicing.lock_account(customer.id)
        accounts.confirm_mailbox(customer)


def test_who_asks_again_after_a_cancellation_is_told_again(app: Flask, frozen_clock: Traveller) -> None:
    order = an_order()
    asked(order)
    cancel(order)
    frozen_clock.shift(HOUR)
    with transaction():
        order.cancelled_at = None
    asked(order)
    assert len(mails()) == 2
    assert len({mail.occasion for mail in mails()}) == 2


def cancel(order: Order) -> None:
    with transaction():
        order.cancelled_at = clock.now()
        invoicing.reconsider(order)


def test_a_request_that_was_cancelled_meanwhile_is_not_confirmed(app: Flask, smtp_server: Mailbox) -> None:
    order = an_order()
    asked(order)
    cancel(order)
    (mail,) = mails()
    assert dropped(mail)
    jobs.deliver(mail.id)
    assert [message["Subject"].partition(" – ")[0] for message in smtp_server.messages] == [
        "Pas de facture pour votre commande T-100234"
    ]


def test_an_invoice_that_is_due_meanwhile_is_not_announced(app: Flask, frozen_clock: Traveller) -> None:
    asked(an_order())
    frozen_clock.shift(22 * HOUR)
    (mail,) = mails()
    assert dropped(mail)


def test_it_says_what_is_true_when_it_is_sent(app: Flask) -> None:
    order = an_order(shipped_at=None)
    asked(order)
    with transaction():
        order.shipped_at = clock.now()
        invoicing.reconsider(order)
    (mail,) = mails()
    assert delivery.claim(mail.id) is not None
    assert "entre le mardi 24 novembre à 10 h et le mercredi 25 novembre à 10 h." in text(mail)


def test_it_follows_the_order_into_another_account_and_to_no_guest(app: Flask) -> None:
    order, other = an_order(shipped_at=None), a_customer(email="paul@example.org", billing=billing_details())
    asked(order)
    move(order, other)
    (mail,) = mails()
    assert (mail.recipient, mail.customer) == ("paul@example.org", other)
    assert not notices.is_overtaken(mail)
    move(order, None)
    assert dropped(mail)


def move(order: Order, customer: Customer | None) -> None:
    with transaction():
        invoicing.hand_over(order, customer)
        invoicing.readdress(order)


def test_a_mailbox_that_is_not_proven_reads_no_name(app: Flask) -> None:
    order = an_order(shipped_at=None)
    other = a_customer(email="paul@example.org", confirmed=False, billing=billing_details(first_name="Paul"))
    asked(order, "BC-7")
    move(order, other)
    (mail,) = mails()
    said = text(mail)
    assert "Martin" not in said
    assert "BC-7" not in said
    assert dropped(mail)


def test_a_worker_is_told_of_it_at_once(redis_server: str, app: Flask) -> None:
    asked(an_order())
    assert task_queue.waiting() == [("deliver", mails()[0].id)]


# The problem.


def a_stopped_request(**changes: Any) -> InvoiceRequest:
    """Return a request whose production has failed for good."""
    order = an_order(**({"shipped_at": PLACED} | changes))
    ready = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now()}
    request = a_request(order, state="scheduled", attempts=leases.MOST_ATTEMPTS - 1, **ready)
    park(request)
    return request


def park(request: InvoiceRequest) -> None:
    lease = production.claim(request.id)
    assert lease is not None
    production.give_up_for_now(lease, ValueError("no ink"))
    assert request.state == "needs_attention"


def test_an_invoice_that_cannot_be_made_is_explained_to_its_customer(app: Flask) -> None:
    a_stopped_request()
    (mail,) = mails(notices.PROBLEM)
    assert (mail.recipient, mail.customer_id is not None) == ("claire@example.org", True)
    said = text(mail)
    for each in (
        "Un problème technique retarde la facture de votre commande.",
        "Vous n'avez rien à faire : nous en sommes avertis",
        "T-100234 du 2 novembre 2026",
        "Montant TTC : 31,72 €",
        "aide@boutique.example",
    ):
        assert each in said, each
    assert "no ink" not in said
    assert "/espace-client/factures" not in said


def test_it_is_told_once_a_request(app: Flask) -> None:
    request = a_stopped_request()
    assert repair.retry(request.order)
    request.attempts = leases.MOST_ATTEMPTS - 1
    db.session.commit()
    park(request)
    assert len(mails(notices.PROBLEM)) == 1


def test_what_goes_on_before_it_is_sent_is_no_problem_any_more(app: Flask) -> None:
    request = a_stopped_request()
    assert repair.retry(request.order)
    (mail,) = mails(notices.PROBLEM)
    assert dropped(mail)


@pytest.mark.parametrize(
    ("reply", "told"),
    [("550 5.1.1 no such mailbox", 0), ("554 5.7.1 looks like spam", 1)],
)
def test_an_address_that_refuses_mail_gets_no_other(app: Flask, smtp_server: Mailbox, reply: str, told: int) -> None:
    invoice = an_invoice_to_mail()
    smtp_server.modes["RCPT"] = f"once {reply}"
    jobs.deliver(mail_of(invoice).id)
    assert request_of(db.session.get_one(Invoice, invoice.id)).state == "needs_attention"
    assert len(mails(notices.PROBLEM)) == told
    for mail in mails(notices.PROBLEM):
        assert "Votre facture est établie" in text(mail)
        assert "http://localhost/espace-client/factures" in text(mail)


def test_an_invoice_of_which_nobody_knows_whether_it_arrived_is_in_the_area(app: Flask) -> None:
    mail_id = mail_of(an_invoice_to_mail()).id
    now_sending(mail_id)
    db.session.get_one(Delivery, mail_id).doubts = 1
    db.session.get_one(Delivery, mail_id).lease_until = clock.now() - HOUR
    db.session.commit()
    delivery.conclude_doubtful()
    (mail,) = mails(notices.PROBLEM)
    assert "Elle est déjà dans votre espace client" in text(mail)


def test_a_guest_is_told_at_the_address_of_the_order(app: Flask) -> None:
    order = an_order(customer=None, email="paul@example.org", billing=billing_details(), shipped_at=PLACED)
    ready = {"details_complete_at": PLACED, "reconciled_at": PLACED, "due_at": clock.now(), "origin": "checkout"}
    park(a_request(order, state="scheduled", attempts=leases.MOST_ATTEMPTS - 1, **ready))
    (mail,) = mails(notices.PROBLEM)
    assert (mail.recipient, mail.customer) == ("paul@example.org", None)


def test_nobody_is_told_of_what_went_wrong_on_trial(make_app: Any) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        a_stopped_request()
        assert mails(notices.PROBLEM) == []


def test_who_had_their_data_erased_hears_nothing_more(app: Flask) -> None:
    customer = a_customer(billing=billing_details(), erased_at=clock.now())
    a_stopped_request(customer=customer)
    assert mails(notices.PROBLEM) == []


def test_amounts_that_are_looked_at_are_no_problem_to_tell(app: Flask) -> None:
    order = an_order()
    asked(order)
    with transaction():
        order.review = ["Le total dépasse la somme des lignes de 0,01 €."]
        invoicing.reconsider(order)
    assert invoicing.of_order(order.id).waiting_for == "reconciliation"
    assert mails(notices.PROBLEM) == []


# All kinds.


@pytest.mark.databases("sqlite")
def test_every_kind_is_written_and_has_its_sample(app: Flask) -> None:
    assert set(letters.WRITERS) == set(Delivery.KINDS)
    assert {each.kind for each in samples.SAMPLES} == set(Delivery.KINDS)


def test_the_database_takes_mails_of_every_kind(app: Flask) -> None:
    for kind in Delivery.KINDS:
        a_delivery(kind=kind)
    assert set(db.session.scalars(select(Delivery.kind))) == set(Delivery.KINDS)
