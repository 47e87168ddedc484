"""« À vérifier », decided by an admin: corrected, accepted as charged, not invoiced here, and all of that undone.

A decision is about one content of the order: it names what was charged (`documents.amendments.fingerprint`), and the
shop's next figures end it. What is decided counts everywhere (`services.orders.sale_of`): the order's page, its
invoice, its credit notes. Who decides says which content they saw: on any other nothing is done.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _

from documents import amendments, canonical, formatting, totals
from documents.amendments import Amendment
from documents.totals import Line, RateKey, Sale
from extensions import DomainError, transaction
from models import Order
from services import history, intake, invoicing, orders, review


@dataclass(frozen=True, slots=True)
class LineFigures:
    """What of one line an admin may correct; `tax` None is what the rate says."""

    unit_price: Decimal
    discount: Decimal
    vat_rate: Decimal
    tax: Decimal | None = None
    vat_category: str = ""
    exemption: str = ""

    def of(self, line: Line) -> Line:
        """Return the shop's line with these figures; one that bears VAT needs no reason for bearing none."""
        return replace(
            line,
            unit_price=self.unit_price,
            discount=self.discount,
            vat_rate=self.vat_rate,
            tax=self.tax,
            vat_category=(not self.vat_rate and self.vat_category) or None,
            exemption=(not self.vat_rate and self.exemption) or None,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """The lines of an order as an admin has typed them, and its VAT in all; None is what the rates say."""

    lines: tuple[LineFigures, ...]
    total_tax: Decimal | None = None
    exchange_rate: Decimal | None = None


NAMES = tuple(field.name for field in fields(LineFigures))


class DoesNotStand(DomainError):
    """The corrected figures still contradict each other; the text says how."""


def correct(order: Order, figures: Figures, shown: str) -> bool:
    """Afterwards the order's lines are what the admin typed; the total charged stays. False when they are already.

    Raises DoesNotStand, with the difference, when the lines do not come to the total or lack a reason, DomainError when
    the shop has sent other figures than `shown`, or when the order is not to be decided.
    """

    def decided(locked: Order) -> Amendment:
        sent = orders.sent_sale(locked).lines
        return Amendment(
            "corrected",
            of=shown,
            lines=tuple(typed.of(line) for typed, line in zip(figures.lines, sent, strict=True)),
            total_tax=figures.total_tax,
            exchange_rate=figures.exchange_rate,
            settled=tuple(locked.doubts or ()),
        )

    return _decide(order, decided, shown)


def accept(order: Order, key: RateKey | None, shown: str, *, exchange_rate: Decimal | None = None) -> bool:
    """Afterwards the order is invoiced as it was charged in all; one line makes up the difference. False when it is.

    `key` is the rate of that line, None where nothing differs but taxes; `exchange_rate` is in euros, of an order in
    another currency. Raises as `correct` does.
    """

    def decided(locked: Order) -> Amendment:
        sent = orders.sent_sale(locked)
        try:
            sale = amendments.balanced(sent, key)
        except totals.DoesNotAddUp as error:
            raise DoesNotStand(str(error)) from None
        return Amendment(
            "accepted",
            of=shown,
            lines=() if sale == sent else sale.lines,
            total_tax=sale.total_tax,
            exchange_rate=exchange_rate,
            settled=tuple(locked.doubts or ()),
        )

    return _decide(order, decided, shown)


def ignore(order: Order, reason: str, shown: str) -> bool:
    """Afterwards the order gives no invoice here, and its customer reads why; False when that is so already.

    One that has its invoice keeps it, and what differs from it is left. A request that waits is cancelled. Raises
    DomainError without a reason, and as `correct` does.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise DomainError(_("Indiquez le motif."))
    return _decide(
        order, lambda locked: Amendment("ignored", of=shown, reason=reason, settled=tuple(locked.review or ())), shown
    )


def undo(order: Order, shown: str) -> bool:
    """Afterwards the shop's own figures count again, and the order is looked at anew; False when nothing was decided.

    What has been invoiced by them stays, and then differs from the order.
    """
    order_id = order.id
    with transaction():
        order = invoicing.lock_order(order_id)
        if orders.amendment_of(order) is None:
            return False
        _require_shown(order, shown)
        order.amendment = None
        history.record("review.undone", order=order, customer=order.customer)
        receipt = intake.settle(order, "updated")
    intake.ring([receipt])
    return True


def rates(order: Order) -> dict[str, RateKey]:
    """Return the rates that an adjustment may have, by how they are written."""
    return {_rate(key): key for key in amendments.rates(orders.sent_sale(order))}


def missing(order: Order) -> Decimal | None:
    """Return what was charged beyond what the shop's lines come to, TTC; None where these come to nothing."""
    try:
        return amendments.missing(orders.sent_sale(order))
    except totals.DoesNotAddUp:
        return None


def _decide(order: Order, decided: Callable[[Order], Amendment], shown: str) -> bool:
    order_id = order.id
    with transaction():
        order = invoicing.lock_order(order_id)
        _require_shown(order, shown)
        former = orders.amendment_of(order)
        if former is None and not order.needs_review:
            raise DomainError(_("Cette commande n'est plus à vérifier."))
        # The reasons that a former decision had answered are open again while another is made.
        order.amendment = None
        review.renew(order)
        amendment = decided(order)
        if amendment == former:
            order.amendment = _plain(amendment)
            review.renew(order)
            return False
        before = orders.sale_of(order)
        order.amendment = _plain(amendment)
        if amendment.decision != "ignored" and (problems := _problems(order)):
            raise DoesNotStand(" ".join(problems))
        said = amendment.reason or _changes(before, orders.sale_of(order))
        history.record(f"review.{amendment.decision}", order=order, customer=order.customer, detail=said)
        receipt = intake.settle(order, "updated")
    intake.ring([receipt])
    return True


def _require_shown(order: Order, shown: str) -> None:
    if orders.fingerprint(order) != shown:
        raise DomainError(_("La boutique a envoyé d'autres montants entre-temps\u00a0: relisez-les avant de décider."))


def _problems(order: Order) -> list[str]:
    """Return what a decision about the figures leaves open; the doubts about the shop's words it has answered."""
    return [reason for reason in review.unsound(order) if reason not in (order.doubts or ())]


def _plain(amendment: Amendment) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(canonical.dumps(amendment))
    return plain


def _changes(before: Sale, after: Sale) -> str:
    """Say for the audit what of the shop's figures no longer counts: « ligne 2\u00a0: vat_rate 0.00 → 20.00 »."""
    said = []
    for number, line in enumerate(after.lines, 1):
        if number > len(before.lines):
            said.append(f"{line.description}\u00a0: {line.amount}, {line.vat_rate} %")
            continue
        own = before.lines[number - 1]
        moved = [
            f"{name} {_said(own, name)} → {_said(line, name)}"
            for name in NAMES
            if _said(own, name) != _said(line, name)
        ]
        if moved:
            said.append(f"ligne {number}\u00a0: {', '.join(moved)}")
    if after.total_tax != before.total_tax:
        said.append(f"total_tax {before.total_tax or '–'} → {after.total_tax or '–'}")
    return " ; ".join(said)


def _rate(key: RateKey) -> str:
    percent = formatting.rate(key[0])
    return percent if key[0] else f"{percent} ({', '.join(part for part in key[1:] if part)})"


def _said(line: Line, name: str) -> str:
    value = getattr(line, name)
    if value is None:
        return "–"
    return canonical.decimal_text(value) if isinstance(value, Decimal) else str(value)
