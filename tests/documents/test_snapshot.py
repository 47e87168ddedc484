"""What a document says is frozen, and survives its way through text."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings

from documents import snapshot
from documents.credits import Credit, ExceedsInvoice
from documents.seller import VatRegime
from documents.totals import DoesNotAddUp, Line, Sale

from .factories import (
    COMPANY,
    GERLAND,
    INDIVIDUAL,
    a_credit_note,
    a_line,
    a_replacement,
    a_sale,
    a_seller,
    a_snapshot,
)
from .test_totals import ttc_sales

ISSUED_BEFORE_THERE_WERE_CREDIT_NOTES = r"""{
"buyer": {"city": "Lyon", "company_name": "Les Compagnons du Textile", "country": "FR", "first_name": "",
"kind": "company", "last_name": "", "line1": "128 boulevard de la Croix-Rousse", "line2": "",
"postal_code": "69001", "siret": "73282932000074", "tax_id": "", "vat_number": "FR44732829320"},
"currency": "EUR",
"delivery": {"city": "Lyon", "country": "FR", "line1": "45 avenue Tony Garnier", "line2": "",
"name": "Entrepôt Gerland", "postal_code": "69007"},
"exchange_rate": null,
"issue_date": "2026-11-22",
"kind": "invoice",
"language": "fr",
"mentions": ["Nature des opérations\u00a0: livraisons de biens",
"Pénalités de retard\u00a0: trois fois le taux d'intérêt légal (art. L441-10 du Code de commerce)",
"Indemnité forfaitaire pour frais de recouvrement en cas de retard\u00a0: 40\u00a0€ (art. D441-5 du Code de commerce)",
"Escompte pour paiement anticipé\u00a0: néant"],
"nature": "goods",
"number": "FA-2026-000123",
"order": {"delivered_on": null, "number": "T-100234", "placed_on": "2026-11-02", "purchase_order": "BC 118",
"shipped_on": "2026-11-04"},
"payment": {"due_on": "2026-11-02", "left": "0.00", "paid": "33.49", "paid_on": "2026-11-02",
"words": "par carte bancaire"},
"renderer": "xhtml2pdf 0.2.28, reportlab 5.1.0, 1804960941be",
"sale": {"lines": [{"description": "T-shirt personnalisé", "discount": "2.98", "exemption": null,
"kind": "goods", "quantity": "2.00", "sku": "", "tax": null, "unit_price": "14.90", "vat_category": null,
"vat_rate": "20.00"}, {"description": "Livre", "discount": "0.00", "exemption": null, "kind": "goods",
"quantity": "1.00", "sku": "", "tax": "0.52", "unit_price": "10.00", "vat_category": null, "vat_rate": "5.50"}],
"order_discount": "3.33", "prices_include_tax": true, "total": "33.49", "total_tax": null},
"seller": {"accent": "#0f5c5c", "identity": {"bic": "FILEFR2L", "capital": "20000.00", "city": "Lyon",
"country": "FR", "email": "bonjour@fil-et-encre.example", "iban": "FR7699999000010001234567809",
"legal_form": "SAS", "line1": "14 rue de la Navette", "line2": "", "name": "Atelier Fil & Encre",
"phone": "+33 4 99 00 12 34", "postal_code": "69004", "rcs": "Lyon", "siret": "12345678200010",
"valid_from": "2019-04-01", "vat_number": "FR11123456782"}, "logo": null, "shop_name": "Atelier Fil & Encre",
"terms": {"days": 0, "early_discount": "", "late_penalty": "trois fois le taux d'intérêt légal"},
"vat_regime": {"on_debits": false, "regime": "normal", "valid_from": "2019-04-01"},
"website": "https://www.fil-et-encre.example"},
"totals": {"discounts": [{"category": "S", "exemption": "", "gross": "2.43", "net": "2.02", "rate": "20.00",
"vat": "0.41"}, {"category": "S", "exemption": "", "gross": "0.90", "net": "0.85", "rate": "5.50",
"vat": "0.05"}], "gross": "33.49", "lines": [{"discount_net": "2.48", "gross": "26.82", "net": "22.35",
"quantity": "2.00", "unit_net": "12.416667", "vat": "4.47"}, {"discount_net": "0.00", "gross": "10.00",
"net": "9.48", "quantity": "1.00", "unit_net": "9.478673", "vat": "0.52"}], "net": "28.96",
"rates": [{"category": "S", "exemption": "", "gross": "24.39", "net": "20.33", "rate": "20.00", "vat": "4.06"},
{"category": "S", "exemption": "", "gross": "9.10", "net": "8.63", "rate": "5.50", "vat": "0.47"}],
"vat": "4.53"},
"trial": false,
"vat_in_euros": null
}"""


def test_it_survives_the_way_through_json() -> None:
    document = a_snapshot(
        a_sale(
            a_line(), a_line("Livre", "10.00", vat_rate=Decimal("5.50"), tax=Decimal("0.52")), order_discount="3.33"
        ),
        buyer=COMPANY,
        shipping_address=GERLAND,
        purchase_order="BC 118",
        currency="GBP",
        exchange_rate=Decimal("1.1734"),
        trial=True,
    )
    assert snapshot.from_json(snapshot.to_json(document)) == document


@settings(max_examples=30)
@given(ttc_sales())
def test_any_sale_survives_the_way_through_json(sale: Sale) -> None:
    if sale.total < 0:
        return
    document = a_snapshot(sale)
    text = snapshot.to_json(document)
    assert snapshot.from_json(text) == document
    assert snapshot.to_json(snapshot.from_json(text)) == text


def test_equal_amounts_from_either_database_give_the_same_text() -> None:
    short, long = (a_line(quantity=Decimal(quantity)) for quantity in ("2", "2.000000"))
    assert snapshot.to_json(a_snapshot(a_sale(short))) == snapshot.to_json(a_snapshot(a_sale(long)))


def test_the_text_is_canonical() -> None:
    text = snapshot.to_json(a_snapshot())
    assert '"gross":"31.72"' in text
    assert '"issue_date":"2026-11-22"' in text
    assert "Œuvrard" in text
    assert text.index('"buyer"') < text.index('"currency"') < text.index('"delivery"')


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        a_snapshot().number = "FA-2026-000124"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["{}", '{"number": 1}', "[]", "nonsense"])
def test_a_text_that_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        snapshot.from_json(text)


def test_days_are_days_in_france() -> None:
    late = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    assert a_snapshot(placed_at=late).order.placed_on == date(2026, 11, 2)
    with pytest.raises(ValueError, match="time zone"):
        a_snapshot(placed_at=datetime(2026, 11, 1, 23, 30))  # noqa: DTZ001


def test_a_paid_order_has_nothing_left_to_pay() -> None:
    payment = a_snapshot().payment
    assert (payment.paid, payment.left, payment.due_on) == (Decimal("31.72"), Decimal("0.00"), date(2026, 11, 2))
    assert payment.words == "par carte bancaire"


def test_what_was_paid_too_much_is_not_of_this_document() -> None:
    payment = a_snapshot(paid_amount=Decimal("40.00")).payment
    assert (payment.paid, payment.left) == (Decimal("31.72"), Decimal("0.00"))


def test_an_unpaid_order_is_due() -> None:
    payment = a_snapshot(paid_at=None).payment
    assert (payment.paid, payment.left, payment.due_on) == (Decimal("0.00"), Decimal("31.72"), date(2026, 11, 22))


def test_a_part_paid_order_has_the_rest_left() -> None:
    payment = a_snapshot(paid_amount=Decimal("20.00")).payment
    assert (payment.paid, payment.left) == (Decimal("20.00"), Decimal("11.72"))


def test_a_method_without_words_stays_as_the_shop_names_it() -> None:
    assert snapshot.payment_words("Bank-Transfer") == "par virement"
    assert snapshot.payment_words("Alma 3x") == "(Alma 3x)"
    assert snapshot.payment_words("") == ""


def test_the_delivery_address_is_kept_only_where_it_differs() -> None:
    assert a_snapshot(shipping_address=GERLAND).delivery == GERLAND
    same = snapshot.DeliveryAddress("claire  Œuvrard", "3 RUE des lilas", "", "75011", "Paris")
    assert a_snapshot(shipping_address=same).delivery is None
    assert a_snapshot(shipping_address=replace(same, name="")).delivery is None
    assert a_snapshot(shipping_address=None).delivery is None


def test_another_currency_states_its_vat_in_euros() -> None:
    assert a_snapshot(currency="GBP", exchange_rate=Decimal("1.20")).vat_in_euros == Decimal("6.35")
    with pytest.raises(ValueError, match="exchange rate"):
        a_snapshot(currency="GBP")


def test_an_order_that_does_not_add_up_becomes_no_document() -> None:
    wrong = Sale(True, (Line("Mug", Decimal(1), Decimal("9.99"), Decimal(20)),), Decimal("10.00"))
    with pytest.raises(DoesNotAddUp):
        a_snapshot(wrong, buyer=INDIVIDUAL)


def test_a_document_issued_before_there_were_credit_notes_is_read_and_credited() -> None:
    document = snapshot.from_json(ISSUED_BEFORE_THERE_WERE_CREDIT_NOTES)
    assert (document.number, document.totals.gross) == ("FA-2026-000123", Decimal("33.49"))
    assert (document.buyer_email, document.refers_to, document.settlement) == ("", None, "payment")
    assert a_credit_note(document).totals == document.totals


def test_a_buyer_is_reached_by_the_address_given() -> None:
    assert a_snapshot(buyer_email="claire@example.org").buyer_email == "claire@example.org"


def test_a_credit_note_names_its_invoice_and_keeps_what_it_said() -> None:
    invoice = a_snapshot(buyer=COMPANY, shipping_address=GERLAND, purchase_order="BC 118", language="en")
    note = a_credit_note(invoice)
    assert (note.kind, note.number, note.reason) == ("credit_note", "AV-2026-000007", "Retour de la marchandise")
    assert note.refers_to == snapshot.Reference("FA-2026-000123", date(2026, 11, 22))
    kept = ("buyer", "delivery", "order", "currency", "nature", "language", "sale", "totals", "trial")
    assert all(getattr(note, name) == getattr(invoice, name) for name in kept)
    assert snapshot.from_json(snapshot.to_json(note)) == note


def test_a_credit_note_is_the_sellers_of_its_own_day() -> None:
    moved = replace(a_seller(), identity=replace(a_seller().identity, line1="2 quai Perrache"))
    assert a_credit_note(a_snapshot(), seller=moved).seller.identity.line1 == "2 quai Perrache"


def test_a_credit_note_asks_no_company_to_pay_and_keeps_what_the_law_wants() -> None:
    debits = VatRegime(date(2019, 4, 1), "normal", on_debits=True)
    invoice = a_snapshot(
        a_sale(a_line(vat_rate=Decimal(0), vat_category="E", exemption="Exonération, art. 261 du CGI")),
        buyer=COMPANY,
        seller=a_seller(vat_regime=debits),
        trial=True,
    )
    text = "\n".join(a_credit_note(invoice).mentions)
    assert "Pénalités" not in text
    assert "40\u00a0€" not in text
    assert "Escompte" not in text
    for wanted in ("SPÉCIMEN", "Nature des opérations", "d'après les débits", "art. 261 du CGI"):
        assert wanted in text


@pytest.mark.parametrize(
    ("settlement", "refunded_on", "paid", "left", "due_on"),
    [
        ("refund", date(2026, 11, 30), "31.72", "0.00", date(2026, 11, 30)),
        ("refund", None, "0.00", "31.72", date(2026, 12, 1)),
        ("set_off", None, "31.72", "0.00", date(2026, 12, 1)),
    ],
)
def test_what_a_credit_note_has_settled_and_has_left(
    settlement: str, refunded_on: date | None, paid: str, left: str, due_on: date
) -> None:
    payment = a_credit_note(a_snapshot(), settlement=settlement, refunded_on=refunded_on).payment
    assert (payment.paid, payment.left, payment.due_on) == (Decimal(paid), Decimal(left), due_on)
    assert payment.paid_on == refunded_on
    assert payment.words == ("" if settlement == "set_off" else "par carte bancaire")


def test_credit_notes_in_another_currency_come_to_the_euros_of_the_invoice() -> None:
    invoice = a_snapshot(currency="GBP", exchange_rate=Decimal("1.1734"))
    notes: list[snapshot.Snapshot] = []
    for _turn in range(31):
        wanted = Credit(Decimal("1.00"))
        notes.append(a_credit_note(invoice, earlier=[note.totals for note in notes], wanted=wanted))
    notes.append(a_credit_note(invoice, earlier=[note.totals for note in notes]))
    assert sum((note.vat_in_euros or Decimal(0) for note in notes), Decimal(0)) == invoice.vat_in_euros
    assert {note.exchange_rate for note in notes} == {Decimal("1.1734")}


def test_an_invoice_is_credited_once() -> None:
    invoice = a_snapshot()
    with pytest.raises(ExceedsInvoice):
        a_credit_note(invoice, earlier=[a_credit_note(invoice).totals])


def test_a_replacement_is_the_same_sale_made_out_to_another_buyer() -> None:
    invoice = a_snapshot(buyer_email="claire@example.org")
    new = a_replacement(invoice, purchase_order="BC 119")
    assert (new.kind, new.number, new.buyer, new.order.purchase_order) == (
        "invoice",
        "FA-2026-000124",
        COMPANY,
        "BC 119",
    )
    assert new.refers_to == snapshot.Reference("FA-2026-000123", date(2026, 11, 22))
    kept = ("sale", "totals", "payment", "currency", "nature", "buyer_email", "settlement")
    assert all(getattr(new, name) == getattr(invoice, name) for name in kept)
    assert any("D441-5" in text for text in new.mentions)
    assert snapshot.from_json(snapshot.to_json(new)) == new


def test_a_replacement_says_where_the_goods_went_once_the_buyer_is_elsewhere() -> None:
    home = snapshot.DeliveryAddress("Claire Œuvrard", "3 rue des Lilas", "", "75011", "Paris")
    invoice = a_snapshot(shipping_address=home)
    assert invoice.delivery is None
    assert a_replacement(invoice, shipping_address=home).delivery == home
    assert a_replacement(a_snapshot(shipping_address=GERLAND)).delivery == GERLAND


def test_all_paid_at_no_known_moment_is_due_no_later() -> None:
    payment = a_snapshot(paid_at=None, paid_amount=Decimal("31.72")).payment
    assert (payment.left, payment.paid_on, payment.due_on) == (Decimal("0.00"), None, date(2026, 11, 22))


def test_a_seller_in_franchise_need_not_say_so_on_each_line() -> None:
    seller = a_seller(vat_regime=VatRegime(date(2020, 1, 1), "franchise"))
    document = a_snapshot(a_sale(a_line(vat_rate=Decimal(0))), seller=seller)
    row = document.totals.rates[0]
    assert (row.category, row.exemption) == ("E", "VATEX-FR-FRANCHISE")


def test_goods_to_another_member_state_are_issued_with_their_day_only() -> None:
    sale = a_sale(a_line(vat_rate=Decimal(0), vat_category="K"))
    assert a_snapshot(sale).order.shipped_on == date(2026, 11, 4)
    with pytest.raises(ValueError, match="no known day"):
        a_snapshot(sale, shipped_at=None)


@pytest.mark.parametrize(
    ("lines", "nature"),
    [
        ([a_line(kind="voucher", vat_rate=Decimal(0), vat_category="O")], "voucher"),
        ([a_line(kind="voucher")], "goods"),
        ([a_line(kind="voucher", vat_rate=Decimal(0), vat_category="O"), a_line(kind="shipping")], "services"),
        ([a_line(kind="voucher", vat_rate=Decimal(0), vat_category="O"), a_line()], "goods"),
        ([a_line(kind="voucher", vat_rate=Decimal(0), vat_category="O"), a_line(kind="service")], "services"),
        ([a_line(), a_line(kind="service")], "mixed"),
        ([a_line(kind="shipping")], "goods"),
    ],
)
def test_a_gift_card_is_neither_goods_nor_services(lines: list[Line], nature: str) -> None:
    assert a_snapshot(a_sale(*lines)).nature == nature
