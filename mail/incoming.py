"""The messages that wait in a mailbox, by IMAP or in a Maildir: read in part, and marked once they are dealt with."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from mail.replies import is_timeout, one_line

MOST_BYTES = 256 * 1024
"""How much of a message is read: reports begin with what they report, and end with all that came back."""
KEYWORD = "EspaceClient"


class Unreachable(Exception):
    """The mailbox cannot be read or marked; the text is one line, where and why, without a secret of the address.

    Why is in French, or in the words of the server or the system.
    """


class Mailbox(Protocol):
    """Where messages wait."""

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """Return each message that is not marked, the oldest first: its name here, and its first MOST_BYTES."""

    def mark(self, name: str) -> None:
        """Afterwards the message does not wait any more; it stays where it is, unchanged."""


@contextmanager
def opened(url: str, *, timeout: float = 30.0) -> Iterator[Mailbox]:
    """Give the mailbox of `imaps://user:password@host/folder`, `imap://…?starttls=1` or `maildir:///folder`.

    `timeout` bounds each wait for the server, in seconds. Raises Unreachable, here and from what is done inside.
    """
    address = urlsplit(url)
    try:
        if address.scheme == "maildir":
            yield _Maildir(Path(unquote(address.path)))
        else:
            with closing(_Imap(address, timeout)) as mailbox:
                yield mailbox
    except (OSError, imaplib.IMAP4.error, UnicodeEncodeError) as failure:
        raise Unreachable(f"{address.hostname or unquote(address.path)} : {_reason(failure)}") from None


class _Maildir:
    """A folder with `new` and `cur`; what is dealt with bears the flag S (seen).

    The standard library's reader would load each message whole to know its flags.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        for place in ("new", "cur"):
            for path in sorted((self.folder / place).iterdir()):
                if path.name.startswith(".") or "S" in _flags(path.name) or not path.is_file():
                    continue
                with suppress(FileNotFoundError):  # Another reader may have moved it.
                    yield f"{place}/{path.name}", _beginning(path)

    def mark(self, name: str) -> None:
        path = self.folder / name
        flags = "".join(sorted({*_flags(path.name), "S"}))
        with suppress(FileNotFoundError):
            path.rename(self.folder / "cur" / f"{path.name.partition(':2,')[0]}:2,{flags}")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


class _Imap:
    """A folder of an IMAP server (RFC 3501); what is dealt with bears our keyword, or \\Seen where it takes none."""

    def __init__(self, address: SplitResult, timeout: float) -> None:
        self.connection = _connected(address, timeout)
        try:
            _sign_in(self.connection, unquote(address.username or ""), unquote(address.password or ""))
            _accepted(self.connection.select(_quoted(unquote(address.path.strip("/")) or "INBOX")))
        except BaseException:
            self.close()
            raise
        takes_keywords = rb"\*" in (self.connection.response("PERMANENTFLAGS")[1][0] or b"")
        self.flag, self.unmarked = (KEYWORD, f"UNKEYWORD {KEYWORD}") if takes_keywords else (r"\Seen", "UNSEEN")

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        found = _accepted(self.connection.uid("SEARCH", self.unmarked, "UNDELETED"))
        for uid in (found[0] or b"").decode("ascii").split():
            _said, answer = self.connection.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
            content = next((item[1] for item in answer if isinstance(item, tuple)), None)
            if content is not None:  # Deleted in the meantime otherwise, or one that the server cannot read itself.
                yield uid, content[:MOST_BYTES]

    def mark(self, name: str) -> None:
        _accepted(self.connection.uid("STORE", name, "+FLAGS.SILENT", f"({self.flag})"))

    def close(self) -> None:
        with suppress(OSError, imaplib.IMAP4.error):
            self.connection.logout()
        with suppress(OSError):
            self.connection.shutdown()


def _connected(address: SplitResult, timeout: float) -> imaplib.IMAP4:
    host, context = address.hostname or "localhost", ssl.create_default_context()
    if address.scheme == "imaps":
        return imaplib.IMAP4_SSL(host, address.port or 993, ssl_context=context, timeout=timeout)
    connection = imaplib.IMAP4(host, address.port or 143, timeout=timeout)
    if parse_qs(address.query).get("starttls", ["0"])[-1] == "1":
        try:
            connection.starttls(context)
        except BaseException:
            with suppress(OSError):
                connection.shutdown()
            raise
    return connection


def _sign_in(connection: imaplib.IMAP4, user: str, password: str) -> None:
    try:
        connection.login(_quoted(user), password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:  # The answer is left out: some servers repeat in it what they were told.
        raise imaplib.IMAP4.error("identifiant ou mot de passe de BOUNCES_URL refusé") from None


def _accepted(answer: tuple[str, list[Any]]) -> list[Any]:
    """Return what the server said; raises imaplib's error when it declined."""
    status, said = answer
    if status != "OK":
        raise imaplib.IMAP4.error(said[-1])
    return said


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _flags(name: str) -> str:
    return name.partition(":2,")[2]


def _reason(failure: Exception) -> str:
    if isinstance(failure, UnicodeEncodeError):  # Which repeats what it could not write.
        return "l'identifiant, le mot de passe et le dossier de BOUNCES_URL doivent être en ASCII"
    if is_timeout(failure):
        return "délai dépassé"
    if isinstance(failure, OSError):
        return failure.strerror or type(failure).__name__
    said = failure.args[0] if failure.args else type(failure).__name__
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return one_line(text)
