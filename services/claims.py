"""« Ajouter une commande »: an order that was placed with another address, given to an account by a code sent there."""

from flask_babel import gettext as _
from sqlalchemy import select

import task_queue
from extensions import DomainError, db, transaction
from models import Customer, InvoiceRequest, Order, Token
from services import accounts, guests, history, invoicing, limits, outbox, tokens


class AlreadyTaken(accounts.WrongCode):
    """The code was used just now, and has given this order: the first press of a double click has done it."""

    def __init__(self, order: Order) -> None:
        super().__init__(_("Ce code a déjà servi\u00a0: la commande est dans votre espace client."))
        self.order = order


def request(customer: Customer, number: str, email: str, *, visitor: str | None = None) -> None:
    """Afterwards a code is on its way to the mailbox the order was placed with, if there is such an order.

    The caller learns nothing about whether there is one: both cost the same work. An order that is in another account
    already gets a mail that says so. Raises limits.TooMany, and DomainError when the order is the customer's own, or
    their own address is not confirmed. Raises NotTheirs when the account was deleted meanwhile.
    """
    if not customer.is_confirmed:
        raise DomainError(_("Confirmez d'abord l'adresse e-mail de votre compte."))
    customer_id, sent = customer.id, outbox.last(customer, "order_code")
    limits.hit(limits.ORDER_CODES_BY_HOUR, f"account:{customer_id}")
    order = guests.look_up(number, email, visitor=visitor)
    if order is not None and order.customer_id == customer_id:
        raise DomainError(_("Cette commande est déjà dans votre espace client."))
    key = accounts.limit_key(email)
    allowed = limits.allows(limits.ORDER_CODES_BY_HOUR, key) and limits.allows(limits.ORDER_CODES_BY_DAY, key)
    with transaction():
        delivery = None
        invoicing.lock_account(customer_id)
        if outbox.last(customer, "order_code") != sent:
            return  # The other press of a double click has sent it.
        if order is not None and allowed:
            delivery = outbox.add_about(customer, "order_code", recipient=order.email, order=order)
        history.record("order.claim_asked", customer=customer, order=order)
    task_queue.ring("deliver", delivery.id if delivery else 0)  # In either case: the time it takes would tell.


def confirm(customer: Customer, code: str, *, visitor: str | None = None) -> Order:
    """Afterwards the order that this code was sent for is the customer's; return it.

    Raises accounts.WrongCode (AlreadyTaken for a second press), limits.TooMany, and DomainError when the order is in
    another account by now.
    """
    customer_id = customer.id
    limits.hit(limits.CODE_BY_IP, limits.network(visitor))
    with transaction():
        orders = _hold(customer_id)
        proof = tokens.try_code(tokens.usable_codes(customer, "order_claim"), code)
        order = orders.get(proof.order_id or 0) if proof else None
        if order is not None:
            _attach(order, customer)
    if order is None:
        if (taken := _taken_by(customer, code)) is not None:
            raise AlreadyTaken(taken)
        history.once_an_hour("code.refused", customer=customer)
        raise accounts.WrongCode(_("Ce n'est pas le code que nous avons envoyé, ou il n'est plus valable."))
    invoicing.ring_what_is_due(customer_id)
    return order


def _taken_by(customer: Customer, code: str) -> Order | None:
    proof = tokens.used_code(customer, "order_claim", code)
    order = db.session.get(Order, proof.order_id) if proof and proof.order_id else None
    return order if order and order.customer_id == customer.id else None


def _hold(customer_id: int) -> dict[int, Order]:
    """Return the orders that codes were sent for, by id, held with their requests, and the account after them."""
    wanted = select(Token.order_id).where(
        Token.customer_id == customer_id, Token.purpose == "order_claim", Token.used_at.is_(None)
    )
    ids = sorted({each for each in db.session.scalars(wanted) if each is not None})
    orders = {each: invoicing.lock_order(each) for each in ids}
    requests = select(InvoiceRequest.id).where(InvoiceRequest.order_id.in_(ids)).order_by(InvoiceRequest.id)
    db.session.scalars(requests.with_for_update(of=InvoiceRequest)).all()
    invoicing.lock_account(customer_id)
    return orders


def _attach(order: Order, customer: Customer) -> None:
    if order.customer_id not in (None, customer.id):
        raise DomainError(_("Cette commande est entre-temps dans un autre espace client."))
    invoicing.hand_over(order, customer)
    tokens.use_up_claims(order)
    history.record("order.claimed", customer=customer, order=order)
    db.session.flush()
    invoicing.reconsider(order)
