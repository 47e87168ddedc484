"""« À vérifier », decided: what then counts, for whom, until when, and what the audit says of it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

import clock
from documents.totals import Totals
from extensions import DomainError, db
from models import AuditEntry, CreditNote, Delivery, Invoice, Order
from services import amendments, crediting, intake, invoicing, issuing, orders, production, reinvoicing, verification
from services.amendments import DoesNotStand, Figures, LineFigures
from shops.arrivals import Arrival
from shops.schema import OrderMessage
from tests.shops.messages import a_company, a_line, a_message, a_refund
from tests.support.customers import draw
from tests.support.taken_in import the_order

SHIPPING = a_message()["lines"][1]
TWENTY = (Decimal(20), "S", "")


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Moments are compared to the second."""


def receive(doubts: tuple[str, ...] = (), **changes: Any) -> Order:
    changes.setdefault("billing", a_company())
    message = OrderMessage.checked(a_message(**changes))
    intake.receive(Arrival(message, doubts=doubts), source="tests", strict=False)
    return the_order()


def shipped() -> str:
    return (clock.now() - timedelta(days=3)).isoformat()


def issued(order: Order) -> Invoice:
    lease = production.claim(invoicing.of_order(order.id).id)
    assert lease is not None
    assert production.issue(lease)
    invoice = issuing.current_invoice(the_order())
    assert invoice is not None
    return invoice


def shown(order: Order) -> str:
    return orders.fingerprint(order)


def figures(order: Order, **changes: Any) -> Figures:
    """Return the order's own lines with these changes of the first."""
    lines = [
        LineFigures(
            line.unit_price, line.discount, line.vat_rate, line.tax, line.vat_category or "", line.exemption or ""
        )
        for line in orders.sent_sale(order).lines
    ]
    return Figures((replace(lines[0], **changes), *lines[1:]))


def acts() -> list[str]:
    found = select(AuditEntry.action).where(AuditEntry.action.startswith("review.")).order_by(AuditEntry.id)
    return list(db.session.scalars(found))


def amounts(order: Order) -> Totals:
    found = orders.amounts(order)
    assert found
    return found


def test_what_is_accepted_is_invoiced_as_it_was_charged(app: Flask) -> None:
    order = receive(total="35.00", shipped_at=shipped())
    assert order.request is not None
    assert (order.needs_review, order.request.waiting_for) == (True, "reconciliation")
    assert amendments.missing(order) == Decimal("3.28")
    assert amendments.accept(order, TWENTY, shown(order))
    order = the_order()
    assert not order.needs_review
    assert order.request is not None
    assert order.request.state == "scheduled"
    invoice = issued(order)
    assert invoice.gross == Decimal("35.00")
    line = issuing.frozen(invoice).sale.lines[-1]
    assert (line.description, line.amount, line.vat_rate) == ("Ajustement", Decimal("3.28"), Decimal(20))
    assert acts() == ["review.accepted"]
    amended = db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "invoice.amended")).one()
    assert amended == "FA-2026-000001: accepted"


def test_deciding_twice_is_deciding_once(app: Flask) -> None:
    order = receive(total="35.00")
    assert amendments.accept(order, TWENTY, shown(order))
    assert not amendments.accept(the_order(), TWENTY, shown(the_order()))
    assert not the_order().needs_review
    assert amendments.accept(the_order(), (Decimal("5.5"), "S", ""), shown(order))  # Another decision is another.
    assert acts() == ["review.accepted", "review.accepted"]


def test_what_is_corrected_is_what_is_shown_and_invoiced(app: Flask) -> None:
    order = receive(lines=[a_line(vat_rate="0.00"), SHIPPING], shipped_at=shipped())
    assert "un taux de 0 sans le code qui l'explique" in " ".join(order.review or [])
    assert amendments.correct(order, figures(order, vat_rate=Decimal("5.50")), shown(order))
    order = the_order()
    assert order.review is None
    assert [row.rate for row in amounts(order).rates] == [Decimal("20.00"), Decimal("5.50")]
    assert issued(order).vat == amounts(order).vat
    detail = db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "review.corrected")).one()
    assert detail == "ligne 1\u00a0: vat_rate 0.00 → 5.50"
    assert orders.sent_sale(the_order()).lines[0].vat_rate == 0  # What the shop said stays known.


