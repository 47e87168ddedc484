"""Processes that issue and are killed at any moment leave neither gap nor duplicate, and the chain intact."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

import clock
from dev.processes import die_with_parent
from extensions import db
from models import CreditNote, Invoice, InvoiceRequest, NumberSeries
from services import verification
from tests.support.factories import PLACED, a_request, an_order, billing_details
from tests.support.issuers import CREDITED_OF
from tests.support.settings import ROOT


def test_numbers_and_chain_survive_any_kill(
    app: Flask,
    settings: dict[str, str],
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    documents = pytestconfig.getoption("--issued")
    requests = documents * CREDITED_OF // (CREDITED_OF + 1)
    for number in range(requests):
        order = an_order(email=f"cliente{number}@example.org", billing=billing_details(), shipped_at=PLACED)
        due = clock.now() - timedelta(seconds=1)
        a_request(
            order, state="scheduled", details_complete_at=PLACED, reconciled_at=PLACED, due_at=due, origin="checkout"
        )
    credited = len([one for one in db.session.scalars(select(InvoiceRequest.id)) if one % CREDITED_OF == 0])
    db.session.rollback()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.issuers", str(documents // 3), "1"],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60 + documents,
        preexec_fn=die_with_parent,
    )
    assert ended.returncode == 0, ended.stderr
    killed = int(ended.stdout.split()[-1])
    record_property("killed", killed)
    assert killed > documents // 10
    for kind, many in ((Invoice, requests), (CreditNote, credited)):
        sequences = list(db.session.scalars(select(kind.sequence).order_by(kind.sequence)))
        assert sequences == list(range(1, many + 1))
    assert {row.last_number for row in db.session.scalars(select(NumberSeries))} == {requests, credited}
    findings = [finding for checked in verification.verify(render=False) for finding in checked.findings]
    assert findings == []
