"""What billing details must say, by kind of buyer, country and the shop's choice: one table, and the checks behind it.

Sources: CGI ann. II art. 242 nonies A I 1° (full name and address of both parties), 2° and 3° (VAT numbers), décret
2022-1299 (SIREN of a customer who is a company); the numbers that other countries want are cited at TAX_ID_WANTED.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from parties import countries, numbers
from parties.details import Details
from parties.texts import tidy

TaxIdRequired = Literal["law", "always"]

FIELDS = (
    "kind", "country", "siret", "vat_number", "company_name", "first_name", "last_name", "tax_id",
    "line1", "line2", "postal_code", "city",
)  # fmt: skip
"""The fields in the order in which a person meets them."""

LIMITS = {
    "first_name": 100, "last_name": 100, "company_name": 200, "tax_id": 40, "siret": 14, "vat_number": 20,
    "line1": 200, "line2": 200, "postal_code": 20, "city": 100,
}  # fmt: skip
"""The most characters each text may have, once normalised."""

TEXTS = ("first_name", "last_name", "company_name", "line1", "line2", "city")
CONTACT = frozenset(("first_name", "last_name"))
ALWAYS_WANTED = frozenset(("kind", "country", "first_name", "last_name", "company_name", "line1", "city"))
ADDRESS = frozenset(("line1", "line2", "postal_code", "city", "country", "kind", "tax_id"))
PERSON = ADDRESS | CONTACT
COMPANY = ADDRESS | {"company_name"}


class Rule(NamedTuple):
    """What one row of the table says: the fields shown, and the numbers wanted among them."""

    shown: frozenset[str]
    wanted: frozenset[str]
    stands_for_tax_id: str = ""  # The number which a company gives anyway, and which serves as its fiscal number.


RULES: dict[tuple[str, str], Rule] = {
    ("individual", "france"): Rule(PERSON, frozenset()),
    ("individual", "monaco"): Rule(PERSON, frozenset()),
    ("individual", "eu"): Rule(PERSON, frozenset()),  # And tax_id where TAX_ID_WANTED has the country.
    ("individual", "uk"): Rule(PERSON, frozenset()),
    ("individual", "other"): Rule(PERSON, frozenset()),
    # The VAT number is proposed from the SIREN and optional: the franchise (art. 293 B) and associations have none.
    ("company", "france"): Rule(COMPANY | {"siret", "vat_number"}, frozenset({"siret"}), "siret"),
    # Monaco has no SIRET; its companies have a VAT number of the French form (franco-monegasque convention of 1963).
    ("company", "monaco"): Rule(COMPANY | {"vat_number"}, frozenset({"vat_number"}), "vat_number"),
    ("company", "eu"): Rule(COMPANY | {"vat_number"}, frozenset({"vat_number"}), "vat_number"),
    # A Northern Irish company may give its XI number, which decides how goods sold to it are taxed.
    ("company", "uk"): Rule(COMPANY | {"vat_number"}, frozenset({"tax_id"}), "vat_number"),
    ("company", "other"): Rule(COMPANY, frozenset({"tax_id"})),
}

TAX_ID_WANTED = {
    "ES": "Real Decreto 1619/2012, art. 6.1.d: NIF of the recipient of a full invoice",
    "IT": "DPR 633/1972, art. 21, c. 2, f): partita IVA or, for a private person, codice fiscale of the buyer",
    "PT": "Código do IVA, art. 36, n.os 5 a) and 16: NIF of the buyer, whenever the buyer asks for an invoice",
}
"""Where an invoice to a private person names their fiscal number, and why.

Elsewhere in the Union the law asks it of taxable persons only (Directive 2006/112/EC, art. 226, 4°, as transposed: e.g.
Romania, Codul fiscal art. 319 (20) f; Poland, ustawa o VAT art. 106e 1, 5°). Turkey wants it « if there is one » (VUK
art. 230, 3°), and most Latin American systems have a general number for buyers who give none: optional there.
"""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a form shows to this kind of buyer of this country, and what it must get."""

    shown: frozenset[str]
    required: frozenset[str]
    hints: dict[str, str]
    vat_number_is_of_the_union: bool