def test_a_reason_and_an_exchange_rate_are_corrected_as_well(app: Flask) -> None:
    abroad = {"name": "Ana", "line1": "1 Calle Mayor", "postal_code": "8001", "city": "Zürich", "country": "CH"}
    order = receive(lines=[a_line(vat_rate="0.00")], total="26.82", currency="CHF", shipping_address=abroad)
    assert len(order.review or []) == 2
    typed = figures(order, vat_category="G")
    with pytest.raises(DoesNotStand, match="taux de change"):
        amendments.correct(order, typed, shown(order))
    assert the_order().amendment is None
    assert amendments.correct(the_order(), replace(typed, exchange_rate=Decimal("1.05")), shown(the_order()))
    assert orders.exchange_rate_of(the_order()) == Decimal("1.05")
    assert not the_order().needs_review


def test_an_order_in_another_currency_is_accepted_with_its_exchange_rate(app: Flask) -> None:
    order = receive(currency="CHF")
    with pytest.raises(DoesNotStand, match="taux de change"):
        amendments.accept(order, None, shown(order))
    assert the_order().amendment is None
    assert amendments.accept(the_order(), None, shown(the_order()), exchange_rate=Decimal("1.05"))

    assert orders.exchange_rate_of(the_order()) == Decimal("1.05")
    assert (the_order().needs_review, amounts(the_order()).gross) == (False, Decimal("31.72"))


def test_corrected_figures_that_do_not_add_up_are_refused_and_nothing_is_kept(app: Flask) -> None:
    order = receive(total="35.00")
    with pytest.raises(DoesNotStand, match="écart"):
        amendments.correct(order, figures(order, unit_price=Decimal("15.00")), shown(order))
    assert (the_order().amendment, acts()) == (None, [])
    assert the_order().needs_review
    # (35,00 − 4,90 + 2,98) / 2
    assert amendments.correct(the_order(), figures(order, unit_price=Decimal("16.54")), shown(the_order()))
    assert not the_order().needs_review


def test_what_is_left_out_gives_no_invoice_and_its_customer_reads_why(app: Flask) -> None:
    order = receive(total="35.00")
    with pytest.raises(DomainError, match="motif"):
        amendments.ignore(order, "  ", shown(order))
    assert amendments.ignore(order, "Vente de la place de marché.", shown(order))
    order = the_order()
    assert not order.needs_review
    assert order.request is not None
    assert order.request.state == "cancelled"
    assert "Vente de la place de marché." in (order.request.reason or "")
    with pytest.raises(DomainError, match=r"place de marché"):
        order.require_invoiceable()
    receive(total="35.00", version=4, shipped_at=shipped())  # The same figures: the decision stands.
    request = the_order().request
    assert request is not None
    assert request.state == "cancelled"
    assert amendments.undo(the_order(), shown(the_order()))
    order = the_order()
    assert order.needs_review
    assert order.request is not None
    assert (order.request.state, order.request.waiting_for) == ("waiting", "reconciliation")
    assert not amendments.undo(order, shown(order))
    assert acts() == ["review.ignored", "review.undone"]


def test_a_decision_lapses_with_other_figures_and_with_nothing_else(app: Flask) -> None:
    order = receive(total="35.00")
    assert amendments.accept(order, TWENTY, shown(order))
    receive(total="35.00", version=4, shipped_at=shipped(), lines=[a_line(description="Maillot"), SHIPPING])
    assert not the_order().needs_review
    assert [line.description for line in orders.sale_of(the_order()).lines][0::2] == ["Maillot", "Ajustement"]
    receive(total="36.00", version=5, shipped_at=shipped())
    assert (the_order().amendment, the_order().needs_review) == (None, True)
    assert acts() == ["review.accepted", "review.lapsed"]


