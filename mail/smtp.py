"""One delivery over SMTP, phase by phase, so that the answer says what really happened to the message."""

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from mail.addresses import envelope_form

Kind = Literal["sent", "refused_for_now", "refused_for_good", "unknown"]
Tls = Literal["none", "starttls", "implicit"]

NEEDS_SIGNING_IN = {530, 534, 535, 538}
"""Replies that speak of our account at the mail server, never of the recipient (RFC 4954, 6)."""

TOO_BIG = 552


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: `unknown` means that it was handed over and the answer was lost.

    `detail` is one line in French for the shop's administrators; it never holds a secret of `SMTP_URL`.
    """

    kind: Kind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    user: str
    password: str
    tls: Tls


class _Ended(Exception):
    """The conversation is over before its natural end, with this outcome."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.outcome = Outcome(kind, _one_line(detail))


def send(message: EmailMessage, smtp_url: str, *, timeout: float = 10.0, last_timeout: float = 60.0) -> Outcome:
    """Hand one message to the mail server of `smtp_url` and say how that ended; never raises for what a server does.

    `timeout` bounds each of the eleven steps in seconds, `last_timeout` the answer to the whole message, which
    servers give after their own checks: together they stay below the job's own limit. Nothing is retried here.
    A failure before the message was handed over is `refused_for_now`; a 5xx about the recipient or the message is
    `refused_for_good`; a 5xx about our account or sender is `refused_for_now`: our setting is wrong and not the
    recipient (RFC 5321, 4.2.1 and 6.1).
    """
    sender = _addresses(message, "From")[0]
    recipients = _addresses(message, "To")
    utf8 = not all(one.isascii() for one in (sender, *recipients))
    content = message.as_bytes(policy=policy.SMTPUTF8 if utf8 else policy.SMTP)
    server = _server(smtp_url)
    connection: smtplib.SMTP | None = None
    try:
        connection = _connect(server, sender, timeout)
        _envelope(connection, sender, recipients, size=len(content), utf8=utf8)
        _hand_over(connection, content, last_timeout)
    except _Ended as ended:
        return ended.outcome
    except (OSError, smtplib.SMTPException) as failure:
        detail = f"Serveur de messagerie {server.host}:{server.port} : {_reason(failure)}"
        return Outcome("refused_for_now", _one_line(detail))
    finally:
        if connection is not None:
            _part(connection)
    return Outcome("sent")


def answers(smtp_url: str, *, timeout: float = 1.0) -> bool:
    """Say whether somebody takes connections at the mail server's address; nothing is said to it."""
    server = _server(smtp_url)
    try:
        socket.create_connection((server.host, server.port), timeout=timeout).close()
    except OSError:
        return False
    return True


def _server(smtp_url: str) -> _Server:
    url = urlsplit(smtp_url)
    starttls = parse_qs(url.query).get("starttls", ["0"])[-1] == "1"
    tls: Tls = "implicit" if url.scheme == "smtps" else "starttls" if starttls else "none"
    port = url.port or {"implicit": 465, "starttls": 587, "none": 25}[tls]
    return _Server(url.hostname or "localhost", port, unquote(url.username or ""), unquote(url.password or ""), tls)


def _addresses(message: EmailMessage, header: str) -> list[str]:
    values = [str(value) for value in message.get_all(header, [])]
    return [envelope_form(address) for _name, address in getaddresses(values)]


def _connect(server: _Server, sender: str, timeout: float) -> smtplib.SMTP:
    # Our own name is the sender's domain: asking the resolver for the machine's can block for longer than the timeout.
    name = sender.rpartition("@")[2]
    context = ssl.create_default_context()
    connection: smtplib.SMTP
    if server.tls == "implicit":
        connection = smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=timeout, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=timeout)
    try:
        connection.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            connection.starttls(context=context)
            connection.ehlo_or_helo_if_needed()
        if server.user:
            _sign_in(connection, server)
    except BaseException:
        connection.close()
        raise
    return connection


