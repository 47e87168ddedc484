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
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from dev.processes import die_with_parent
from tests.shops.messages import a_message

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

    def flask(self, *arguments: str) -> str:
        """Run a command of the product; return what it printed."""
        command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
        ran = subprocess.run(command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "APP_ENV"} | {"VAR_DIR": str(self.var_dir)}

    def sells(self, **changes: Any) -> dict[str, Any]:
        """Import an order, shipped yesterday unless said otherwise; return what the shop sent."""
        number = f"E2E-{os.getpid()}-{next(NUMBERS):04d}"
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        dates = dict.fromkeys(("placed_at", "paid_at", "shipped_at"), yesterday)
        address = f"{number.lower()}@example.org"
        order = a_message(**({"number": number, "email": address} | dates | changes))
        file = self.var_dir / f"{number}.json"
        file.write_text(json.dumps([order]))
        self.flask("orders", "import", str(file), "--format", "contract-json")
        return order

    def ends_every_session(self) -> None:
        """Afterwards nobody is signed in any more, as after a long absence."""
        with closing(sqlite3.connect(self.var_dir / "app.db", timeout=10)) as database, database:
            database.execute("UPDATE sign_in_sessions SET ended_at = last_seen_at")

    def mails(self, recipient: str) -> list[EmailMessage]:
        """Return what was caught for that address, oldest first."""
        files = sorted((self.var_dir / "mail").glob("*.eml"))
        found = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [mail for mail in found if mail["To"] and recipient.lower() in mail["To"].lower()]

    def document(self, recipient: str, number: str) -> str:
        """Wait for the mail that brings this document; return the text of its PDF."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for mail in self.mails(recipient):
                if f"{number}.pdf" in [part.get_filename() for part in mail.iter_attachments()]:
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