def group(country: str) -> str:
    """Return the row of RULES for a country: france, monaco, eu, uk or other."""
    if country in countries.SIRENE:
        return "france"
    if country == "AX" or country in countries.EU:
        return "eu"
    return {"MC": "monaco", "GB": "uk", "IM": "uk"}.get(country, "other")


def requirements(
    kind: str, country: str, tax_id_required: TaxIdRequired, *, with_contact: bool = False
) -> Requirements:
    """Return what is shown and mandatory; an unknown kind counts as an individual, an unknown country as a far one.

    `with_contact`: of a company, also the name of the person who bought for it.
    """
    kind = kind if kind == "company" else "individual"
    rule = RULES[kind, group(country)]
    if with_contact:
        rule = rule._replace(shown=rule.shown | CONTACT)
    required = rule.wanted | (rule.shown & ALWAYS_WANTED)
    if countries.postal_code_required(country):
        required |= {"postal_code"}
    if _tax_id_wanted(kind, country, rule, tax_id_required):
        required |= {"tax_id"}
    hints = _hints(kind, country, rule, "tax_id" in required)
    return Requirements(rule.shown, required, hints, vat_number_is_of_the_union=group(country) != "uk")


def _tax_id_wanted(kind: str, country: str, rule: Rule, tax_id_required: TaxIdRequired) -> bool:
    """Whether the field itself must be filled; a company gives its SIRET or VAT number once, not twice."""
    if kind == "individual":
        return tax_id_required == "always" or country in TAX_ID_WANTED
    return tax_id_required == "always" and not rule.stands_for_tax_id


def _hints(kind: str, country: str, rule: Rule, tax_id_required: bool) -> dict[str, str]:
    """Return a French sentence beside the fields that need one."""
    hints = {}
    form = numbers.form_of(kind, country)
    if rule.stands_for_tax_id == "siret":
        hints["tax_id"] = "Laissez vide\u00a0: votre SIREN sert de numéro fiscal."
    elif rule.stands_for_tax_id and "vat_number" in rule.wanted:
        hints["tax_id"] = "Laissez vide\u00a0: votre numéro de TVA sert de numéro fiscal."
    elif form and (tax_id_required or kind == "company"):
        hints["tax_id"] = f"{_capital(form.called)}, par exemple {form.example}."
    elif form:
        hints["tax_id"] = f"{_capital(form.called)}, si vous voulez le voir sur la facture."
    if "siret" in rule.shown:
        hints["siret"] = "14 chiffres, par exemple 732 829 320 00074."
        hints["vat_number"] = "Laissez vide si vous n'êtes pas assujetti (franchise en base, association)."
    elif "vat_number" in rule.wanted:
        prefix = countries.VAT_PREFIXES[country]
        hints["vat_number"] = f"Commence par {prefix}. Sans numéro de TVA, choisissez «\u00a0Particulier\u00a0»."
    elif "vat_number" in rule.shown:
        hints["vat_number"] = "Commence par GB, ou par XI en Irlande du Nord."
    return hints


def normalise(details: Details) -> Details:
    """Return the same details as they are kept: trimmed, numbers compact, and nothing in fields that are not shown.

    What is not valid is kept as typed (in capitals for numbers), to be corrected. Doing it twice changes nothing.
    """
    kind: Literal["individual", "company"] = "company" if details.kind == "company" else "individual"
    country = details.country.strip().upper()
    shown = RULES[kind, group(country)].shown
    given = {name: tidy(getattr(details, name)) for name in TEXTS}
    given |= {
        "tax_id": numbers.normal_tax_id(details.tax_id, kind, country),
        "siret": numbers.compact(details.siret),
        "vat_number": numbers.normal_vat_number(details.vat_number, country),
        "postal_code": countries.normal_postal_code(details.postal_code, country),
    }
    if kind == "company" and _names_a_person(given):
        shown |= CONTACT
    kept = {name: value if name in shown else "" for name, value in given.items()}
    return replace(details, kind=kind, country=country, **kept)