def _sign_in(connection: smtplib.SMTP, server: _Server) -> None:
    try:
        connection.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError as refusal:
        # The reply is left out: some servers repeat in it what they were told.
        detail = f"Le serveur de messagerie refuse l'identifiant ou le mot de passe de SMTP_URL ({refusal.smtp_code})."
        raise _Ended("refused_for_now", detail) from None
    except UnicodeEncodeError:
        raise _Ended("refused_for_now", "L'identifiant et le mot de passe de SMTP_URL doivent être en ASCII.") from None
    except smtplib.SMTPNotSupportedError:
        detail = "Le serveur de messagerie ne propose pas d'authentification : voir SMTP_URL."
        raise _Ended("refused_for_now", detail) from None


def _envelope(connection: smtplib.SMTP, sender: str, recipients: list[str], *, size: int, utf8: bool) -> None:
    options = [f"size={size}"] if connection.has_extn("size") else []
    if utf8:
        if not connection.has_extn("smtputf8"):
            raise _Ended("refused_for_good", "Le serveur de messagerie ne sait pas écrire à cette adresse (SMTPUTF8).")
        options += ["SMTPUTF8", "BODY=8BITMIME"]
        connection.command_encoding = "utf-8"
    code, reply = connection.mail(sender, options)
    if not 200 <= code < 300:
        kind: Kind = "refused_for_good" if code == TOO_BIG else "refused_for_now"
        raise _Ended(kind, f"Le serveur de messagerie refuse l'expéditeur ou la taille : {_said(code, reply)}")
    answers = [(address, *connection.rcpt(address)) for address in recipients]
    if not any(200 <= code < 300 for _address, code, _reply in answers):
        # Several addresses are only ever the shop's own; what can still be mended is tried again.
        _address, code, reply = min(answers, key=lambda answer: answer[1])
        raise _Ended(_refusal(code), f"Adresse refusée : {_said(code, reply)}")


def _hand_over(connection: smtplib.SMTP, content: bytes, last_timeout: float) -> None:
    code, reply = connection.docmd("DATA")
    if code != 354:
        raise _Ended(_refusal(code), f"Message refusé : {_said(code, reply)}")
    connection.send(re.sub(rb"(?m)^\.", b"..", content if content.endswith(b"\r\n") else content + b"\r\n"))
    try:
        # From here on the server may have taken the message although we never hear of it.
        if connection.sock is not None:
            connection.sock.settimeout(last_timeout)
        connection.send(b".\r\n")
        code, reply = connection.getreply()
    except (OSError, smtplib.SMTPException) as failure:
        raise _Ended("unknown", f"Réponse perdue après l'envoi du message : {_reason(failure)}") from None
    if 400 <= code < 600:
        raise _Ended(_refusal(code), f"Message refusé : {_said(code, reply)}")
    if not 200 <= code < 300:
        raise _Ended("unknown", f"Réponse incompréhensible après l'envoi du message : {_said(code, reply)}")


def _refusal(code: int) -> Kind:
    return "refused_for_good" if 500 <= code < 600 and code not in NEEDS_SIGNING_IN else "refused_for_now"


def _part(connection: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        if connection.sock is not None:
            connection.sock.settimeout(2)
            connection.docmd("QUIT")
    connection.close()


def _said(code: int, reply: bytes) -> str:
    return f"{code} {reply.decode('utf-8', 'replace')}"


def _reason(failure: Exception) -> str:
    # smtplib reports a timeout as a lost connection; what caused it says which it was.
    if isinstance(failure, TimeoutError) or isinstance(failure.__context__, TimeoutError):
        return "délai dépassé"
    if isinstance(failure, smtplib.SMTPServerDisconnected):
        return "connexion interrompue"
    if isinstance(failure, smtplib.SMTPResponseException):
        error = failure.smtp_error
        return _said(failure.smtp_code, error if isinstance(error, bytes) else error.encode())
    return str(failure) or type(failure).__name__


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:300]
