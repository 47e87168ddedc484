"""`python -m tests.security.timing`: whether time tells which addresses have an account, or which numbers an order.

For each question a stranger may ask, 200 tries about something that is there and 200 about something that is not take
turns, with the limits out of reach and passwords hashed as in production. The medians may differ by less than half the
interquartile range. Not a test: time is measured on a quiet machine, by a person; `tests.services.test_equal_work`
holds what it comes from to be equal at each run. `TRIES=50` asks less often.
"""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from flask.testing import FlaskClient

from app import create_app
from services import limits
from tests.support.databases import migrate
from tests.support.factories import a_customer, an_order
from tests.support.settings import settings_for_tests

TRIES = int(os.environ.get("TRIES", "200"))
WARM_UP = 5
KNOWN = "claire@example.org"
NUMBER = "T-100234"
PASSWORD = "une tout autre phrase"
Ask = Callable[[FlaskClient, bool, int], object]


def sign_in(browser: FlaskClient, there: bool, place: int) -> object:
    """Try a wrong password."""
    return browser.post("/connexion", data={"email": address(there, place), "password": PASSWORD})


def reset(browser: FlaskClient, there: bool, place: int) -> object:
    """Ask for a new password."""
    return browser.post("/mot-de-passe-oublie", data={"email": address(there, place)})


def ask_code(browser: FlaskClient, there: bool, place: int) -> object:
    """Ask for a code to sign in with."""
    return browser.post("/connexion/code-par-e-mail/envoyer", data={"email": address(there, place)})


def try_code(browser: FlaskClient, there: bool, place: int) -> object:
    """Try a wrong code, where one was asked for."""
    return browser.post("/connexion/code-par-e-mail", data={"code": "000000"})


def register(browser: FlaskClient, there: bool, place: int) -> object:
    """Open an account."""
    return browser.post("/inscription", data={"email": address(there, place), "password": PASSWORD})


def look_up(browser: FlaskClient, there: bool, place: int) -> object:
    """Look an order up with an address that is not its own."""
    number = NUMBER if there else f"T-9{place:05d}"
    return browser.post("/suivi-commande", data={"order_number": number, "email": address(False, place)})


def address(there: bool, place: int) -> str:
    """Return an address that has an account, or one of the same length that has none."""
    return KNOWN if there else f"p{place:05d}@example.org"


BEFORE: dict[Ask, Ask] = {try_code: ask_code}
"""What is asked before a question, and not measured with it."""
QUESTIONS: tuple[Ask, ...] = (sign_in, ask_code, try_code, reset, register, look_up)


def ask(question: Ask, browser: FlaskClient) -> dict[bool, list[float]]:
    """Return how many seconds each answer took, by whether it was about something that is there."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for place in range(TRIES + WARM_UP):
        for there in (True, False) if place % 2 else (False, True):
            browser.delete_cookie(browser.application.config["SESSION_COOKIE_NAME"])
            if question in BEFORE:
                BEFORE[question](browser, there, place)
            begun = time.perf_counter()
            question(browser, there, place)
            took[there].append(time.perf_counter() - begun)
    return {there: found[WARM_UP:] for there, found in took.items()}


def write(line: str) -> None:
    """Write a line of the table."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Ask everything, print a table, and return how many questions are answered by their time."""
    told = 0
    logging.disable(logging.WARNING)  # That no bell is heard.
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(settings_for_tests(Path(folder), DATABASE_URL=f"sqlite:///{folder}/timing.db"))
        app.config["WTF_CSRF_ENABLED"] = False
        for name, limit in vars(limits).items():
            if isinstance(limit, limits.Limit):
                setattr(limits, name, replace(limit, most=10**9))
        migrate(f"sqlite:///{folder}/timing.db", Path(folder))
        write(f"{'':10} {'there':>9} {'not there':>9} {'apart':>9} {'IQR':>9}  apart / IQR")
        with app.app_context():
            an_order(number=NUMBER, customer=a_customer(email=KNOWN))
        for question in QUESTIONS:
            took = ask(question, app.test_client())
            medians = {there: median(found) for there, found in took.items()}
            low, _middle, high = quantiles(took[True] + took[False], n=4)
            apart = abs(medians[True] - medians[False])
            told += apart >= (high - low) / 2
            figures = (medians[True], medians[False], apart, high - low)
            said = " ".join(f"{1000 * seconds:6.2f} ms" for seconds in figures)
            write(f"{question.__name__:10} {said}  {apart / (high - low):.2f}")
    return told


if __name__ == "__main__":
    sys.exit(main())
