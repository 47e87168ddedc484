from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shops.numbers import order_key
from shops.schema import MAX_LINES, InvalidMessage, OrderMessage
from tests.shops.messages import a_company, a_line, a_message, a_refund, a_shipment


def problems_of(message: Any) -> dict[str, str]:
    with pytest.raises(InvalidMessage) as invalid:
        OrderMessage.checked(message)
    return {problem.path: problem.message for problem in invalid.value.problems}


def test_the_example_of_the_contract_is_valid() -> None:
    message = OrderMessage.checked(a_message(billing=a_company(), shipments=[a_shipment()], refunds=[a_refund()]))

    assert message.placed_at == datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
    assert message.lines[0].unit_price == Decimal("14.90")
    assert message.lines[0].discount == Decimal("2.98")
    assert message.billing is not None
    assert message.billing.siret == "73282932000074"
    assert message.refunds[0].lines[0].amount == Decimal("13.41")


def test_what_is_not_required_may_be_left_out() -> None:
    required = ("number", "version", "email", "placed_at", "currency", "prices_include_tax", "lines", "total")
    line = {"description": "Tasse", "kind": "goods", "quantity": 1, "unit_price": 12, "vat_rate": 20}
    message = OrderMessage.checked({**{name: a_message()[name] for name in required}, "lines": [line], "total": 12})

    assert message.total == Decimal(12)
    assert message.locale == "fr"
    assert message.shipments == ()
    assert message.billing is None


@pytest.mark.parametrize(
    "name", ["number", "version", "email", "placed_at", "currency", "prices_include_tax", "lines", "total"]
)
def test_what_is_required_of_an_order_is_missed(name: str) -> None:
    message = a_message()
    del message[name]

    assert problems_of(message) == {name: "Ce champ est obligatoire."}


