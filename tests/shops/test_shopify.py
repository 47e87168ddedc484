"""How single words of Shopify are read: numbers, versions, rates, reasons, and what a refund takes from which line."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shops import shopify, strict_json
from shops.arrivals import Arrival, Ignored
from shops.schema import InvalidMessage, RefundMessage
from tests.shops import recorded

SHIPPING_REFUND = {"kind": "shipping_refund", "amount": "-4.08", "tax_amount": "-0.82"}


@dataclass
class Kept:
    """A line as it is kept."""

    sku: str
    description: str
    kind: str
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal = Decimal("0.00")


SHIRT = Kept("TS-M-BLEU", "T-shirt personnalisé - Bleu / M", "goods", Decimal(2), Decimal("14.90"))
DELIVERY = Kept("", "Colissimo", "shipping", Decimal(1), Decimal("4.90"))


def read(case: str = "guest", **changes: Any) -> Arrival:
    """Return what is read of a recorded order, its figures as exact as they are written."""
    return shopify.order(strict_json.loads(recorded.body("shopify", case, **changes).decode(), exact=True))


def an_item(**changes: Any) -> dict[str, Any]:
    """Return the line of two T-shirts in Shopify's words, in the shop's currency alone as older shops send it."""
    item: dict[str, Any] = recorded.sent("shopify", "guest")["line_items"][0]
    return {name: value for name, value in item.items() if not name.endswith("_set")} | changes


def with_items(*items: dict[str, Any], **changes: Any) -> Arrival:
    return read(line_items=list(items), shipping_lines=[], **changes)


def taxed(rate: Any, price: str, **changes: Any) -> list[dict[str, Any]]:
    return [{"title": "TVA", "rate": rate, "price": price, **changes}]


def a_refund(*, money: str | None = "14.90", lines: Sequence[dict[str, Any]] = (), **changes: Any) -> dict[str, Any]:
    """Return a refund in Shopify's words."""
    transactions = [{"kind": "refund", "status": "success", "amount": money, "currency": "EUR"}] if money else []
    facts = {"id": 77, "order_id": 1, "created_at": "2026-11-12T09:00:00+01:00", "processed_at": None}
    return {**facts, "transactions": transactions, "refund_line_items": list(lines), "order_adjustments": [], **changes}


def a_return(quantity: int = 1, subtotal: str = "14.90", tax: str = "2.48", **changes: Any) -> dict[str, Any]:
    """Return what a refund says of the line of T-shirts."""
    item = an_item()
    facts = {"line_item_id": item["id"], "quantity": quantity, "subtotal": subtotal, "total_tax": tax}
    return {**facts, "line_item": item, **changes}


def refund_of(sent: dict[str, Any], *lines: Kept, including: bool = True, currency: str = "EUR") -> RefundMessage:
    return shopify.refund(sent, lines or (SHIRT, DELIVERY), prices_include_tax=including, currency=currency)


def taken(refund: RefundMessage) -> list[tuple[int, int, Decimal]]:
    return [(line.line, int(line.quantity), line.amount) for line in refund.lines]


@pytest.mark.parametrize(
    ("name", "number"),
    [("#1001", "1001"), ("FR-1001", "FR-1001"), ("# 1001-B", "1001-B"), ("Éte 7", "1001"), (None, "1001")],
)
def test_an_order_bears_the_name_that_its_customer_knows(name: str | None, number: str) -> None:
    assert read(name=name).message.number == number


