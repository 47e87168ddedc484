"""The mail server of the tests misbehaves exactly where it is told to."""

import smtplib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.processes import die_with_parent
from tests.support.mail_server import Folder, accepted
from tests.support.mailbox import Mailbox

MESSAGE = "Message-ID: <1@example.org>\r\n\r\nBonjour\r\n"


def send(address: str, to: str = "claire@example.org", *, timeout: float = 5.0) -> None:
    with smtplib.SMTP(address, local_hostname="localhost", timeout=timeout) as connection:
        connection.sendmail("boutique@example.org", [to], MESSAGE)


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "content", "message"])
def test_it_drops_the_connection_at_each_step(smtp_server: Mailbox, step: str) -> None:
    smtp_server.modes[step] = "drop"
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(smtp_server.address)
    assert smtp_server.messages == []
    smtp_server.modes.clear()
    send(smtp_server.address)
    assert (len(smtp_server.messages), smtp_server.connections) == (1, 2)


@pytest.mark.parametrize("step", ["connect", "MAIL", "DATA", "message"])
def test_it_hangs_at_a_step_and_answers_others_meanwhile(smtp_server: Mailbox, step: str) -> None:
    smtp_server.modes[step] = "hang"
    with pytest.raises((smtplib.SMTPServerDisconnected, TimeoutError)):
        send(smtp_server.address, timeout=0.2)
    smtp_server.modes[step] = "slow 0.01"
    send(smtp_server.address)
    assert len(smtp_server.messages) == 1


@pytest.mark.parametrize("step", ["connect", "MAIL", "RCPT", "DATA", "message"])
def test_it_gives_the_reply_that_it_is_told(smtp_server: Mailbox, step: str) -> None:
    smtp_server.modes[step] = "451 4.7.1 later"
    with pytest.raises(smtplib.SMTPException, match="later"):
        send(smtp_server.address)
    assert smtp_server.messages == []


def test_a_mode_may_be_about_one_recipient_only(smtp_server: Mailbox) -> None:
    smtp_server.modes["RCPT claire@example.org"] = "550 5.1.1 no such mailbox"
    smtp_server.modes["message paul@example.org"] = "554 5.7.1 spam"
    send(smtp_server.address, "anne@example.org")
    for refused in ("claire@example.org", "paul@example.org"):
        with pytest.raises(smtplib.SMTPException):
            send(smtp_server.address, refused)
    assert smtp_server.recipients == [["anne@example.org"]]


def test_it_accepts_and_nobody_hears_of_it(smtp_server: Mailbox) -> None:
    smtp_server.modes["message"] = "keep, drop"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(smtp_server.address)
    assert len(smtp_server.messages) == 1


def test_as_a_process_it_is_steered_and_read_by_files_and_forgets_nothing_when_killed(tmp_path: Path) -> None:
    modes = Folder(tmp_path / "modes")
    modes["message paul@example.org"] = "keep, drop"
    port = ""
    for recipient in ("claire@example.org", "paul@example.org"):
        command = [sys.executable, "-m", "tests.support.mail_server", str(tmp_path), "--port", port or "0"]
        with subprocess.Popen(command, preexec_fn=die_with_parent) as server:  # noqa: PLW1509 - Two system calls.
            _eventually((tmp_path / "port").exists)
            port = (tmp_path / "port").read_text()
            _send_by(port, recipient)
            (tmp_path / "port").unlink()
            server.kill()
    found = accepted(tmp_path)
    assert [(one.message_id, one.recipients) for one in found] == [
        ("<1@example.org>", ["claire@example.org"]),
        ("<1@example.org>", ["paul@example.org"]),
    ]
    assert found[0].sha256 == found[1].sha256
    del modes["message paul@example.org"]
    assert dict(modes) == {}


def _send_by(port: str, recipient: str) -> None:
    if recipient == "paul@example.org":
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send(f"127.0.0.1:{port}", recipient)
    else:
        send(f"127.0.0.1:{port}", recipient)


def _eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
