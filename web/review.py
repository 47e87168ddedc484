"""What an admin sees of an order whose figures do not stand: the shop's beside ours, what was decided, what may be."""

from dataclasses import dataclass

from documents import differences
from documents.amendments import Amendment
from documents.differences import Differences, Row
from models import Order
from services import issuing, orders, reinvoicing
from services.reinvoicing import Proposal


@dataclass(frozen=True, slots=True)
class Desk:
    """Of one order; `shown` names its figures, so that nobody decides about others than they saw.

    `since_invoice` compares it with its invoice, where one press would bring the two together.
    """

    table: Differences
    since_invoice: tuple[Row, ...]
    decided: Amendment | None
    proposal: Proposal | None
    shown: str


def desk(order: Order) -> Desk | None:
    """Return what there is to see and to decide; None of an order that is in order and nothing was decided of."""
    decided = orders.amendment_of(order)
    if decided is None and not order.needs_review:
        return None
    proposal = reinvoicing.proposal(order)
    return Desk(
        table=differences.of(orders.sent_sale(order)),
        since_invoice=differences.since(issuing.frozen(proposal.invoice).totals, proposal.amounts) if proposal else (),
        decided=decided,
        proposal=proposal,
        shown=orders.fingerprint(order),
    )