def test_states_of_one_second_follow_each_other() -> None:
    at = {"updated_at": "2026-11-02T10:16:04+01:00"}
    states: list[dict[str, Any]] = [
        {"financial_status": "pending"},
        {"financial_status": "paid"},
        {"financial_status": "paid", "fulfillment_status": "partial"},
        {"financial_status": "paid", "fulfillment_status": "fulfilled"},
        {"financial_status": "partially_refunded", "fulfillment_status": "fulfilled", "refunds": [a_refund()]},
        {"financial_status": "refunded", "fulfillment_status": "fulfilled", "refunds": [a_refund()]},
        {"financial_status": "refunded", "cancelled_at": "2026-11-03T08:00:00+01:00"},
    ]
    versions = [read(**at, **state).message.version for state in states]

    assert versions == sorted(set(versions))
    assert {version // 1000 for version in versions} == {1793610964}
    assert max(versions) % 1000 < 999


@pytest.mark.parametrize(
    ("locale", "language"), [("fr-FR", "fr"), ("DE", "de"), ("zh-Hant-TW", "zh"), ("fil", "fr"), (None, "fr")]
)
def test_the_language_is_the_customers(locale: str | None, language: str) -> None:
    assert read(customer_locale=locale).message.locale == language


@pytest.mark.parametrize(
    ("tax_lines", "rate"),
    [
        (taxed(0.2, "4.97"), "20.00"),
        (taxed("0.055", "1.55"), "5.50"),
        (taxed(0.05, "1.00") + taxed(0.09975, "2.00"), "14.98"),
        (taxed(0.2, "0.00"), "0.00"),
        ([], "0.00"),
    ],
)
def test_a_rate_is_what_was_charged(tax_lines: list[dict[str, Any]], rate: str) -> None:
    line = with_items(an_item(tax_lines=tax_lines)).message.lines[0]

    assert line.vat_rate == Decimal(rate)


def test_a_tax_too_small_to_charge_leaves_the_rate() -> None:
    line = with_items(an_item(price="0.01", quantity=1, tax_lines=taxed("0.2", "0.00"))).message.lines[0]

    assert (line.vat_rate, line.tax) == (Decimal(20), Decimal(0))


def test_what_is_free_bears_the_rate_of_what_it_goes_with() -> None:
    free = an_item(price="0.00", quantity=1, tax_lines=[])

    assert [line.vat_rate for line in with_items(an_item(tax_lines=taxed("0.2", "4.97")), free).message.lines] == [
        20,
        20,
    ]


def test_a_tax_without_a_rate_is_never_guessed() -> None:
    arrival = with_items(an_item(tax_lines=taxed(None, "4.97")))

    assert arrival.doubts == ("Une taxe a été facturée sans que Shopify en dise le taux.",)


def test_a_tax_that_the_marketplace_owes_is_for_a_person() -> None:
    arrival = with_items(an_item(tax_lines=taxed("0.2", "4.97", channel_liable=True)))

    assert arrival.doubts == ("La TVA a été perçue par la place de marché (channel_liable), pas par le vendeur.",)


def test_a_payment_that_was_voided_is_for_a_person() -> None:
    assert read(financial_status="voided").doubts == ("Le paiement a été annulé dans Shopify, mais pas la commande.",)
    assert read(financial_status="voided", cancelled_at="2026-11-03T08:00:00+01:00").doubts == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("N° TVA", "FR44732829320"),
        ("vat_number", "FR 44 732829320"),
        ("Numéro de TVA intracommunautaire", "FR44732829320"),
    ],
)
def test_the_number_of_a_company_is_found_by_what_its_field_is_called(name: str, value: str) -> None:
    billing = read(note_attributes=[{"name": name, "value": value}, {"name": "cadeau", "value": "oui"}]).message.billing

    assert billing is not None
    assert (billing.kind, billing.vat_number) == ("company", "FR44732829320")


@pytest.mark.parametrize("value", ["non", "je ne sais pas, mais je suis une entreprise, c'est le 12", "", None, 12])
def test_what_is_no_number_is_left_out(value: Any) -> None:
    billing = read(note_attributes=[{"name": "TVA", "value": value}, {"name": "siret", "value": value}]).message.billing

    assert billing is not None
    assert (billing.kind, billing.vat_number, billing.siret) == ("individual", "", "")


@pytest.mark.parametrize(
    ("name", "value", "wished"),
    [
        ("Facture souhaitée", "Oui", True),
        ("invoice", "yes", True),
        ("Facture", "non", False),
        ("facteur", "oui", False),
    ],
)
def test_a_wish_for_an_invoice_is_a_field_of_the_cart(name: str, value: str, wished: bool) -> None:
    assert read(note_attributes=[{"name": name, "value": value}]).message.invoice_requested is wished


