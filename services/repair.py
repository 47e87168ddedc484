"""What an admin puts right: a mail that did not arrive, an address that was mistyped, a request that is stopped."""

from flask_babel import gettext as _
from sqlalchemy import select

import clock
import task_queue
from extensions import DomainError, db, transaction
from mail.addresses import clean, email_key
from models import Customer, Delivery, Document, InvoiceRequest, Order
from services import delivery, history, invoicing, issuing, leases, outbox


def resend(order: Order, document_id: int, shown: int) -> bool:
    """Afterwards a document of the order is on its way once more, to the address that counts now; one press, one mail.

    `shown` is the number of mails with this document that the admin saw: when there are more by now somebody has
    pressed already, and nothing is done (False). A mail that waits for its next try is tried at once instead of
    doubled. Raises DomainError when there is no document to send, or while it is being sent.
    """
    order_id = order.id
    with transaction():
        order = invoicing.lock_order(order_id)
        request = invoicing.lock_request(order)
        document = next((each for each in order.documents if each.id == document_id), None)
        if request is None or document is None:
            raise DomainError(_("Cette commande n'a pas encore de facture à renvoyer."))
        found = select(Delivery).where(Delivery.document_id == document.id).order_by(Delivery.id)
        mails = db.session.scalars(found.with_for_update(of=Delivery)).all()
        if document.file is None and not mails:
            raise DomainError(_("Cette commande n'a pas encore de facture à renvoyer."))
        if len(mails) != shown:
            return False
        mail = (_waiting_mail(mails[-1]) if mails else None) or issuing.mail(document, again=len(mails))
        mail.recipient = issuing.recipient_of(document, request)
        mail.due_at = clock.now()
        leases.release(mail)  # Whoever has written it already would send it to the former address.
        delivery.goes_out_again(document, mail)
    outbox.ring(mail)
    return True


def correct_email(order: Order, email: str) -> None:
    """Afterwards the order bears this address, and belongs to its confirmed account if there is one.

    It leaves the account of the former address, which was somebody else's mailbox; the request and the mails that wait
    follow. What was sent already can then be sent again. Raises ValueError when the address is malformed.
    """
    order_id, address, key = order.id, clean(email), email_key(email)
    with transaction():
        order = invoicing.lock_order(order_id)
        request = invoicing.lock_request(order)
        if order.erased_at:
            raise DomainError(
                _("Les données personnelles de cette commande sont effacées\u00a0: elles ne reviennent pas.")
            )
        if order.email == address:
            return
        order.email, order.email_key = address, key
        if order.customer is None or order.customer.email_key != key:
            invoicing.hand_over(order, _confirmed_account(key))
        history.record("order.email_corrected", order=order, customer=order.customer)
        invoicing.readdress(order)
        invoicing.reconsider(order)
    invoicing.ring_if_due(request)


def retry(order: Order) -> bool:
    """Afterwards a request that was stopped goes on where it stopped; False when it is not stopped (any more).

    A number that was taken stays: what is left is to draw the page, else to issue. Raises DomainError when the document
    is there already, since then only its mail is wanting.
    """
    order_id = order.id
    with transaction():
        order = invoicing.lock_order(order_id)
        request = invoicing.lock_request(order)
        if request is None or request.state != "needs_attention":
            return False
        if is_drawn(order):
            raise DomainError(_("La facture est prête\u00a0: il ne reste qu'à la renvoyer."))
        request.become("issued" if _requested_invoice(order) else "scheduled", due_at=clock.now())
        history.record("request.retried", order=order, customer=request.customer)
        db.session.flush()
        invoicing.reconsider(order)
    if request.state in leases.UNDER_WAY[InvoiceRequest] and request.is_due:
        task_queue.ring("produce", request.id)
    return True


def is_drawn(order: Order) -> bool:
    """Whether the invoice that was asked for has its file, so that only its mail can be wanting."""
    invoice = _requested_invoice(order)
    return invoice is not None and invoice.file is not None


def _requested_invoice(order: Order) -> Document | None:
    """Return the invoice that ends the order's request, once it is issued."""
    return next((each for each in order.documents if delivery.ends_a_request(each)), None)


def _waiting_mail(mail: Delivery) -> Delivery | None:
    """Return the last mail if it only waits for its next try; raise DomainError while a worker has it.

    One that a dead worker left in the middle becomes unknown: a person has decided to send another.
    """
    if mail.lease_until and mail.lease_until > clock.now():
        raise DomainError(_("L'envoi est en cours\u00a0: attendez quelques minutes avant de renvoyer."))
    if mail.state == "pending":
        return mail
    if mail.state == "sending":
        mail.become("unknown", error=mail.last_error)
        leases.release(mail)
    return None


def _confirmed_account(key: str) -> Customer | None:
    return db.session.scalar(select(Customer).where(Customer.email_key == key, Customer.confirmed_at.is_not(None)))