def test_who_decides_has_seen_what_they_decide_about(app: Flask) -> None:
    order = receive(total="35.00")
    seen = shown(order)
    order = receive(total="36.00", version=4)
    for decide in (
        lambda: amendments.accept(order, TWENTY, seen),
        lambda: amendments.ignore(order, "Rien", seen),
        lambda: amendments.correct(order, figures(order), seen),
    ):
        with pytest.raises(DomainError, match="entre-temps"):
            decide()
    right = receive(version=5)
    with pytest.raises(DomainError, match="plus à vérifier"):
        amendments.accept(right, TWENTY, shown(right))


def test_a_doubt_is_answered_once_and_another_one_asks_anew(app: Flask) -> None:
    order = receive(doubts=("Le remboursement est réparti.",))
    assert order.review == ["Le remboursement est réparti."]
    assert amendments.accept(order, None, shown(order))
    assert not the_order().needs_review
    assert orders.sale_of(the_order()) == orders.sent_sale(the_order())
    receive(doubts=("Le remboursement est réparti.",), version=4)
    assert not the_order().needs_review
    receive(doubts=("Le remboursement est réparti.", "Un bon inconnu."), version=5)
    assert the_order().review == ["Un bon inconnu."]


def test_refunds_name_the_lines_of_an_accepted_order(app: Flask) -> None:
    order = receive(total="35.00", shipped_at=shipped())
    assert amendments.accept(order, TWENTY, shown(order))
    issued(the_order())
    receive(total="35.00", shipped_at=shipped(), version=4, refunds=[a_refund()])
    (note,) = db.session.scalars(select(CreditNote)).all()
    assert issuing.frozen(note).sale.lines[0].description == a_line()["description"]
    assert not the_order().needs_review


# --- Changed after the invoice


@pytest.fixture
def changed(app: Flask) -> Callable[..., Order]:
    """Give what sends the next version of an order that is invoiced."""
    issued(receive(shipped_at=shipped()))
    versions = iter(range(4, 100))
    return lambda **changes: receive(version=next(versions), **({"shipped_at": shipped()} | changes))


def documents() -> list[tuple[str, Decimal]]:
    return [(each.number, each.gross) for each in the_order().documents]


def test_a_changed_order_is_credited_and_invoiced_anew_by_one_press(changed: Callable[..., Order]) -> None:
    order = changed(lines=[a_line(quantity="3", discount="0.00"), SHIPPING], total="49.60")
    proposal = reinvoicing.proposal(order)
    assert proposal is not None
    assert (proposal.credited, proposal.amounts.gross, proposal.refunded) == (
        Decimal("31.72"),
        Decimal("49.60"),
        Decimal(0),
    )
    first = proposal.invoice.id
    assert reinvoicing.carry_out(order, first)
    assert documents() == [
        ("FA-2026-000001", Decimal("31.72")),
        ("FA-2026-000002", Decimal("49.60")),
        ("AV-2026-000001", Decimal("31.72")),
    ]
    order = the_order()
    assert (order.needs_review, reinvoicing.proposal(order)) == (False, None)
    current = issuing.current_invoice(order)
    assert current is not None
    said = issuing.frozen(current)
    assert (said.refers_to.number if said.refers_to else "", said.reason) == (
        "FA-2026-000001",
        "Modification de la commande",
    )
    assert said.buyer == issuing.frozen(order.documents[0]).buyer
    assert not reinvoicing.carry_out(order, first)
    assert len(documents()) == 3
    mails = db.session.scalars(select(Delivery.document_id).where(Delivery.document_id.is_not(None))).all()
    assert len(set(mails)) == len(mails)


def test_what_went_back_is_credited_on_the_new_invoice_again(changed: Callable[..., Order]) -> None:
    order = changed(refunds=[a_refund()])
    invoice = issuing.current_invoice(order)
    assert invoice is not None
    assert crediting.credit(invoice, amount=Decimal("1.00"), reason="Geste", refund=True, shown=1)
    order = changed(lines=[a_line(quantity="3", discount="0.00"), SHIPPING], total="49.60")
    proposal = reinvoicing.proposal(order)
    assert proposal is not None
    assert (proposal.credited, proposal.refunded, proposal.left) == (
        Decimal("17.31"), Decimal("14.41"), Decimal("35.19"),
    )  # fmt: skip
    assert reinvoicing.carry_out(order, proposal.invoice.id)
    current = issuing.current_invoice(the_order())
    assert current is not None
    assert issuing.left(current) == proposal.left
    assert issuing.left(db.session.get_one(Invoice, proposal.invoice.id)) == 0
    assert not the_order().needs_review
    changed(lines=[a_line(quantity="3", discount="0.00"), SHIPPING], total="49.60", refunds=[a_refund()])
    assert issuing.left(current) == proposal.left  # A refund is known by its name.


