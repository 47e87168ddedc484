"""What PrestaShop holds, read through its web service, becomes orders and invoices that agree with the shop."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

from extensions import db
from models import Order, Shop, ShopMessage
from services import pulls
from tests.shops import prestashop_orders
from tests.support.shop_servers import PrestaShop, serving
from tests.support.shops import a_shop
from tests.support.taken_in import by_rate, invoiced, notes, the_order

Row = dict[str, Any]


def detail(row_id: int, quantity: int, net: str, gross: str, tax: str | None, name: str = "Article") -> Row:
    """Return a line: net and gross are the whole line's."""
    unit = {which: str(Decimal(amount) / quantity) for which, amount in (("excl", net), ("incl", gross))}
    return {
        "id": row_id, "id_order": "1", "product_name": name, "product_reference": "REF",
        "product_quantity": str(quantity), "unit_price_tax_incl": unit["incl"], "unit_price_tax_excl": unit["excl"],
        "total_price_tax_incl": gross, "total_price_tax_excl": net,
        "associations": {"taxes": [{"id": tax or "0"}]},
    }  # fmt: skip


def paid(net: str, gross: str, products: tuple[str, str], shipping: tuple[str, str] = ("0", "0"), **more: Any) -> Row:
    """Return the sums of an order: net and gross of all, of its products, of its carriage."""
    return {
        "total_paid_tax_excl": net, "total_paid_tax_incl": gross, "total_paid_real": gross,
        "total_products": products[0], "total_products_wt": products[1],
        "total_shipping_tax_excl": shipping[0], "total_shipping_tax_incl": shipping[1],
    } | more  # fmt: skip


def states(*ids: int) -> list[Row]:
    """Return the histories of an order that went through these states."""
    return [
        {"id": number, "id_order": "1", "id_order_state": str(state), "date_add": f"2026-11-0{number + 1} 10:01:00"}
        for number, state in enumerate(ids, start=1)
    ]


def slip(slip_id: int, products: str, shipping: str, *lines: tuple[int, int, str]) -> Row:
    """Return a slip: what went back of products and carriage, and of which lines."""
    rows = [{"id_order_detail": str(line), "product_quantity": str(many), "amount_tax_incl": amount}
            for line, many, amount in lines]  # fmt: skip
    return {
        "id": slip_id, "id_order": "1", "total_products_tax_incl": products, "total_shipping_tax_incl": shipping,
        "date_add": "2026-11-12 09:00:00", "associations": {"order_slip_details": rows} if rows else "",
    }  # fmt: skip


