"""One invoice's life from end to end, lived by the nursery before anybody is born: what it learns, its children know.

Each job in a laboratory is a process of its own, and would make its SQL, its mappers and what draws a page anew: as
much work again as the job itself. They depend on the kind of the database alone (`tests.support.once`).
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

import clock
import jobs
from app import create_app
from extensions import db
from models import Delivery, InvoiceRequest, Order, ShopMessage
from services import inbox, invoicing, issuing, sweep
from tests.faults.cells import a_due_request, an_order_to_ask_for
from tests.shops import recorded
from tests.support import once
from tests.support.mailbox import Mailbox
from tests.support.settings import settings_for_tests
from tests.support.shops import a_shop


def rehearse(url: str) -> None:
    """Afterwards this process has once done all that is done in a laboratory, on that empty database.

    No connection is left open and no thread runs, so that it may be forked. Raises AssertionError when it went wrong:
    who has learned nothing would only be slow, and nobody would see why.
    """
    logging.disable()  # Nobody listens to the bells.
    try:
        with tempfile.TemporaryDirectory(prefix="ec-rehearsal-") as folder, _a_mail_server() as mailbox:
            app = create_app(settings_for_tests(Path(folder), DATABASE_URL=url, SMTP_URL=mailbox.url))
            once.share_texts(app)
            with app.app_context():
                try:
                    _act(mailbox)
                finally:
                    db.session.remove()
                    db.engine.dispose()
    finally:
        logging.disable(logging.NOTSET)


def _act(mailbox: Mailbox) -> None:
    issuing.require_mode()
    issuing.require_latest()
    order = db.session.get_one(Order, an_order_to_ask_for("asked for"))
    assert order.customer is not None
    invoicing.ask(order, order.customer)
    request_id = a_due_request("due")
    mailbox.modes["RCPT due@example.org"] = "once 451 4.7.1 later"
    jobs.produce(request_id)
    mail = db.session.scalars(select(Delivery).where(Delivery.kind == "invoice")).one()
    assert mail.state == "pending", mail.last_error
    mail.due_at = clock.now()
    db.session.commit()
    jobs.deliver(mail.id)
    db.session.rollback()
    assert db.session.get_one(InvoiceRequest, request_id).state == "sent"
    message = recorded.body("woocommerce", "guest")
    message_id = inbox.keep(a_shop(system="woocommerce"), topic="order.updated", payload=message)
    jobs.take_in(message_id)
    db.session.rollback()
    assert db.session.get_one(ShopMessage, message_id).state == "applied"
    sweep.sweep()
    jobs.alert()


@contextmanager
def _a_mail_server() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    mailbox.controller.start()
    try:
        yield mailbox
    finally:
        mailbox.controller.stop()
