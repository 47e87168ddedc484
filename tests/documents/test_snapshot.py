"""What a document says is frozen, and survives its way through text."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings

from documents import snapshot
from documents.totals import DoesNotAddUp, Line, Sale

from .factories import COMPANY, GERLAND, INDIVIDUAL, a_line, a_sale, a_snapshot
from .test_totals import ttc_sales


def test_it_survives_the_way_through_json() -> None:
    document = a_snapshot(
        a_sale(
            a_line(), a_line("Livre", "10.00", vat_rate=Decimal("5.50"), tax=Decimal("0.52")), order_discount="3.33"
        ),
        buyer=COMPANY,
        shipping_address=GERLAND,
        purchase_order="BC 118",
        currency="GBP",
        exchange_rate=Decimal("1.1734"),
        trial=True,
    )
    assert snapshot.from_json(snapshot.to_json(document)) == document


@settings(max_examples=30)
@given(ttc_sales())
def test_any_sale_survives_the_way_through_json(sale: Sale) -> None:
    if sale.total < 0:
        return
    document = a_snapshot(sale)
    text = snapshot.to_json(document)
    assert snapshot.from_json(text) == document
    assert snapshot.to_json(snapshot.from_json(text)) == text


def test_equal_amounts_from_either_database_give_the_same_text() -> None:
    short, long = (a_line(quantity=Decimal(quantity)) for quantity in ("2", "2.000000"))
    assert snapshot.to_json(a_snapshot(a_sale(short))) == snapshot.to_json(a_snapshot(a_sale(long)))


def test_the_text_is_canonical() -> None:
    text = snapshot.to_json(a_snapshot())
    assert '"gross":"31.72"' in text
    assert '"issue_date":"2026-11-22"' in text
    assert "Œuvrard" in text
    assert text.index('"buyer"') < text.index('"currency"') < text.index('"delivery"')


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        a_snapshot().number = "FA-2026-000124"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["{}", '{"number": 1}', "[]", "nonsense"])
def test_a_text_that_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        snapshot.from_json(text)


def test_days_are_days_in_france() -> None:
    late = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    assert a_snapshot(placed_at=late).order.placed_on == date(2026, 11, 2)
    with pytest.raises(ValueError, match="time zone"):
        a_snapshot(placed_at=datetime(2026, 11, 1, 23, 30))  # noqa: DTZ001


def test_a_paid_order_has_nothing_left_to_pay() -> None:
    payment = a_snapshot().payment
    assert (payment.paid, payment.left, payment.due_on) == (Decimal("31.72"), Decimal("0.00"), date(2026, 11, 2))
    assert payment.words == "par carte bancaire"


def test_what_was_paid_too_much_is_not_of_this_document() -> None:
    payment = a_snapshot(paid_amount=Decimal("40.00")).payment
    assert (payment.paid, payment.left) == (Decimal("31.72"), Decimal("0.00"))


def test_an_unpaid_order_is_due() -> None:
    payment = a_snapshot(paid_at=None).payment
    assert (payment.paid, payment.left, payment.due_on) == (Decimal("0.00"), Decimal("31.72"), date(2026, 11, 22))


def test_a_part_paid_order_has_the_rest_left() -> None:
    payment = a_snapshot(paid_amount=Decimal("20.00")).payment
    assert (payment.paid, payment.left) == (Decimal("20.00"), Decimal("11.72"))


def test_a_method_without_words_stays_as_the_shop_names_it() -> None:
    assert snapshot.payment_words("Bank-Transfer") == "par virement"
    assert snapshot.payment_words("Alma 3x") == "(Alma 3x)"
    assert snapshot.payment_words("") == ""


def test_the_delivery_address_is_kept_only_where_it_differs() -> None:
    assert a_snapshot(shipping_address=GERLAND).delivery == GERLAND
    same = snapshot.DeliveryAddress("claire  Œuvrard", "3 RUE des lilas", "", "75011", "Paris")
    assert a_snapshot(shipping_address=same).delivery is None
    assert a_snapshot(shipping_address=replace(same, name="")).delivery is None
    assert a_snapshot(shipping_address=None).delivery is None


def test_another_currency_states_its_vat_in_euros() -> None:
    assert a_snapshot(currency="GBP", exchange_rate=Decimal("1.20")).vat_in_euros == Decimal("6.35")
    with pytest.raises(ValueError, match="exchange rate"):
        a_snapshot(currency="GBP")


def test_an_order_that_does_not_add_up_becomes_no_document() -> None:
    wrong = Sale(True, (Line("Mug", Decimal(1), Decimal("9.99"), Decimal(20)),), Decimal("10.00"))
    with pytest.raises(DoesNotAddUp):
        a_snapshot(wrong, buyer=INDIVIDUAL)
