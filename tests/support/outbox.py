"""Mails as they lie in the outbox, for tests that need no service to write them."""

from itertools import count
from typing import Any

import clock
from extensions import db
from models import Delivery

_numbers = count(1)


def a_delivery(*, kind: str = "password_reset", state: str = "pending", **changes: Any) -> Delivery:
    """Return a mail to Claire in that state; it is due at once unless told else."""
    number = next(_numbers)
    facts: dict[str, Any] = {"recipient": "claire@example.org", "sent_at": clock.now() if state == "sent" else None}
    facts |= {"occasion": f"tests:{number}", "message_id": f"<{number}@tests.example>"}
    delivery = Delivery(kind=kind, state=state, **(facts | changes))
    db.session.add(delivery)
    db.session.commit()
    return delivery
