"""The kinds of value that a message holds, each with its limits and its French refusals."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from mail import addresses
from parties import texts
from shops.codes import COUNTRIES, CURRENCIES
from shops.numbers import NUMBER_LENGTH, NUMBER_PATTERN, is_order_number

_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_EXAMPLE = 'par exemple "14.90"'
_LONGEST_DECIMAL = 40

# RFC 3339; Python alone would also take week dates, a missing time and a missing offset.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MOMENT_WANTED = "Une date avec heure et fuseau est attendue, par exemple 2026-11-02T10:15:00+01:00."
_FIRST_YEAR, _LAST_YEAR = 1990, 2100

# A tracking link as the OpenAPI document asks for it; `_https` says it to who has no such reader.
_HTTPS = r'^(https://[A-Za-z0-9._-]+(:443)?([/?#][^\s<>"\\\u0000-\u001f\u007f-\u009f\ufffe\uffff]*)?)?$'

# Of RFC 3986 what a path, its query and nothing else may hold.
_OWN_PATH = r"(/([A-Za-z0-9._~!$&'()*+,;=:@%?-][A-Za-z0-9._~!$&'()*+,;=:@%?/-]*)?)?"

# XML 1.0 has no way to write these, so no invoice could.
_NOT_IN_XML = frozenset("\ufffe\uffff")


def _refused(kind: str, message: str) -> PydanticCustomError:
    # Braces would be read as a template, and the message may quote what was sent.
    return PydanticCustomError(f"shop_{kind}", message.replace("{", "(").replace("}", ")"))


def _exact(digits: int, places: int, *, negative: bool = False) -> Callable[[Any], Decimal]:
    """Return a reader of exact decimals: at most `digits` before the point and `places` behind it."""
    too_large = f"Ce nombre est trop grand\u00a0: {digits} chiffres avant la virgule au plus."

    def read(value: Any) -> Decimal:
        if isinstance(value, float):
            raise _refused(
                "float", f"Écrivez ce nombre entre guillemets, {_EXAMPLE}\u00a0: un nombre flottant est inexact."
            )
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise _refused("decimal", f"Un nombre décimal est attendu, {_EXAMPLE}.")
        if isinstance(value, int) and abs(value) >= 10**_LONGEST_DECIMAL:
            raise _refused("decimal_digits", too_large)
        written = format(value, "f") if isinstance(value, Decimal) else str(value)
        found = _DECIMAL.fullmatch(written) if len(written) <= _LONGEST_DECIMAL else None
        if found is None:
            raise _refused("decimal", f"Un nombre décimal est attendu, {_EXAMPLE} (ni exposant, ni blanc, ni virgule).")
        sign, whole, fraction = found[1], found[2].lstrip("0"), (found[3] or "").rstrip("0")
        if len(whole) > digits:
            raise _refused("decimal_digits", too_large)
        if len(fraction) > places:
            raise _refused("decimal_places", f"Ce nombre est trop précis\u00a0: {places} décimales au plus.")
        if sign and not negative and (whole or fraction):
            raise _refused("decimal_sign", "Ce nombre ne peut pas être négatif.")
        number = Decimal(f"{whole or '0'}.{fraction}" if fraction else whole or "0")
        return -number if sign and number else number

    return read


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused("whole", "Un nombre entier est attendu.")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused("flag", "Écrivez true ou false (sans guillemets).")
    return value


def _moment(value: Any) -> datetime:
    """Return the moment in UTC; a date without offset could be any of 26 hours and is refused."""
    if isinstance(value, str):
        if not _MOMENT.fullmatch(value):
            raise _refused("moment", _MOMENT_WANTED)
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            raise _refused("moment", "Cette date n'existe pas.") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _refused("moment", _MOMENT_WANTED)
    if not _FIRST_YEAR <= value.year < _LAST_YEAR:
        raise _refused("moment", f"L'année doit être entre {_FIRST_YEAR} et {_LAST_YEAR - 1}.")
    return value.astimezone(UTC)


def _plain(value: Any) -> Any:
    """Return the text composed (NFC), without blanks around it and without signs that would turn a line around.

    No control character ever reaches a document.
    """
    if not isinstance(value, str):
        return value
    if not (value.isascii() and value.isprintable()):
        for sign in value:
            category = unicodedata.category(sign)
            if category == "Cs":
                raise _refused("encoding", "Ce texte n'est pas lisible\u00a0: écrivez-le en UTF-8.")
            if category == "Cc" or sign in _NOT_IN_XML:
                raise _refused(
                    "control", "Ce texte contient un caractère de contrôle (tabulation, retour à la ligne…)."
                )
    return unicodedata.normalize("NFC", texts.visible(value)).strip()


def _code(value: Any) -> Any:
    """Full-width digits and small letters are ways of typing; folded before the length is measured, never after."""
    return unicodedata.normalize("NFKC", value).upper() if isinstance(value, str) else value


def _compact(value: Any) -> Any:
    """Registration numbers are typed with blanks, dots and hyphens; none of them belongs to the number."""
    return re.sub(r"[\s.-]", "", value) if isinstance(value, str) else value


def _number(value: str) -> str:
    if not is_order_number(value):
        raise _refused("number", "Seuls les lettres sans accent, chiffres, points, tirets et tirets bas sont acceptés.")
    return value


def _email(value: str) -> str:
    try:
        return addresses.clean(value)
    except ValueError:
        raise _refused("email", "Cette adresse e-mail n'est pas valable.") from None


def _country(value: str) -> str:
    if value not in COUNTRIES:
        raise _refused("country", "Un code de pays de deux lettres est attendu (ISO 3166-1), par exemple FR.")
    return value


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise _refused("currency", "Un code de monnaie de trois lettres est attendu (ISO 4217), par exemple EUR.")
    return value


def _own_path(value: str) -> str:
    """A path of this site: nobody is led elsewhere after signing in (`//host` and `/\\host` are other sites)."""
    if not re.fullmatch(_OWN_PATH, value, re.ASCII):
        raise _refused("path", "Un chemin de ce site est attendu, qui commence par /.")
    return value


def _https(value: str) -> str:
    """A tracking link is shown to customers: nothing but a plain https address of a host, without credentials."""
    try:
        parts = urlsplit(value)
        good = parts.scheme == "https" and parts.hostname and parts.username is None and parts.port in {None, 443}
    except ValueError:
        good = False
    if value and (not good or any(sign.isspace() or sign in '<>"\\' for sign in value)):
        raise _refused("https", "Une adresse qui commence par https:// est attendue.")
    return value


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}([-_][A-Za-z]{2})?", value, re.ASCII):
        raise _refused("locale", "Un code de langue est attendu, par exemple fr ou fr-FR.")
    return value


@dataclass(frozen=True, slots=True)
class _Items(BeforeValidator):
    """The check of a list's length, which the OpenAPI document tells."""

    least: int = 0
    most: int = 0

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Say how many there may be."""
        return handler(core) | {"minItems": self.least, "maxItems": self.most}


def items(most: int, *, least: int = 0) -> BeforeValidator:
    """Return the check of a list's length; it comes before its items are looked at, and counts the bad ones too."""

    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise _refused("list", "Une liste est attendue.")
        if len(value) < least:
            raise _refused("list_empty", "Cette liste ne peut pas être vide.")
        if len(value) > most:
            raise _refused("list_long", f"Cette liste est trop longue\u00a0: {most} éléments au plus.")
        return value

    return _Items(check, least=least, most=most)


