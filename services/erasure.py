"""« Supprimer mon compte », and the end of what is kept of people: what the law does not want kept is gone at once.

Issued documents stay as they were issued, for ten years (Code de commerce L123-22), out of the customer area.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, and_, delete, exists, or_, select, update
from sqlalchemy.orm import aliased

import clock
from extensions import DomainError, NotTheirs, db, transaction
from models import (
    Customer,
    DataExport,
    Delivery,
    Document,
    InvoiceRequest,
    Order,
    SecondFactor,
    ShopMessage,
    SignInCode,
    SignInSession,
    Token,
)
from services import accounts, history, invoicing, leases, mirroring, outbox, ownership, sessions, tombstones

GUESTS_KEPT = timedelta(days=3 * 365)
UNUSED_KEPT = timedelta(days=30)
MOST_AT_ONCE = 100  # Orders or accounts that one sweep takes: the next takes the others.

OWED = or_(
    InvoiceRequest.state.in_(("issued", "rendered")),
    and_(
        InvoiceRequest.origin == "company",
        InvoiceRequest.state.in_((*invoicing.OPEN, "needs_attention")),
        Order.billing_id.is_not(None),
    ),
)
"""Which orders keep what is known of their buyer a while: their invoice is on its way, or due to a registered company
without asking (CGI art. 289, I-1-a)."""
DOCUMENTS = ("invoice", "credit_note", "specimen")
"""The mails that go out all the same: what was issued is its customer's."""


class LastManager(DomainError):
    """Without this account nobody could look after the shop."""


def erase(customer: Customer, password: str) -> None:
    """Afterwards nothing says any more whose account this was, and its sessions are over; it cannot come back.

    Gone are the address, the password, billing details, proofs, exports, the second factor, and of the orders all that
    says whose they are. Requests are cancelled and waiting mails dropped, but for documents that were issued. An
    invoice that is on its way, or due to a company, goes out first; then its order follows (`finish`). A confirmed
    address gets a last mail, and its orders come back without it (`services.tombstones`); to an address that was never
    proven neither happens, and the orders it did not prove to have are a guest's again. All of it or nothing.
    Raises accounts.WrongPassword, limits.TooMany, sessions.PasswordChanged, and LastManager.
    """
    try:
        accounts.require_password(customer, password)
    except accounts.WrongPassword:
        if customer.erased_at is None:
            raise
    _erase(customer.id)  # Nothing is left to do for the second press of a double click.


def erase_address(email: str) -> int | None:
    """Do what `erase` does for a person who asked for it otherwise and has shown who they are, account or not.

    The orders of that address that are in no account are erased as well, but those whose invoice is on its way or due:
    returned is how many; doing it again later takes them. Messages of shops that wait for an admin and name the person
    are emptied. None when nothing is known of the address. Raises LastManager.
    """
    customer, key = accounts.find(email), accounts.limit_key(email)
    unclaimed = select(Order.id).outerjoin(Order.request).where(Order.email_key == key, Order.customer_id.is_(None))
    if customer is not None:
        _erase(customer.id)
    with transaction():
        orders = db.session.scalars(select(Order).where(Order.id.in_(unclaimed))).all()
        ignored = _ignore_messages({email.strip().lower(), key, *(order.email.lower() for order in orders)}, orders)
        if customer is None and not orders and not ignored:
            return None
        tombstones.erect([key])
    while _forget_each(unclaimed.where(or_(InvoiceRequest.id.is_(None), ~OWED))):
        pass
    return len(db.session.scalars(unclaimed).all())


def finish() -> None:
    """Afterwards the orders of erased accounts whose invoice has gone out by now say of nobody that they are theirs."""
    left = select(Order.id).join(Customer, Order.customer_id == Customer.id).outerjoin(Order.request)
    found = left.where(Customer.erased_at.is_not(None), or_(InvoiceRequest.id.is_(None), ~OWED))
    _forget_each(found)