@pytest.mark.parametrize("name", ["description", "kind", "quantity", "unit_price", "vat_rate"])
def test_what_is_required_of_a_line_is_missed(name: str) -> None:
    line = a_line(discount="0")
    del line[name]

    assert problems_of(a_message(lines=[a_line(), line])) == {f"lines[1].{name}": "Ce champ est obligatoire."}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"total": 31.72}, "total", "flottant"),
        ({"total": "NaN"}, "total", "décimal"),
        ({"total": "Infinity"}, "total", "décimal"),
        ({"total": "3e1"}, "total", "exposant"),
        ({"total": "31,72"}, "total", "virgule"),
        ({"total": " 31.72"}, "total", "blanc"),
        ({"total": "+31.72"}, "total", "décimal"),
        ({"total": ".72"}, "total", "décimal"),
        ({"total": "٣١"}, "total", "décimal"),
        ({"total": "31.725"}, "total", "2 décimales"),
        ({"total": "12345678901"}, "total", "10 chiffres"),
        ({"total": 10**5000}, "total", "10 chiffres"),
        ({"total": "9" * 100_000}, "total", "décimal"),
        ({"total": "-1"}, "total", "négatif"),
        ({"total": True}, "total", "décimal"),
        ({"total": None}, "total", "décimal"),
        ({"total": ["1"]}, "total", "décimal"),
        ({"version": "3"}, "version", "entier"),
        ({"version": True}, "version", "entier"),
        ({"version": -1}, "version", "au moins 0"),
        ({"version": 2**63}, "version", "au plus"),
        ({"number": ""}, "number", "vide"),
        ({"number": "."}, "number", "lettres"),
        ({"number": ".."}, "number", "lettres"),
        ({"number": "T 100"}, "number", "lettres"),
        ({"number": "T/100"}, "number", "lettres"),
        ({"number": "é100"}, "number", "lettres"),
        ({"number": "T" * 65}, "number", "64"),
        ({"number": 100234}, "number", "texte"),
        ({"email": "claire"}, "email", "e-mail"),
        ({"email": "claire@example.org\r\nBcc: x@example.org"}, "email", "contrôle"),
        ({"placed_at": "2026-11-02T10:15:00"}, "placed_at", "fuseau"),
        ({"placed_at": "2026-11-02"}, "placed_at", "fuseau"),
        ({"placed_at": 1793610000}, "placed_at", "fuseau"),
        ({"placed_at": "2026-02-30T10:15:00Z"}, "placed_at", "existe"),
        ({"placed_at": "0001-01-01T00:00:00+14:00"}, "placed_at", "année"),
        ({"placed_at": "9999-12-31T23:59:59-12:00"}, "placed_at", "année"),
        ({"currency": "EURO"}, "currency", "ISO 4217"),
        ({"currency": "XAU"}, "currency", "ISO 4217"),
        ({"currency": "eur"}, "currency", "ISO 4217"),
        ({"exchange_rate": "0"}, "exchange_rate", "nul"),
        ({"prices_include_tax": "true"}, "prices_include_tax", "true ou false"),
        ({"prices_include_tax": 1}, "prices_include_tax", "true ou false"),
        ({"locale": "français"}, "locale", "langue"),
        ({"payment_method": "x" * 61}, "payment_method", "60 caractères"),
        ({"payment_method": "a\x00b"}, "payment_method", "contrôle"),
        ({"payment_method": "a\ud800b"}, "payment_method", "UTF-8"),
        ({"payment_method": "a\ufffeb"}, "payment_method", "contrôle"),
        ({"colour": "bleu"}, "colour", "inconnu"),
        ({"billing": {"name": "Claire"}}, "billing.name", "inconnu"),
        ({"billing": {"kind": "person"}}, "billing.kind", "individual"),
        ({"billing": {"country": "France"}}, "billing.country", "ISO 3166"),
        ({"billing": {"country": "EU"}}, "billing.country", "ISO 3166"),
        ({"billing": {"siret": "732 829 320 00074 5"}}, "billing.siret", "14"),
        ({"billing": []}, "billing", "objet"),
        ({"shipping_address": {"country": "XX"}}, "shipping_address.country", "ISO 3166"),
        ({"lines": []}, "lines", "vide"),
        ({"lines": {}}, "lines", "liste"),
        ({"lines": ["T-shirt"]}, "lines[0]", "objet"),
        ({"lines": [a_line()] * (MAX_LINES + 1)}, "lines", "1000 éléments"),
        ({"lines": [a_line(kind="gift")]}, "lines[0].kind", "goods"),
        ({"lines": [a_line(quantity="0")]}, "lines[0].quantity", "nulle"),
        ({"lines": [a_line(quantity="1.00001")]}, "lines[0].quantity", "4 décimales"),
        ({"lines": [a_line(), a_line(unit_price="-1")]}, "lines[1].unit_price", "négatif"),
        ({"lines": [a_line(unit_price="1.0000001")]}, "lines[0].unit_price", "6 décimales"),
        ({"lines": [a_line(discount="29.81")]}, "lines[0].discount", "dépasse"),
        ({"lines": [a_line(quantity="-1", discount="0.01")]}, "lines[0].discount", "dépasse"),
        ({"lines": [a_line(vat_rate="100")]}, "lines[0].vat_rate", "2 chiffres"),
        ({"lines": [a_line(vat_rate="0", vat_category="Z")]}, "lines[0].vat_category", "E, K, AE, G, O"),
        ({"lines": [a_line(vat_category="E")]}, "lines[0].vat_category", "taux"),
        ({"lines": [a_line(description="")]}, "lines[0].description", "vide"),
        ({"lines": [a_line(description=" \u00a0 ")]}, "lines[0].description", "vide"),
        ({"lines": [a_line(description="T-shirt\nbleu")]}, "lines[0].description", "contrôle"),
        ({"lines": [a_line(description="x" * 1001)]}, "lines[0].description", "1000 caractères"),
        ({"lines": [a_line(extra=1)]}, "lines[0].extra", "inconnu"),
        ({"shipments": [a_shipment(), a_shipment()]}, "shipments", "deux fois"),
        ({"shipments": [a_shipment(tracking_url="http://x.example/1")]}, "shipments[0].tracking_url", "https"),
        ({"shipments": [a_shipment(tracking_url="javascript:alert(1)")]}, "shipments[0].tracking_url", "https"),
        ({"shipments": [a_shipment(tracking_url="https://")]}, "shipments[0].tracking_url", "https"),
        ({"shipments": [a_shipment(tracking_url="https://a:b@x.example/")]}, "shipments[0].tracking_url", "https"),
        ({"shipments": [a_shipment(tracking_url="https://[x.example/")]}, "shipments[0].tracking_url", "https"),
        ({"shipments": [a_shipment(tracking_url='https://x.example/"onclick')]}, "shipments[0].tracking_url", "https"),
        ({"shipments": [a_shipment(shipped_at=None)]}, "shipments[0].shipped_at", "fuseau"),
        ({"refunds": [a_refund(), a_refund()]}, "refunds", "deux fois"),
        ({"refunds": [a_refund(amount="0.00", lines=[])]}, "refunds[0].amount", "nul"),
        ({"refunds": [a_refund(amount="13.40")]}, "refunds[0].amount", "dépassent"),
        ({"refunds": [a_refund(lines=[{"line": 2, "amount": "1.00"}])]}, "refunds", "ligne qui n'existe pas"),
        ({"refunds": [a_refund(lines=[{"line": -1, "amount": "1.00"}])]}, "refunds[0].lines[0].line", "au moins 0"),
    ],
)
def test_a_bad_field_is_named_and_explained_in_french(changes: dict[str, Any], path: str, words: str) -> None:
    found = problems_of(a_message(**changes))

    assert list(found) == [path]
    assert words in found[path]