def test_an_order_without_addresses_names_its_customer() -> None:
    message = read(billing_address=None, shipping_address=None).message

    assert message.shipping_address is None
    assert message.billing is not None
    assert (message.billing.kind, message.billing.last_name, message.billing.country) == ("individual", "Martin", None)


@pytest.mark.parametrize(
    ("gateways", "status", "paid_on", "method"),
    [
        (["shopify_payments"], "paid", True, "card"),
        (["gift_card", "shopify_payments"], "paid", True, "gift_card, card"),
        (["manual"], "paid", False, "manual"),
        (["shopify_payments"], "pending", False, "card"),
        ([], "paid", False, ""),
    ],
)
def test_the_day_of_payment_is_told_where_it_is_that_of_the_order(
    gateways: list[str], status: str, paid_on: bool, method: str
) -> None:
    message = read(payment_gateway_names=gateways, financial_status=status).message

    assert (message.paid_at is not None, message.payment_method) == (paid_on, method)
    assert message.paid_amount == (Decimal("34.70") if status == "paid" else None)


def test_what_was_paid_in_part_is_told() -> None:
    partly = {"financial_status": "partially_paid", "total_outstanding": "24.70"}

    assert read(**partly).message.paid_amount == Decimal(10)
    assert read(**partly, currency="CHF").message.paid_amount is None


def test_an_order_has_left_when_nothing_is_left_to_send() -> None:
    parcels = recorded.sent("shopify", "guest_fulfilled")["fulfillments"]
    later = parcels[0] | {"id": 2, "created_at": "2026-11-05T08:00:00Z", "tracking_url": "http://suivi.example"}
    failed = parcels[0] | {"id": 3, "created_at": "2026-11-09T08:00:00Z", "status": "cancelled"}
    partly = read(fulfillment_status="partial", fulfillments=parcels).message
    whole = read(fulfillment_status="fulfilled", fulfillments=[later, failed, *parcels]).message

    assert (partly.shipped_at, len(partly.shipments)) == (None, 1)
    assert whole.shipped_at is not None
    assert (whole.shipped_at.isoformat(), len(whole.shipments)) == ("2026-11-05T08:00:00+00:00", 2)
    assert (whole.shipments[0].tracking_url, whole.delivered_at) == ("", None)
    arrived = [one | {"shipment_status": "delivered"} for one in parcels]
    assert read(fulfillment_status="fulfilled", fulfillments=arrived).message.delivered_at is not None


def test_a_tip_that_is_no_line_is_one() -> None:
    lines = read(total_tip_received="3.00").message.lines

    assert [(line.kind, line.description, line.unit_price) for line in lines][2:] == [("fee", "Pourboire", Decimal(3))]


def test_shipping_that_was_taken_off_is_no_line() -> None:
    shipping = recorded.sent("shopify", "guest")["shipping_lines"]
    message = read(shipping_lines=[*shipping, shipping[0] | {"id": 9, "is_removed": True}]).message

    assert [line.kind for line in message.lines] == ["goods", "shipping"]


def test_what_an_edit_took_off_whole_leaves_the_other_lines_in_their_places() -> None:
    item = recorded.sent("shopify", "edited")["line_items"][0]
    gone = a_refund(money=None, lines=[a_return(2, "29.80", "4.97", line_item_id=item["id"])])
    message = read("edited", refunds=[gone], current_total_price="16.90", current_total_price_set=None).message

    assert [(line.kind, line.unit_price, line.discount) for line in message.lines] == [
        ("goods", Decimal(12), Decimal(0)),
        ("shipping", Decimal("4.9"), Decimal(0)),
    ]
    assert (message.total, message.refunds) == (Decimal("16.9"), ())


def test_lines_whose_payment_was_only_reserved_are_gone() -> None:
    void = [{"kind": "void", "status": "success", "amount": "0.00", "currency": "EUR"}]
    gone = a_refund(lines=[a_return()], transactions=void)
    message = read(refunds=[gone], current_total_price="19.80", current_total_price_set=None).message

    assert (int(message.lines[0].quantity), message.total, len(message.refunds)) == (1, Decimal("19.8"), 0)