def test_what_does_not_stand_is_first_decided_then_invoiced(changed: Callable[..., Order]) -> None:
    order = changed(total="40.00")
    assert order.needs_review
    assert reinvoicing.proposal(order) is None
    invoice = issuing.current_invoice(order)
    assert invoice is not None
    assert not reinvoicing.carry_out(order, invoice.id)
    assert amendments.accept(the_order(), TWENTY, shown(order))
    order = the_order()
    assert order.needs_review
    assert reinvoicing.carry_out(order, invoice.id)
    assert documents()[1] == ("FA-2026-000002", Decimal("40.00"))
    assert not the_order().needs_review


def test_a_change_that_is_left_leaves_the_invoice_as_it_is(changed: Callable[..., Order]) -> None:
    order = changed(lines=[a_line()], total="26.82")
    assert amendments.ignore(order, "Remise reprise par le magasin.", shown(order))
    assert not the_order().needs_review
    assert len(documents()) == 1
    order = changed(lines=[a_line(quantity="3", discount="0.00")], total="44.70")
    assert order.needs_review


def test_a_change_that_the_shop_takes_back_needs_no_new_invoice(changed: Callable[..., Order]) -> None:
    invoice = issuing.current_invoice(changed(lines=[a_line()], total="26.82"))
    assert invoice is not None
    order = changed()
    assert not reinvoicing.carry_out(order, invoice.id)
    assert len(documents()) == 1


def test_many_presses_at_once_replace_the_invoice_once(app: Flask, changed: Callable[..., Order]) -> None:
    order = changed(lines=[a_line(quantity="3", discount="0.00"), SHIPPING], total="49.60")
    order_id, invoice_id = order.id, order.documents[0].id
    db.session.commit()
    done: list[bool] = []
    gate = threading.Barrier(4)

    def press() -> None:
        with app.app_context():
            found = db.session.get_one(Order, order_id)
            gate.wait()
            done.append(reinvoicing.carry_out(found, invoice_id))

    presses = [threading.Thread(target=press) for _ in range(4)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert sorted(done) == [False, False, False, True]
    assert len(documents()) == 3


def test_the_documents_of_a_change_are_drawn_and_hold_together(app: Flask, changed: Callable[..., Order]) -> None:
    order = changed(refunds=[a_refund()])
    order = changed(
        refunds=[a_refund()],
        lines=[a_line(vat_rate="5.50", quantity="3", discount="0.00"), SHIPPING],
        total="49.60",
    )
    assert reinvoicing.carry_out(order, order.documents[0].id)
    for document in the_order().documents:
        draw(document)
    checked = list(verification.verify(render=True))
    assert len(checked) >= 4
    assert [finding for each in checked for finding in each.findings] == []


@pytest.mark.parametrize("cents", [1, 2, 3, 4, 5, 6, -7])
def test_an_adjusted_order_without_tax_in_its_prices_is_drawn_and_holds_together(app: Flask, cents: int) -> None:
    lines = [a_line(unit_price="12.42", discount="2.48", tax="4.47"), SHIPPING | {"unit_price": "4.08", "tax": "0.82"}]
    total = Decimal("31.73") + Decimal(cents) / 100
    order = receive(prices_include_tax=False, lines=lines, total=str(total), total_tax="5.29", shipped_at=shipped())
    assert order.needs_review
    assert amendments.accept(order, TWENTY, shown(order))
    invoice = issued(the_order())
    assert invoice.gross == total
    draw(invoice)
    assert [finding for each in verification.verify(render=True) for finding in each.findings] == []
