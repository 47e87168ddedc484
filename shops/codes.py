"""The codes that an order may carry: countries (ISO 3166-1 alpha-2) and currencies (ISO 4217), after CLDR."""

from babel import Locale
from babel.core import get_global

from parties import countries

COUNTRIES: frozenset[str] = countries.codes()

CURRENCIES: frozenset[str] = frozenset(
    code
    for history in get_global("territory_currencies").values()
    for code, _start, end, tender in history
    if end is None and tender
)
"""What is legal tender somewhere today: no precious metals, no units of account, nothing withdrawn."""

COUNTRIES_BY_ENGLISH_NAME: dict[str, str] = {
    name.casefold(): code for code, name in Locale("en").territories.items() if code in COUNTRIES
}