def _decimal_schema(digits: int, places: int, *, negative: bool = False) -> WithJsonSchema:
    """Say for the OpenAPI document what `_exact` takes."""
    sign, most = "-?" if negative else "", 10**digits - 1
    written = rf"^{sign}0*[0-9]{{1,{digits}}}(\.[0-9]{{1,{places}}}0*)?$"
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": written, "maxLength": _LONGEST_DECIMAL},
                {"type": "integer", "minimum": -most if negative else 0, "maximum": most},
            ],
            "description": f"Décimal exact\u00a0: {digits} chiffres avant le point, {places} après, au plus.",
        }
    )


def _text_schema(**rules: Any) -> WithJsonSchema:
    """Say for the OpenAPI document what a text of this kind looks like."""
    return WithJsonSchema({"type": "string", **rules})


_PLAIN = BeforeValidator(_plain)
# What `_plain` takes, in words that every reader of JSON Schema has: no control character, no blank text as a name.
_NO_CONTROLS = r"[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]"
_ANY_TEXT = Field(json_schema_extra={"pattern": f"^{_NO_CONTROLS}*$"})
_SOME_TEXT = Field(json_schema_extra={"pattern": rf"^(?=.*\S){_NO_CONTROLS}+$"})

Money = Annotated[Decimal, BeforeValidator(_exact(10, 2)), _decimal_schema(10, 2)]
Price = Annotated[Decimal, BeforeValidator(_exact(10, 6)), _decimal_schema(10, 6)]
Quantity = Annotated[Decimal, BeforeValidator(_exact(8, 4)), _decimal_schema(8, 4)]
SignedQuantity = Annotated[Decimal, BeforeValidator(_exact(8, 4, negative=True)), _decimal_schema(8, 4, negative=True)]
Rate = Annotated[Decimal, BeforeValidator(_exact(2, 2)), _decimal_schema(2, 2)]
ExchangeRate = Annotated[Decimal, BeforeValidator(_exact(8, 8)), _decimal_schema(8, 8)]
WHOLE = BeforeValidator(_whole)  # Behind the limits of a number, or the OpenAPI document could not name them.
Flag = Annotated[bool, BeforeValidator(_flag)]
Moment = Annotated[datetime, BeforeValidator(_moment), _text_schema(format="date-time", pattern="^(199|20[0-9])[0-9]-")]

