"""The conversation with the mail server, phase by phase, so that the answer says what really happened to a message."""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any, Literal, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

from mail.addresses import envelope_form
from mail.replies import is_timeout, one_line

Kind = Literal["sent", "server_away", "refused_for_now", "refused_for_good", "unknown"]
Tls = Literal["none", "starttls", "implicit"]

NEEDS_SIGNING_IN = {530, 534, 535, 538}
"""Replies that speak of our account at the mail server, never of the recipient (RFC 4954, 6)."""

ABOUT_SIZE = {452, 552}
"""Replies to MAIL that speak of the size announced there (RFC 1870, 6.1); the others speak of us."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: `unknown` means that it was handed over and the answer was lost.

    `server_away` is no fault of the message: nobody is there, or they do not take us as a sender. `trouble` says what
    stood in the way. `detail` is one line in French for the shop's administrators, without any secret of `SMTP_URL`.
    """

    kind: Kind
    detail: str = ""
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds at most: for one step, for the message and for its answer each, and for all of one message."""

    step: float = 10.0
    message: float = 30.0
    whole: float = 60.0


class Connection:
    """One connection to the mail server of `smtp_url`, for one message after the other; opened when it is needed."""

    def __init__(self, smtp_url: str, patience: Patience = Patience()) -> None:
        self._server = _server(smtp_url)
        self._patience = patience
        self._line: _Line | None = None

    def __enter__(self) -> Self:
        """Return the connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take leave of the server, if there is one; what was begun and not finished is forgotten there."""
        if self._line is not None:
            self._line.part()

    def send(self, message: EmailMessage, *, before_data: Callable[[], object] = lambda: None) -> Outcome:
        """Hand one message to the server and say how that ended; never raises for what a server does.

        `before_data` is called when the server has agreed to everything but the message itself: until then nothing can
        have arrived. What it raises comes through, and nothing is sent. Nothing is retried here, but a connection that
        has become useless since the last message is opened anew. A 5xx about the recipient or the message is
        `refused_for_good` (RFC 5321, 4.2.1); one about our account or sender is our setting, and `server_away`.
        """
        letter = _letter(message)
        try:
            line = self._accepted_as_sender(letter)
        except _ENDS as ended:
            return self._ended(ended, "server_away", "smtp")
        try:
            _name_recipients(line, letter.recipients)
        except _ENDS as ended:
            return self._ended(ended, "refused_for_now", "message")
        before_data()
        try:
            _hand_over(line, letter.content)
        except _ENDS as ended:
            return self._ended(ended, "refused_for_now", "message")
        return Outcome("sent")

    def obstacle(self, sender: str) -> str:
        """Return in one line of French what keeps the server from taking a message of that sender, or nothing."""
        try:
            self._accepted_as_sender(_Letter(_addresses([sender])[0], [], b"", utf8=False))
        except _ENDS as ended:
            return self._ended(ended, "server_away", "smtp").detail
        return ""

    def _accepted_as_sender(self, letter: "_Letter") -> "_Line":
        """Return a line over which the server has agreed to MAIL: the one that we have, if it still is good for it."""
        if self._line is not None:
            with suppress(*_ENDS):
                self._line.begin()
                self._line.rset()
                _name_sender(self._line, letter)
                return self._line
            self._line.close()
        self._line = _Line(self._server, letter.sender, self._patience)
        self._line.sign_in()
        _name_sender(self._line, letter)
        return self._line

    def _ended(self, ended: Exception, kind: Kind, trouble: str) -> Outcome:
        if isinstance(ended, _Ended):
            return ended.outcome
        if self._line is not None:
            self._line.close()  # Without a word: it could be taken for a part of the message.
        said = f"Serveur de messagerie {self._server.host}:{self._server.port} : {_reason(ended)}"
        return Outcome(kind, one_line(said), trouble)


def obstacle(smtp_url: str, sender: str) -> str:
    """Return in one line of French what keeps us from sending, or nothing: MAIL is tried, and what comes before it."""
    with Connection(smtp_url, Patience(step=5, whole=10)) as connection:
        return connection.obstacle(sender)


def answers(smtp_url: str, *, timeout: float = 1.0) -> bool:
    """Say whether somebody takes connections at the mail server's address; nothing is said to it."""
    server = _server(smtp_url)
    try:
        socket.create_connection((server.host, server.port), timeout=timeout).close()
    except OSError:
        return False
    return True


