"""Countries and their postal codes: what may be chosen, how it is called in French, how a postal code looks there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from babel import Locale

from parties.texts import plain

NOT_ISO = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"})
"""What CLDR names besides the 249 codes of ISO 3166-1: groups, exceptional reservations, user-assigned codes."""

EU = frozenset(
    (
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
        "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    )
)  # fmt: skip
"""The member states of the European Union (27)."""

SIRENE = frozenset({"FR", "GP", "MQ", "GF", "RE", "YT", "BL", "MF", "PM"})
"""Where a company has a SIRET: INSEE's register covers France, the five overseas departments, Saint-Barthélemy,
Saint-Martin and Saint-Pierre-et-Miquelon (Code de commerce R123-220). Monaco, New Caledonia and French Polynesia
keep registers of their own."""

VAT_PREFIXES = {
    **{code: code for code in EU},
    "GR": "EL",  # Directive 2006/112/EC, art. 215: Greece is authorised to use « EL ».
    "MC": "FR",  # Monaco is treated as France for VAT (same directive, art. 7); its numbers read FR xx 000 xxxxxx.
    "AX": "FI",
    "GB": "GB",  # Northern Ireland: the prefix XI, for goods only (Windsor Framework); not a country of ISO 3166.
    "IM": "GB",
    **dict.fromkeys(SIRENE, "FR"),
}
"""The prefix of a VAT number, by country of the company."""


@cache
def codes() -> frozenset[str]:
    """Return the 249 alpha-2 codes of ISO 3166-1."""
    return frozenset(filter(re.compile("[A-Z]{2}").fullmatch, map(str, Locale("fr").territories))) - NOT_ISO


def name(code: str) -> str:
    """Return the French name of a country, the code itself when it is none."""
    return str(Locale("fr").territories.get(code, code))


@cache
def choices() -> tuple[tuple[str, str], ...]:
    """Return (code, French name) of every country: France first, then by name, accents left aside."""
    others = sorted((_sorting_key(name(code)), code) for code in codes() if code != "FR")
    return (("FR", name("FR")), *((code, name(code)) for _, code in others))


def _sorting_key(text: str) -> str:
    """« Émirats » stands with E and « Îles » with I, wherever the program runs."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z]+", " ", plain).strip()


# By country: how a postal code is written (# a digit, @ a letter, ~ either, anything else itself), then an example
# where the form alone would not do one. Sources: Universal Postal Union, « Postal addressing systems ».
_FORMS: dict[str, tuple[str, ...]] = {
    "AD": ("AD###",),
    "AL": ("####",),
    "AM": ("####",),
    "AR": ("####", "@####@@@"),
    "AS": ("#####", "#####-####"),
    "AT": ("####",),
    "AU": ("####",),
    "AX": ("#####",),
    "BA": ("#####",),
    "BE": ("####",),
    "BG": ("####",),
    "BL": ("971##", "977##"),
    "BR": ("#####-###",),
    "BY": ("######",),
    "CA": ("@#@ #@#",),
    "CH": ("####",),
    "CL": ("###-####",),
    "CN": ("######",),
    "CO": ("######",),
    "CY": ("####",),
    "CZ": ("### ##",),
    "DE": ("#####",),
    "DK": ("####",),
    "DZ": ("#####",),
    "EC": ("######",),
    "EE": ("#####",),
    "EG": ("#####", "#######"),
    "ES": ("#####",),
    "FI": ("#####",),
    "FO": ("###",),
    "FR": ("#####",),
    "GB": ("@# #@@", "@## #@@", "@@# #@@", "@@## #@@", "@#@ #@@", "@@#@ #@@"),
    "GE": ("####",),
    "GF": ("973##",),
    "GG": ("GY# #@@", "GY## #@@"),
    "GI": ("GX11 1AA",),
    "GL": ("39##",),
    "GP": ("971##",),
    "GR": ("### ##",),
    "GU": ("#####", "#####-####"),
    "HR": ("#####",),
    "HU": ("####",),
    "ID": ("#####",),
    "IE": ("@~~ ~~~~",),
    "IL": ("#######", "#####"),
    "IM": ("IM# #@@", "IM## #@@"),
    "IN": ("######",),
    "IS": ("###",),
    "IT": ("#####",),
    "JE": ("JE# #@@", "JE## #@@"),
    "JP": ("###-####",),
    "KE": ("#####",),
    "KR": ("#####",),
    "LI": ("94##",),
    "LT": ("LT-#####",),
    "LU": ("####",),
    "LV": ("LV-####",),
    "MA": ("#####",),
    "MC": ("980##",),
    "MD": ("MD-####",),
    "ME": ("#####",),
    "MF": ("971##", "978##"),
    "MG": ("###",),
    "MK": ("####",),
    "MP": ("#####", "#####-####"),
    "MQ": ("972##",),
    "MT": ("@@@ ####",),
    "MU": ("#####",),
    "MX": ("#####",),
    "MY": ("#####",),
    "NC": ("988##",),
    "NL": ("#### @@",),
    "NO": ("####",),
    "NZ": ("####",),
    "PE": ("#####",),
    "PF": ("987##",),
    "PH": ("####",),
    "PL": ("##-###",),
    "PM": ("975##",),
    "PR": ("#####", "#####-####"),
    "PT": ("####-###",),
    "RE": ("974##",),
    "RO": ("######",),
    "RS": ("#####", "######"),
    "RU": ("######",),
    "SA": ("#####", "#####-####"),
    "SE": ("### ##",),
    "SG": ("######",),
    "SI": ("####",),
    "SJ": ("####",),
    "SK": ("### ##",),
    "SM": ("4789#",),
    "SN": ("#####",),
    "TH": ("#####",),
    "TN": ("####",),
    "TR": ("#####",),
    "TW": ("###", "#####", "######"),
    "UA": ("#####",),
    "US": ("#####", "#####-####"),
    "UY": ("#####",),
    "VA": ("00120",),
    "VI": ("#####", "#####-####"),
    "VN": ("#####", "######"),
    "WF": ("986##",),
    "YT": ("976##",),
    "ZA": ("####",),
}