def _names_a_person(given: dict[str, str]) -> bool:
    """Whether a company's details name a person who can be printed; shops send what they like, and it is no duty."""
    names = {field: given[field] for field in CONTACT}
    return bool(names["last_name"]) and not any(name_problem(field, text) for field, text in names.items() if text)


def name_problem(field: str, text: str) -> str:
    """Say what is wrong with the name of a person, nothing when it can be printed."""
    name = tidy(text)
    if not name:
        return _missing(field, Details("individual"))
    return next(_problems_of(field, name, Details("individual")), "")


def problems(details: Details, tax_id_required: TaxIdRequired) -> dict[str, str]:
    """Return what keeps an invoice from being made out to these details: a French sentence by field, or nothing.

    Takes normalised details. The order is the form's, so that the first problem is the one to look at first. What one
    sale wants besides is `documents.cases.buyer_problems`.
    """
    needs = requirements(details.kind, details.country, tax_id_required)
    found: dict[str, str] = {}
    for field in FIELDS:
        if field not in needs.shown:
            continue
        value = getattr(details, field)
        if value:
            message = next(_problems_of(field, value, details), "")
        elif field in needs.required and not (field == "tax_id" and details.fiscal_number):
            message = _missing(field, details)
        else:
            message = ""
        if message:
            found[field] = message
    return found


def enough_for_invoice(details: Details, tax_id_required: TaxIdRequired) -> bool:
    """Tell whether an invoice can be made out to these details as they are.

    The form asks a French company for its SIRET; a shop that sent only the SIREN, or the VAT number that holds it,
    sent what the law wants on the document (Code de commerce, art. R123-237).
    """
    found = problems(details, tax_id_required)
    only_siren = len(details.siret) != 14 and numbers.is_siren(details.siren)
    return not found or (set(found) == {"siret"} and only_siren)


def _missing(field: str, details: Details) -> str:
    """Say what to write into an empty field."""
    prefix = countries.VAT_PREFIXES.get(details.country, "")
    messages = {
        "kind": "Choisissez «\u00a0Particulier\u00a0» ou «\u00a0Entreprise\u00a0».",
        "country": "Choisissez un pays dans la liste.",
        "first_name": "Indiquez votre prénom.",
        "last_name": "Indiquez votre nom.",
        "company_name": "Indiquez la raison sociale de l'entreprise.",
        "siret": "Indiquez le SIRET de l'entreprise (14 chiffres).",
        "vat_number": f"Indiquez le numéro de TVA intracommunautaire (il commence par {prefix}).",
        "tax_id": f"Indiquez votre numéro d'identification fiscale{_for_example(details)}.",
        "line1": "Indiquez votre adresse (numéro et rue).",
        "postal_code": "Indiquez votre code postal.",
        "city": "Indiquez votre ville.",
    }
    return messages[field]


def _for_example(details: Details) -> str:
    form = numbers.form_of(details.kind, details.country)
    return f" ({form.called}, par exemple {form.example})" if form else ""


def _problems_of(field: str, value: str, details: Details) -> Iterator[str]:
    """Yield what is wrong with a field that is filled."""
    limit = LIMITS.get(field)
    if field == "siret":
        yield from _siret_problems(value)
    elif field == "vat_number":
        yield from _vat_number_problems(value, details)
    elif field == "tax_id":
        yield from _tax_id_problems(value, details)
    elif field == "postal_code" and not countries.is_postal_code(value, details.country):
        example = countries.postal_code_example(details.country)
        yield f"Ce code postal n'existe pas sous cette forme ({countries.name(details.country)})\u00a0: " + (
            f"écrivez-le par exemple {example}." if example else "vérifiez-le."
        )
    elif field == "country" and value not in countries.codes():
        yield "Choisissez un pays dans la liste."
    elif limit:
        yield from _text_problems(value)
    if limit and len(value) > limit:
        yield f"Ce champ peut contenir {limit} caractères au plus."


