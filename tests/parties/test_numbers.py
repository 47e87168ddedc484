import pytest
from hypothesis import given
from hypothesis import strategies as st

from parties import countries, numbers

# The examples are those of python-stdnum's documentation.
VAT_NUMBERS = [
    ("AT", "AT U13585627", "ATU13585627", "ATU13585626"),
    ("BE", "BE 428759497", "BE0428759497", "BE431150351"),
    ("BG", "175074752", "BG175074752", "BG175074751"),
    ("HR", "HR 33392005961", "HR33392005961", "HR33392005962"),
    ("CY", "CY-10259033P ", "CY10259033P", "CY10259033Z"),
    ("CZ", "25123891", "CZ25123891", "CZ25123890"),
    ("DK", "DK 13585628", "DK13585628", "DK13585627"),
    ("EE", "100594102", "EE100594102", "EE100594103"),
    ("FI", "FI 20774740", "FI20774740", "FI20774741"),
    ("AX", "FI 20774740", "FI20774740", "FI20774741"),
    ("FR", "fr 44 732.829.320", "FR44732829320", "FR45732829320"),
    ("FR", "K7399859412", "FRK7399859412", "FRIO334175221"),
    ("DE", "de136,695 976", "DE136695976", "DE136695978"),
    ("GR", "EL 094259216 ", "EL094259216", "EL123456781"),
    ("GR", "GR094259216", "EL094259216", "GR123456781"),
    ("GR", "ΕΛ094259216", "EL094259216", "094259217"),  # A Greek keyboard.
    ("HU", "HU-12892312", "HU12892312", "HU12892313"),
    ("IE", "IE 6433435OA", "IE6433435OA", "IE6433435E"),
    ("IT", "IT 00743110157", "IT00743110157", "IT00743110158"),
    ("LV", "LV 4000 3521 600", "LV40003521600", "LV40003521601"),
    ("LT", "119511515", "LT119511515", "LT100001919018"),
    ("LU", "LU 150 274 42", "LU15027442", "LU15027443"),
    ("MT", "MT 1167-9112", "MT11679112", "MT11679113"),
    ("NL", "NL4495445B01", "NL004495445B01", "NL123456789B90"),
    ("PL", "PL 8567346215", "PL8567346215", "PL8567346216"),
    ("PT", "PT 501 964 843", "PT501964843", "PT501964842"),
    ("RO", "RO 185 472 90", "RO18547290", "RO18547291"),
    ("SK", "SK 202 274 96 19", "SK2022749619", "SK2022749618"),
    ("SI", "SI 5022 3054", "SI50223054", "SI50223055"),
    ("ES", "B64717838", "ESB64717838", "ESB64717839"),
    ("SE", "SE 123456789701", "SE123456789701", "SE123456789101"),
    ("MC", "53 0000 04605", "FR53000004605", "FR53000004606"),
    ("GB", "GB 980 7806 84", "GB980780684", "GB802311781"),
    ("GB", "xi 980 7806 84", "XI980780684", "XI802311781"),
]


@pytest.mark.parametrize(("country", "typed", "written", "wrong"), VAT_NUMBERS)
def test_a_vat_number_is_known_however_it_is_typed(country: str, typed: str, written: str, wrong: str) -> None:
    assert numbers.normal_vat_number(typed, country) == written
    assert numbers.normal_vat_number(written, country) == written
    assert numbers.vat_number_is_of(written, country)
    assert not numbers.is_vat_number(numbers.normal_vat_number(wrong, country))


def test_every_member_state_is_in_that_table() -> None:
    assert {country for country, *_ in VAT_NUMBERS} >= countries.EU


@pytest.mark.parametrize("text", ["", "FR", "US123456789", "CHE107787577", "EU372000041", "AB980780684"])
def test_other_numbers_are_no_vat_numbers(text: str) -> None:
    assert not numbers.is_vat_number(text)


def test_a_vat_number_of_another_state_is_told_apart() -> None:
    assert not numbers.vat_number_is_of("DE136695976", "FR")
    assert not numbers.vat_number_is_of("GB980780684", "IE")


@pytest.mark.parametrize(
    ("siret", "valid"),
    [
        ("73282932000074", True),
        ("73282932000079", False),
        ("35600000000048", True),  # La Poste's head office follows Luhn,
        ("35600000049837", True),  # its post offices their own rule: the sum of the digits is a multiple of 5.
        ("35600000049838", False),
        ("732829320", False),
        ("", False),
        ("7328293200007a", False),
    ],
)
def test_siret(siret: str, valid: bool) -> None:
    assert numbers.is_siret(siret) is valid


