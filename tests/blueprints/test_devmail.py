from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from mail import samples
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


def test_every_mail_there_is_can_be_looked_at_on_made_up_data(client: LintingClient) -> None:
    listed = client.get("/dev/mail/apercus").text
    for sample in samples.SAMPLES:
        address = f"/dev/mail/apercus/{sample.name}"
        assert f'href="{address}"' in listed
        page = client.get(address)
        assert page.status_code == 200
        for shown in ("auto-generated", "aide@boutique.example", "<pre>Bonjour,", f'href="{address}/html"'):
            assert shown in page.text
    assert "Demande reçue (données à compléter)" in listed
    assert "http://localhost/espace-client/factures" in client.get("/dev/mail/apercus/invoice-0").text


@pytest.mark.parametrize("path", ["apercus/invoice-0/html", f"{NAME}/html"])
def test_the_html_of_a_mail_is_shown_as_it_is_and_may_do_nothing(
    client: LintingClient, caught: EmailMessage, tmp_path: Path, path: str
) -> None:
    caught.clear_content()
    caught.set_content("Bonjour")
    caught.add_alternative("<p>Bonjour,</p><script>alert(1)</script>", subtype="html")
    (tmp_path / "mail" / NAME).write_bytes(caught.as_bytes())
    answer = client.get(f"/dev/mail/{path}")
    assert "<p>Bonjour,</p>" in answer.text
    assert answer.mimetype == "text/html"
    policy = dict(each.strip().partition(" ")[::2] for each in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'unsafe-inline'"
    assert "script" not in policy["sandbox"]
    assert "same-origin" not in policy["sandbox"]
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_a_caught_mail_without_html_has_none_to_show(client: LintingClient, caught: EmailMessage) -> None:
    assert "Voir en HTML" not in client.get(f"/dev/mail/{NAME}").text
    answer = client.get(f"/dev/mail/{NAME}/html")
    assert answer.status_code == 404
    assert "sandbox" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/dev/mail/apercus/rien",
        "/dev/mail/apercus/rien/html",
        f"/dev/mail/{NAME}/1",
        "/dev/mail/other.eml",
        "/dev/mail/..%2fenv",
        "/dev/mail/env",
    ],
)
def test_what_is_no_caught_mail_is_not_found(client: LintingClient, caught: EmailMessage, path: str) -> None:
    assert client.get(path).status_code == 404


def test_production_has_no_inbox(make_app: Callable[..., Flask]) -> None:
    app = make_app(APP_ENV="production", PUBLIC_URL="https://factures.boutique.example")
    assert "devmail" not in app.blueprints
