"""Guests: one order by its number and e-mail, and the account that can be made from it."""

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from extensions import db
from mail.addresses import email_key
from models import Customer, Order, Shop
from services import accounts, history, limits, passwords
from shops.numbers import is_order_number, order_key


def look_up(number: str, email: str, *, visitor: str | None = None) -> Order | None:
    """Return the order of that number, placed with that address; nothing tells which of the two was wrong.

    The number is the whole one or the shop's own, without its prefix; of two shops' orders with one own number the
    address decides, else the newest is meant. All is asked of the database at once, so that the answer takes as long.
    A try counts for both ways to write the number. Raises limits.TooMany.
    """
    key = order_key(number)
    spellings = _spellings(key)
    limits.hit(limits.LOOK_UP_BY_IP, limits.network(visitor))
    for each in spellings:
        limits.hit(limits.LOOK_UP_BY_NUMBER, each)
    order = _found(key, email)
    if order is None:
        history.once_an_hour("look_up.refused", detail=key if is_order_number(key) else "")
        return None
    for each in spellings:
        limits.forgive(limits.LOOK_UP_BY_NUMBER, each)
    limits.forgive(limits.LOOK_UP_BY_IP, limits.network(visitor))
    history.once_an_hour(history.LOOKED_UP, order=order)
    return order


def order_looked_up(order_id: int, email: str) -> Order | None:
    """Return the order that a guest has found, with what its page shows, while it still bears the address they gave."""
    shown = (selectinload(Order.lines), selectinload(Order.shipments), selectinload(Order.refunds))
    found = select(Order).where(Order.id == order_id, Order.email_key == email)
    return db.session.scalar(found.options(*shown))


def create_account(order: Order, password: str, *, visitor: str | None = None) -> Customer | None:
    """Afterwards the order's address has an account: the new one is returned, unconfirmed, with the order in it.

    An address that had an account, or an order that has its owner, gets a mail instead, and None is returned: the
    order's e-mail is known here, but not that its owner is the one who asks. Raises limits.TooMany.
    """
    limits.hit(limits.REGISTER_BY_IP, limits.network(visitor))
    password_hash = passwords.hash(password)
    if order.customer is None:
        return accounts.create(order.email, password_hash, order)
    accounts.tell_it_exists(order.customer)
    return None


def _found(key: str, email: str) -> Order | None:
    try:
        address = email_key(email)
    except ValueError:
        return None
    if not is_order_number(key):
        return None
    found = select(Order).where(or_(Order.number_key == key, Order.own_key == key), Order.email_key == address)
    return db.session.scalar(found.order_by(Order.placed_at.desc(), Order.id.desc()).limit(1))


def _spellings(key: str) -> list[str]:
    """Return the key as it is, and without the prefix of each shop that it begins with.

    One of them is the own key of whichever order it may mean. The prefixes alone are asked for, and no order: that one
    spelling is counted with another must not say that there is such an order.
    """
    prefixes = db.session.scalars(select(Shop.number_prefix).distinct())
    return sorted({key, *(key.removeprefix(order_key(prefix)) for prefix in prefixes)})
