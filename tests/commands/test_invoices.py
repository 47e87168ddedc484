"""`flask invoices sweep` and `late`: for a person at a terminal, and for cron."""

from datetime import timedelta

from click.testing import Result
from flask import Flask

import clock
from extensions import db
from tests.support.factories import a_request, an_order


def run(app: Flask, *arguments: str) -> Result:
    db.session.commit()
    return app.test_cli_runner().invoke(args=["invoices", *arguments])


def test_nothing_late_is_said_and_is_no_error(app: Flask) -> None:
    a_request(an_order(), state="waiting")
    result = run(app, "late")
    assert (result.exit_code, result.output) == (0, "Aucune demande en retard.\n")


def test_what_is_late_is_listed_and_wakes_cron(app: Flask) -> None:
    now = clock.now()
    for hours in (1, 30):
        a_request(
            an_order(number=f"T-{hours}"), state="scheduled", due_at=now, deadline_at=now - timedelta(hours=hours)
        )
    result = run(app, "late")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["T-30", "T-1"]
    assert lines[-1] == "2 demandes en retard."


def test_a_sweep_rings_for_what_is_due(app: Flask, redis_server: str) -> None:
    a_request(an_order(), state="scheduled", due_at=clock.now())
    result = run(app, "sweep")
    assert (result.exit_code, result.output) == (0, "1 travail signalé.\n")


def test_a_sweep_that_nobody_hears_says_so(app: Flask) -> None:
    result = run(app, "sweep")
    assert result.exit_code == 1
    assert "Redis ne répond pas" in result.output
