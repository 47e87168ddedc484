"""The numbers people and companies are known by, checked offline with python-stdnum.

Nothing here asks VIES, INSEE or anybody else: a number that is well formed may still belong to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from stdnum.exceptions import ValidationError

from parties import countries
from parties.texts import plain


class _Checks(Protocol):
    def validate(self, number: str) -> str: ...


@dataclass(frozen=True, slots=True)
class NumberForm:
    """A country's fiscal number: how people there call it, a valid example, and the stdnum modules that know it.

    `pattern` admits a number without check digits; `refused` names modules whose numbers belong to the other kind.
    """

    called: str
    example: str
    modules: tuple[str, ...]
    pattern: str = ""
    refused: tuple[str, ...] = ()

    @property
    def is_digits(self) -> bool:
        """Whether it is typed on a keyboard of digits alone; dashes and strokes may be left out."""
        return not any(sign.isalpha() for sign in self.example + self.pattern)


_SPI = NumberForm("numéro fiscal à 13 chiffres", "3023217600053", ("fr.nif",))
_SIREN = NumberForm("SIREN", "732829320", ("fr.siren", "fr.siret", "fr.tva", "fr.nif"))
_COMPANIES_HOUSE = r"(?:[0-9]{8}|(?:SC|NI|OC|SO|NC|FC|SF|NF|LP|SL|NL|R0)[0-9]{6})"

PERSONAL: dict[str, NumberForm] = {
    **dict.fromkeys(countries.SIRENE, _SPI),
    "AT": NumberForm("Steuernummer", "59-119/9013", ("at.tin",)),
    "BE": NumberForm("numéro de registre national", "85.07.30-033.28", ("be.ssn",)),
    "BG": NumberForm("ЕГН ou ЛНЧ", "7523169263", ("bg.egn", "bg.pnf")),
    "BR": NumberForm("CPF", "390.533.447-05", ("br.cpf",)),
    "CA": NumberForm("NAS / SIN", "123-456-782", ("ca.sin",)),
    "CH": NumberForm("numéro AVS", "756.9217.0769.85", ("ch.ssn",)),
    "CZ": NumberForm("rodné číslo", "710319/2745", ("cz.rc", "cz.dic")),
    "DE": NumberForm("Steuer-ID", "36 574 261 809", ("de.idnr",)),
    "DK": NumberForm("CPR-nummer", "211062-5629", ("dk.cpr",)),
    "EE": NumberForm("isikukood", "36805280109", ("ee.ik",)),
    "ES": NumberForm("NIF, NIE ou DNI", "54362315K", ("es.nif",), refused=("es.cif",)),
    "FI": NumberForm("henkilötunnus", "131052-308T", ("fi.hetu",)),
    "GB": NumberForm("UTR", "1955839661", ("gb.utr",), pattern=r"[A-Z]{2}[0-9]{6}[A-D]"),
    "GR": NumberForm("ΑΦΜ", "094259216", ("gr.vat",)),
    "HR": NumberForm("OIB", "33392005961", ("hr.oib",)),
    "IE": NumberForm("PPS", "6433435F", ("ie.pps",)),
    "IT": NumberForm("codice fiscale", "RCCMNL83S18D969H", ("it.codicefiscale",)),
    "LT": NumberForm("asmens kodas", "33309240064", ("lt.asmens",)),
    "LV": NumberForm("personas kods", "161175-19997", ("lv.pvn",), pattern=r"32[0-9]{9}"),
    "NL": NumberForm("BSN", "111222333", ("nl.bsn",)),
    "NO": NumberForm("fødselsnummer", "15108695088", ("no.fodselsnummer",)),
    "PL": NumberForm("PESEL ou NIP", "44051401359", ("pl.pesel", "pl.nip")),
    "PT": NumberForm("NIF", "501964843", ("pt.nif",)),
    "RO": NumberForm("CNP", "1630615123457", ("ro.cnp", "ro.cf")),
    "SE": NumberForm("personnummer", "880320-0016", ("se.personnummer",)),
    "SI": NumberForm("davčna številka", "50223054", ("si.ddv", "si.emso")),
    "SK": NumberForm("rodné číslo ou DIČ", "710319/2745", ("sk.rc", "sk.dph")),
    "US": NumberForm("SSN ou ITIN", "536-90-4399", ("us.tin",)),
}
"""The number of a person. Countries that are not here have their number taken as it is typed."""

BUSINESS: dict[str, NumberForm] = {
    **dict.fromkeys(countries.SIRENE, _SIREN),
    "AD": NumberForm("NRT", "L709604E", ("ad.nrt",)),
    "AR": NumberForm("CUIT", "20-05536168-2", ("ar.cuit",)),
    "AU": NumberForm("ABN", "83 914 571 673", ("au.abn", "au.acn")),
    "BR": NumberForm("CNPJ", "16.727.230/0001-97", ("br.cnpj", "br.cpf")),
    "CA": NumberForm("numéro d'entreprise (NE)", "123026635", ("ca.bn", "ca.sin")),
    "CH": NumberForm("IDE / UID", "CHE-100.155.212", ("ch.uid", "ch.vat")),
    "CL": NumberForm("RUT", "76086428-5", ("cl.rut",)),
    "CO": NumberForm("NIT", "213.123.432-1", ("co.nit",)),
    "DZ": NumberForm("NIF", "416001000000007", ("dz.nif",), pattern=r"[0-9]{15}|[0-9]{20}"),
    "GB": NumberForm("numéro de TVA, UTR ou de société", "GB980780684", ("gb.vat", "gb.utr"), pattern=_COMPANIES_HOUSE),
    "IN": NumberForm("GSTIN", "27AAPFU0939F1ZV", ("in_.gstin", "in_.pan")),
    "IS": NumberForm("kennitala", "450401-3150", ("is_.kennitala", "is_.vsk")),
    "MA": NumberForm("ICE", "001561191000066", ("ma.ice",), pattern=r"[0-9]{7,8}"),  # Or the older IF.
    "MX": NumberForm("RFC", "MAB-930714-8T4", ("mx.rfc",)),
    "NO": NumberForm("organisasjonsnummer", "988077917", ("no.orgnr", "no.mva")),
    "PE": NumberForm("RUC", "20512333797", ("pe.ruc",)),
    "RS": NumberForm("PIB", "101134702", ("rs.pib",)),
    "SN": NumberForm("NINEA", "30672212G2", ("sn.ninea",)),
    "TN": NumberForm("matricule fiscal", "1234567/M/A/E/001", ("tn.mf",)),
    "TR": NumberForm("VKN ou TCKN", "4540536920", ("tr.vkn", "tr.tckimlik")),
    "UA": NumberForm("ЄДРПОУ ou РНОКПП", "32855961", ("ua.edrpou", "ua.rntrc")),
    "US": NumberForm("EIN", "91-1144442", ("us.tin",)),
}
"""The number of a company outside the European Union, and of a French one in `tax_id`; sole traders use their own."""

_LENIENT = re.compile(r"(?=(?:[^0-9]*[0-9]){2})[^\W_](?:[\w ./-]{0,38}[^\W_])?")


def compact(text: str) -> str:
    """Return a number without the blanks, dots, dashes and strokes people write for reading."""
    return re.sub(r"[ .\-/'’:,]", "", plain(text))


@cache
def _module(name: str) -> _Checks:
    return cast("_Checks", import_module(f"stdnum.{name}"))


def validated(module: str, text: str) -> str:
    """Return the number as that stdnum module writes it, empty when the module refuses it."""
    try:
        return _module(module).validate(text) if text.isascii() else ""
    except (ValidationError, ValueError, IndexError, KeyError):  # Some modules trip over what they do not expect.
        return ""


def is_siret(text: str) -> bool:
    """Whether this is a well-formed SIRET (Luhn, and La Poste's own rule), compact already."""
    return len(text) == 14 and validated("fr.siret", text) == text


def is_siren(text: str) -> bool:
    """Whether this is a well-formed SIREN (Luhn), compact already."""
    return len(text) == 9 and validated("fr.siren", text) == text


def form_of(kind: str, country: str) -> NumberForm | None:
    """Return the form of the fiscal number for this kind of buyer, None where it is taken as typed."""
    return (PERSONAL if kind == "individual" else BUSINESS).get(country)


def normal_tax_id(text: str, kind: str, country: str) -> str:
    """Return a fiscal number compact, as its country writes it; one that fits none comes back as typed."""
    form = form_of(kind, country)
    typed = plain(text)
    if form is None:
        return typed
    return next(_valid_writings(form, typed), typed)


def is_tax_id(text: str, kind: str, country: str) -> bool:
    """Whether a normalised fiscal number is one of this country; looks like one, where its form is unknown."""
    form = form_of(kind, country)
    if form is None:
        return bool(_LENIENT.fullmatch(text))
    return any(True for _ in _valid_writings(form, text))


def _valid_writings(form: NumberForm, typed: str) -> Iterator[str]:
    """Yield the number as each module that accepts it writes it."""
    bare = compact(typed)
    for writing in (typed, bare):
        if any(validated(module, writing) for module in form.refused):
            return
        yield from filter(None, (validated(module, writing) for module in form.modules))
    if form.pattern and re.fullmatch(form.pattern, bare):
        yield bare


def is_of_the_other_kind(text: str, kind: str, country: str) -> bool:
    """Whether this is a valid number of that country that only companies have, given by an individual."""
    form = form_of(kind, country)
    return form is not None and any(validated(module, compact(text)) for module in form.refused)


def normal_vat_number(text: str, country: str) -> str:
    """Return a VAT number compact with its prefix: « 732 829 320 … » of France gets its FR, Greece its EL.

    One that is not valid comes back compact, as typed.
    """
    bare = compact(text)
    for candidate in _vat_readings(bare, country):
        if is_vat_number(candidate):
            return _vat_module_writes(candidate)
    return bare


def _vat_readings(bare: str, country: str) -> Iterator[str]:
    """Yield what was typed, then with the prefix that the country wants."""
    prefix = countries.VAT_PREFIXES.get(country, "")
    if prefix == "EL":
        bare = re.sub("^(?:GR|ΕΛ)", "EL", bare)  # The second is typed on a Greek keyboard.
    yield bare
    if prefix and bare and not bare.startswith(prefix):
        yield prefix + bare


def is_vat_number(text: str) -> bool:
    """Whether this is a well-formed VAT number of an EU member, of Northern Ireland (XI) or of the UK (GB)."""
    return bool(_vat_module_writes(text))


def _vat_module_writes(text: str) -> str:
    """Return the number with its prefix as stdnum writes it, empty when it is not valid."""
    prefix = text[:2]
    if prefix == "GB":
        number = validated("gb.vat", text)
        return f"GB{number.removeprefix('GB')}" if number else ""
    if prefix not in {*countries.VAT_PREFIXES.values(), "XI"}:
        return ""
    return validated("eu.vat", text)


def vat_number_is_of(text: str, country: str) -> bool:
    """Whether a valid VAT number was given out by this country (Northern Ireland counts as the United Kingdom)."""
    prefix = countries.VAT_PREFIXES.get(country, "")
    return is_vat_number(text) and (text[:2] == prefix or (prefix == "GB" and text[:2] == "XI"))


def vat_number_of_siren(siren: str) -> str:
    """Return the French VAT number that goes with a SIREN: its key is (12 + 3 × (SIREN mod 97)) mod 97."""
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