def trouble_of(reply: str, *, otherwise: str) -> str:
    """Say whom a refusal is about: by its enhanced status when it bears one (RFC 3463, 3), else `otherwise`.

    Of the codes about addresses 5.1.7 and 5.1.8 are about the sender's.
    """
    status = re.search(r"\b[45]\.(\d{1,3}\.\d{1,3})\b", reply)
    if status is None:
        return otherwise
    return "recipient" if status[1].startswith(("1.", "2.")) and status[1] not in ("1.7", "1.8") else "message"


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    user: str
    password: str
    tls: Tls


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message as SMTP carries it: its envelope, its bytes, and whether they need SMTPUTF8."""

    sender: str
    recipients: list[str]
    content: bytes
    utf8: bool


class _Ended(Exception):
    """The server refused; the conversation over this message is over, with this outcome."""

    def __init__(self, kind: Kind, detail: str, trouble: str) -> None:
        super().__init__(detail)
        self.outcome = Outcome(kind, one_line(detail), trouble)


_ENDS = (_Ended, OSError, smtplib.SMTPException)


class _Line(smtplib.SMTP):
    """smtplib's client, in which each step ends in time: smtplib's own timeout starts again with every packet."""

    def __init__(self, server: _Server, sender: str, patience: Patience) -> None:
        self.server, self.patience = server, patience
        self.begin()
        # Our own name is the sender's domain: asking the resolver for the machine's can block for longer than that.
        super().__init__(server.host, server.port, sender.rpartition("@")[2], timeout=patience.step)

    def begin(self) -> None:
        """Count the time of one message from now on."""
        self.ends = time.monotonic() + self.patience.whole
        self.allow(self.patience.step)

    def allow(self, seconds: float) -> None:
        """Count the time of one step from now on; together they have no longer than the whole."""
        self.step_ends = min(time.monotonic() + seconds, self.ends)

    def left(self) -> float:
        """Return the seconds that are left of the step; raise TimeoutError when there are none."""
        left = self.step_ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def sign_in(self) -> None:
        """Afterwards the server knows us, over an encrypted line where `SMTP_URL` asks for one."""
        self.ehlo_or_helo_if_needed()
        if self.server.tls == "starttls":
            self.starttls(context=ssl.create_default_context())
            self.ehlo_or_helo_if_needed()
        if self.server.user:
            _sign_in(self, self.server)

    def part(self) -> None:
        """Take leave, for two seconds at most."""
        with suppress(OSError, smtplib.SMTPException):
            self.ends = time.monotonic() + 2
            self.docmd("QUIT")
        self.close()

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Begin a step with its command."""
        self.allow(self.patience.step)
        super().putcmd(cmd, args)

    def send(self, s: Any) -> None:
        """Send within the time that is left; the socket's timeout is for the whole of what it sends."""
        if self.sock is not None:
            self.sock.settimeout(self.left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply within the time that is left."""
        if self.file is None:
            self.file = _Replies(self, cast("socket.socket", self.sock))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        *others, last = [each[4][:2] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        share = timeout / (len(others) + 1)
        for address in others:
            with suppress(OSError):
                return self._connected(address, share)
        return self._connected(last, share)

    def _connected(self, address: tuple[Any, ...], timeout: float) -> socket.socket:
        line = socket.create_connection((address[0], address[1]), timeout=timeout)
        if self.server.tls == "implicit":
            return ssl.create_default_context().wrap_socket(line, server_hostname=self.server.host)
        return line


class _Replies:
    """What smtplib reads replies from: none takes longer than its step has left, in however many packets it comes."""

    def __init__(self, line: _Line, sock: socket.socket) -> None:
        self.line, self.sock, self.received = line, sock, b""

    def readline(self, most: int) -> bytes:
        """Return one line of `most` bytes at most; what there is of it when the server has gone."""
        while b"\n" not in self.received and len(self.received) < most:
            self.sock.settimeout(self.line.left())
            packet = self.sock.recv(4096)
            if not packet:
                break
            self.received += packet
        end = self.received.find(b"\n") + 1 or len(self.received)
        found, self.received = self.received[:end], self.received[end:]
        return found

    def close(self) -> None:
        """Do nothing: the socket is closed by whoever opened it."""


def _server(smtp_url: str) -> _Server:
    url = urlsplit(smtp_url)
    starttls = parse_qs(url.query).get("starttls", ["0"])[-1] == "1"
    tls: Tls = "implicit" if url.scheme == "smtps" else "starttls" if starttls else "none"
    port = url.port or {"implicit": 465, "starttls": 587, "none": 25}[tls]
    return _Server(url.hostname or "localhost", port, unquote(url.username or ""), unquote(url.password or ""), tls)


def _letter(message: EmailMessage) -> _Letter:
    sender = _addresses(message.get_all("From", []))[0]
    recipients = _addresses(message.get_all("To", []))
    utf8 = not all(one.isascii() for one in (sender, *recipients))
    content = message.as_bytes(policy=policy.SMTPUTF8 if utf8 else policy.SMTP)
    return _Letter(sender, recipients, content, utf8)


def _addresses(written: list[str]) -> list[str]:
    return [envelope_form(address) for _name, address in getaddresses([str(one) for one in written])]


def _sign_in(line: smtplib.SMTP, server: _Server) -> None:
    try:
        line.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError as refusal:
        # The reply is left out: some servers repeat in it what they were told.
        detail = f"Le serveur de messagerie refuse l'identifiant ou le mot de passe de SMTP_URL ({refusal.smtp_code})."
    except UnicodeEncodeError:
        detail = "L'identifiant et le mot de passe de SMTP_URL doivent être en ASCII."
    except smtplib.SMTPNotSupportedError:
        detail = "Le serveur de messagerie ne propose pas d'authentification : voir SMTP_URL."
    else:
        return
    raise _Ended("server_away", detail, "smtp")


def _name_sender(line: smtplib.SMTP, letter: _Letter) -> None:
    options = [f"size={len(letter.content)}"] if letter.content and line.has_extn("size") else []
    if letter.utf8:
        if not line.has_extn("smtputf8"):
            detail = "Le serveur de messagerie ne sait pas écrire à cette adresse (SMTPUTF8)."
            raise _Ended("refused_for_good", detail, "recipient")
        options += ["SMTPUTF8", "BODY=8BITMIME"]
        line.command_encoding = "utf-8"
    code, reply = line.mail(letter.sender, options)
    if code in ABOUT_SIZE:
        raise _Ended(_refusal(code), f"Message refusé pour sa taille : {_said(code, reply)}", "message")
    if not 200 <= code < 300:
        raise _Ended("server_away", f"Le serveur de messagerie refuse l'expéditeur : {_said(code, reply)}", "smtp")


def _name_recipients(line: smtplib.SMTP, recipients: list[str]) -> None:
    answers = [line.rcpt(address) for address in recipients]
    if not any(200 <= code < 300 for code, _reply in answers):
        # Several addresses are only ever the shop's own; what can still be mended is tried again.
        code, reply = min(answers, key=lambda answer: answer[0])
        said = _said(code, reply)
        raise _Ended(_refusal(code), f"Adresse refusée : {said}", trouble_of(said, otherwise="recipient"))


def _hand_over(line: _Line, content: bytes) -> None:
    code, reply = line.docmd("DATA")
    if code != 354:
        raise _refused(code, reply)
    line.allow(line.patience.message)
    stuffed = re.sub(rb"(?m)^\.", b"..", content if content.endswith(b"\r\n") else content + b"\r\n")
    line.send(stuffed + b".\r\n")  # Whole, or its end was not sent and the server has nothing.
    line.allow(line.patience.message)
    try:
        # From here on the server may have taken the message although we never hear of it.
        code, reply = line.getreply()
    except (OSError, smtplib.SMTPException) as failure:
        detail = f"Réponse perdue après l'envoi du message : {_reason(failure)}"
        raise _Ended("unknown", detail, "message") from None
    if 400 <= code < 600:
        raise _refused(code, reply)
    if not 200 <= code < 300:
        line.close()  # There is no knowing what it would take the next words for.
        detail = f"Réponse incompréhensible après l'envoi du message : {_said(code, reply)}"
        raise _Ended("unknown", detail, "message")


def _refused(code: int, reply: bytes) -> _Ended:
    said = _said(code, reply)
    return _Ended(_refusal(code), f"Message refusé : {said}", trouble_of(said, otherwise="message"))


def _refusal(code: int) -> Kind:
    return "refused_for_good" if 500 <= code < 600 and code not in NEEDS_SIGNING_IN else "refused_for_now"


def _said(code: int, reply: bytes) -> str:
    return f"{code} {reply.decode('utf-8', 'replace')}"


def _reason(failure: Exception) -> str:
    if is_timeout(failure):
        return "délai dépassé"
    if isinstance(failure, smtplib.SMTPServerDisconnected):
        return "connexion interrompue"
    if isinstance(failure, smtplib.SMTPResponseException):
        error = failure.smtp_error
        return _said(failure.smtp_code, error if isinstance(error, bytes) else error.encode())
    return str(failure) or type(failure).__name__
