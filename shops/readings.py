"""What the readers of all shop systems do alike: texts on one line, addresses, who buys, parcels, what is no order."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from parties import texts
from shops.amounts import UnreadableAmount
from shops.codes import COUNTRIES
from shops.kinds import HttpsUrl
from shops.problems import FieldProblem
from shops.schema import InvalidMessage

PARIS = ZoneInfo("Europe/Paris")
"""The zone of moments that name none."""
LONGEST_TEXT = 200
_LINK = TypeAdapter(HttpsUrl)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Let what is not shaped as that become InvalidMessage; it is named in French: « une commande de Shopify »."""
    try:
        yield
    except UnreadableAmount as error:
        raise InvalidMessage((FieldProblem("", f"Ce n'est pas un montant\u00a0: {error}."),)) from None
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError) as error:
        raise InvalidMessage((FieldProblem("", f"Ce n'est pas {what} ({str(error)[:80]})."),)) from None


def text(value: Any, most: int = LONGEST_TEXT) -> str:
    """Return a text on one line, of so many characters at most; nothing for what is no text."""
    return texts.tidy(value)[:most].strip() if isinstance(value, str) else ""


def address(*, line1: Any, line2: Any, postal_code: Any, city: Any, country: Any) -> dict[str, str]:
    """Return the parts of an address that say something; a country that is none is left out."""
    code = text(country)
    found = {
        "line1": text(line1),
        "line2": text(line2),
        "postal_code": text(postal_code, 20),
        "city": text(city),
        "country": code if code in COUNTRIES else "",
    }
    return {key: value for key, value in found.items() if value}


def buyer(found: Mapping[str, str]) -> dict[str, str]:
    """Return who buys by what was found of them: a company by any of its names or numbers."""
    company = found["company_name"] or found["vat_number"] or found["siret"]
    return {"kind": "company" if company else "individual"} | {key: value for key, value in found.items() if value}


def parcel(*, parcel_id: Any, shipped_at: str, carrier: Any = "", number: Any = "", url: Any = "") -> dict[str, str]:
    """Return a parcel; a link that customers could not be shown is left out."""
    return {
        "id": str(parcel_id)[:64],
        "shipped_at": shipped_at,
        "carrier": text(carrier, 100),
        "tracking_number": text(number, 100),
        "tracking_url": _link(url),
    }


def _link(url: Any) -> str:
    try:
        return _LINK.validate_python(url)
    except ValidationError:
        return ""
