import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "dev.mail_catcher", "--fd", str(listener.fileno()), "--folder", str(tmp_path)]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL)
        number = listener.getsockname()[1]
    yield number
    process.terminate()
    assert process.wait(5) == 0


def a_message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@boutique.example", "claire@example.org", subject
    message.set_content("Bonjour,\n.\nla facture à 31,72 € est jointe.")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="FA-2026-000001.pdf")
    return message


def test_each_message_becomes_one_whole_file_in_order_of_arrival(port: int, tmp_path: Path) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as connection:
        for subject in ("première", "deuxième"):
            connection.send_message(a_message(subject))
    files = sorted(tmp_path.iterdir())
    caught = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert [message["Subject"] for message in caught] == ["première", "deuxième"]
    body = caught[0].get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "Bonjour,\n.\nla facture à 31,72 € est jointe.\n"
    assert next(caught[0].iter_attachments()).get_content() == b"%PDF-1.7"


def test_the_port_is_open_before_the_server_is(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as connection:
        assert connection.noop()[0] == 250
