from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parties import countries, rules
from parties.details import Details
from parties.rules import TaxIdRequired

ADDRESSES = {
    "FR": ("69007", "Lyon"),
    "MC": ("98000", "Monaco"),
    "RE": ("97400", "Saint-Denis"),
    "DE": ("10115", "Berlin"),
    "ES": ("28013", "Madrid"),
    "IT": ("00184", "Roma"),
    "PT": ("1000-205", "Lisboa"),
    "BE": ("1000", "Bruxelles"),
    "GR": ("104 31", "Αθήνα"),
    "GB": ("SW1A 1AA", "London"),
    "CH": ("1201", "Genève"),
    "US": ("10001", "New York"),
    "MA": ("20250", "Casablanca"),
    "CI": ("", "Abidjan"),
}


def a_person(country: str = "FR", **given: Any) -> Details:
    postal_code, city = ADDRESSES[country]
    names = {"first_name": "Claire", "last_name": "Martin", "line1": "1 rue de la Paix"}
    return Details("individual", country=country, **({"postal_code": postal_code, "city": city} | names | given))


def a_company(country: str = "FR", **given: Any) -> Details:
    postal_code, city = ADDRESSES[country]
    names = {"company_name": "Atelier Martin", "line1": "1 rue de la Paix"}
    return Details("company", country=country, **({"postal_code": postal_code, "city": city} | names | given))


def problems(details: Details, tax_id_required: TaxIdRequired = "law") -> dict[str, str]:
    return rules.problems(rules.normalise(details), tax_id_required)


COMPLETE = [
    a_person(),
    a_person(tax_id="30 23 217 600 053"),
    a_person("RE"),
    a_person("MC"),
    a_person("DE"),
    a_person("ES", tax_id="54362315K"),
    a_person("ES", tax_id="X-5253868-R"),
    a_person("IT", tax_id="RCCMNL83S18D969H"),
    a_person("PT", tax_id="501964843"),
    a_person("US"),
    a_person("CI"),
    a_person(first_name="王", last_name="小明 🎉"),
    a_person(first_name="Ἀθηνᾶ", last_name="Παπαδοπούλου"),
    a_company(siret="732 829 320 00074"),
    a_company(siret="73282932000074", vat_number="FR 44 732 829 320"),
    a_company(siret="73282932000074", tax_id="732829320"),
    a_company(siret="73282932000074", tax_id="FR44732829320"),
    a_company(siret="73282932000074", tax_id="3023217600053"),  # A sole trader's own number.
    a_company(siret="35600000049837"),  # A post office.
    a_company("RE", siret="73282932000074"),
    a_company("MC", vat_number="FR 53 0000 04605"),
    a_company("DE", vat_number="DE136695976"),
    a_company("DE", vat_number="136 695 976", tax_id="12/345/67890"),
    a_company("GR", vat_number="094259216"),
    a_company("GB", tax_id="GB980780684"),
    a_company("GB", tax_id="SC123456"),
    a_company("GB", vat_number="XI980780684"),
    a_company("CH", tax_id="CHE-100.155.212"),
    a_company("US", tax_id="91-1144442"),
    a_company("MA", tax_id="001561191000066"),
    a_company("CI", tax_id="CI-ABJ-2019-B-12345"),
]


@pytest.mark.parametrize("details", COMPLETE)
def test_complete_details_have_no_problems(details: Details) -> None:
    assert problems(details) == {}


