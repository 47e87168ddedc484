from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from tests.support.client import LintingClient

pytestmark = pytest.mark.databases("sqlite")
NAME = "20261123T090000.000001-00001.eml"


@pytest.fixture
def caught(tmp_path: Path) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "factures@boutique.example", "claire@example.org"
    message["Subject"] = "Votre facture <FA-2026-000001>"
    message["Date"] = "Mon, 23 Nov 2026 10:00:00 +0100"
    message.set_content("Bonjour,\nsuivez http://127.0.0.1:8000/confirmer/abc\n<script>alert(1)</script>")
    message.add_attachment(b"%PDF-1.7 \x00", maintype="application", subtype="pdf", filename="FA-2026-000001.pdf")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / NAME).write_bytes(message.as_bytes())
    return message


def test_the_inbox_lists_what_was_caught(client: LintingClient, caught: EmailMessage) -> None:
    page = client.get("/dev/mail").text
    assert "Votre facture &lt;FA-2026-000001&gt;" in page
    assert f'href="/dev/mail/{NAME}"' in page
    assert "FA-2026-000001.pdf" in page


def test_an_empty_inbox_says_so(client: LintingClient) -> None:
    assert "Aucun e-mail" in client.get("/dev/mail").text


def test_links_in_a_message_can_be_clicked_and_its_markup_does_nothing(
    client: LintingClient, caught: EmailMessage
) -> None:
    page = client.get(f"/dev/mail/{NAME}").text
    assert '<a href="http://127.0.0.1:8000/confirmer/abc"' in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_attachment_comes_as_it_was_sent(client: LintingClient, caught: EmailMessage) -> None:
    answer = client.get(f"/dev/mail/{NAME}/0")
    assert answer.data == b"%PDF-1.7 \x00"
    assert answer.mimetype == "application/pdf"
    assert "FA-2026-000001.pdf" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("path", [f"/dev/mail/{NAME}/1", "/dev/mail/other.eml", "/dev/mail/..%2fenv", "/dev/mail/env"])
def test_what_is_no_caught_mail_is_not_found(client: LintingClient, caught: EmailMessage, path: str) -> None:
    assert client.get(path).status_code == 404


def test_production_has_no_inbox(make_app: Callable[..., Flask]) -> None:
    app = make_app(APP_ENV="production", PUBLIC_URL="https://factures.boutique.example")
    assert "devmail" not in app.blueprints
