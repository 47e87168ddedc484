"""Four processes that issue and draw what is due, one of which is killed every moment."""

import os
import random
import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app import create_app
from dev.processes import die_with_parent
from documents import pdf
from extensions import db, transaction
from models import CreditNote, Document, Invoice, InvoiceRequest, StoredFile
from services import files, invoicing, issuing, leases, production
from services.leases import LeaseLost
from tests.support import forks, once

PROCESSES = 4
CREDITED_OF = 3  # Each third invoice is credited,
DRAWN_OF = 5  # and each fifth document drawn, which takes longer than a process may live.


def issue_under_kills(settings: dict[str, str], most: int, seed: float, report: Path) -> None:
    """Kill, so many times at most, and start again until all is issued and drawn; the file says how many were killed.

    To be done in a process that was forked for it: its leases are shorter for good.
    """
    die_with_parent()
    chance = random.Random(seed)  # noqa: S311 - Nothing secret.
    leases.LEASE = timedelta(milliseconds=300)  # The dead hold what they had no longer than that.
    app = create_app(settings)
    once.share_texts(app)
    pdf.warm_up()
    children = [forks.start(_work, app, chance.random()) for _ in range(PROCESSES)]
    killed = 0
    while children:
        time.sleep(chance.uniform(0.03, 0.12))
        victim = chance.choice(children)
        if killed < most:
            os.kill(victim, signal.SIGKILL)  # Or what is left of it, when it has ended by itself.
        children.remove(victim)
        status = os.waitpid(victim, 0)[1]
        if os.WIFSIGNALED(status):
            killed += 1
            children.append(forks.start(_work, app, chance.random()))
        else:
            assert status == 0, status
    report.write_text(str(killed))


def _work(app: Flask, seed: float) -> None:
    """Issue, credit and draw in any order, until there is nothing left to do."""
    die_with_parent()
    chance = random.Random(seed)  # noqa: S311 - Nothing secret.
    with app.app_context():
        while work := _left():
            kind, row = chance.choice(work)
            if kind == "issue":
                _issue(row)
            elif kind == "credit":
                _credit(row)
            else:
                files.ensure(row)


def _issue(request_id: int) -> None:
    lease = production.claim(request_id)
    if lease:
        with suppress(LeaseLost):
            production.issue(lease)


def _left() -> list[tuple[str, int]]:
    note = aliased(CreditNote)
    requests = select(InvoiceRequest.id).where(InvoiceRequest.state == "scheduled")
    uncredited = (
        select(Invoice.id)
        .outerjoin(note, note.credits_id == Invoice.id)
        .where(Invoice.request_id % CREDITED_OF == 0, note.id.is_(None))
    )
    undrawn = select(Document.id).outerjoin(StoredFile).where(StoredFile.id.is_(None), Document.id % DRAWN_OF == 0)
    kinds = {"issue": requests, "credit": uncredited, "draw": undrawn}
    work = [(kind, row) for kind, found in kinds.items() for row in db.session.scalars(found.limit(20))]
    db.session.rollback()
    return work


def _credit(invoice_id: int) -> None:
    invoice = db.session.get_one(Invoice, invoice_id)
    with suppress(IntegrityError), transaction():
        invoicing.lock_order(invoice.order_id)
        if db.session.scalar(select(func.count()).where(CreditNote.credits_id == invoice_id)):
            return
        issuing.credit_note(
            invoice,
            None,
            reason="Retour de la marchandise",
            settlement="refund",
            refunded_on=None,
            occasion=f"test:{invoice_id}",
        )