GERMANY = {"id_country": "1", "company": "Muster GmbH", "postcode": "10115", "city": "Berlin"}
CASES: dict[str, dict[str, Any]] = {
    "guest": {},
    "company": {"address": {"company": "Atelier Durand", "vat_number": "FR40303265045"},
                "customer": {"siret": "30326504500014"}},
    "company_in_the_union": {
        "address": GERMANY | {"vat_number": "DE136695976"},
        "order_details": [detail(10, 15, "150.00", "150.00", None)],
        "order_histories": states(2, 4),
        "order": paid("162.00", "162.00", ("150.00", "150.00"), ("12.00", "12.00"), carrier_tax_rate="0.000"),
    },
    "export": {
        "address": {"id_country": "21", "postcode": "97201", "city": "Portland"},
        "order_details": [detail(10, 1, "60.00", "60.00", None)],
        "order": paid("85.00", "85.00", ("60.00", "60.00"), ("25.00", "25.00"), carrier_tax_rate="0.000"),
    },
    "several_rates": {
        "order_details": [detail(10, 1, "20.00", "24.00", "1"), detail(11, 1, "10.00", "10.55", "2")],
        "order": paid("30.00", "34.55", ("30.00", "34.55")),
    },
    "rounding_by_line": {
        "order_details": [detail(row, 1, "2.46", "2.95", "1") for row in (10, 11, 12)],
        "order": paid("7.38", "8.85", ("7.38", "8.85")),
    },
    "rounding_by_order": {
        "order_details": [detail(row, 1, "1.04", "1.248", "1") for row in (10, 11, 12)],
        "order": paid("3.12", "3.74", ("3.12", "3.74")),
    },
    "discount": {
        "order": paid("21.43", "25.72", ("22.35", "26.82"), ("4.08", "4.90"), total_discounts_tax_incl="6.00"),
    },
    "wrapping": {"order": paid("28.93", "34.72", ("22.35", "26.82"), ("4.08", "4.90"),
                               total_wrapping_tax_excl="2.50", total_wrapping_tax_incl="3.00")},
    "free_shipping": {"order": paid("22.35", "26.82", ("22.35", "26.82"), carrier_tax_rate="0.000")},
    "shipped": {"order_histories": states(2, 4),
                "order_carriers": [{"id": 5, "id_order": "1", "tracking_number": "6A1", "date_add": "2026-11-02"}]},
    "partial_refund": {"order_slip": [slip(7, "13.41", "0", (10, 1, "13.41"))]},
    "foreign_currency": {"order": {"id_currency": "2"}},
}  # fmt: skip
CHARGED = {
    "guest": {"20": ("26.43", "5.29")},
    "company": {"20": ("26.43", "5.29")},
    "company_in_the_union": {"K": ("162.00", "0.00")},
    "export": {"G": ("85.00", "0.00")},
    "several_rates": {"20": ("20.00", "4.00"), "5.5": ("10.00", "0.55")},
    "rounding_by_line": {"20": ("7.38", "1.47")},
    "rounding_by_order": {"20": ("3.12", "0.62")},
    "discount": {"20": ("21.43", "4.29")},
    "wrapping": {"20": ("28.93", "5.79")},
    "free_shipping": {"20": ("22.35", "4.47")},
    "shipped": {"20": ("26.43", "5.29")},
    "partial_refund": {"20": ("26.43", "5.29")},
}
"""Net and VAT of each rate or reason, as an accountant adds them up from the shop's own page of the order."""


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


@pytest.fixture
def server() -> Iterator[PrestaShop]:
    with serving(PrestaShop("WSKEY:")) as shop:
        assert isinstance(shop, PrestaShop)
        yield shop


@pytest.fixture
def shop(app: Flask, server: PrestaShop) -> Shop:
    return a_shop(name="boutique", system="prestashop", base_url=server.url, pull_key="WSKEY")


def read(shop: Shop, server: PrestaShop, case: str, **changes: Any) -> None:
    """Let the shop hold this order alone, and read it."""
    server.tables = prestashop_orders.tables(**(CASES.get(case, {}) | changes))
    for _progress in pulls.back_fill(shop, None):
        pass
    db.session.expire_all()


@pytest.mark.parametrize("case", CHARGED)
def test_the_invoice_is_what_the_shop_charged(shop: Shop, server: PrestaShop, case: str) -> None:
    read(shop, server, case)
    order, sent = the_order(), server.tables["orders"][0]
    assert (order.review, order.doubts) == (None, None)

    invoice = invoiced(order)

    assert by_rate(invoice) == CHARGED[case]
    total, net = Decimal(sent["total_paid_tax_incl"]), Decimal(sent["total_paid_tax_excl"])
    assert (invoice.gross, invoice.vat) == (total, total - net)


def test_an_order_says_who_bought_and_how(shop: Shop, server: PrestaShop) -> None:
    read(shop, server, "company")

    order = the_order()
    assert (order.number, order.shop_ref, order.email) == ("XKBK00001", "1", "client1@example.org")
    assert (order.payment_method, order.paid_amount) == ("Carte", Decimal("31.72"))
    assert order.billing is not None
    assert (order.billing.company_name, order.billing.vat_number, order.billing.siret) == (
        "Atelier Durand", "FR40303265045", "30326504500014",
    )  # fmt: skip
    assert order.placed_at.isoformat() == "2026-11-02T09:00:00+00:00"  # 10:00 in Paris.