@pytest.mark.parametrize(
    ("siren", "vat"), [("732829320", "FR44732829320"), ("303265045", "FR40303265045"), ("443121975", "FR46443121975")]
)
def test_the_vat_number_of_a_siren_is_valid(siren: str, vat: str) -> None:
    assert numbers.vat_number_of_siren(siren) == vat
    assert numbers.is_vat_number(vat)


FORMS = [("individual", code, form) for code, form in sorted(numbers.PERSONAL.items())]
FORMS += [("company", code, form) for code, form in sorted(numbers.BUSINESS.items())]


@pytest.mark.parametrize(("kind", "country", "form"), FORMS)
def test_every_example_shown_to_people_is_valid(kind: str, country: str, form: numbers.NumberForm) -> None:
    assert country in countries.codes()
    written = numbers.normal_tax_id(form.example, kind, country)
    assert numbers.is_tax_id(form.example, kind, country)
    assert numbers.is_tax_id(written, kind, country)
    assert numbers.normal_tax_id(written, kind, country) == written


@pytest.mark.parametrize(
    ("kind", "country", "typed", "written"),
    [
        ("individual", "FR", "30 23 217 600 053", "3023217600053"),
        ("individual", "FR", "3023217600054", None),
        ("individual", "ES", "54362315-k", "54362315K"),
        ("individual", "ES", "ES54362315K", "54362315K"),
        ("individual", "ES", "X-5253868-R", "X5253868R"),
        ("individual", "ES", "M-1234567-L", "M1234567L"),
        ("individual", "ES", "54362315Z", None),
        ("individual", "ES", "B64717838", None),  # A company's.
        ("individual", "IT", "rcc mnl 83s18 d969h", "RCCMNL83S18D969H"),
        ("individual", "IT", "RCCMNL83S18D969A", None),
        ("individual", "PT", "PT 501 964 843", "501964843"),
        ("individual", "PT", "501964842", None),
        ("individual", "BE", "85.07.30-033 28", "85073003328"),
        ("individual", "DE", "36 574 261 809", "36574261809"),
        ("individual", "DE", "36574261890", None),
        ("individual", "GR", "094259216", "094259216"),
        ("individual", "PL", "44051401358", None),
        ("individual", "FI", "131052-308T", "131052-308T"),
        ("individual", "FI", "131052–308t", "131052-308T"),
        ("individual", "GB", "QQ 12 34 56 C", "QQ123456C"),
        ("individual", "JM", "001-234-567", "001-234-567"),  # Taken as typed.
        ("individual", "JM", "aucun", None),
        ("company", "FR", "732 829 320", "732829320"),
        ("company", "FR", "732829321", None),
        ("company", "CH", "CHE-100.155.212", "CHE100155212"),
        ("company", "CH", "CHE-100.155.213", None),
        ("company", "CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("company", "NO", "NO 995 525 828 MVA", "995525828MVA"),
        ("company", "GB", "GB 980 7806 84", "980780684"),
        ("company", "GB", "SC123456", "SC123456"),
        ("company", "GB", "SC12345", None),
        ("company", "US", "91-1144442", "911144442"),
        ("company", "US", "91-11444", None),
        ("company", "CA", "12302 6635 RC 0001", "123026635RC0001"),
        ("company", "MA", "001561191000066", "001561191000066"),
        ("company", "MA", "001561191000065", None),
        ("company", "TN", "1234567/M/A/E/001", "1234567MAE001"),
        ("company", "DZ", "416 001 000 000 007", "416001000000007"),
        ("company", "SN", "30672212G2", "30672212G2"),
        ("company", "CI", "CI-ABJ-2019-B-12345", "CI-ABJ-2019-B-12345"),
        ("company", "CI", "x", None),
        ("company", "AU", "٨٣٩١٤٥٧١٦٧٣", "83914571673"),  # Arabic digits are digits.
    ],
)
def test_fiscal_numbers_by_country(kind: str, country: str, typed: str, written: str | None) -> None:
    found = numbers.normal_tax_id(typed, kind, country)
    assert numbers.is_tax_id(found, kind, country) is (written is not None)
    if written:
        assert found == written


@given(st.text(max_size=60), st.sampled_from(sorted(countries.codes())), st.sampled_from(["individual", "company"]))
def test_nothing_that_is_typed_breaks_a_check(text: str, country: str, kind: str) -> None:
    written = numbers.normal_tax_id(text, kind, country)
    if numbers.is_tax_id(written, kind, country):
        assert numbers.normal_tax_id(written, kind, country) == written
    vat_number = numbers.normal_vat_number(text, country)
    assert numbers.normal_vat_number(vat_number, country) == vat_number
    numbers.vat_number_is_of(vat_number, country)
    postal_code = countries.normal_postal_code(text, country)
    assert countries.normal_postal_code(postal_code, country) == postal_code
    countries.is_postal_code(postal_code, country)