def forget_guests() -> bool:
    """Afterwards guests' orders without an invoice say nothing of their buyer three years after the last contact.

    That is the time for which the CNIL has customers' data kept after the end of the commercial relation (référentiel
    « gestion commerciale »); a newer order of the same address is a contact. What a merchant hands in of old is kept as
    long from then on: they want to look something up in it. Return whether more may wait.
    """
    before, newer = clock.now() - GUESTS_KEPT, aliased(Order)
    old = select(Order.id).outerjoin(Order.request).where(
        Order.customer_id.is_(None),
        Order.erased_at.is_(None),
        Order.placed_at < before,
        Order.received_at < before,
        ~exists().where(newer.email_key == Order.email_key, newer.placed_at >= before),
        ~exists().where(Document.order_id == Order.id, Document.trial.is_(False)),
        or_(InvoiceRequest.id.is_(None), ~OWED),
    )  # fmt: skip
    return _forget_each(old) == MOST_AT_ONCE


def drop_unused() -> bool:
    """Afterwards accounts whose address was never confirmed, and that nobody used for 30 days, are erased.

    Return whether more may wait.
    """
    before = clock.now() - UNUSED_KEPT
    unused = select(Customer.id).where(
        Customer.confirmed_at.is_(None),
        Customer.erased_at.is_(None),
        Customer.admin_role.is_(None),
        Customer.created_at < before,
        or_(Customer.signed_in_at.is_(None), Customer.signed_in_at < before),
    )
    found = db.session.scalars(unused.order_by(Customer.id).limit(MOST_AT_ONCE)).all()
    for customer_id in found:
        _erase(customer_id, only_if=unused)
    return len(found) == MOST_AT_ONCE


def _erase(customer_id: int, *, only_if: Select[int] | None = None) -> None:
    with transaction():
        try:
            orders = ownership.hold(customer_id)
        except NotTheirs:
            return  # Somebody has erased it: an earlier press, or the other of two at once.
        customer = db.session.get_one(Customer, customer_id)
        sessions.require_same_password(customer)
        if only_if is not None and db.session.scalar(only_if.where(Customer.id == customer_id)) is None:
            return  # Its person was here meanwhile.
        _require_another_manager(customer)
        told = None
        if customer.is_confirmed:
            told = _part(customer, orders)
        else:
            _leave(customer, orders)
        _empty(customer)
        history.record("account.erased", customer=customer)
    if told is not None:
        outbox.ring(told)


def _require_another_manager(customer: Customer) -> None:
    """Raise LastManager when nobody else manages the shop; somebody who is being erased just now does not count."""
    others = select(Customer.id).where(Customer.admin_role == "managing", Customer.id != customer.id).limit(1)
    held = others.with_for_update(of=Customer, key_share=True, skip_locked=True)
    if customer.is_manager and db.session.scalar(held) is None:
        raise LastManager(
            _("Vous êtes la seule personne à gérer la boutique ici\u00a0: donnez d'abord ce droit à quelqu'un d'autre.")
        )


def _part(customer: Customer, orders: Sequence[Order]) -> Delivery:
    """Take the person out of all that hangs on a proven account; return the mail that tells its former address."""
    owed = select(Order.id).join(InvoiceRequest).where(Order.customer_id == customer.id, OWED)
    kept = set(db.session.scalars(owed))
    known = {customer.email_key, *(order.email_key for order in orders)}
    tombstones.erect(known)
    _ignore_messages({customer.email.lower(), *(order.email.lower() for order in orders)} | known, orders)
    _silence(or_(Delivery.customer_id == customer.id, Delivery.recipient == customer.email))
    for order in orders:
        if order.id not in kept:
            _forget(order)
        elif order.request is not None:
            order.request.customer = None  # It goes to the address of the order.
    return outbox.add_about(customer, "account_erased")


def _leave(customer: Customer, orders: Sequence[Order]) -> None:
    """Take what was done on an account that was never proven back; whose the orders are is as open as before."""
    ownership.take_back(customer)
    _silence(Delivery.customer_id == customer.id)
    for order in orders:
        order.customer = None
        if order.request is not None:
            order.request.customer = None


