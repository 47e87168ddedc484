"""The jobs: thin functions that take an id, call one service after the other, and can be run again."""

from contextlib import suppress

from sqlalchemy.exc import OperationalError

from mail.smtp import Connection
from services import data_exports, delivery, inbox, incidents, letters, production, pulls, uploads
from services.leases import LeaseLost


def produce(request_id: int) -> None:
    """Number, freeze, draw and mail the invoice of a request that is due; a second run does what is left of it."""
    lease = production.claim(request_id)
    if lease is None:
        return
    try:
        invoice_id = production.issue(lease)
        if invoice_id is None:
            return
        delivery_id = production.render(lease, invoice_id)
    except LeaseLost:
        return
    except Exception as error:  # Whatever it is, the request must not be lost, nor stop the others.
        production.give_up_for_now(lease, error)
        return
    deliver(delivery_id)


def deliver(delivery_id: int) -> None:
    """Send one mail of the outbox, then others that are due over the same connection; a second run sends none twice."""
    with delivery.connection() as connection:
        for each in delivery.batch(delivery_id):
            _send(each, connection)


def take_in(message_id: int) -> None:
    """Make an order of what a shop sent; a second run changes nothing."""
    inbox.take_in(message_id)


def pull(shop_id: int) -> None:
    """Read what has changed in a shop; a second run reads nothing twice that matters."""
    pulls.read_changes(shop_id)


def load(upload_id: int) -> None:
    """Try a file that an admin has handed in, or take it in once they have said so; a second run changes nothing."""
    uploads.load(upload_id)


def export_data(export_id: int) -> None:
    """Put all that is kept of a customer into a file for them; a second run makes none."""
    data_exports.make(export_id)


def alert() -> None:
    """Send what tells the merchant of trouble, in the sweeper: the trouble may be Redis, or that no worker runs."""
    for each in incidents.alerts_due():
        with delivery.connection() as connection:
            _send(each, connection)


def _send(delivery_id: int, connection: Connection) -> None:
    lease = delivery.claim(delivery_id)
    if lease is None:
        return
    try:
        message = letters.write(delivery_id)
    except OperationalError:
        raise  # Nothing is wrong with the mail, and there is nobody to tell it.
    except Exception as error:  # A document that cannot be read now may be readable later.
        delivery.mark(lease, delivery.unwritten(error))
        return
    with suppress(LeaseLost):
        delivery.mark(lease, delivery.send(lease, message, connection))
