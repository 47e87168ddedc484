"""Numbers: one after the other, a series of its own for each kind, year and mode, and dates that only go forward."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db, transaction
from models import NumberSeries
from services import numbering

NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)


def taken(prefix: str = "FA", moment: datetime = NOON, *, first: int = 1) -> numbering.Number:
    with transaction():
        return numbering.take(prefix, moment, first=first)


def taken_in_vain(*, first: int = 1) -> int:
    """Take a number in a transaction that comes to nothing; return it."""
    sequence = 0
    with suppress(ZeroDivisionError), transaction():
        sequence = numbering.take("FA", NOON, first=first).sequence
        raise ZeroDivisionError
    return sequence


def counters() -> dict[str, int]:
    return {row.name: row.last_number for row in db.session.scalars(select(NumberSeries))}


def test_numbers_follow_one_another(app: Flask) -> None:
    assert [taken().text for _ in range(3)] == ["FA-2026-000001", "FA-2026-000002", "FA-2026-000003"]
    assert taken() == numbering.Number("FA-2026-000004", "FA-2026", 4, date(2026, 11, 23))


def test_a_number_not_used_is_given_again(app: Flask) -> None:
    taken()
    assert taken_in_vain() == 2
    assert taken().sequence == 2


def test_the_very_first_number_that_is_not_used_leaves_no_counter_behind(app: Flask) -> None:
    assert taken_in_vain(first=4711) == 4711
    assert counters() == {}
    assert taken(first=4711).text == "FA-2026-004711"


def test_first_number_counts_for_the_very_first_series_only(app: Flask) -> None:
    assert [taken(first=4711).sequence, taken(first=4711).sequence] == [4711, 4712]
    assert taken(moment=datetime(2027, 6, 1, tzinfo=UTC), first=4711).text == "FA-2027-000001"


def test_each_prefix_has_series_of_its_own(app: Flask) -> None:
    for prefix in ("FA", "AV", "F", "FA", "SPECIMEN", "SPECIMEN-AV"):
        taken(prefix)
    assert counters() == {"FA-2026": 2, "AV-2026": 1, "F-2026": 1, "SPECIMEN-2026": 1, "SPECIMEN-AV-2026": 1}


@pytest.mark.parametrize(("one", "other"), [("SPECIMEN-AV", "SPECIMEN"), ("FAX", "FA"), ("AV", "FA")])
def test_a_series_knows_nothing_of_another_whose_name_begins_alike(app: Flask, one: str, other: str) -> None:
    taken(one, datetime(2027, 1, 5, tzinfo=UTC))
    assert taken(other, first=7) == numbering.Number(f"{other}-2026-000007", f"{other}-2026", 7, date(2026, 11, 23))


def test_a_clock_set_back_takes_neither_date_nor_year_back(app: Flask) -> None:
    assert taken(moment=datetime(2026, 12, 31, 23, 30, tzinfo=UTC)).text == "FA-2027-000001"
    again = taken(moment=datetime(2026, 12, 30, tzinfo=UTC))
    assert (again.text, again.date) == ("FA-2027-000002", date(2027, 1, 1))
    assert taken(moment=datetime(2027, 1, 3, tzinfo=UTC)).date == date(2027, 1, 3)


def test_numbers_of_more_than_six_digits_go_on(app: Flask) -> None:
    assert [taken(first=999_999).text, taken().text] == ["FA-2026-999999", "FA-2026-1000000"]


def test_many_at_once_share_no_number_and_leave_none_out(make_app: Callable[..., Flask]) -> None:
    numbers: list[int] = []
    lock = threading.Lock()
    app = make_app()

    def take_some() -> None:
        with app.app_context():
            for turn in range(10):
                sequence = taken_in_vain() if turn % 3 == 1 else taken().sequence
                if turn % 3 != 1:
                    with lock:
                        numbers.append(sequence)
            db.session.remove()

    threads = [threading.Thread(target=take_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 29))
    with app.app_context():
        assert counters() == {"FA-2026": 28}
