"""What an admin sees of an order whose figures do not stand: the shop's beside ours, what was decided, what may be."""

from dataclasses import dataclass

from documents import differences
from documents.amendments import Amendment
from documents.differences import Differences
from models import Order
from services import orders, reinvoicing
from services.reinvoicing import Proposal


@dataclass(frozen=True, slots=True)
class Desk:
    """Of one order; `shown` names its figures, so that nobody decides about others than they saw."""

    table: Differences
    decided: Amendment | None
    proposal: Proposal | None
    shown: str


def desk(order: Order) -> Desk | None:
    """Return what there is to see and to decide; None of an order that is in order and nothing was decided of."""
    decided = orders.amendment_of(order)
    if decided is None and not order.needs_review:
        return None
    return Desk(
        table=differences.of(orders.sent_sale(order)),
        decided=decided,
        proposal=reinvoicing.proposal(order),
        shown=orders.fingerprint(order),
    )