def _empty(customer: Customer) -> None:
    """Afterwards the account is a row that no address, password or proof leads to."""
    former, customer.billing = customer.billing, None
    if former is not None:
        db.session.delete(former)
    for model in (SignInSession, SignInCode, Token, DataExport, SecondFactor):
        db.session.execute(delete(model).where(model.customer_id == customer.id))
    # No address: `.invalid` leads nowhere (RFC 2606), and nobody registers it (`mail.addresses`).
    customer.email = customer.email_key = f"efface-{customer.id}@efface.invalid"
    customer.password_hash = ""  # nosec B105  # No password has an empty hash.
    customer.confirmed_at = customer.signed_in_at = customer.opening_hash = None
    customer.admin_role = customer.invited_role = None
    customer.erased_at = clock.now()
    db.session.flush()


def _forget_each(found: Select[int]) -> int:
    """Forget the buyers of these orders, each in a transaction of its own; return how many were found."""
    taken = db.session.scalars(found.order_by(Order.id).limit(MOST_AT_ONCE)).all()
    for order_id in taken:
        with transaction():
            order = invoicing.lock_order(order_id)
            invoicing.lock_request(order)
            if db.session.scalar(found.where(Order.id == order_id)) is not None:
                _forget(order)
    return len(taken)


def _forget(order: Order) -> None:
    """Afterwards the order says what was sold and for how much, and of nobody that it is theirs; its request ends.

    Of the place stays what VAT depends on. Inside the caller's transaction, which holds the order and its request.
    """
    place = mirroring.place_of(order.shipping_address, order.effective_details())
    former, order.billing, order.customer = order.billing, None, None
    if former is not None:
        db.session.delete(former)
    order.shop_email = order.email = order.email_key = ""
    order.purchase_order, order.invoice_requested = None, False
    order.shipping_address, order.erased_at = place, clock.now()
    for shipment in order.shipments:
        shipment.tracking_number = shipment.tracking_url = ""
    if order.request is not None:
        order.request.customer = order.request.purchase_order = order.request.last_error = None
    _forget_corrections(order)
    _silence(Delivery.order_id == order.id)
    db.session.execute(delete(Token).where(Token.order_id == order.id))
    history.record("order.erased", order=order)
    db.session.flush()
    invoicing.reconsider(order)


def _forget_corrections(order: Order) -> None:
    for invoice in order.documents:
        for correction in getattr(invoice, "corrections", ()):
            if correction.state == "requested":
                correction.become("declined", reason=_("Le client a fait effacer ses données."))
                history.record("correction.declined", order=order, detail=invoice.number)
            correction.details, correction.purchase_order = {"kind": "individual"}, ""


def _silence(which: ColumnElement[bool]) -> None:
    """Afterwards nobody is named by mails that have ended, and those that wait end; documents go out all the same.

    A worker that has written one of them finds its lease gone. A document that is under way is emptied as it ends
    (`services.delivery`).
    """
    nobody = {"recipient": "", "last_error": None}
    not_a_document = Delivery.kind.not_in(DOCUMENTS)
    over = or_(Delivery.state.in_(("sent", "failed", "unknown")), and_(Delivery.state == "sending", not_a_document))
    ends = leases.NOBODYS | nobody | {"state": "failed", "due_at": None, "trouble": None}
    db.session.execute(update(Delivery).where(which, Delivery.state == "pending", not_a_document).values(ends))
    db.session.execute(update(Delivery).where(which, over).values(nobody))


def _ignore_messages(addresses: Collection[str], orders: Sequence[Order]) -> int:
    """Afterwards no message of a shop that waits for an admin names the person or is about their orders.

    Return how many did. Their shop knows what they said, and says it again: of the orders, that is taken in without the
    person.
    """
    refs = {(order.shop_id, order.shop_ref) for order in orders if order.shop_ref}
    written, ignored = [address.encode() for address in addresses], 0
    failed = select(ShopMessage).where(ShopMessage.state == "failed", ShopMessage.payload.is_not(None))
    for row in db.session.scalars(failed.order_by(ShopMessage.id).with_for_update(of=ShopMessage)):
        said = (row.payload or b"").lower()
        if (row.shop_id, row.ref) in refs or any(each in said for each in written):
            row.become("ignored")
            row.payload = None
            history.record("message.ignored", detail=f"{row.shop.name}, {row.topic}, {row.ref}")
            ignored += 1
    return ignored
