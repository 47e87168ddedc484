"""One delivery against a real SMTP server that misbehaves on purpose."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from mail import smtp
from tests.support.mailbox import OnFreePort


def a_message(*, to: str = "claire@example.org", body: str = "Bonjour été\n.\n..fin\n") -> EmailMessage:
    message = EmailMessage(policy=policy.SMTPUTF8)
    message["From"] = "La boutique <boutique@example.org>"
    message["To"] = to
    message["Subject"] = "Votre facture été"
    message["Message-ID"] = "<1@example.org>"
    message.set_content(body, cte="quoted-printable")
    return message


class Postbox:
    """Handler that answers what it is told at one phase, and keeps what it accepted."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.received: list[tuple[str | None, list[str], bytes]] = []

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "mail" in self.answers:
            return self.answers["mail"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if "rcpt" in self.answers:
            return self.answers["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answers.get("data") == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 never sent"
        if self.answers.get("data") == "hang":
            await asyncio.sleep(3)
        elif "data" in self.answers:
            return self.answers["data"]
        assert isinstance(envelope.content, bytes)
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextmanager
def a_server(handler: Postbox, **options: Any) -> Iterator[str]:
    controller = OnFreePort(handler, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()


@contextmanager
def a_script(*replies: bytes) -> Iterator[str]:
    """A server that says these lines one after the other, whatever it hears, then closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        connection, _peer = listener.accept()
        with connection:
            for reply in replies:
                connection.sendall(reply)
                connection.recv(65536)

    thread = Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_accepted_message_arrives_unchanged() -> None:
    postbox = Postbox()
    with a_server(postbox) as address:
        assert smtp.send(a_message(), f"smtp://{address}") == smtp.Outcome("sent")
    [(sender, recipients, content)] = postbox.received
    assert (sender, recipients) == ("boutique@example.org", ["claire@example.org"])
    received = message_from_bytes(content, policy=policy.default)
    assert received["Message-ID"] == "<1@example.org>"
    assert received.get_content().replace("\r\n", "\n") == "Bonjour été\n.\n..fin\n"


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ({"rcpt": "450 4.2.0 greylisted"}, "refused_for_now", "greylisted"),
        ({"rcpt": "550 5.1.1 no such user"}, "refused_for_good", "no such user"),
        ({"rcpt": "530 5.7.0 sign in first"}, "refused_for_now", "sign in first"),
        ({"mail": "451 4.3.0 later"}, "refused_for_now", "later"),
        ({"mail": "550 5.7.1 your domain is not welcome"}, "refused_for_now", "expéditeur"),
        ({"mail": "552 5.3.4 too big"}, "refused_for_good", "taille"),
        ({"data": "452 4.3.1 disk full"}, "refused_for_now", "disk full"),
        ({"data": "554 5.7.1 spam"}, "refused_for_good", "spam"),
        ({"data": "drop"}, "unknown", "perdue"),
    ],
)
def test_a_refusal_is_told_apart_by_its_phase_and_code(answers: dict[str, str], kind: str, words: str) -> None:
    postbox = Postbox(**answers)
    with a_server(postbox) as address:
        outcome = smtp.send(a_message(), f"smtp://{address}")
    assert outcome.kind == kind
    assert words in outcome.detail
    assert postbox.received == []


def test_no_answer_after_the_message_is_unknown_not_refused() -> None:
    with a_server(Postbox(data="hang")) as address:
        outcome = smtp.send(a_message(), f"smtp://{address}", timeout=5, last_timeout=0.2)
    assert outcome.kind == "unknown"
    assert "délai" in outcome.detail


def test_a_connection_lost_before_the_message_is_refused_for_now() -> None:
    greeting = (b"220 hello\r\n", b"250 me\r\n", b"250 sender ok\r\n", b"250 recipient ok\r\n")
    for lines in range(5):
        with a_script(*greeting[:lines]) as address:
            assert smtp.send(a_message(), f"smtp://{address}", timeout=5).kind == "refused_for_now"


def test_a_nonsense_answer_to_the_message_is_unknown() -> None:
    lines = (b"220 hello\r\n", b"250 me\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
    with a_script(*lines, b"what?\r\n") as address:
        # The script answers each packet; the message and its final dot are two, so the nonsense may come early or late.
        assert smtp.send(a_message(), f"smtp://{address}", timeout=5).kind == "unknown"


@pytest.mark.parametrize("greeting", [b"421 4.3.2 shutting down\r\n", b"554 5.7.1 go away\r\n"])
def test_an_unfriendly_greeting_is_refused_for_now(greeting: bytes) -> None:
    with a_script(greeting) as address:
        assert smtp.send(a_message(), f"smtp://{address}", timeout=5).kind == "refused_for_now"


def test_nobody_there_is_refused_for_now() -> None:
    outcome = smtp.send(a_message(), f"smtp://127.0.0.1:{_free_port()}", timeout=2)
    assert outcome.kind == "refused_for_now"
    assert "127.0.0.1" in outcome.detail


def test_a_silent_server_does_not_hold_us_longer_than_the_timeout() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    outcome = smtp.send(a_message(), f"smtp://127.0.0.1:{listener.getsockname()[1]}", timeout=0.3)
    listener.close()
    assert outcome.kind == "refused_for_now"
    assert "délai" in outcome.detail


def _authenticator(accepted: str) -> Callable[..., AuthResult]:
    def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        good = data.password.decode() == accepted
        return AuthResult(success=good, handled=good)

    return check


def _authenticated(postbox: Postbox) -> AbstractContextManager[str]:
    return a_server(postbox, authenticator=_authenticator("secret/@"), auth_require_tls=False)


def test_it_signs_in_with_the_user_and_password_of_the_url() -> None:
    postbox = Postbox()
    with _authenticated(postbox) as address:
        outcome = smtp.send(a_message(), f"smtp://shop:secret%2F%40@{address}")
    assert outcome == smtp.Outcome("sent")
    assert len(postbox.received) == 1


def test_a_wrong_password_is_our_setting_not_the_recipient_and_is_not_repeated() -> None:
    with _authenticated(Postbox()) as address:
        outcome = smtp.send(a_message(), f"smtp://shop:wrong-hunter2@{address}")
    assert outcome.kind == "refused_for_now"
    assert "SMTP_URL" in outcome.detail
    assert "hunter2" not in outcome.detail


def test_a_password_that_smtp_cannot_carry_names_the_setting() -> None:
    with _authenticated(Postbox()) as address:
        outcome = smtp.send(a_message(), f"smtp://shop:s%E2%82%ACcret@{address}")
    assert outcome.kind == "refused_for_now"
    assert "SMTP_URL" in outcome.detail


def test_signing_in_where_it_is_not_offered_names_the_setting() -> None:
    with a_server(Postbox()) as address:
        outcome = smtp.send(a_message(), f"smtp://shop:hunter2@{address}")
    assert outcome.kind == "refused_for_now"
    assert "SMTP_URL" in outcome.detail


def test_starttls_that_is_not_offered_sends_nothing_in_clear() -> None:
    postbox = Postbox()
    with a_server(postbox) as address:
        outcome = smtp.send(a_message(), f"smtp://{address}?starttls=1")
    assert outcome.kind == "refused_for_now"
    assert postbox.received == []


@pytest.mark.parametrize("scheme", ["smtp://{}?starttls=1", "smtps://{}"])
def test_a_certificate_nobody_vouches_for_is_refused(scheme: str, certificate: ssl.SSLContext) -> None:
    postbox = Postbox()
    options = {"tls_context": certificate} if "starttls" in scheme else {"ssl_context": certificate}
    with a_server(postbox, **options) as address:
        outcome = smtp.send(a_message(), scheme.format(address.replace("127.0.0.1", "localhost")), timeout=5)
    assert outcome.kind == "refused_for_now"
    assert "certificat" in outcome.detail.lower()
    assert postbox.received == []


@pytest.mark.parametrize("scheme", ["smtp://{}?starttls=1", "smtps://{}"])
def test_a_trusted_certificate_carries_the_message(
    scheme: str, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate.path)  # type: ignore[attr-defined]
    postbox = Postbox()
    options = {"tls_context": certificate} if "starttls" in scheme else {"ssl_context": certificate}
    with a_server(postbox, **options) as address:
        outcome = smtp.send(a_message(), scheme.format(address.replace("127.0.0.1", "localhost")), timeout=5)
    assert outcome == smtp.Outcome("sent")
    assert len(postbox.received) == 1


def test_an_international_domain_travels_in_ascii() -> None:
    postbox = Postbox()
    with a_server(postbox) as address:
        assert smtp.send(a_message(to="elodie@exämple.fr"), f"smtp://{address}").kind == "sent"
    assert postbox.received[0][1] == ["elodie@xn--exmple-cua.fr"]


def test_an_international_mailbox_travels_by_smtputf8() -> None:
    postbox = Postbox()
    with a_server(postbox, enable_SMTPUTF8=True) as address:
        assert smtp.send(a_message(to="élodie@example.org"), f"smtp://{address}").kind == "sent"
    assert postbox.received[0][1] == ["élodie@example.org"]


def test_an_international_mailbox_is_refused_for_good_by_a_server_that_cannot_write_to_it() -> None:
    postbox = Postbox()
    with a_server(postbox, enable_SMTPUTF8=False) as address:
        assert smtp.send(a_message(to="élodie@example.org"), f"smtp://{address}").kind == "refused_for_good"
    assert postbox.received == []


def test_a_reply_is_kept_as_one_printable_line() -> None:
    with a_script(b"554-no\r\n554 \x1b[31mreally\x00 no\r\n") as address:
        detail = smtp.send(a_message(), f"smtp://{address}", timeout=5).detail
    assert detail.isprintable()
    assert len(detail) <= 300
