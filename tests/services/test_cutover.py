"""What the old system has invoiced is never invoiced here, whichever comes first: the list or the order."""

import io
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from extensions import db
from models import EarlierInvoice, InvoiceRequest, Order
from services import cutover, intake, invoicing
from shops import issued_invoices
from shops.candidates import UnreadableFile
from shops.notation import Dates, Notation
from shops.schema import OrderMessage
from tests.shops.messages import a_message
from tests.support.customers import an_issued_invoice
from tests.support.factories import a_customer, a_request, an_order, billing_details
from tests.support.shops import a_shop


def take(text: str, *, dry_run: bool = False, dates: Dates = "iso") -> list[str]:
    rows = issued_invoices.read(io.BytesIO(text.encode()), Notation(dates=dates))
    outcomes: list[str] = [listed.outcome for listed in cutover.take_list(rows, dry_run=dry_run)]
    db.session.expire_all()
    return outcomes


def receive(number: str = "T-100234", **changes: object) -> Order:
    shop = changes.pop("shop", None)
    message = OrderMessage.checked(a_message(number=number, **changes))
    receipt = intake.receive(message, source="tests", strict=False, shop=shop)  # type: ignore[arg-type]
    return db.session.get_one(Order, receipt.order_id)


def test_an_order_that_is_there_is_blocked(app: Flask) -> None:
    order = an_order(number="T-1")

    assert take("T-1;F2025-17;2025-12-30\n") == ["blocked"]
    assert order.existing_invoice == "F2025-17"
    assert [(one.order_key, one.issued_on) for one in db.session.scalars(select(EarlierInvoice))] == [
        ("T-1", date(2025, 12, 30))
    ]


def test_an_order_that_comes_later_is_blocked(app: Flask) -> None:
    assert take("t-100234;F2025-17;2025-12-30\n") == ["noted"]

    assert receive().existing_invoice == "F2025-17"


def test_a_later_version_of_the_order_stays_blocked(app: Flask) -> None:
    take("T-100234;F2025-17;2025-12-30\n")
    for version in (1, 2):
        assert receive(version=version, purchase_order=f"n° {version}").existing_invoice == "F2025-17"


def test_an_open_request_is_cancelled_with_the_reason(app: Flask) -> None:
    order = an_order(number="T-1", customer=a_customer())
    request = a_request(order)
    take("T-1;F2025-17;2025-12-30\n")

    assert (request.state, request.reason) == ("cancelled", "Déjà facturée : n° F2025-17")


def test_a_listed_order_opens_no_request_when_it_comes(app: Flask) -> None:
    take("T-100234;F2025-17;2025-12-30\n")
    receive(invoice_requested=True, placed_at="2026-11-24T10:15:00+01:00")

    assert db.session.scalar(select(func.count()).select_from(InvoiceRequest)) == 0


def test_nothing_is_asked_of_a_listed_order(app: Flask) -> None:
    customer = a_customer()
    order = an_order(number="T-1", customer=customer, billing=billing_details())
    take("T-1;F2025-17;2025-12-30\n")

    with pytest.raises(Exception, match="Déjà facturée"):
        invoicing.ask(order, customer)


def test_the_own_number_of_a_shop_is_enough(app: Flask) -> None:
    take("T-100234;F2025-17;2025-12-30\n")

    order = receive(shop=a_shop(number_prefix="B-"))
    assert (order.number, order.existing_invoice) == ("B-T-100234", "F2025-17")


def test_listing_again_changes_nothing(app: Flask) -> None:
    an_order(number="T-1")
    text = "numéro de commande;numéro de facture;date\nT-1;F2025-17;2025-12-30\nT-2;F2025-18;2025-12-30\n"

    assert [take(text), take(text)] == [["blocked", "noted"], ["unchanged", "unchanged"]]


def test_another_invoice_for_the_same_order_is_refused(app: Flask) -> None:
    take("T-1;F2025-17;2025-12-30\n")

    assert take("T-1;F2025-99;2025-12-30\n") == ["refused"]
    assert db.session.scalars(select(EarlierInvoice.number)).all() == ["F2025-17"]


def test_an_order_that_is_invoiced_here_is_refused(app: Flask) -> None:
    order = an_order(number="T-1", customer=a_customer(), billing=billing_details())
    an_issued_invoice(order, drawn=False)

    assert take("T-1;F2025-17;2025-12-30\n") == ["refused"]
    assert (order.existing_invoice, db.session.scalars(select(EarlierInvoice)).all()) == (None, [])


def test_a_dry_run_keeps_nothing(app: Flask) -> None:
    order = an_order(number="T-1")

    assert take("T-1;F2025-17;2025-12-30\nT-2;F2025-18;2025-12-30\n", dry_run=True) == ["blocked", "noted"]
    assert (order.existing_invoice, db.session.scalars(select(EarlierInvoice)).all()) == (None, [])


@pytest.mark.parametrize(
    ("dates", "day"), [("dmy", date(2026, 4, 3)), ("mdy", date(2026, 3, 4))], ids=["day first", "month first"]
)
def test_the_order_of_a_date_is_asked_and_never_guessed(app: Flask, dates: Dates, day: date) -> None:
    assert take("T-1,F1,03/04/2026\n") == ["refused"]
    assert take("T-1,F1,03/04/2026\nT-2,F2,2026-04-13\n", dates=dates) == ["noted", "noted"]
    assert db.session.scalars(select(EarlierInvoice.issued_on)).all() == [day, date(2026, 4, 13)]


def test_a_first_row_without_a_date_is_no_heading(app: Flask) -> None:
    assert take("T-1;F1;\nT-2;F2;2026-01-01\n") == ["refused", "noted"]


def test_a_quote_that_is_never_closed_is_said(app: Flask) -> None:
    with pytest.raises(UnreadableFile, match="guillemet"):
        take('T-1;F1;2026-01-01\n"T-2;' + "x" * 200_000)


@pytest.mark.parametrize("row", ["T-1;F1", "T-1;;2026-01-01", ";F1;2026-01-01", "T-1;F1;2026-02-30", "é;F1;2026-01-01"])
def test_a_broken_row_is_refused_and_the_others_taken(app: Flask, row: str) -> None:
    assert take(f"T-8;F8;2026-01-01\n{row}\nT-9;F9;2026-01-01\n") == ["noted", "refused", "noted"]
