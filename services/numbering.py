"""Numbers without gap or duplicate, and issue dates that never run backwards."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

import clock
from extensions import db
from models import NumberSeries


@dataclass(frozen=True, slots=True)
class Number:
    """One taken number: `FA-2026-000001` is the text, `FA-2026` the series, 1 the sequence."""

    text: str
    series: str
    sequence: int
    date: date


def take(prefix: str, moment: datetime, *, first: int = 1, not_before: date = date.min) -> Number:
    """Return the next number of the series of that day's year in Paris, inside the caller's transaction.

    The counter is one row, updated in the transaction that issues, which holds it until the commit: a rollback gives
    the number back. Should the clock have been set back, the date stays that of the latest document
    (CGI ann. II art. 242 nonies A: chronological and continuous), and `not_before` is that of the one it is about.
    `first` is where the prefix's very first series begins, so that one begun elsewhere goes on (`FIRST_NUMBER`).
    """
    latest = db.session.scalar(
        select(func.max(NumberSeries.last_date)).where(NumberSeries.name.like(f"{prefix}-____"))  # Four digits follow.
    )
    day = max(clock.paris_date(moment), latest or date.min, not_before)
    name = f"{prefix}-{day.year}"
    series = _locked(name) or _created(name, day, before=0 if latest else first - 1)
    series.last_number += 1
    series.last_date = max(series.last_date, day)
    db.session.flush()
    return Number(f"{name}-{series.last_number:06d}", name, series.last_number, series.last_date)


def _locked(name: str) -> NumberSeries | None:
    found = (
        select(NumberSeries)
        .where(NumberSeries.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return db.session.scalar(found)


def _created(name: str, day: date, *, before: int) -> NumberSeries:
    """Create the counter of a new year, or lock the one that another worker created meanwhile."""
    try:
        with db.session.begin_nested():
            db.session.add(NumberSeries(name=name, last_number=before, last_date=day))
    except IntegrityError:
        pass
    return db.session.get_one(NumberSeries, name, with_for_update=True, populate_existing=True)