WRONG = [
    (a_person(first_name=""), "first_name", "Indiquez votre prénom."),
    (a_person(last_name=" \u00a0"), "last_name", "Indiquez votre nom."),
    (a_person(last_name="--"), "last_name", "ponctuation"),
    (a_person(last_name="Mar\x00tin"), "last_name", "ne s'imprime pas"),
    (a_person(last_name="Mar\ud800tin"), "last_name", "ne s'imprime pas"),
    (a_person(first_name="a" * 101), "first_name", "100 caractères au plus"),
    (a_person(line1=""), "line1", "adresse"),
    (a_person(city=""), "city", "ville"),
    (a_person(postal_code=""), "postal_code", "Indiquez votre code postal."),
    (a_person(postal_code="6900"), "postal_code", "par exemple 69007"),
    (a_person("CI", postal_code="??"), "postal_code", "vérifiez-le"),
    (replace(a_person(), country="XX"), "country", "Choisissez un pays"),
    (replace(a_person(), country=""), "country", "Choisissez un pays"),
    (a_person(tax_id="3023217600054"), "tax_id", "numéro fiscal à 13 chiffres"),
    (a_person("ES"), "tax_id", "NIF, NIE ou DNI, par exemple 54362315K"),
    (a_person("ES", tax_id="B64717838"), "tax_id", "celui d'une entreprise"),
    (a_person("ES", tax_id="54362315Z"), "tax_id", "n'est pas valide (Espagne)"),
    (a_person("IT"), "tax_id", "codice fiscale"),
    (a_person("PT"), "tax_id", "NIF"),
    (a_person("DE", tax_id="36574261890"), "tax_id", "n'est pas valide (Allemagne)"),
    (a_company(siret="73282932000074", company_name=""), "company_name", "raison sociale"),
    (a_company(), "siret", "Indiquez le SIRET"),
    (a_company(siret="73282932000079"), "siret", "Ce SIRET n'est pas valide\u00a0: vérifiez les 14 chiffres."),
    (a_company(siret="732829320"), "siret", "Ce numéro est un SIREN"),
    (a_company(siret="73282932000074", vat_number="FR45732829320"), "vat_number", "n'est pas valide (France)"),
    (a_company(siret="73282932000074", vat_number="FR40303265045"), "vat_number", "ne correspond pas au SIRET"),
    (a_company(siret="73282932000074", vat_number="DE136695976"), "vat_number", "pas celui du pays choisi (France)"),
    (a_company(siret="73282932000074", tax_id="303265045"), "tax_id", "ne correspond pas au SIRET"),
    (a_company(siret="73282932000074", tax_id="bonjour"), "tax_id", "SIREN, par exemple 732829320"),
    (a_company("MC"), "vat_number", "il commence par FR"),
    (a_company("DE"), "vat_number", "il commence par DE"),
    (a_company("GR"), "vat_number", "il commence par EL"),
    (a_company("DE", vat_number="DE136695978"), "vat_number", "il commence par DE, vérifiez chaque signe"),
    (a_company("DE", vat_number="ATU13585627"), "vat_number", "pas celui du pays choisi (Allemagne)"),
    (a_company("GB"), "tax_id", "Indiquez votre numéro d'identification fiscale"),
    (a_company("CH"), "tax_id", "IDE / UID, par exemple CHE-100.155.212"),
    (a_company("CH", tax_id="CHE-100.155.213"), "tax_id", "n'est pas valide (Suisse)"),
    (a_company("CI"), "tax_id", "Indiquez votre numéro d'identification fiscale."),
    (a_company("CI", tax_id="non"), "tax_id", "vérifiez-le"),
]


@pytest.mark.parametrize(("details", "field", "said"), WRONG)
def test_the_one_wrong_field_says_what_to_do(details: Details, field: str, said: str) -> None:
    found = problems(details)
    assert list(found) == [field]
    assert said in found[field]


def test_the_problems_come_in_the_order_of_the_form() -> None:
    found = problems(Details("company", country="FR"))
    assert list(found) == ["siret", "company_name", "line1", "postal_code", "city"]


@pytest.mark.parametrize("country", ["FR", "MC", "DE", "CI"])
def test_always_wants_the_number_of_every_person(country: str) -> None:
    assert "tax_id" not in problems(a_person(country), "law")
    assert "tax_id" in problems(a_person(country), "always")


@pytest.mark.parametrize(
    ("details", "number"),
    [
        (a_company(siret="73282932000074"), "732829320"),
        (a_company("MC", vat_number="FR53000004605"), "FR53000004605"),
        (a_company("DE", vat_number="DE136695976"), "DE136695976"),
        (a_company("GB", vat_number="XI980780684"), "XI980780684"),
        (a_company("CH", tax_id="CHE-100.155.212"), "CHE100155212"),
    ],
)
def test_always_asks_no_company_for_the_same_number_twice(details: Details, number: str) -> None:
    assert problems(details, "always") == {}
    assert rules.normalise(details).fiscal_number == number


