"""The admin's list: the most pressing first, page by page, filtered and searched."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

import clock
from extensions import db
from models import Delivery, InvoiceRequest, Order
from services import dashboard, lateness
from tests.support.factories import a_request, an_order
from tests.support.queries import count_queries

HOUR = timedelta(hours=1)


def a_request_in(state: str, **facts: Any) -> Order:
    now = clock.now()
    ordinary: dict[str, dict[str, Any]] = {
        "requested": {"requested_at": now},
        "waiting": {"requested_at": now},
        "scheduled": {"earliest_at": now + HOUR, "deadline_at": now + 25 * HOUR, "due_at": now + HOUR},
        "issued": {"earliest_at": now - HOUR, "deadline_at": now + 23 * HOUR, "due_at": now},
        "rendered": {"earliest_at": now - HOUR, "deadline_at": now + 23 * HOUR},
        "needs_attention": {"earliest_at": now - HOUR, "deadline_at": now + 20 * HOUR, "reason": "Panne."},
        "sent": {"sent_at": now, "deadline_at": now - HOUR},
        "cancelled": {"reason": "Annulée."},
    }
    order = an_order()
    a_request(order, state=state, **(ordinary[state] | facts))
    return order


def a_mail(order: Order, *, document_id: int | None = None, state: str = "failed", name: str = "1") -> Delivery:
    mail = Delivery(
        kind="invoice", occasion=f"{order.id}:{name}", message_id=f"<{order.id}:{name}@x>", recipient="a@example.org",
        order_id=order.id, document_id=document_id, state=state, sent_at=clock.now() if state == "sent" else None,
    )  # fmt: skip
    db.session.add(mail)
    db.session.commit()
    return mail


def numbers(page: dashboard.Page) -> list[str]:
    return [order.number for order in page.orders]


def test_the_most_pressing_comes_first(app: Flask) -> None:
    now = clock.now()
    cancelled, sent, waiting = (a_request_in(state) for state in ("cancelled", "sent", "waiting"))
    scheduled, issued, stopped = (a_request_in(state) for state in ("scheduled", "issued", "needs_attention"))
    due = a_request_in("scheduled", due_at=now - HOUR, deadline_at=now + HOUR)
    late = a_request_in("scheduled", due_at=now - 25 * HOUR, deadline_at=now - HOUR)
    later = a_request_in("rendered", deadline_at=now - 2 * HOUR)
    expected = [later, late, stopped, due, issued, scheduled, waiting, sent, cancelled]
    assert numbers(dashboard.page()) == [order.number for order in expected]
    assert [request.order.number for request in lateness.late()] == [later.number, late.number]


def test_what_is_sent_or_cancelled_is_never_late(app: Flask) -> None:
    a_request_in("sent")
    assert lateness.late() == []
    assert counts()["en-retard"] == 0
    assert dashboard.page("en-retard").orders == []


def test_pages_follow_each_other_without_gap_or_double(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for state in ("sent", "waiting", "scheduled", "needs_attention", "cancelled", "issued"):
        for _ in range(3):
            a_request_in(state)
    whole = numbers(dashboard.page())
    assert len(whole) == 18
    for size in (1, 2, 4, 5, 12, 17, 18):
        monkeypatch.setattr(dashboard, "PAGE_SIZE", size)
        walked, cursor = [], "start"
        while cursor:
            page = dashboard.page(after=cursor)
            assert len(page.orders) <= size
            walked += numbers(page)
            cursor = page.next
        assert walked == whole


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "-",
        "1-2",
        "1-2-3-4",
        "9" * 40,
        "٣",
        "0-9999999999999999999-1",
        "-1",
        "9" * 17,
        "1-1-" + "9" * 17,
        "9" * 17 + "-1-1",
    ],
)
def test_a_cursor_that_is_none_begins_at_the_start(app: Flask, cursor: str) -> None:
    order = a_request_in("waiting")
    assert numbers(dashboard.page(after=cursor)) == [order.number]


def counts() -> dict[str, int]:
    return dashboard.counts() | dashboard.by_clock(lateness.measure())


def test_filters_and_their_counts_agree(app: Flask) -> None:
    for state in InvoiceRequest.STATES:
        a_request_in(state)
    a_request_in("scheduled", deadline_at=clock.now() - HOUR)
    an_order(review=["Le total ne s'additionne pas."])
    assert set(counts()) == {*dashboard.FILTERS, dashboard.MESSAGES}
    for name in dashboard.FILTERS:
        assert len(dashboard.page(name).orders) == counts()[name], name
    assert counts()["en-cours"] == 2
    assert counts()["a-verifier"] == 1


def test_clocks_are_filters_of_their_own(app: Flask) -> None:
    now = clock.now()
    slow = a_request_in("scheduled", earliest_at=now - 13 * HOUR, deadline_at=now + 11 * HOUR)
    begun = a_request_in("rendered", earliest_at=now - HOUR)
    unshipped = a_request_in("waiting", requested_at=now - timedelta(days=11))
    a_request_in("scheduled")
    assert numbers(dashboard.page("bientot-en-retard")) == [slow.number]
    assert numbers(dashboard.page("delai-entame")) == [begun.number, slow.number]
    assert numbers(dashboard.page("expedition-attendue")) == [unshipped.number]
    assert numbers(dashboard.page("delai-entame", search=begun.number)) == [begun.number]


@pytest.mark.parametrize("search", ["W-100", "w-100", "100"])
def test_search_finds_an_order_by_its_whole_number_and_by_its_shops_own(app: Flask, search: str) -> None:
    an_order(number="W-100", own_key="100")
    an_order(number="W-200", own_key="200")
    assert numbers(dashboard.page(search=search)) == ["W-100"]


def test_search_finds_orders_with_and_without_request(app: Flask) -> None:
    asked = a_request_in("waiting")
    other = an_order(number="t-99x", email="Jean.Dupont@Example.org")
    assert numbers(dashboard.page(search=" #T-99X ")) == [other.number]
    assert numbers(dashboard.page(search="jean.DUPONT@")) == [other.number]
    assert numbers(dashboard.page("en-attente", search="example")) == [asked.number]
    assert numbers(dashboard.page(search="%")) == []


def test_the_list_costs_the_same_with_many_rows(app: Flask) -> None:
    for state in ("waiting", "sent"):
        a_request_in(state)
    db.session.expire_all()
    with count_queries() as few:
        [(order.number, order.request) for order in dashboard.page().orders]
        counts()
    for _ in range(20):
        a_request_in("waiting")
    db.session.expire_all()
    with count_queries() as many:
        [(order.number, order.request) for order in dashboard.page().orders]
        counts()
    assert many.count == few.count <= 5