def test_an_order_whose_lines_have_all_gone_is_for_a_person() -> None:
    gone = a_refund(money=None, lines=[a_return(2, "29.80", "4.97")])
    arrival = read(refunds=[gone])

    assert arrival.doubts == ("Tous les articles ont été retirés de la commande, qui n'est pas annulée.",)
    assert len(arrival.message.lines) == 2
    assert read(refunds=[gone], cancelled_at="2026-11-03T08:00:00+01:00").doubts == ()


@pytest.mark.parametrize("subtotal", ["14.90", "12.42"])
def test_the_part_of_a_line_is_told_by_what_the_line_cost(subtotal: str) -> None:
    assert taken(refund_of(a_refund(lines=[a_return(subtotal=subtotal)]))) == [(0, 1, Decimal("14.9"))]


def test_a_line_without_tax_in_its_price_is_refunded_with_it() -> None:
    shirt = Kept("TS-M-BLEU", SHIRT.description, "goods", Decimal(2), Decimal("12.42"))
    refund = refund_of(a_refund(lines=[a_return(subtotal="12.42")]), shirt, including=False)

    assert taken(refund) == [(0, 1, Decimal("14.9"))]


@pytest.mark.parametrize(
    ("changes", "shipping"),
    [
        ({"order_adjustments": [SHIPPING_REFUND]}, "4.9"),
        ({"order_adjustments": [{"kind": "shipping_refund", "amount": "-4.90", "tax_amount": "-0.82"}]}, "4.9"),
        ({"refund_shipping_lines": [{"subtotal_amount": "4.08", "tax_amount": "0.82"}]}, "4.9"),
    ],
)
def test_shipping_goes_back_on_its_own_line(changes: dict[str, Any], shipping: str) -> None:
    refund = refund_of(a_refund(money="19.80", lines=[a_return()], **changes))

    assert taken(refund) == [(0, 1, Decimal("14.9")), (1, 1, Decimal(shipping))]


def test_of_two_shippings_nobody_says_which_one_went_back() -> None:
    refund = refund_of(a_refund(money="4.90", order_adjustments=[SHIPPING_REFUND]), SHIRT, DELIVERY, DELIVERY)

    assert (refund.amount, refund.lines) == (Decimal("4.9"), ())


def test_a_part_of_the_shipping_is_what_the_money_leaves_of_it() -> None:
    discrepancy = {"kind": "refund_discrepancy", "amount": "2.90", "tax_amount": "0.00"}
    refund = refund_of(a_refund(money="2.00", order_adjustments=[SHIPPING_REFUND, discrepancy]))

    assert taken(refund) == [(1, 1, Decimal(2))]


def test_lines_refunded_for_less_are_lowered_by_their_value() -> None:
    mug = Kept("MUG", "Mug", "goods", Decimal(1), Decimal("10.00"))
    item = an_item() | {"sku": "MUG", "name": "Mug"}
    lines = [a_return(), {"line_item_id": 2, "quantity": 1, "subtotal": "10.00", "total_tax": "0", "line_item": item}]
    refund = refund_of(a_refund(money="12.45", lines=lines), SHIRT, mug)

    assert taken(refund) == [(0, 1, Decimal("7.45")), (1, 1, Decimal(5))]


def test_more_money_than_the_lines_is_of_no_line() -> None:
    refund = refund_of(a_refund(money="20.00", lines=[a_return()]))

    assert (refund.amount, taken(refund)) == (Decimal(20), [(0, 1, Decimal("14.9"))])


def test_two_lines_that_look_the_same_are_not_told_apart() -> None:
    assert refund_of(a_refund(lines=[a_return()]), SHIRT, SHIRT).lines == ()


def test_one_line_taken_back_in_two_ways_stands_once() -> None:
    refund = refund_of(a_refund(money="29.80", lines=[a_return(), a_return(restock_type="no_restock")]))

    assert taken(refund) == [(0, 2, Decimal("29.8"))]