def test_the_fiscal_number_follows_a_corrected_siret() -> None:
    before = rules.normalise(a_company(siret="73282932000074"))
    assert replace(before, siret="30326504500017").fiscal_number == "303265045"


@pytest.mark.parametrize("country", sorted(countries.codes()))
@pytest.mark.parametrize("kind", ["individual", "company"])
def test_the_fiscal_number_is_shown_to_everybody(kind: str, country: str) -> None:
    for choice in ("law", "always"):
        needs = rules.requirements(kind, country, choice)
        assert "tax_id" in needs.shown
        assert needs.required <= needs.shown
        assert set(needs.hints) <= needs.shown


@pytest.mark.parametrize(
    ("kind", "country", "numbers_shown", "numbers_required"),
    [
        ("individual", "FR", {"tax_id"}, set()),
        ("individual", "ES", {"tax_id"}, {"tax_id"}),
        ("individual", "IT", {"tax_id"}, {"tax_id"}),
        ("individual", "PT", {"tax_id"}, {"tax_id"}),
        ("individual", "DE", {"tax_id"}, set()),
        ("individual", "US", {"tax_id"}, set()),
        ("company", "FR", {"tax_id", "siret", "vat_number"}, {"siret"}),
        ("company", "GP", {"tax_id", "siret", "vat_number"}, {"siret"}),
        ("company", "MC", {"tax_id", "vat_number"}, {"vat_number"}),
        ("company", "ES", {"tax_id", "vat_number"}, {"vat_number"}),
        ("company", "AX", {"tax_id", "vat_number"}, {"vat_number"}),
        ("company", "GB", {"tax_id", "vat_number"}, {"tax_id"}),
        ("company", "NC", {"tax_id"}, {"tax_id"}),
        ("company", "US", {"tax_id"}, {"tax_id"}),
    ],
)
def test_the_table_of_numbers(kind: str, country: str, numbers_shown: set[str], numbers_required: set[str]) -> None:
    needs = rules.requirements(kind, country, "law")
    numbers = {"tax_id", "siret", "vat_number"}
    assert needs.shown & numbers == numbers_shown
    assert needs.required & numbers == numbers_required


def test_persons_have_two_names_and_companies_one() -> None:
    names = {"first_name", "last_name", "company_name"}
    assert rules.requirements("individual", "FR", "law").shown & names == {"first_name", "last_name"}
    assert rules.requirements("company", "FR", "law").shown & names == {"company_name"}


def test_normalising_writes_each_thing_as_it_is_written() -> None:
    typed = a_company(
        company_name="  Atelier\t Martin ",
        siret=" 732 829 320 00074 ",
        vat_number="fr 44.732.829.320",
        postal_code="F-69 007",
    )
    kept = rules.normalise(replace(typed, country=" fr "))
    assert kept == a_company(siret="73282932000074", vat_number="FR44732829320")


def test_normalising_empties_what_is_not_shown() -> None:
    typed = replace(a_company(siret="73282932000074"), kind="individual", first_name="Claire", last_name="Martin")
    assert rules.normalise(typed) == a_person()
    moved = rules.normalise(a_company("US", siret="73282932000074", vat_number="FR44732829320", tax_id="91-1144442"))
    assert (moved.siret, moved.vat_number, moved.tax_id) == ("", "", "911144442")


def test_signs_that_turn_text_around_are_left_out_and_joined_emoji_stay_whole() -> None:
    kept = rules.normalise(a_person(first_name="\u202eClaire\u202c", last_name="👩\u200d🎨 عائشة"))
    assert kept.first_name == "Claire"
    assert kept.last_name == "👩\u200d🎨 عائشة"


@given(
    st.builds(
        Details, kind=st.sampled_from(["individual", "company"]), country=st.sampled_from(sorted(countries.codes()))
    )
)
def test_normalising_twice_is_normalising_once_for_blank_details(details: Details) -> None:
    once = rules.normalise(details)
    assert rules.normalise(once) == once


@given(
    st.builds(
        Details,
        kind=st.sampled_from(["individual", "company"]),
        country=st.sampled_from(["FR", "MC", "ES", "GR", "GB", "US", "CI", "XX"]),
        **dict.fromkeys(rules.LIMITS, st.text(max_size=40)),
    )
)
def test_whatever_is_typed_gets_an_answer_and_stays_the_same(details: Details) -> None:
    once = rules.normalise(details)
    assert rules.normalise(once) == once
    needs = rules.requirements(once.kind, once.country, "always")
    assert set(rules.problems(once, "always")) <= needs.shown


