"""`flask mail bounces`: for cron."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from extensions import db
from models import Delivery
from tests.support import reports
from tests.support.imap_server import ImapServer
from tests.support.outbox import a_delivery

pytestmark = pytest.mark.databases("sqlite")


def run(app: Flask) -> Result:
    return app.test_cli_runner().invoke(args=["mail", "bounces"])


def test_what_came_back_is_counted_in_one_line(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    for name in ("new", "cur"):
        (tmp_path / "mail" / name).mkdir(parents=True)
    app = make_app(BOUNCES_URL=f"maildir://{tmp_path}/mail")
    with app.app_context():
        mail = a_delivery(state="sent")
        (tmp_path / "mail" / "new" / "1.mx").write_bytes(reports.postfix(mail.message_id))
        (tmp_path / "mail" / "new" / "2.mx").write_bytes(b"Subject: Bonjour\n\n")
        result = run(app)
        assert (result.exit_code, result.output) == (0, "2 messages lus\u00a0: 1 e-mail revenu.\n")
        assert db.session.get_one(Delivery, mail.id, populate_existing=True).state == "failed"
        result = run(app)
        assert (result.exit_code, result.output) == (0, "Aucun nouveau message\u00a0: aucun e-mail revenu.\n")


def test_a_mailbox_that_cannot_be_read_wakes_cron(make_app: Callable[..., Flask]) -> None:
    with ImapServer() as server:
        result = run(make_app(BOUNCES_URL=server.url.replace("longue", "fausse")))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: localhost : identifiant ou mot de passe de BOUNCES_URL refusé\n"


def test_a_mailbox_that_is_not_set_is_said(app: Flask) -> None:
    result = run(app)
    assert (result.exit_code, "BOUNCES_URL" in result.stderr) == (1, True)
