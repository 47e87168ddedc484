"""A cent that is changed in a frozen document is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.checks import contradictions
from documents.snapshot import Snapshot
from documents.totals import Sale

from .factories import a_credit_note, a_line, a_sale, a_snapshot
from .test_totals import ht_sales, taxed_sales, ttc_sales

CENT = Decimal("0.01")


@settings(max_examples=50)
@given(st.one_of(ttc_sales(), ht_sales(), taxed_sales()))
def test_nothing_is_said_of_documents_as_they_are_built(sale: Sale) -> None:
    if sale.total < 0:
        return
    invoice = a_snapshot(sale)
    assert contradictions(invoice) == ()
    assert contradictions(a_credit_note(invoice)) == ()


def changed_row(document: Snapshot) -> Snapshot:
    first, *others = document.totals.rates
    return replace(document, totals=replace(document.totals, rates=(replace(first, vat=first.vat + CENT), *others)))


def changed_discount(document: Snapshot) -> Snapshot:
    first, *others = document.totals.discounts
    changed = replace(first, gross=first.gross + CENT)
    return replace(document, totals=replace(document.totals, discounts=(changed, *others)))


def changed_line(document: Snapshot) -> Snapshot:
    first, *others = document.totals.lines
    return replace(
        document, totals=replace(document.totals, lines=(replace(first, unit_net=first.unit_net + CENT), *others))
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda document: replace(document, totals=replace(document.totals, net=Decimal(1))), "BR-CO-13"),
        (lambda document: replace(document, totals=replace(document.totals, vat=Decimal(1))), "BR-CO-14"),
        (lambda document: replace(document, totals=replace(document.totals, gross=Decimal(1))), "BR-CO-15"),
        (
            lambda document: replace(document, sale=replace(document.sale, total=Decimal(1))),
            "le total n'est pas ce qui",
        ),
        (lambda document: replace(document, payment=replace(document.payment, left=CENT)), "BR-CO-16"),
        (lambda document: replace(document, totals=replace(document.totals, lines=())), "les lignes et leurs montants"),
        (changed_discount, "BR-CO-15"),
        (changed_row, "BR-S-08\u00a0: le taux de 20\u00a0% (S)"),
        (changed_line, "BT-131\u00a0: la ligne 1 "),
    ],
)
def test_a_cent_that_was_changed_is_named(change: Callable[[Snapshot], Snapshot], rule: str) -> None:
    document = a_snapshot(a_sale(a_line(), a_line("Livre", "10.00", vat_rate=Decimal("5.50")), order_discount="1.00"))
    assert any(text.startswith(rule) for text in contradictions(change(document)))