@pytest.mark.parametrize(
    ("siret", "proposed"),
    [
        ("732 829 320 00074", "FR44732829320"),
        ("73282932000079", ""),
        ("732829320", ""),
        ("", ""),
    ],
)
def test_the_vat_number_is_proposed_from_a_valid_siret(siret: str, proposed: str) -> None:
    assert rules.proposed_vat_number(siret) == proposed


@pytest.mark.parametrize(
    ("details", "registered"),
    [
        (a_company(), False),  # A name alone opens nothing.
        (a_company(siret="732 829 320 00074"), True),
        (a_company(siret="732829320"), True),  # A shop may send the SIREN.
        (a_company(siret="73282932000079"), False),
        (a_company(vat_number="FR44732829320"), True),
        (a_company("DE", vat_number="DE 136695976"), True),
        (a_company("DE", vat_number="136695976"), True),
        (a_company("DE", vat_number="DE136695978"), False),
        (a_company("GB", vat_number="XI980780684"), True),
        (a_company("MC", vat_number="FR53000004605"), True),
        (a_company("US", tax_id="91-1144442"), False),
        (a_person(siret="73282932000074"), False),
    ],
)
def test_only_a_registered_company_opens_a_request_by_itself(details: Details, registered: bool) -> None:
    assert rules.names_a_registered_company(details) is registered


def test_the_name_on_the_invoice() -> None:
    assert a_person().display_name == "Claire Martin"
    assert a_company().display_name == "Atelier Martin"
    assert a_company(vat_number="FR44732829320").siren == "732829320"
    assert a_company("MC", vat_number="FR53000004605").siren == ""  # Monaco's numbers carry no SIREN.


@pytest.mark.parametrize(
    ("numbers_given", "enough"),
    [
        ({}, False),
        ({"siret": "73282932000074"}, True),
        ({"siret": "732829320"}, True),
        ({"vat_number": "FR44732829320"}, True),
        ({"siret": "73282932000075"}, False),
        ({"siret": "732829321"}, False),
    ],
)
def test_the_siren_that_a_shop_sent_is_enough_for_the_document(numbers_given: dict[str, str], enough: bool) -> None:
    company = Details(
        kind="company",
        company_name="Les Cousettes SARL",
        line1="2 place Bellecour",
        postal_code="69002",
        city="Lyon",
        country="FR",
        **numbers_given,
    )
    assert rules.enough_for_invoice(company, "law") == enough


def test_who_bought_for_a_company_is_kept_and_changes_neither_name_nor_duties() -> None:
    alone = rules.normalise(a_company(siret="73282932000074"))
    bought_for = rules.normalise(a_company(siret="73282932000074", first_name=" Claire ", last_name="Martin"))
    assert bought_for == replace(alone, first_name="Claire", last_name="Martin")
    assert (bought_for.contact, alone.contact) == ("Claire Martin", "")
    assert bought_for.display_name == alone.display_name == "Atelier Martin"
    assert problems(bought_for) == {}
    assert a_person().contact == ""


@pytest.mark.parametrize(
    ("first_name", "last_name"), [("Claire", ""), ("Claire", "Mar\x00tin"), ("--", "Martin"), ("", "a" * 101)]
)
def test_what_names_nobody_who_can_be_printed_is_no_contact(first_name: str, last_name: str) -> None:
    details = rules.normalise(a_company(siret="73282932000074", first_name=first_name, last_name=last_name))
    assert (details.first_name, details.last_name, details.contact) == ("", "", "")
    assert problems(details) == {}


def test_the_name_of_a_person_is_judged_alone() -> None:
    assert rules.name_problem("first_name", " ") == "Indiquez votre prénom."
    assert rules.name_problem("last_name", "") == "Indiquez votre nom."
    assert "ponctuation" in rules.name_problem("last_name", "--")
    assert "100 caractères" in rules.name_problem("last_name", "a" * 101)
    assert rules.name_problem("last_name", "王") == ""