@pytest.mark.parametrize(
    ("transaction", "amount"),
    [
        ({"amount": "14.31", "currency": "EUR", "amount_set": {"presentment_money": {"amount": "14.90"}}}, "14.9"),
        ({"amount": "14.90", "currency": "CHF"}, "14.9"),
        ({"amount": "14.90", "currency": "CHF", "status": "pending"}, "14.9"),
    ],
)
def test_money_is_counted_as_the_customer_paid_it(transaction: dict[str, str], amount: str) -> None:
    refund = refund_of(a_refund(transactions=[{"kind": "refund", **transaction}]), currency="CHF")

    assert refund.amount == Decimal(amount)


def test_money_told_in_the_shops_currency_alone_is_what_the_refund_names() -> None:
    sets: dict[str, Any] = {"subtotal_set": {"presentment_money": {"amount": "14.90"}}, "total_tax_set": None}
    kept = {"kind": "refund_discrepancy", "amount": "1.90", "tax_amount": "0.00"}
    euros = [{"kind": "refund", "status": "success", "amount": "13.54", "currency": "EUR"}]
    refund = refund_of(a_refund(lines=[a_return(**sets)], transactions=euros, order_adjustments=[kept]), currency="CHF")

    assert (refund.amount, taken(refund)) == (Decimal(13), [(0, 1, Decimal(13))])


@pytest.mark.parametrize(
    "transactions", [[], [{"kind": "refund", "status": "failure", "amount": "14.90", "currency": "EUR"}]]
)
def test_a_refund_without_money_is_none(transactions: list[dict[str, str]]) -> None:
    with pytest.raises(Ignored, match="Aucun argent n'a été rendu"):
        refund_of(a_refund(transactions=transactions, lines=[a_return()]))


def test_money_that_failed_takes_no_lines_off_the_order() -> None:
    failed = a_refund(lines=[a_return()], transactions=[{"kind": "refund", "status": "failure", "amount": "14.90"}])
    message = read(refunds=[failed]).message

    assert (int(message.lines[0].quantity), len(message.refunds)) == (2, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"line_items": None},
        {"line_items": [{}]},
        {"line_items": ["x"]},
        {"total_price_set": {"shop_money": {}}},
        {"total_price_set": "x"},
        {"updated_at": "hier"},
        {"updated_at": 7},
        {"note_attributes": "x"},
        {"customer": "x", "email": "", "contact_email": ""},
        {"refunds": [{"id": 1, "transactions": [{"amount": "NaN"}]}]},
        {"fulfillments": [{}]},
        {"taxes_included": None, "line_items": [{"quantity": 0, "price": "1.00"}]},
        {"processed_at": "2026-11-02"},
    ],
)
def test_what_is_shaped_otherwise_is_refused_with_a_reason(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as refused:
        read(**changes)

    assert refused.value.problems


@settings(max_examples=300, deadline=None)
@given(
    case=st.sampled_from(sorted({*recorded.cases("shopify")} - {"refund_create", "test_order"})),
    turn=st.integers(0, 10_000),
    junk=st.sampled_from([None, "", "x", "-1", "1e99", "NaN", True, 0, -3, 10**45, [], [None], {}, {"amount": {}}]),
)
def test_nothing_that_is_sent_breaks_the_reading(case: str, turn: int, junk: Any) -> None:
    sent = recorded.sent("shopify", case)
    places = list(leaves(sent))
    holder, key = places[turn % len(places)]
    holder[key] = junk
    with suppress(InvalidMessage, Ignored):
        shopify.order(strict_json.loads(json.dumps(sent), exact=True))


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in what is sent, as what holds it and its key there."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from leaves(inner)


@pytest.mark.parametrize("sent", [{}, {"id": 1}, a_refund(created_at=None), a_refund(lines=[{"quantity": "x"}])])
def test_a_refund_shaped_otherwise_is_refused_with_a_reason(sent: dict[str, Any]) -> None:
    with pytest.raises((InvalidMessage, Ignored)):
        refund_of(sent)