@pytest.mark.parametrize("first_read", [1, 2])
def test_orders_of_one_reference_are_each_an_order(shop: Shop, server: PrestaShop, first_read: int) -> None:
    both = prestashop_orders.tables(2, order={"reference": "SPLITCART"})
    for row in both["orders"]:
        row["date_upd"] = f"2026-11-0{3 if row['id'] == first_read else 4} 10:00:00"
    server.tables = both
    for _time in range(2):
        for _progress in pulls.back_fill(shop, None):
            pass

    found = db.session.execute(select(Order.number, Order.shop_ref).order_by(Order.shop_ref)).all()
    assert [tuple(row) for row in found] == [("SPLITCART", "1"), ("SPLITCART-2", "2")]
    assert db.session.scalar(select(ShopMessage.id)) is None


def test_the_state_of_shipping_starts_the_clock(shop: Shop, server: PrestaShop) -> None:
    read(shop, server, "shipped")

    order = the_order()
    assert order.shipped_at is not None
    assert order.shipped_at.isoformat() == "2026-11-03T09:01:00+00:00"
    assert [one.tracking_number for one in order.shipments] == ["6A1"]


def test_a_cancelled_order_is_not_invoiced(shop: Shop, server: PrestaShop) -> None:
    read(shop, server, "guest", order_histories=states(2, 6))

    assert the_order().status == "cancelled"


def test_a_slip_becomes_a_credit_note_of_its_lines(shop: Shop, server: PrestaShop) -> None:
    read(shop, server, "guest")
    invoiced(the_order())
    later = {"date_upd": "2026-11-12 09:00:00"}
    for _time in range(2):
        read(shop, server, "partial_refund", order=later)

    assert [refund.lines for refund in the_order().refunds] == [[{"line": 0, "quantity": "1", "amount": "13.41"}]]
    assert [by_rate(note) for note in notes()] == [{"20": ("11.17", "2.24")}]


def test_a_slip_of_everything_before_the_invoice_leaves_nothing_to_invoice(shop: Shop, server: PrestaShop) -> None:
    read(shop, server, "guest", order_slip=[slip(7, "26.82", "4.90", (10, 2, "26.82"))])

    assert the_order().is_fully_refunded


def test_an_edited_order_is_what_it_became(shop: Shop, server: PrestaShop) -> None:
    read(shop, server, "guest")
    edited = paid("33.80", "40.56", ("33.80", "40.56")) | {"date_upd": "2026-11-03 10:00:00"}
    read(shop, server, "guest", order=edited, order_details=[detail(10, 3, "33.80", "40.56", "1")])

    assert (the_order().total, the_order().review) == (Decimal("40.56"), None)


def test_what_prestashop_has_invoiced_is_not_invoiced_again(shop: Shop, server: PrestaShop) -> None:
    read(shop, server, "guest", order={"invoice_number": "1234"})

    assert the_order().existing_invoice == "PrestaShop 1234"


@pytest.mark.parametrize(
    "changes",
    [
        {"order": {"id_currency": "2"}},
        {"order_details": [detail(10, 2, "22.35", "26.82", None)]},
        {"order": {"total_paid_tax_incl": "41.72"}},
    ],
    ids=["foreign currency", "unknown rate", "does not add up"],
)
def test_what_is_doubtful_is_kept_and_not_invoiced(shop: Shop, server: PrestaShop, changes: dict[str, Any]) -> None:
    read(shop, server, "guest", **changes)

    assert the_order().needs_review


BROKEN: dict[str, dict[str, Any]] = {
    "without a day": {"order": {"date_upd": "2026-11-02 10:00:01", "date_add": "0000-00-00 00:00:00"}},
    "a line of no quantity": {"detail": {"product_quantity": "0"}},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_waits_for_an_admin(shop: Shop, server: PrestaShop, changes: dict[str, Any]) -> None:
    read(shop, server, "guest", **changes)

    assert [one.state for one in db.session.scalars(select(ShopMessage))] == ["failed"]
    assert db.session.scalars(select(Order)).all() == []
