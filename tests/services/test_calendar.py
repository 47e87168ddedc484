"""The nights when clocks change, New Year's Eve, and clocks set back: hours are real hours, dates go forward."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from time_machine import Traveller

from extensions import db
from models import Document
from services import corrections, invoicing, issuing, verification
from tests.support.client import LintingClient
from tests.support.customers import page_of, sign_in
from tests.support.factories import a_customer, an_order, billing_details
from tests.support.ledger import a_credit_note, an_invoice

DAY = timedelta(days=1)
HALF_PAST_MIDNIGHT_IN_PARIS = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("shipped_at", "promise"),
    [
        # 24 real hours from 20 h, one of which was lived twice.
        (datetime(2026, 10, 24, 18, 0, tzinfo=UTC), ("dimanche 25 octobre à 19 h", "lundi 26 octobre à 19 h")),
        # The two half past two of that night.
        (
            datetime(2026, 10, 24, 0, 30, tzinfo=UTC),
            ("dimanche 25 octobre à 2 h 30 (heure d'été)", "lundi 26 octobre à 1 h 30"),
        ),
        (
            datetime(2026, 10, 24, 1, 30, tzinfo=UTC),
            ("dimanche 25 octobre à 2 h 30 (heure d'hiver)", "lundi 26 octobre à 2 h 30"),
        ),
        # In spring there is no half past two, and the day after is an hour further.
        (datetime(2027, 3, 27, 1, 30, tzinfo=UTC), ("dimanche 28 mars à 3 h 30", "lundi 29 mars à 3 h 30")),
        (datetime(2027, 3, 27, 19, 0, tzinfo=UTC), ("dimanche 28 mars à 21 h", "lundi 29 mars à 21 h")),
    ],
)
def test_when_clocks_change_the_promise_is_24_to_48_real_hours(
    client: LintingClient, frozen_clock: Traveller, shipped_at: datetime, promise: tuple[str, str]
) -> None:
    frozen_clock.move_to(shipped_at)
    customer = sign_in(client, a_customer(confirmed=False, billing=billing_details()))
    customer.confirmed_at = shipped_at
    order = an_order(customer=customer, shipped_at=shipped_at)
    request = invoicing.ask(order, customer)
    assert (request.earliest_at, request.deadline_at) == (shipped_at + DAY, shipped_at + 2 * DAY)
    page = client.get(page_of(order)).text.replace("\N{NO-BREAK SPACE}", " ").replace("&#39;", "'")
    said = re.search(r"entre le (.*?) et le (.*?)\.", page)
    assert said is not None
    assert said.groups() == promise


def test_what_is_issued_on_new_years_eve_at_half_past_midnight_in_paris_is_of_the_new_year(
    app: Flask, frozen_clock: Traveller
) -> None:
    before = an_invoice()
    frozen_clock.move_to(HALF_PAST_MIDNIGHT_IN_PARIS)
    documents = [a_credit_note(before), invoice := an_invoice(), a_credit_note(invoice)]
    assert [document.number for document in documents] == ["AV-2027-000001", "FA-2027-000001", "AV-2027-000002"]
    assert {document.issue_date for document in documents} == {date(2027, 1, 1)}
    assert {issuing.frozen(document).issue_date for document in documents} == {date(2027, 1, 1)}
    assert deviations() == []


def test_after_a_clock_was_set_back_no_document_is_dated_before_the_one_it_is_about(
    app: Flask, frozen_clock: Traveller
) -> None:
    frozen_clock.move_to(HALF_PAST_MIDNIGHT_IN_PARIS)
    invoice = an_invoice()
    frozen_clock.shift(-DAY)
    customer = invoice.order.customer
    assert customer is not None
    a_credit_note(invoice, "10.00")
    corrections.submit(invoice, billing_details(line1="8 place Bellecour"), "", customer)
    found = db.session.scalars(select(Document).order_by(Document.kind, Document.sequence)).all()
    assert [document.number for document in found] == [
        *("AV-2027-000001", "AV-2027-000002", "AV-2027-000003"),
        *("FA-2027-000001", "FA-2027-000002"),
    ]
    assert {document.issue_date for document in found} == {date(2027, 1, 1)}
    assert deviations() == []


def deviations() -> list[verification.Finding]:
    """Return what a check of all documents finds wrong; that none of these is drawn is a warning only."""
    found = [finding for checked in verification.verify(render=False) for finding in checked.findings]
    return [finding for finding in found if finding.severity == "deviation"]
