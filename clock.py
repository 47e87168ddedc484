"""The one source of the present moment, and the calendar that documents follow."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def paris_date(moment: datetime) -> date:
    """Return the calendar day in Paris at that moment: the day a French document bears."""
    return moment.astimezone(PARIS).date()
