"""`flask admin create`: an admin from the terminal or from a script."""

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from extensions import db
from models import AuditEntry, Customer
from services import accounts, sessions, team
from tests.support.factories import a_customer
from tests.support.second_factors import a_second_factor

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


@pytest.mark.parametrize(
    ("email", "password"), [("patronne@", PASSWORD), (EMAIL, "court"), (EMAIL, ""), (EMAIL, "12345678"), (EMAIL, EMAIL)]
)
def test_what_is_malformed_or_common_creates_nobody_and_is_one_line(
    app: Flask, tmp_path: Path, email: str, password: str
) -> None:
    file = tmp_path / "password"
    file.write_text(password, encoding="utf-8")
    result = run(app, email, "--password-file", str(file))
    assert result.exit_code == 1
    assert len(result.output.strip().splitlines()) == 1
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 0


def sign_out(app: Flask, *arguments: str) -> Result:
    db.session.commit()
    return app.test_cli_runner().invoke(args=["admin", "sign-out", *arguments])


def test_an_operator_ends_the_sessions_of_one_account_or_of_all(app: Flask) -> None:
    claire, paul = sessions.open(a_customer(), ""), sessions.open(a_customer(email="paul@example.org"), "")
    assert "Plus personne" in sign_out(app, "Claire@example.org").output
    assert sessions.load(claire) is None
    assert sessions.load(paul)
    assert "Personne n'était" in sign_out(app, "claire@example.org").output
    assert "Plus personne" in sign_out(app, "--everyone").output
    assert sessions.load(paul) is None
    noted = db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "session.ended_by_operator")).all()
    assert sorted(noted) == ["", "", "all"]


@pytest.mark.parametrize("arguments", [(), ("nobody@example.org",), ("claire@example.org", "--everyone")])
def test_whose_sessions_end_is_said_exactly(app: Flask, arguments: tuple[str, ...]) -> None:
    claire = sessions.open(a_customer(), "")
    assert sign_out(app, *arguments).exit_code != 0
    assert sessions.load(claire)


def test_a_lost_second_factor_is_taken_away_on_the_machine(app: Flask) -> None:
    a_second_factor(a_customer(email="admin@example.org", admin=True))
    runner = app.test_cli_runner()
    said = [runner.invoke(args=["admin", "reset-second-factor", "ADMIN@example.org"]).output for _time in range(2)]
    assert said == ["La double authentification est retirée.\n", "Ce compte n'en avait pas.\n"]
    assert runner.invoke(args=["admin", "reset-second-factor", "nobody@example.org"]).exit_code == 1


def test_the_team_is_listed_and_a_reader_is_made(app: Flask) -> None:
    runner = app.test_cli_runner()
    made = runner.invoke(args=["admin", "create", EMAIL, "--role", "lecture"], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0
    a_second_factor(a_customer(email="admin@example.org", admin=True))
    team.invite("nina@example.org", "managing")
    assert runner.invoke(args=["admin", "list"]).output.splitlines() == [
        "admin@example.org\tgestion\tdouble authentification",
        f"{EMAIL.partition('@')[0]}@{EMAIL.partition('@')[2].lower()}\tlecture",
        "nina@example.org\tgestion\tinvitation en attente",
    ]