Number = Annotated[
    str,
    _PLAIN,
    Field(min_length=1, max_length=NUMBER_LENGTH),
    AfterValidator(_number),
    _text_schema(pattern=f"^{NUMBER_PATTERN}$"),
]
Email = Annotated[
    str, _PLAIN, Field(max_length=254), AfterValidator(_email), _text_schema(format="email", maxLength=254)
]
Country = Annotated[str, _PLAIN, AfterValidator(_country), _text_schema(enum=sorted(COUNTRIES))]
Currency = Annotated[str, _PLAIN, AfterValidator(_currency), _text_schema(enum=sorted(CURRENCIES))]
HttpsUrl = Annotated[
    str, _PLAIN, Field(max_length=500), AfterValidator(_https), _text_schema(pattern=_HTTPS, maxLength=500)
]
OwnPath = Annotated[
    str, _PLAIN, Field(max_length=500), AfterValidator(_own_path), _text_schema(pattern=f"^{_OWN_PATH}$", maxLength=500)
]
Language = Annotated[str, _PLAIN, AfterValidator(_language), _text_schema(pattern="^[a-z]{2}([-_][A-Za-z]{2})?$")]

Plain = Annotated[str, _PLAIN, _ANY_TEXT]
Code = Annotated[str, BeforeValidator(_code), _PLAIN, _ANY_TEXT]
Compact = Annotated[str, BeforeValidator(_compact), BeforeValidator(_code), _PLAIN, _ANY_TEXT]
Id = Annotated[str, _PLAIN, Field(min_length=1, max_length=64), _SOME_TEXT]
Reference = Annotated[str, _PLAIN, Field(max_length=100), _ANY_TEXT]
Text = Annotated[str, _PLAIN, Field(max_length=200), _ANY_TEXT]
Description = Annotated[str, _PLAIN, Field(min_length=1, max_length=1000), _SOME_TEXT]
