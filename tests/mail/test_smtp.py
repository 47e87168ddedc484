"""One delivery against a real SMTP server that misbehaves on purpose."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from threading import Event, Thread
from types import MappingProxyType
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from mail import smtp
from mail.smtp import Connection, Outcome, Patience
from tests.support.mailbox import Mailbox


def a_message(*, to: str = "claire@example.org", body: str = "Bonjour été\n.\n..fin\n") -> EmailMessage:
    message = EmailMessage(policy=policy.SMTPUTF8)
    message["From"] = "La boutique <boutique@example.org>"
    message["To"] = to
    message["Subject"] = "Votre facture été"
    message["Message-ID"] = "<1@example.org>"
    message.set_content(body, cte="quoted-printable")
    return message


@contextmanager
def a_server(modes: Mapping[str, str] = MappingProxyType({}), **options: Any) -> Iterator[Mailbox]:
    mailbox = Mailbox(**options)
    mailbox.controller.start()
    mailbox.modes.update(modes)
    try:
        yield mailbox
    finally:
        mailbox.controller.stop()


def send(message: EmailMessage, smtp_url: str, /, **patience: float) -> Outcome:
    with Connection(smtp_url, Patience(**patience)) as connection:
        return connection.send(message)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_accepted_message_arrives_unchanged() -> None:
    with a_server() as mailbox:
        assert send(a_message(), mailbox.url) == Outcome("sent")
    assert (mailbox.senders, mailbox.recipients) == (["boutique@example.org"], [["claire@example.org"]])
    received = mailbox.last()
    assert received["Message-ID"] == "<1@example.org>"
    assert received.get_content().replace("\r\n", "\n") == "Bonjour été\n.\n..fin\n"


@pytest.mark.parametrize(
    ("step", "reply", "kind", "trouble", "words"),
    [
        ("MAIL", "451 4.3.0 later", "server_away", "smtp", "expéditeur"),
        ("MAIL", "550 5.7.1 your domain is not welcome", "server_away", "smtp", "expéditeur"),
        ("MAIL", "530 5.7.0 sign in first", "server_away", "smtp", "sign in first"),
        ("MAIL", "452 4.3.1 no room for that", "refused_for_now", "message", "taille"),
        ("MAIL", "552 5.3.4 too big", "refused_for_good", "message", "taille"),
        ("RCPT", "450 greylisted", "refused_for_now", "recipient", "greylisted"),
        ("RCPT", "550 no such user", "refused_for_good", "recipient", "no such user"),
        ("RCPT", "554 5.7.1 your host is listed", "refused_for_good", "message", "listed"),
        ("RCPT", "530 5.7.0 sign in first", "refused_for_now", "message", "sign in first"),
        ("DATA", "452 4.3.1 disk full", "refused_for_now", "message", "disk full"),
        ("message", "451 4.7.1 later", "refused_for_now", "message", "later"),
        ("message", "554 5.7.1 spam", "refused_for_good", "message", "spam"),
        ("message", "550 5.1.1 no such user", "refused_for_good", "recipient", "no such user"),
    ],
)
def test_a_refusal_is_told_apart_by_its_phase_and_code(
    step: str, reply: str, kind: str, trouble: str, words: str
) -> None:
    with a_server(modes={step: reply}) as mailbox:
        outcome = send(a_message(), mailbox.url)
    assert (outcome.kind, outcome.trouble) == (kind, trouble)
    assert words in outcome.detail
    assert mailbox.messages == []


@pytest.mark.parametrize("mode", ["drop", "hang"])
@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("connect", "server_away"),
        ("EHLO", "server_away"),
        ("MAIL", "server_away"),
        ("RCPT", "refused_for_now"),
        ("DATA", "refused_for_now"),
        ("message", "unknown"),
    ],
)
def test_a_connection_lost_is_in_doubt_only_after_the_message(mode: str, step: str, kind: str) -> None:
    with a_server(modes={step: mode}) as mailbox:
        outcome = send(a_message(), mailbox.url, step=0.3, message=0.3)
    assert outcome.kind == kind


def test_a_connection_lost_in_the_middle_of_the_message_is_not_in_doubt() -> None:
    with a_server(modes={"content": "drop"}) as mailbox:
        outcome = send(a_message(body="Bonjour\n" * 1_000_000), mailbox.url)  # More than the wires hold.
    assert (outcome.kind, mailbox.messages) == ("refused_for_now", [])


def test_an_answer_that_never_comes_is_in_doubt_whether_the_message_was_taken_or_not() -> None:
    with a_server(modes={"message": "keep, hang"}) as mailbox:
        outcome = send(a_message(), mailbox.url, message=0.2)
    assert outcome.kind == "unknown"
    assert "délai" in outcome.detail
    assert len(mailbox.messages) == 1


def test_a_server_may_think_longer_about_the_message_than_about_other_steps() -> None:
    with a_server(modes={"message": "slow 0.3"}) as mailbox:
        assert send(a_message(), mailbox.url, step=0.2, message=5).kind == "sent"


def test_a_server_that_sends_a_letter_at_a_time_holds_us_no_longer_than_the_step() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    held_to_the_end = Event()

    def trickle() -> None:
        connection, _peer = listener.accept()
        with connection:
            for letter in b"220 " + b"x" * 1000:
                try:
                    connection.sendall(bytes([letter]))
                except OSError:
                    return
                time.sleep(0.02)
            held_to_the_end.set()

    thread = Thread(target=trickle, daemon=True)
    thread.start()
    outcome = send(a_message(), f"smtp://127.0.0.1:{listener.getsockname()[1]}", step=0.2)
    listener.close()
    thread.join(5)
    assert not thread.is_alive()
    assert not held_to_the_end.is_set()
    assert (outcome.kind, "délai" in outcome.detail) == ("server_away", True)


def test_all_steps_together_take_no_longer_than_the_whole() -> None:
    slow = dict.fromkeys(("connect", "EHLO", "MAIL", "RCPT", "DATA"), "slow 0.15")
    with a_server(modes=slow) as mailbox:
        assert send(a_message(), mailbox.url, whole=0.5).kind in ("server_away", "refused_for_now")
    assert mailbox.messages == []


def test_a_nonsense_answer_to_the_message_is_unknown() -> None:
    with a_server(modes={"message": "what?"}) as mailbox:
        assert send(a_message(), mailbox.url).kind == "unknown"


@pytest.mark.parametrize("greeting", ["421 4.3.2 shutting down", "554 5.7.1 go away"])
def test_an_unfriendly_greeting_says_that_the_server_is_away(greeting: str) -> None:
    with a_server(modes={"connect": greeting}) as mailbox:
        assert send(a_message(), mailbox.url).kind == "server_away"


def test_nobody_there_says_that_the_server_is_away() -> None:
    outcome = send(a_message(), f"smtp://127.0.0.1:{_free_port()}")
    assert (outcome.kind, outcome.trouble) == ("server_away", "smtp")
    assert "127.0.0.1" in outcome.detail


def test_before_the_message_somebody_may_still_say_no_and_nothing_is_sent() -> None:
    with a_server() as mailbox, Connection(mailbox.url) as connection:
        with pytest.raises(ZeroDivisionError):
            connection.send(a_message(), before_data=lambda: 1 // 0)
        assert mailbox.messages == []
        assert connection.send(a_message()).kind == "sent"
    assert (len(mailbox.messages), mailbox.connections) == (1, 1)


def test_nobody_is_asked_before_the_server_has_agreed_to_the_recipient() -> None:
    asked: list[str] = []
    with a_server(modes={"RCPT": "550 5.1.1 no such user"}) as mailbox, Connection(mailbox.url) as connection:
        connection.send(a_message(), before_data=lambda: asked.append("yes"))
    assert asked == []


def test_several_messages_go_over_one_connection_whatever_became_of_the_one_before() -> None:
    modes = {"RCPT refused@example.org": "550 no such user", "message spam@example.org": "554 spam"}
    with a_server(modes=modes) as mailbox, Connection(mailbox.url) as connection:
        to = ("a@example.org", "refused@example.org", "spam@example.org", "b@example.org")
        kinds = [connection.send(a_message(to=one)).kind for one in to]
    assert kinds == ["sent", "refused_for_good", "refused_for_good", "sent"]
    assert mailbox.recipients == [["a@example.org"], ["b@example.org"]]
    assert mailbox.connections == 1


@pytest.mark.parametrize(("step", "mode"), [("RSET", "drop"), ("MAIL", "421 4.7.0 that is enough")])
def test_a_connection_that_has_died_since_the_last_message_is_opened_once_more(step: str, mode: str) -> None:
    with a_server() as mailbox, Connection(mailbox.url) as connection:
        assert connection.send(a_message()).kind == "sent"
        mailbox.modes[step] = f"once {mode}"
        assert connection.send(a_message()).kind == "sent"
    assert (len(mailbox.messages), mailbox.connections) == (2, 2)


def test_a_connection_is_opened_once_more_only() -> None:
    with a_server() as mailbox, Connection(mailbox.url) as connection:
        assert connection.send(a_message()).kind == "sent"
        mailbox.modes["MAIL"] = "421 4.7.0 that is enough"
        assert connection.send(a_message()).kind == "server_away"
    assert mailbox.connections == 2


def test_the_server_is_asked_whether_it_takes_us_without_a_message() -> None:
    with a_server() as mailbox:
        assert smtp.obstacle(mailbox.url, "La boutique <boutique@example.org>") == ""
        mailbox.modes["MAIL"] = "550 5.7.1 not you"
        assert "not you" in smtp.obstacle(mailbox.url, "boutique@example.org")
    assert "127.0.0.1" in smtp.obstacle(mailbox.url, "boutique@example.org")


def _authenticator(accepted: str) -> Callable[..., AuthResult]:
    def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        good = data.password.decode() == accepted
        return AuthResult(success=good, handled=good)

    return check


KNOWN: dict[str, Any] = {"authenticator": _authenticator("secret/@"), "auth_require_tls": False}


def test_it_signs_in_with_the_user_and_password_of_the_url() -> None:
    with a_server(**KNOWN) as mailbox:
        outcome = send(a_message(), f"smtp://shop:secret%2F%40@{mailbox.address}")
    assert outcome == Outcome("sent")
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize("password", ["wrong-hunter2", "s%E2%82%ACcret-hunter2"])
def test_a_password_that_is_not_taken_is_our_setting_and_is_not_repeated(password: str) -> None:
    with a_server(**KNOWN) as mailbox:
        outcome = send(a_message(), f"smtp://shop:{password}@{mailbox.address}")
    assert (outcome.kind, outcome.trouble) == ("server_away", "smtp")
    assert "SMTP_URL" in outcome.detail
    assert "hunter2" not in outcome.detail


def test_signing_in_where_it_is_not_offered_names_the_setting() -> None:
    with a_server() as mailbox:
        outcome = send(a_message(), f"smtp://shop:hunter2@{mailbox.address}")
    assert outcome.kind == "server_away"
    assert "SMTP_URL" in outcome.detail


def test_starttls_that_is_not_offered_sends_nothing_in_clear() -> None:
    with a_server() as mailbox:
        outcome = send(a_message(), f"{mailbox.url}?starttls=1")
    assert outcome.kind == "server_away"
    assert mailbox.messages == []


def _encrypted(scheme: str, certificate: ssl.SSLContext) -> dict[str, Any]:
    return {"tls_context": certificate} if "starttls" in scheme else {"ssl_context": certificate}


@pytest.mark.parametrize("scheme", ["smtp://{}?starttls=1", "smtps://{}"])
def test_a_certificate_nobody_vouches_for_is_refused(scheme: str, certificate: ssl.SSLContext) -> None:
    with a_server(**_encrypted(scheme, certificate)) as mailbox:
        outcome = send(a_message(), scheme.format(mailbox.address.replace("127.0.0.1", "localhost")))
    assert outcome.kind == "server_away"
    assert "certificat" in outcome.detail.lower()
    assert mailbox.messages == []


@pytest.mark.parametrize("scheme", ["smtp://{}?starttls=1", "smtps://{}"])
def test_a_trusted_certificate_carries_several_messages(
    scheme: str, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate.path)  # type: ignore[attr-defined]
    with a_server(**_encrypted(scheme, certificate)) as mailbox:
        url = scheme.format(mailbox.address.replace("127.0.0.1", "localhost"))
        with Connection(url) as connection:
            assert [connection.send(a_message()) for _ in range(2)] == [Outcome("sent")] * 2
    assert (len(mailbox.messages), mailbox.connections) == (2, 1)


def test_an_international_domain_travels_in_ascii() -> None:
    with a_server() as mailbox:
        assert send(a_message(to="elodie@exämple.fr"), mailbox.url).kind == "sent"
    assert mailbox.recipients == [["elodie@xn--exmple-cua.fr"]]


def test_an_international_mailbox_travels_by_smtputf8() -> None:
    with a_server(enable_SMTPUTF8=True) as mailbox, Connection(mailbox.url) as connection:
        assert connection.send(a_message(to="élodie@example.org")).kind == "sent"
        assert connection.send(a_message()).kind == "sent"
    assert mailbox.recipients == [["élodie@example.org"], ["claire@example.org"]]


def test_an_international_mailbox_is_refused_for_good_by_a_server_that_cannot_write_to_it() -> None:
    with a_server(enable_SMTPUTF8=False) as mailbox:
        outcome = send(a_message(to="élodie@example.org"), mailbox.url)
    assert (outcome.kind, outcome.trouble) == ("refused_for_good", "recipient")
    assert mailbox.messages == []


def test_a_reply_is_kept_as_one_printable_line() -> None:
    with a_server(modes={"RCPT": "554-no\r\n554 \x1b[31mreally\x00 no" + "!" * 400}) as mailbox:
        detail = send(a_message(), mailbox.url).detail
    assert "really no" in detail
    assert detail.isprintable()
    assert len(detail) <= 300
