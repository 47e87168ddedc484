"""`flask admin create`: an admin from the terminal or from a script."""

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from extensions import db
from models import Customer
from services import accounts
from tests.support.factories import a_customer

pytestmark = pytest.mark.databases("sqlite")  # What is asked and said; accounts are tested with their service.
EMAIL = "Patronne@Atelier.example"
PASSWORD = "une phrase à retenir"


def run(app: Flask, *arguments: str, typed: str | None = None) -> Result:
    db.session.commit()
    return app.test_cli_runner().invoke(args=["admin", "create", *arguments], input=typed)


def test_the_password_is_asked_for_twice_and_never_shown(app: Flask) -> None:
    result = run(app, EMAIL, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    admin = accounts.authenticate(EMAIL, PASSWORD)
    assert admin
    assert admin.is_admin
    assert admin.is_confirmed


def test_a_script_gives_the_password_in_a_file_or_by_standard_input(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\r\n", encoding="utf-8")
    assert run(app, EMAIL, "--password-file", str(file)).exit_code == 0
    assert accounts.authenticate(EMAIL, PASSWORD)
    assert run(app, "autre@atelier.example", "--password-file", "-", typed=f"{PASSWORD}\n").exit_code == 0
    assert accounts.authenticate("autre@atelier.example", PASSWORD)


@pytest.mark.databases("sqlite", "postgresql")
def test_an_existing_account_becomes_an_admin(app: Flask) -> None:
    customer = a_customer(email="patronne@atelier.example", confirmed=False)
    assert run(app, EMAIL, typed=f"{PASSWORD}\n{PASSWORD}\n").exit_code == 0
    db.session.refresh(customer)
    assert customer.is_admin
    assert customer.is_confirmed
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 1


@pytest.mark.parametrize(("email", "password"), [("patronne@", PASSWORD), (EMAIL, "court"), (EMAIL, "")])
def test_what_is_malformed_creates_nobody_and_is_one_line(
    app: Flask, tmp_path: Path, email: str, password: str
) -> None:
    file = tmp_path / "password"
    file.write_text(password, encoding="utf-8")
    result = run(app, email, "--password-file", str(file))
    assert result.exit_code == 1
    assert len(result.output.strip().splitlines()) == 1
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 0
