import pytest

from parties import countries


def test_the_list_is_the_249_codes_of_iso_3166_with_france_first() -> None:
    codes = [code for code, _ in countries.choices()]
    assert len(codes) == len(set(codes)) == 249
    assert codes[0] == "FR"
    assert {"GP", "MC", "GB", "ES", "US", "CI"} <= set(codes)
    assert not {"XK", "EU", "UK", "EL", "XI", "ZZ"} & set(codes)


def test_the_others_stand_by_their_french_names_whatever_the_accents() -> None:
    names = [name for _, name in countries.choices()[1:]]
    assert names.index("Égypte") < names.index("Espagne")
    assert names.index("Îles Féroé") < names.index("Inde")
    assert names.index("Danemark") < names.index("Émirats arabes unis") < names.index("Finlande")
    assert names[0] == "Afghanistan"


@pytest.mark.parametrize(
    ("country", "typed", "written"),
    [
        ("FR", "69007", "69007"),
        ("FR", " 69 007 ", "69007"),
        ("FR", "F-69007", "69007"),
        ("FR", "2A004", None),
        ("FR", "6900", None),
        ("FR", "00100", None),
        ("FR", "69é07", None),
        ("FR", "97400", "97400"),
        ("FR", "６９００７", "69007"),
        ("GP", "97110", "97110"),
        ("GP", "75001", None),
        ("RE", "97400", "97400"),
        ("MC", "98000", "98000"),
        ("MC", "06000", None),
        ("DE", "D-10115", "10115"),
        ("DE", "1011", None),
        ("AT", "A-1010", "1010"),
        ("BE", "B1000", "1000"),
        ("LU", "L-1009", "1009"),
        ("ES", "28013", "28013"),
        ("IT", "00184", "00184"),
        ("PT", "1000205", "1000-205"),
        ("PT", "1000", None),
        ("NL", "1012ab", "1012 AB"),
        ("PL", "00950", "00-950"),
        ("CZ", "11000", "110 00"),
        ("SK", "811 01", "811 01"),
        ("SE", "11122", "111 22"),
        ("GR", "10431", "104 31"),
        ("FI", "FIN-00100", "00100"),
        ("DK", "DK-1050", "1050"),
        ("LV", "1010", "LV-1010"),
        ("LT", "lt01103", "LT-01103"),
        ("MT", "vlt1117", "VLT 1117"),
        ("IE", "d02x285", "D02 X285"),
        ("HU", "1011", "1011"),
        ("RO", "010011", "010011"),
        ("BG", "1000", "1000"),
        ("HR", "10000", "10000"),
        ("SI", "1000", "1000"),
        ("EE", "10111", "10111"),
        ("CY", "1010", "1010"),
        ("CH", "CH-1201", "1201"),
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("GB", "M1 1AE", "M1 1AE"),
        ("GB", "1234", None),
        ("NO", "0150", "0150"),
        ("US", "10001", "10001"),
        ("US", "100011234", "10001-1234"),
        ("US", "1000", None),
        ("CA", "k1a0b1", "K1A 0B1"),
        ("MA", "20250", "20250"),
        ("TN", "1000", "1000"),
        ("DZ", "16000", "16000"),
        ("SN", "11000", "11000"),
        ("JP", "1000001", "100-0001"),
        ("BR", "01310100", "01310-100"),
        ("AD", "500", "AD500"),
        ("CI", "01 BP 123", "01 BP 123"),  # No postal codes there: whatever looks like one is taken.
        ("CI", "??", None),
        ("HK", "999077", "999077"),
    ],
)
def test_postal_codes_by_country(country: str, typed: str, written: str | None) -> None:
    found = countries.normal_postal_code(typed, country)
    assert countries.is_postal_code(found, country) is (written is not None)
    if written:
        assert found == written
    assert countries.normal_postal_code(found, country) == found


def test_every_country_with_postal_codes_has_a_valid_example() -> None:
    with_form = [code for code in countries.codes() if countries.postal_code_example(code)]
    assert len(with_form) > 80
    for code in with_form:
        assert countries.is_postal_code(countries.postal_code_example(code), code), code


@pytest.mark.parametrize(
    ("country", "required"), [("FR", True), ("DE", True), ("US", True), ("IE", False), ("CI", False), ("HK", False)]
)
def test_a_postal_code_is_wanted_only_where_every_address_has_one(country: str, required: bool) -> None:
    assert countries.postal_code_required(country) is required


def test_all_member_states_want_a_postal_code_except_ireland() -> None:
    assert {code for code in countries.EU if not countries.postal_code_required(code)} == {"IE"}
