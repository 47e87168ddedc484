import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from shops import contract_csv
from shops.candidates import Candidate, UnreadableFile
from shops.notation import Notation

ORDER = {
    "number": "A-1",
    "version": "1",
    "email": "claire@example.org",
    "placed_at": "2026-11-02T10:15:00+01:00",
    "currency": "EUR",
    "prices_include_tax": "true",
    "total": "31.72",
    "billing_kind": "company",
    "billing_company_name": "Exemple, « SAS »",
    "shipping_city": "Lyon",
    "line_description": "T-shirt personnalisé",
    "line_kind": "goods",
    "line_quantity": "2",
    "line_unit_price": "14.90",
    "line_discount": "2.98",
    "line_vat_rate": "20.00",
}
DELIVERY = {
    "line_description": "Livraison",
    "line_kind": "shipping",
    "line_quantity": "1",
    "line_unit_price": "4.90",
    "line_discount": "",
}


def written(*rows: dict[str, str], delimiter: str = ",", bom: bool = False) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(ORDER), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ORDER | row for row in rows)
    return ("\ufeff" if bom else "") + file.getvalue()


def read(text: str | bytes) -> list[Candidate]:
    return list(contract_csv.read(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def summary(candidates: list[Candidate]) -> list[tuple[str, int, int, bool]]:
    return [(each.number, each.first_line, each.last_line, each.message is not None) for each in candidates]


def test_rows_of_one_number_are_one_order() -> None:
    first, second = read(written({}, DELIVERY, {"number": "A-2"}, DELIVERY | {"number": "A-2"}))

    assert summary([first, second]) == [("A-1", 2, 3, True), ("A-2", 4, 5, True)]
    assert first.message is not None
    assert first.message.billing is not None
    assert first.message.shipping_address is not None
    assert first.message.billing.company_name == "Exemple, « SAS »"
    assert first.message.shipping_address.city == "Lyon"
    assert [(line.kind, line.unit_price) for line in first.message.lines] == [
        ("goods", Decimal("14.90")),
        ("shipping", Decimal("4.90")),
    ]


def test_spreadsheets_in_french_write_semicolons_decimal_commas_and_a_mark() -> None:
    text = written({"total": "31,72", "line_unit_price": "17,31", "line_discount": ""}, delimiter=";", bom=True)
    (order,) = read(text.replace("true", "OUI"))

    assert order.message is not None
    assert (order.message.total, order.message.prices_include_tax) == (Decimal("31.72"), True)


def test_a_comma_in_a_figure_of_a_comma_file_is_refused_unless_decimals_are_said_to_be_written_so() -> None:
    text = written({"total": "31,72"})
    (order,) = read(text)
    (said,) = contract_csv.read(io.BytesIO(text.encode()), Notation(decimals="comma"))

    assert [problem.path for problem in order.problems] == ["total"]
    assert said.message is not None
    assert said.message.total == Decimal("31.72")


@pytest.mark.parametrize(
    ("row", "path", "words"),
    [
        ({"total": "31.725"}, "total", "décimales"),
        ({"version": "1.0"}, "version", "entier"),
        ({"prices_include_tax": "vrai"}, "prices_include_tax", "true ou false"),
        ({"line_kind": ""}, "line_kind", "obligatoire"),
        ({"line_unit_price": "NaN"}, "line_unit_price", "décimal"),
        ({"email": ""}, "email", "obligatoire"),
        ({"number": ""}, "number", "obligatoire"),
        ({"billing_kind": "x"}, "billing_kind", "individual"),
    ],
)
def test_a_bad_cell_is_told_with_its_lines(row: dict[str, str], path: str, words: str) -> None:
    good, bad = read(written({}, {"number": "A-2", **row}))

    assert good.message is not None
    assert (bad.first_line, [problem.path for problem in bad.problems]) == (3, [path])
    assert words in bad.problems[0].message


def test_a_bad_cell_of_a_line_is_told_with_its_own_row() -> None:
    (bad,) = read(written({}, {"line_unit_price": "x"}, {"line_vat_rate": "200"}))

    assert [(problem.path, problem.message[:9]) for problem in bad.problems] == [
        ("line_unit_price", "Ligne 3\u00a0:"),
        ("line_vat_rate", "Ligne 4\u00a0:"),
    ]


def test_a_row_that_says_something_else_of_its_order_is_told() -> None:
    (bad,) = read(written({}, {"total": "30.00"}))

    assert [str(problem) for problem in bad.problems] == [
        "total\u00a0: Ligne 3\u00a0: la valeur diffère de la ligne 2."
    ]


@pytest.mark.parametrize(("end", "words"), [(",20.00,5", "1 colonne en trop"), ("", "1 colonne en moins")])
def test_a_row_with_other_columns_refuses_its_order_only(end: str, words: str) -> None:
    lines = written({}, {}, {"number": "A-2"}).splitlines()
    lines[2] = lines[2].removesuffix(",20.00") + end
    bad, good = read("\n".join(lines))

    assert [problem.message for problem in bad.problems] == [f"Ligne 3\u00a0: {words}."]
    assert summary([bad, good]) == [("A-1", 2, 3, False), ("A-2", 4, 4, True)]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    multiline = {"number": "A-2", "line_description": "T-shirt\npersonnalisé"}
    found = read(written({}, multiline, {"number": "A-3"}).replace("\r\n", "\n"))

    assert summary(found) == [("A-1", 2, 2, True), ("A-2", 3, 4, False), ("A-3", 5, 5, True)]


def test_a_quote_that_never_closes_is_refused_and_the_rest_is_read() -> None:
    rows = [{"number": f"A-{number}", "billing_company_name": "Exemple"} for number in range(1, 1500)]
    text = written(*rows).replace("A-2,", '"A-2,', 1)
    found = read(text)

    assert found[0].message is not None
    assert any("guillemet" in problem.message for each in found for problem in each.problems)
    assert found[-1].number == "A-1499"
    assert found[-1].message is not None
    assert found[-1].last_line == 1500


def test_rows_of_an_order_that_do_not_follow_each_other_are_refused() -> None:
    found = read(written({}, {"number": "A-2"}, DELIVERY))

    assert summary(found) == [("A-1", 2, 2, True), ("A-2", 3, 3, True), ("A-1", 4, 4, False)]
    assert "ne se suivent pas" in found[2].problems[0].message


def test_an_order_of_more_than_a_thousand_lines_is_refused() -> None:
    (bad,) = read(written(*[{}] * 1200))

    assert (bad.first_line, bad.last_line) == (2, 1201)
    assert [problem.path for problem in bad.problems] == ["lines"]


def test_bytes_that_are_no_utf8_are_refused_in_their_cell() -> None:
    text = written({"billing_company_name": "ASCII"}, {"number": "A-2", "billing_company_name": "ASCII"})
    first, second = read(text.replace("personnalisé", "rayé", 1).encode("latin-1").replace(b"personnalis\xe9", b"uni"))

    assert [problem.path for problem in first.problems] == ["line_description"]
    assert second.message is not None


def test_blank_rows_are_no_order() -> None:
    text = written({}, {"number": "A-2"}).replace("\r\nA-2", "\r\n\r\n,,,\r\nA-2")

    assert summary(read(text)) == [("A-1", 2, 2, True), ("A-2", 5, 5, True)]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "vide"),
        ("\n", "vide"),
        ("number,version", "absentes"),
        (",".join([*ORDER, "colour"]), "inconnues"),
        (",".join([*ORDER, "number"]), "deux fois"),
    ],
)
def test_a_header_that_is_not_the_contracts_makes_the_file_unreadable(header: str, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        read(header)


def test_every_field_of_the_contract_but_parcels_and_refunds_has_a_column() -> None:
    columns: Any = contract_csv.COLUMNS

    assert {"billing_vat_number", "shipping_name", "line_exemption", "order_discount", "existing_invoice"} <= set(
        columns
    )
    assert not [name for name in columns if "refund" in name or "shipment" in name]