_EXAMPLES = {
    "AR": "C1425CLA", "BE": "1000", "BR": "01310-100", "CA": "K1A 0B1", "CH": "1201", "DE": "10115", "DZ": "16000",
    "ES": "28013", "FR": "69007", "GB": "SW1A 1AA", "IE": "D02 X285", "IT": "00184", "JP": "100-0001", "LU": "1009",
    "MA": "20250", "MC": "98000", "MT": "VLT 1117", "NL": "1012 AB", "PL": "00-950", "PT": "1000-205", "SE": "111 22",
    "TN": "1000", "US": "10001",
}  # fmt: skip

RARELY_USED = frozenset(
    {"CL", "CO", "EC", "EG", "GE", "ID", "IE", "IL", "KE", "MG", "MU", "PE", "SA", "SN", "TW", "UY", "VN"}
)
"""Countries that have postal codes which many of their addresses do without: checked when given, never wanted."""

_WILD = {"#": "[0-9]", "@": "[A-Z]", "~": "[A-Z0-9]"}
_SEPARATORS = re.compile(r"[ .\-]")
_LENIENT = re.compile(r"[A-Z0-9](?:[A-Z0-9 -]{0,14}[A-Z0-9])?")


def postal_code_required(country: str) -> bool:
    """Whether an address of this country is incomplete without a postal code."""
    return country in _FORMS and country not in RARELY_USED


def postal_code_example(country: str) -> str:
    """Return a postal code as they are written there, empty when this country has no form of its own."""
    if country not in _FORMS:
        return ""
    return _EXAMPLES.get(country) or re.sub("[~#]", "1", _FORMS[country][0]).replace("@", "A")


def postal_code_is_digits(country: str) -> bool:
    """Whether digits are enough to type a postal code of this country; its blanks and dashes come by themselves."""
    return country in _FORMS and not re.search("[@~A-Z]", "".join(_FORMS[country]))


def normal_postal_code(text: str, country: str) -> str:
    """Return a postal code as its country writes it: « sw1a1aa » is « SW1A 1AA », « F-69 007 » is « 69007 ».

    What fits no form of the country comes back in capitals, otherwise untouched, for the person to correct.
    """
    typed = plain(text)
    compact = _SEPARATORS.sub("", typed)
    for form in _FORMS.get(country, ()):
        for candidate in _readings(compact, country, form):
            written = _write(candidate, form)
            if written:
                return written
    return typed


def _readings(compact: str, country: str, form: str) -> Iterator[str]:
    """Yield what was typed, then without the country's sign (F-69007), then with letters left out (LV-)."""
    yield compact
    if form[0] in "#0123456789":
        for sign in (country, country[0], "FIN"):
            yield compact.removeprefix(sign)
    elif form[:2].isalpha():
        yield form[:2] + compact


def _write(compact: str, form: str) -> str:
    """Return the bare characters set into the form, empty when they do not fit."""
    pattern = "".join(_WILD.get(sign, sign) for sign in _SEPARATORS.sub("", form))
    if not re.fullmatch(pattern, compact):
        return ""
    rest = iter(compact)
    return "".join(sign if _SEPARATORS.match(sign) else next(rest) for sign in form)


def is_postal_code(text: str, country: str) -> bool:
    """Whether a normalised postal code is one of this country; where its form is unknown, whether it looks like one."""
    if country in _FORMS:
        compact = _SEPARATORS.sub("", text)
        known = any(_write(compact, form) == text for form in _FORMS[country])
        return known and not (country == "FR" and text.startswith("00"))
    return bool(_LENIENT.fullmatch(text))
