"""French typography of amounts and dates."""

from datetime import date
from decimal import Decimal

import pytest

from documents import formatting


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1234.5", "1\u202f234,50\u00a0€"),
        ("0.005", "0,01\u00a0€"),
        ("0.015", "0,02\u00a0€"),
        ("2.675", "2,68\u00a0€"),
        ("-2.98", "\u22122,98\u00a0€"),
        ("-0.001", "0,00\u00a0€"),
    ],
)
def test_money_is_rounded_half_up_and_kept_together(amount: str, shown: str) -> None:
    assert formatting.money(Decimal(amount)) == shown


def test_other_currencies_keep_their_sign() -> None:
    assert formatting.money(Decimal("12"), "GBP") == "12,00\u00a0£GB"


def test_a_currency_without_cents_shows_them_all_the_same() -> None:
    assert formatting.money(Decimal("90.38"), "JPY") == "90,38\u00a0JPY"


@pytest.mark.parametrize(("rate", "shown"), [("0.91743119", "0,91743119"), ("1.1", "1,10"), ("0.0061", "0,0061")])
def test_an_exchange_rate_is_shown_as_the_shop_sent_it(rate: str, shown: str) -> None:
    assert formatting.exchange_rate(Decimal(rate)) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("2", "2"), ("2.000", "2"), ("1.50", "1,5"), ("0.125", "0,125"), ("1E+3", "1\u202f000")]
)
def test_quantities_have_the_decimals_they_need(value: str, shown: str) -> None:
    assert formatting.quantity(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("20.00", "20\u00a0%"), ("5.50", "5,5\u00a0%"), ("2.1", "2,1\u00a0%"), ("0", "0\u00a0%")]
)
def test_rates(value: str, shown: str) -> None:
    assert formatting.rate(Decimal(value)) == shown


def test_dates_are_words_kept_together() -> None:
    assert formatting.date_words(date(2026, 11, 24)) == "24\u00a0novembre\u00a02026"
    assert formatting.date_words(date(2026, 8, 1)) == "1er\u00a0août\u00a02026"


def test_prices_of_one_piece_keep_their_decimals() -> None:
    assert formatting.unit_price(Decimal("12.9")) == "12,90"
    assert formatting.unit_price(Decimal("0.0425")) == "0,0425"


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", ["\u2212€1,234.50", "1,234.500", "0.0425", "1,234.5", "5.5%", "1\u00a0November\u00a02026"]),
        (
            "es",
            [
                "\u22121.234,50\u00a0€",
                "1.234,500",
                "0,0425",
                "1.234,5",
                "5,5\u00a0%",
                "1\u00a0de\u00a0noviembre de\u00a02026",
            ],
        ),
    ],
)
def test_other_languages_have_their_own_typography(language: str, shown: list[str]) -> None:
    assert [
        formatting.money(Decimal("-1234.5"), "EUR", language),
        formatting.number(Decimal("1234.5"), 3, language),
        formatting.unit_price(Decimal("0.0425"), language),
        formatting.quantity(Decimal("1234.50"), language),
        formatting.rate(Decimal("5.50"), language),
        formatting.date_words(date(2026, 11, 1), language),
    ] == shown
