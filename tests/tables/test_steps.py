"""What has a state goes on legal steps alone, whoever asks: by the method of its table and by any statement."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from extensions import db
from models import Delivery, InvoiceRequest, Upload
from tables.transitions import TRANSITIONS, IllegalTransition
from tests.support.factories import a_request, an_order
from tests.support.outbox import a_delivery


def an_upload() -> Upload:
    upload = Upload(filename="x.csv", shape="contract-csv", options={}, content=b"x", size=1, state="uploaded")
    db.session.add(upload)
    return upload


@pytest.mark.parametrize("make", [lambda: a_request(an_order()), a_delivery, an_upload])
def test_no_step_is_skipped_and_none_is_taken_back(
    app: Flask, make: Callable[[], InvoiceRequest | Delivery | Upload]
) -> None:
    row = make()
    db.session.commit()
    table, before, identifier = row.__tablename__, row.state, row.id
    forbidden = TRANSITIONS[table].keys() - {before, *TRANSITIONS[table][before]}
    assert forbidden
    for after in sorted(forbidden):
        with pytest.raises(IllegalTransition):
            row.become(after)
        db.session.rollback()
        statement = text(f"UPDATE {table} SET state = :after WHERE id = :id")  # noqa: S608
        with pytest.raises(DatabaseError, match="no such step"), db.engine.begin() as connection:
            connection.execute(statement, {"after": after, "id": identifier})
    assert row.state == before
