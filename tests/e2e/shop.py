"""The running product, as `bin/dev` starts it, and what a shop and a mailbox do around it."""

import email
import email.policy
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import cache, cached_property
from io import BytesIO
from itertools import count
from mailbox import Maildir
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader

import clock
from app import create_app
from dev.processes import die_with_parent
from extensions import db, transaction
from models import Upload
from services import uploads
from tests.shops.messages import a_message
from tests.support import reports

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = count(1)
PATIENCE = 90  # seconds; a loaded machine first produces what the demo shop owes


@dataclass(frozen=True)
class Shop:
    """The product at an address, with its folder."""

    port: int
    var_dir: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def app(self) -> Flask:
        """The application as the `flask` command has it; a process of its own would take two seconds to start."""
        with pytest.MonkeyPatch.context() as environment:
            environment.delenv("APP_ENV", raising=False)
            environment.setenv("VAR_DIR", str(self.var_dir))
            environment.setenv("BOUNCES_URL", f"maildir://{self.var_dir}/returned")
            return create_app()

    def sells(self, **changes: Any) -> dict[str, Any]:
        """Import an order, shipped yesterday unless said otherwise; return what the shop sent."""
        number = f"E2E-{os.getpid()}-{next(NUMBERS):04d}"
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        dates = dict.fromkeys(("placed_at", "paid_at", "shipped_at"), yesterday)
        address = f"{number.lower()}@example.org"
        order = a_message(**({"number": number, "email": address} | dates | changes))
        file = self.var_dir / f"{number}.json"
        file.write_text(json.dumps([order]))
        command = ["orders", "import", str(file), "--format", "contract-json"]
        ran = self.app.test_cli_runner().invoke(args=command)
        assert ran.exit_code == 0, ran.output
        return order

    def ends_every_session(self) -> None:
        """Afterwards nobody is signed in any more, as after a long absence."""
        with closing(sqlite3.connect(self.var_dir / "app.db", timeout=10)) as database, database:
            database.execute("UPDATE sign_in_sessions SET ended_at = last_seen_at")

    def was_last_proven_long_ago(self, address: str) -> None:
        """Afterwards whoever is signed in to that account has not shown for hours that it is they."""
        moment = (datetime.now(UTC) - timedelta(days=1)).isoformat(" ").partition("+")[0]
        with closing(sqlite3.connect(self.var_dir / "app.db", timeout=10)) as database, database:
            theirs = database.execute("SELECT id FROM customers WHERE email = ?", [address]).fetchone()
            database.execute("UPDATE sign_in_sessions SET proven_at = ? WHERE customer_id = ?", [moment, *theirs])

    def has_an_incident(self) -> None:
        """Afterwards the clock of some machine is noted to be wrong."""
        with closing(sqlite3.connect(self.var_dir / "app.db", timeout=10)) as database, database:
            noted = "INSERT INTO incidents (kind, about, opened_at) VALUES ('clock', 'worker-1', ?)"
            database.execute(noted, [datetime.now(UTC).isoformat(" ").partition("+")[0]])

    def has_a_message_to_check(self) -> None:
        """Afterwards a shop is connected, it cannot be read, and something that it sent waits for an admin."""
        moment = datetime.now(UTC).isoformat(" ").partition("+")[0]
        with closing(sqlite3.connect(self.var_dir / "app.db", timeout=10)) as database, database:
            add_shop = (
                "INSERT INTO shops (name, system, state, number_prefix, base_url, attempts, last_error, created_at) "
                "VALUES ('atelier', 'woocommerce', 'open', 'W-', '', 0, ?, ?)"
            )
            add_message = (
                "INSERT INTO shop_messages (shop_id, topic, ref, state, problem, attempts, received_at) "
                "VALUES (?, 'order.updated', '727', 'failed', 'total : illisible.', 1, ?)"
            )
            silent = f"https://{'boutique.' * 12}example/wp-json/wc/v3/orders ne répond pas."
            shop = database.execute(add_shop, [silent, moment]).lastrowid
            database.execute(add_message, [shop or 0, moment])

    def works_on_the_file(self, address: str) -> None:
        """Afterwards the file of that page is tried or taken in: its turn comes before what the demo shop owes."""
        with self.app.app_context():
            uploads.load(int(address.rpartition("/")[2]))

    def is_reading_a_file(self) -> int:
        """Afterwards a worker holds a file that an admin has confirmed, and has read some of it; return its id."""
        held = {"lease_token": "e2e", "lease_until": clock.now() + timedelta(days=1)}
        upload = Upload(
            filename="commandes.csv", shape="contract-csv", state="confirmed", size=500, done_bytes=200, **held
        )
        with self.app.app_context(), transaction():
            db.session.add(upload)
            db.session.flush()
            return upload.id

    def mails(self, recipient: str) -> list[EmailMessage]:
        """Return what was caught for that address, oldest first."""
        found = [caught(file) for file in sorted((self.var_dir / "mail").glob("*.eml"))]
        return [mail for mail in found if mail["To"] and recipient.lower() in mail["To"].lower()]

    def returns(self, mail: EmailMessage) -> None:
        """Let a mail come back, as from an address that does not exist: by a report in the shop's mailbox."""
        Maildir(self.var_dir / "returned").add(reports.postfix(mail["Message-ID"]))
        end = time.monotonic() + PATIENCE
        while "1 e-mail revenu" not in self.app.test_cli_runner().invoke(args=["mail", "bounces"]).output:
            assert time.monotonic() < end, "nobody said that the mail came back"
            time.sleep(0.2)

    def document(self, recipient: str, number: str = "") -> str:
        """Wait for the mail that brings this document, without a number for any; return the text of its PDF."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for mail in self.mails(recipient):
                if any((part.get_filename() or "").endswith(f"{number}.pdf") for part in mail.iter_attachments()):
                    return pdf_text(mail)
            time.sleep(0.2)
        raise AssertionError(f"no mail brought {number} to {recipient}")

    def mail(self, recipient: str, containing: str) -> EmailMessage:
        """Wait for a mail to that address whose subject or text contains the words."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for mail in self.mails(recipient):
                if containing in mail["Subject"] or containing in text_of(mail):
                    return mail
            time.sleep(0.2)
        raise AssertionError(
            f"no mail with « {containing} » reached {recipient}: {[str(m['Subject']) for m in self.mails(recipient)]}"
        )


@contextmanager
def running(folder: Path, port: int, **settings: str) -> Iterator[Shop]:
    """Run the product as `bin/dev` does, until the end of the block; the log is in the folder."""
    env = os.environ | {"PORT": str(port), "VAR_DIR": str(folder)} | settings
    log = folder / "log"
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        program = subprocess.Popen(
            [sys.executable, "-m", "dev.start"],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls.
        )
        try:
            end = time.monotonic() + 120
            while "started in" not in log.read_text():
                assert program.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.2)
            yield Shop(port, folder)
        finally:
            program.terminate()
            program.wait(30)


@cache
def caught(file: Path) -> EmailMessage:
    """Return a mail as it was caught: its file is whole at once, and whoever waits reads all of them again."""
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    body = mail.get_body(("plain",))
    return body.get_content() if body else ""


def pdf_text(mail: EmailMessage) -> str:
    """Return the text of the attached PDF, with its no-break spaces as blanks."""
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content_type() == "application/pdf"
    pages = PdfReader(BytesIO(attachment.get_content())).pages
    return re.sub(r"[\u00a0\u202f]", " ", "\n".join(page.extract_text() for page in pages))
