"""How amounts, dates and countries are written for people (French typography, Paris time)."""

from datetime import date, datetime

from babel import Locale
from babel.dates import format_date, format_time
from flask import Flask
from flask_babel import gettext as _

import clock
from documents import formatting
from documents.formatting import NO_BREAK


def paris_date(moment: datetime) -> str:
    """« 24 novembre 2026 », « 1er novembre 2026 »."""
    day = clock.paris_date(moment)
    return format_date(day, f"{_day_pattern(day)} y", locale="fr")


def paris_day(moment: datetime) -> str:
    """« mardi 24 novembre », « dimanche 1er novembre »."""
    day = clock.paris_date(moment)
    return format_date(day, f"EEEE {_day_pattern(day)}", locale="fr")


def paris_datetime(moment: datetime) -> str:
    """« mardi 24 novembre à 10 h 05 »."""
    return f"{paris_day(moment)} à {_hour(moment)}"


def paris_short(moment: datetime) -> str:
    """« mar. 24 nov., 10 h 05 », where many moments stand under each other."""
    return f"{format_date(clock.paris_date(moment), 'EEE d MMM', locale='fr')}, {_hour(moment)}"


def paris_full(moment: datetime) -> str:
    """« 24 nov. 2026, 10 h 05 », where moments of several years stand under each other."""
    return f"{format_date(clock.paris_date(moment), 'd MMM y', locale='fr')}, {_hour(moment)}"


def country_name(code: str) -> str:
    """Return the French name of a country, the code itself when it has none."""
    return str(Locale("fr").territories.get(code, code))


def _day_pattern(day: date) -> str:
    return "'1er' MMMM" if day.day == 1 else "d MMMM"


def _hour(moment: datetime) -> str:
    """« 10 h 05 »; in the night when the clocks go back, « 2 h 30 (heure d'été) » is not « 2 h 30 (heure d'hiver) »."""
    local = moment.astimezone(clock.PARIS)
    minutes = format_time(local, "mm", locale="fr")
    hour = f"{local.hour}{NO_BREAK}h" + ("" if minutes == "00" else f"{NO_BREAK}{minutes}")
    if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
        return hour
    which = _("heure d'hiver") if local.fold else _("heure d'été")
    return f"{hour} ({which})"


def install(app: Flask) -> None:
    """Afterwards the templates know these formats as filters."""
    app.jinja_env.filters.update(
        money=formatting.money,
        quantity=formatting.quantity,
        rate=formatting.rate,
        paris_date=paris_date,
        paris_day=paris_day,
        paris_datetime=paris_datetime,
        paris_short=paris_short,
        paris_full=paris_full,
        country_name=country_name,
    )
