"""Amounts, quantities, rates and dates as a language writes them, French unless another is asked for.

Every value is rounded before it is formatted. Documents are written in French, English and Spanish.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

FRENCH = "fr"
NO_BREAK = "\u00a0"
MINUS = "\u2212"
CENT = Decimal("0.01")
_DATES = {"es": "d 'de' MMMM 'de' y"}


def rounded(amount: Decimal, step: Decimal = CENT) -> Decimal:
    """Round half up (away from zero) to a multiple of `step`, a power of ten; invoices round this way throughout."""
    return amount.quantize(step, rounding=ROUND_HALF_UP) + 0  # Nothing is not « minus nothing ».


def money(amount: Decimal, currency: str = "EUR", language: str = FRENCH) -> str:
    """An amount with its currency, « 1 234,50 € »; rounded half up first, since Babel alone rounds half even.

    In French thousands are set apart by U+202F, the currency by U+00A0. Two places in every currency, as the amounts
    have them: a yen's share of VAT is no whole one, and the page says what the XML says.
    """
    return _signed(format_currency(rounded(amount), currency, locale=language, currency_digits=False))


def number(amount: Decimal, places: int = 2, language: str = FRENCH) -> str:
    """A number with exactly `places` decimals and no currency, « 1 234,50 », for table columns."""
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return _signed(format_decimal(rounded(amount, Decimal(1).scaleb(-places)), pattern, locale=language))


def unit_price(amount: Decimal, language: str = FRENCH) -> str:
    """A price of one piece: two decimals, and up to six where it has them, « 12,90 », « 0,0425 »."""
    return _signed(format_decimal(amount, "#,##0.00####", locale=language))


def exchange_rate(rate: Decimal, language: str = FRENCH) -> str:
    """Euros for one unit of another currency, with all of the up to eight decimals that shops send, « 0,91743119 »."""
    return format_decimal(rate, "#,##0.00######", locale=language)


def quantity(value: Decimal, language: str = FRENCH) -> str:
    """A quantity with the decimals it needs and no others, « 2 », « 1,5 »."""
    return _signed(format_decimal(value, "#,##0.######", locale=language, decimal_quantization=False))


@lru_cache(1024)  # Of each line of each order that arrives; there are few of them.
def rate(percent: Decimal, language: str = FRENCH) -> str:
    """A VAT rate given in percent, « 20 % », « 5,5 % », with U+00A0 before the sign; the English write « 20% »."""
    figure = format_decimal(percent, "#,##0.####", locale=language, decimal_quantization=False)
    return f"{figure}%" if language == "en" else f"{figure}{NO_BREAK}%"


def date_words(day: date, language: str = FRENCH) -> str:
    """A date in words, « 24 novembre 2026 », its parts kept together by U+00A0; the first of a month is « 1er ».

    The longer Spanish « 24 de noviembre de 2026 » may be broken before its year.
    """
    words = format_date(day, _DATES.get(language, "d MMMM y"), locale=language)
    if day.day == 1 and language == FRENCH:
        words = "1er" + words[1:]
    words = words.replace(" ", NO_BREAK)
    return words.replace(f"{NO_BREAK}de{NO_BREAK}{day.year}", f" de{NO_BREAK}{day.year}")


def _signed(text: str) -> str:
    """A minus sign instead of the hyphen, which a line may break after."""
    return text.replace("-", MINUS)
