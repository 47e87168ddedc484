"""Customers and a shop that go on about their business while everything around them fails, by chance but repeatable.

They use the product as people do: the button by HTTP, the shop's messages by the service that takes them in, pressing
again when they are told to come back later. What they were promised is written down, on the disk, for the checker.
"""

import json
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

import clock
import failpoints
from extensions import DomainError, db
from mail.addresses import email_key
from models import Customer, Order
from parties.details import Details
from services import billing, intake, sessions
from shops import schema
from tests.shops.messages import a_company, a_message, a_refund
from tests.support.factories import a_customer, billing_details

PATIENCE = 0.5  # Seconds, before somebody who was told to come back later presses again.
WAYS = {"press": 5, "checkout": 3, "company": 1, "press before shipment": 2}
LATER = {"": 13, "cancel": 1, "refund": 2, "refund all": 1, "edit": 3}


def live(app: Flask, folder: str, who: int, of: int, seed: int, requests: int, seconds: float) -> None:
    """Place the orders of one of `of` parties, spread over those seconds, and follow each one's story to its end.

    A party that was killed goes on where it was: what it had not written down, it was not promised.
    """
    app.config["WTF_CSRF_ENABLED"] = False
    journal = Journal(Path(folder), who)
    begun = journal.begun_at
    for number in range(who + len(journal.begun) * of, requests, of):
        chance = random.Random(f"{seed}/{number}")  # noqa: S311 - Nothing secret.
        pause = begun + seconds * number / requests - time.time()
        time.sleep(max(0.0, pause))
        name = f"N-{number:06d}"
        journal.note("begun", name)
        Story(app, journal, name, chance).tell()
    journal.note("done", str(who))


class Journal:
    """What one party has begun, and what it was promised."""

    def __init__(self, folder: Path, who: int) -> None:
        self.path = folder / f"party-{who}"
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        notes = [json.loads(line) for line in lines]
        self.begun = [name for what, name in notes if what == "begun"]
        starts = [float(name) for what, name in notes if what == "at"]
        self.begun_at = starts[0] if starts else time.time()
        if not starts:
            self.note("at", str(self.begun_at))

    def note(self, what: str, name: str) -> None:
        """Write down, on the disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([what, name]) + "\n")
            file.flush()
            os.fsync(file.fileno())


def noted(folder: Path, what: str) -> list[str]:
    """Return what the parties have written down of that kind, such as the orders whose request was `accepted`."""
    notes = [json.loads(line) for path in folder.glob("party-*") for line in path.read_text("utf-8").splitlines()]
    return [name for kind, name in notes if kind == what]


class Story:
    """One order: how its invoice is asked for, and what happens to it meanwhile."""

    def __init__(self, app: Flask, journal: Journal, number: str, chance: random.Random) -> None:
        self.app, self.journal, self.number, self.chance = app, journal, number, chance
        self.email = f"{number.lower()}@example.org"
        self.way = chance.choices(list(WAYS), list(WAYS.values()))[0]
        self.later = chance.choices(list(LATER), list(LATER.values()))[0]
        self.facts: dict[str, Any] = {"number": number, "email": self.email, "version": 1}

    def tell(self) -> None:
        """Place the order, ask for its invoice, and let the world change."""
        pressed = self.way.startswith("press")
        if pressed:
            self._insist(self._open_account)
        if self.way == "checkout":
            self.facts |= {"invoice_requested": True, "billing": _person()}
        if self.way == "company":
            self.facts |= {"billing": a_company()}
        self._send(shipped_at=None if self.way.endswith("shipment") else _moment(-60))
        if pressed:
            for _ in range(self.chance.choice((1, 1, 2))):
                self._insist(self._press)
        self.journal.note("accepted", self.number)
        if self.way.endswith("shipment"):
            self._send(shipped_at=_moment(self.chance.choice((-60, 3))))
        time.sleep(self.chance.choice((0, 0, 0.1, 0.3)))
        self._change()

    def _change(self) -> None:
        if self.later == "cancel":
            self._send(cancelled_at=_moment(0))
        elif self.later == "refund":
            self._send(refunds=[a_refund(at=_moment(0))])
        elif self.later == "refund all":
            self._send(refunds=[a_refund(at=_moment(0), amount="31.72", lines=[])])
        elif self.later == "edit":
            self._insist(self._edit)

    def _open_account(self) -> None:
        with self.app.app_context():
            if db.session.scalar(select(Customer.id).where(Customer.email_key == email_key(self.email))) is None:
                a_customer(email=self.email, billing=billing_details())

    def _send(self, **changes: Any) -> None:
        """Let the shop send its order, again if need be: a shop's message is repeated until it is answered."""
        self.facts |= changes
        message = schema.OrderMessage.model_validate(a_message(**self.facts))
        self._insist(lambda: self._receive(message))
        self.facts["version"] += 1

    def _receive(self, message: schema.OrderMessage) -> None:
        with self.app.app_context():
            intake.receive(message, source="contract-json", strict=True)

    def _press(self) -> None:
        """Press « Demander une facture »; being told to come back later is an error to insist on."""
        with self.app.app_context():
            owner = self._order().customer
            assert owner is not None
            token = sessions.open(owner, "faults")
        browser = self.app.test_client()
        with browser.session_transaction() as cookie:
            cookie.update({"_user_id": token, "_fresh": True})
        answer = browser.post(f"/espace-client/commandes/{self.number}/facture")
        if answer.status_code == 303:
            return
        assert answer.status_code in (500, 503), answer.status_code
        raise _ComeBackLater

    def _edit(self) -> None:
        """Change the address of the order; once its invoice is issued that is refused, which is right too."""
        details: Details = billing_details(line1=f"{self.chance.randrange(99)} rue de la République")
        with self.app.app_context(), suppress(DomainError):
            billing.record_for_order(self._order(), details, also_account=False)

    def _order(self) -> Order:
        return db.session.scalars(select(Order).where(Order.number == self.number)).one()

    def _insist(self, act: Callable[[], object]) -> None:
        """Try until it works; a failing database, an injected error or a 503 are reasons to come back."""
        while True:
            try:
                act()
            except (OperationalError, failpoints.Failed, _ComeBackLater, OSError):
                time.sleep(PATIENCE)
            else:
                return


class _ComeBackLater(Exception):
    """The page said so."""


def _person() -> dict[str, str]:
    row = billing_details()
    fields = ("kind", "first_name", "last_name", "line1", "postal_code", "city", "country")
    return {name: getattr(row, name) for name in fields}


def _moment(seconds: float) -> str:
    return (clock.now() + timedelta(seconds=seconds)).isoformat()
