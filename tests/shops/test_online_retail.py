import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from shops import online_retail
from shops.candidates import Candidate, UnreadableFile
from shops.schema import OrderMessage
from tests.shops.retail_file import HEADER, LARGE, LARGE_LINES, NOT_SALES, Row, a_row, generated, written


def read(*rows: Row) -> list[Candidate]:
    return list(online_retail.read(io.BytesIO(written(list(rows)))))


def taken(*rows: Row) -> OrderMessage:
    (candidate,) = read(*rows)
    assert candidate.message is not None, candidate.problems
    return candidate.message


def test_a_document_becomes_an_order_under_the_stated_assumptions() -> None:
    message = taken(a_row("536365"), a_row("536365", "POST", "POSTAGE", 1, "18.00"))

    assert (message.number, message.version, message.email) == ("536365", 1, "customer17850@example.com")
    assert message.placed_at == message.paid_at == message.shipped_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert (message.currency, message.prices_include_tax) == ("EUR", True)
    assert message.total == message.paid_amount == Decimal("38.34")
    assert {line.vat_rate for line in message.lines} == {Decimal(20)}
    assert [line.kind for line in message.lines] == ["goods", "shipping"]
    assert message.billing is None
    assert message.shipping_address is not None
    assert message.shipping_address.country == "GB"


def test_a_document_without_a_customer_is_a_guests() -> None:
    assert taken(a_row("536544", customer="")).email == "guest536544@example.com"


def test_moments_are_london_time() -> None:
    assert taken(a_row("1", moment="01/07/2011 08:26")).placed_at == datetime(2011, 7, 1, 7, 26, tzinfo=UTC)


def test_a_document_that_took_more_than_a_minute_begins_with_its_first_line() -> None:
    assert taken(a_row("1", moment="01/12/2010 16:57"), a_row("1", moment="01/12/2010 16:58")).placed_at.minute == 57


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("United Kingdom", "GB"), ("EIRE", "IE"), ("RSA", "ZA"), ("USA", "US"), ("Channel Islands", "JE"),
        ("France", "FR"), ("Hong Kong", "HK"), ("Czech Republic", "CZ"), ("Saudi Arabia", "SA"),
    ],
)  # fmt: skip
def test_countries_are_known_by_their_english_names(name: str, code: str) -> None:
    address = taken(a_row("1", country=name)).shipping_address

    assert address is not None
    assert address.country == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [("POST", "shipping"), ("DOT", "shipping"), ("C2", "shipping"), ("BANK CHARGES", "fee"), ("AMAZONFEE", "fee"),
     ("M", "goods"), ("gift_0001_40", "goods"), ("85123A", "goods")],
)  # fmt: skip
def test_letter_codes_say_what_a_line_is(code: str, kind: str) -> None:
    assert taken(a_row("1", code, code)).lines[0].kind == kind


def test_a_negative_line_inside_a_sale_is_a_reduction() -> None:
    message = taken(a_row("1"), a_row("1", "D", "Discount", -1, "5.00"), a_row("1", "D", "Discount", 1, "-1.00"))

    assert message.total == Decimal("14.34")
    assert [(line.quantity, line.unit_price) for line in message.lines[1:]] == [
        (Decimal(-1), Decimal(5)),
        (Decimal(-1), Decimal(1)),
    ]


def test_a_free_line_inside_a_sale_stays() -> None:
    message = taken(a_row("1"), a_row("1", "22139", "", 1, "0"))

    assert (message.lines[1].description, message.lines[1].unit_price) == ("22139", Decimal(0))


def test_prices_of_three_places_are_rounded_by_line() -> None:
    assert taken(*[a_row("1", price="0.425", quantity=1)] * 2).total == Decimal("0.86")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([a_row("C1", quantity=-6)], "Annulation"),
        ([a_row("C1", quantity=6)], "Annulation"),
        ([a_row("A1")], "comptable"),
        ([a_row("1", quantity=-6, price="0")], "Sortie de stock"),
        ([a_row("1", price="0")], "Total nul"),
        ([a_row("1", quantity=1), a_row("1", quantity=-2)], "Total négatif"),
        ([a_row("1", country="Atlantis")], "pays"),
        ([a_row("1", moment="2010-12-01 08:26")], "InvoiceDate"),
        ([a_row("1", moment="31/02/2010 08:26")], "InvoiceDate"),
        ([a_row("1", quantity="six")], "Quantity"),
        ([a_row("1", price="NaN")], "UnitPrice"),
        ([a_row("1", text="x\x00y")], "contrôle"),
        ([a_row("")], "obligatoire|vide"),
        ([a_row("1")] * 1001, "1000"),
        ([a_row("1", customer="a b")], "e-mail"),
    ],
)
def test_what_is_no_sale_is_refused_with_the_reason(rows: list[Row], words: str) -> None:
    (candidate,) = read(*rows)

    assert candidate.message is None
    assert any(word in str(candidate.problems[0]) for word in words.split("|"))


def test_refusals_name_their_lines() -> None:
    found = read(a_row("1"), a_row("1"), a_row("C2"), a_row("C2"), a_row("3"))

    assert [(each.number, each.first_line, each.last_line) for each in found] == [
        ("1", 2, 3),
        ("C2", 4, 5),
        ("3", 6, 6),
    ]


def test_a_document_that_comes_back_is_refused() -> None:
    found = read(a_row("1"), a_row("2"), a_row("1"))

    assert [each.message is not None for each in found] == [True, True, False]


def test_a_broken_row_refuses_its_document_only() -> None:
    data = written([a_row("1"), a_row("1"), a_row("2")]).replace(b",17850,United Kingdom\n1,", b"\n1,", 1)
    bad, good = online_retail.read(io.BytesIO(data))

    assert str(bad.problems[0]) == "La ligne 2 n'a pas les huit colonnes."
    assert good.message is not None


@pytest.mark.parametrize("data", [b"", b"a,b,c\n1,2,3\n", b"\xff\xfe\x00"])
def test_a_file_of_another_kind_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableFile):
        list(online_retail.read(io.BytesIO(data)))


def test_columns_may_stand_in_any_order_behind_a_mark() -> None:
    data = ("\ufeff" + ",".join(reversed(HEADER)) + "\n" + ",".join(reversed(a_row("1")))).encode()
    (candidate,) = online_retail.read(io.BytesIO(data))

    assert candidate.message is not None


def test_the_generated_file_has_the_traits_of_the_real_one() -> None:
    found = list(online_retail.read(io.BytesIO(generated())))
    orders = {each.number: each.message for each in found if each.message}

    assert len(found) - len(orders) == NOT_SALES
    assert len(orders[LARGE].lines) == LARGE_LINES
    assert orders[LARGE].email == f"guest{LARGE}@example.com"


def test_the_real_file_is_taken_but_for_what_is_no_sale(online_retail_file: Path) -> None:
    with online_retail_file.open("rb") as stream:
        found = list(online_retail.read(stream))
    orders = {each.number: each.message for each in found if each.message}
    refused = [each.problems[0].message.split("\u00a0")[0] for each in found if each.message is None]

    assert (len(found), len(orders)) == (1893, 1456)
    assert {reason: refused.count(reason) for reason in refused} == {
        "Annulation (numéro en C)": 299,
        "Total nul": 69,
        "Sortie de stock (quantités négatives)": 69,
    }
    assert len(orders["537434"].lines) == 675
    assert orders["537434"].total == Decimal("8223.40")
