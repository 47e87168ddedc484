"""The mails that came back: what the reports in our mailbox mean for the outbox."""

import logging
from collections import Counter

from sqlalchemy import select

import config
from extensions import db
from mail import bounces, incoming
from models import Delivery
from services import delivery, leases

log = logging.getLogger(__name__)


def take_in() -> Counter[str]:
    """Afterwards every mail that a report in the mailbox of BOUNCES_URL says came back is `failed`.

    Each message is marked there once the database has committed what it says: after a crash in between it is read
    again, and nothing happens twice. Two runs at once do no harm. Returns how many messages were read (`read`), and
    what they said. Raises incoming.Unreachable; what was dealt with before stays so.
    """
    found: Counter[str] = Counter()
    with incoming.opened(config.current().bounces_url) as mailbox:
        for name, content in mailbox.waiting():
            said = _apply(_understood(content))
            found.update(("read", said))
            if said != "early":
                mailbox.mark(name)
    return found


def _understood(content: bytes) -> bounces.Bounce | None:
    try:
        return bounces.read(content)
    except Exception as error:  # Anybody may send anything; one message must not keep us from the next.
        log.warning("message not understood", extra={"error": type(error).__name__})
        return None


def _apply(bounce: bounces.Bounce | None) -> str:
    """Return what a message was: `foreign` (no report, or of no mail of ours), `early`, `known` or `came_back`.

    The report of a mail that is still being sent is early: an answer was lost on the way. It is for a later run, once
    the mail has its end.
    """
    if bounce is None:
        return "foreign"
    row = db.session.execute(
        select(Delivery.id, Delivery.state).where(Delivery.message_id == bounce.message_id)
    ).first()
    db.session.close()  # Nothing is held while the mailbox is talked to.
    if row is None:
        return "foreign"
    if row.state in leases.UNDER_WAY[Delivery]:
        return "early"
    return "came_back" if delivery.came_back(row.id, bounce.trouble, bounce.detail) else "known"