def is_printable(text: str) -> bool:
    """Tell whether the text can be printed: any script and emoji, but nothing that XML 1.0 refuses (§ 2.2)."""
    return not any(unicodedata.category(sign) in ("Cc", "Cs", "Cn", "Co") for sign in text)


def _text_problems(value: str) -> Iterator[str]:
    if not is_printable(value):
        yield "Ce champ contient un caractère qui ne s'imprime pas\u00a0: effacez-le et saisissez de nouveau."
    if not any(unicodedata.category(sign)[0] in "LNS" for sign in value):
        yield "Ce champ ne contient que de la ponctuation\u00a0: écrivez-le en toutes lettres."


def _siret_problems(siret: str) -> Iterator[str]:
    if numbers.is_siren(siret):
        yield "Ce numéro est un SIREN (9 chiffres)\u00a0: ajoutez les 5 chiffres de l'établissement (SIRET)."
    elif not numbers.is_siret(siret):
        yield "Ce SIRET n'est pas valide\u00a0: vérifiez les 14 chiffres."


def _vat_number_problems(number: str, details: Details) -> Iterator[str]:
    where = countries.name(details.country)
    if not numbers.is_vat_number(number):
        prefix = countries.VAT_PREFIXES.get(details.country, "")
        yield f"Ce numéro de TVA n'est pas valide ({where})\u00a0: il commence par {prefix}, vérifiez chaque signe."
    elif not numbers.vat_number_is_of(number, details.country):
        yield f"Ce numéro de TVA n'est pas celui du pays choisi ({where})\u00a0: changez le numéro ou le pays."
    elif numbers.is_siret(details.siret) and replace(details, siret="").siren != details.siren:
        # A member of a VAT group (CGI art. 256 C) bears the group's number: it leaves the field empty.
        yield "Ce numéro de TVA ne correspond pas au SIRET\u00a0: corrigez l'un des deux, ou laissez ce champ vide."


def _tax_id_problems(tax_id: str, details: Details) -> Iterator[str]:
    form = numbers.form_of(details.kind, details.country)
    if numbers.is_of_the_other_kind(tax_id, details.kind, details.country):
        yield "Ce numéro est celui d'une entreprise\u00a0: choisissez «\u00a0Entreprise\u00a0», ou indiquez le vôtre."
    elif not numbers.is_tax_id(tax_id, details.kind, details.country):
        expected = f"indiquez votre {form.called}, par exemple {form.example}" if form else "vérifiez-le"
        where = countries.name(details.country)
        yield f"Ce numéro d'identification fiscale n'est pas valide ({where})\u00a0: {expected}."
    elif _contradicts_siret(tax_id, details):
        yield "Ce numéro ne correspond pas au SIRET\u00a0: laissez ce champ vide, votre SIREN servira de numéro fiscal."


def _contradicts_siret(tax_id: str, details: Details) -> bool:
    """Whether a French company gave another company's number; a sole trader's own contradicts nothing."""
    if details.kind != "company" or not numbers.is_siret(details.siret) or numbers.validated("fr.nif", tax_id):
        return False
    return details.siren not in tax_id


def proposed_vat_number(siret: str) -> str:
    """Return the French VAT number that goes with this SIRET, empty when the SIRET is not valid."""
    siret = numbers.compact(siret)
    return numbers.vat_number_of_siren(siret[:9]) if numbers.is_siret(siret) else ""


def has_its_length(field: str, details: Details) -> bool:
    """Whether a number is as long as it is to be, so that it is wrong rather than not yet whole."""
    if field == "siret":
        return len(details.siret) >= 14
    return field == "vat_number" and details.vat_number.startswith("FR") and len(details.vat_number) >= 13


def names_a_registered_company(details: Details) -> bool:
    """Whether these details open a request by themselves: a company with a valid SIREN or VAT number, not a name alone.

    CGI art. 289 I 1 a: between taxable persons the invoice is due without being asked for.
    """
    if details.kind != "company":
        return False
    siret, vat_number = numbers.compact(details.siret), numbers.normal_vat_number(details.vat_number, details.country)
    return numbers.is_siret(siret) or numbers.is_siren(siret) or numbers.is_vat_number(vat_number)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