@pytest.mark.parametrize("sent", [None, [], "T-100", 3])
def test_what_is_no_object_is_refused(sent: Any) -> None:
    assert problems_of(sent) == {"": "Un objet est attendu."}


def test_every_problem_is_told_up_to_fifty() -> None:
    found = problems_of(a_message(total="x", email="x", lines=[a_line(quantity="x")] * 60))

    assert len(found) == 51
    assert found[""] == "Et 12 autres erreurs."


def test_the_name_of_an_unknown_field_is_shown_harmless() -> None:
    (path,) = problems_of(a_message(**{"a\x1b[31m" + "x" * 100: 1}))

    assert path.startswith("a?[31m")
    assert len(path) == 60


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"total": "31.72"}, {"total": "31.720"}),
        ({"placed_at": "2026-11-02T10:15:00+01:00"}, {"placed_at": "2026-11-02T09:15:00Z"}),
        ({"payment_method": None}, {"payment_method": ""}),
        ({"email": "claire@example.org"}, {"email": "claire@EXAMPLE.org"}),
        ({"payment_method": "Ch\u00e8que"}, {"payment_method": " Che\u0300que "}),
    ],
)
def test_two_ways_of_writing_the_same_are_the_same_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = OrderMessage.checked(a_message(**one)), OrderMessage.checked(a_message(**other))

    assert first.content_hash() == second.content_hash()


def test_another_content_has_another_hash() -> None:
    hashes = {
        OrderMessage.checked(message).content_hash()
        for message in (
            a_message(),
            a_message(total="31.73"),
            a_message(lines=[*reversed(a_message()["lines"])]),
            a_message(shipped_at="2026-11-03T10:00:00Z"),
        )
    }

    assert len(hashes) == 4


@pytest.mark.parametrize("typed", ["T-100234", "t-100234", " #T-100234 ", "# t - 100 234", "t-100\u00a0234"])
def test_a_number_is_found_however_it_is_typed(typed: str) -> None:
    assert order_key(typed) == "T-100234"


def test_a_negative_line_has_a_negative_quantity() -> None:
    message = OrderMessage.checked(a_message(lines=[a_line(), a_line(quantity="-1", discount="0")], total="11.92"))

    assert message.lines[1].quantity == Decimal(-1)
