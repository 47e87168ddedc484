"""Processes that issue and are killed at any moment leave neither gap nor duplicate, and the chain intact."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

import clock
from extensions import db
from models import CreditNote, Invoice, InvoiceRequest, NumberSeries
from services import verification
from tests.support import forks
from tests.support.factories import PLACED, a_request, an_order, billing_details
from tests.support.issuers import CREDITED_OF, issue_under_kills


def test_numbers_and_chain_survive_any_kill(
    app: Flask,
    settings: dict[str, str],
    tmp_path: Path,
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
    db.engine.dispose()  # No connection is shared with a child.
    report = tmp_path / "killed"
    ended = forks.ended(forks.start(issue_under_kills, settings, documents // 3, 1, report), 60 + documents)
    assert ended == 0
    killed = int(report.read_text())
    record_property("killed", killed)
    assert killed > documents // 10
    for kind, many in ((Invoice, requests), (CreditNote, credited)):
        sequences = list(db.session.scalars(select(kind.sequence).order_by(kind.sequence)))
        assert sequences == list(range(1, many + 1))
    assert {row.last_number for row in db.session.scalars(select(NumberSeries))} == {requests, credited}
    findings = [finding for checked in verification.verify(render=False) for finding in checked.findings]
    assert findings == []
