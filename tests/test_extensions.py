"""The one way to write, after the database was away."""

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from extensions import db, transaction
from models import Milestone


@pytest.mark.databases("postgresql")
def test_what_is_to_be_written_after_a_read_that_the_database_cut_is_written(app: Flask) -> None:
    pid = db.session.scalar(text("SELECT pg_backend_pid()"))
    with db.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(OperationalError):
        db.session.scalar(select(Milestone.name))
    with transaction():
        db.session.add(Milestone(name="first_start"))
    assert db.session.scalar(select(Milestone.name)) == "first_start"
