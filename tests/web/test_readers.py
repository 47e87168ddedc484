"""Who only reads sees every page of the merchant's, and nothing on it that changes anything."""

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Order
from services import intake
from shops.schema import OrderMessage
from tests.shops.messages import a_line, a_message
from tests.support.client import LintingClient
from tests.support.doors import Doors, some_doors

pytestmark = pytest.mark.databases("sqlite")
FORM = re.compile(r'<form[^>]* method="post"[^>]*? action="([^"]+)"')


@pytest.fixture
def doors(app: Flask, tmp_path: Path) -> Doors:
    """Orders, one of them to be verified, documents, a correction, a message, a file and a team."""
    wrong = a_message(lines=[a_line(tax="5.00")], total="26.82", total_tax="4.47")
    intake.receive(OrderMessage.checked(wrong), source="tests", strict=False)
    return some_doors(tmp_path / "mail")


def acts(app: Flask, doors: Doors, client: LintingClient, path: str) -> set[str]:
    """Return the routes to which the forms of a page post, but the sign-out."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    adapter = app.url_map.bind("localhost")
    found = {str(adapter.match(action, method="POST")[0]) for action in FORM.findall(answer.text)}
    return found - {"auth.sign_out"}


def pages(doors: Doors) -> list[str]:
    """Return all pages of the merchant's with forms on them."""
    shown = [f"/admin/commandes/{number}" for number in db.session.scalars(select(Order.number))]
    others = ["/admin/", "/admin/boutiques", "/admin/fichiers", "/admin/reglages", "/admin/equipe"]
    return [*shown, *others, f"/admin/fichiers/{doors.upload}", "/admin/commandes/T-100234/verification"]


def test_managers_see_the_forms_and_readers_none(app: Flask, doors: Doors) -> None:
    seen = {}
    for role in ("manager", "reader"):
        browser = doors.browser(app, role)
        seen[role] = set().union(*(acts(app, doors, browser, path) for path in pages(doors)))
    assert seen["manager"] == {
        "admin.resend", "admin.accept", "admin.decline", "admin.credit", "admin.correct_email", "review.accept",
        "review.correct", "review.ignore", "shops.ignore", "uploads.hand_in", "uploads.confirm",
        "uploads.discard", "installation.try_mail", "team.invite", "team.change_role", "team.remove", "team.withdraw",
    }  # fmt: skip  # What was read in a shop is not tried again.
    assert seen["reader"] == set()
