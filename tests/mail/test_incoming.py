"""Messages that wait: in a Maildir, and at a real IMAP server."""

from pathlib import Path

import pytest

from mail import incoming
from mail.incoming import KEYWORD, MOST_BYTES, Unreachable
from tests.mail.conftest import Certificate
from tests.support.imap_server import ImapServer


def waiting(url: str) -> list[bytes]:
    with incoming.opened(url) as mailbox:
        return [content for _name, content in mailbox.waiting()]


def take(url: str) -> list[bytes]:
    """Do what a run does: read each message, then mark it."""
    with incoming.opened(url) as mailbox:
        taken = []
        for name, content in mailbox.waiting():
            mailbox.mark(name)
            taken.append(content)
        return taken


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    """Give an empty Maildir."""
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_a_message_of_a_maildir_waits_until_it_is_marked(maildir: Path) -> None:
    (maildir / "new" / "1795510801.M1.mx").write_bytes(b"one")
    (maildir / "cur" / "1795510800.M2.mx:2,F").write_bytes(b"flagged by a person")
    (maildir / "cur" / "1795510700.M3.mx:2,RS").write_bytes(b"dealt with")
    (maildir / "tmp" / "1795510802.M4.mx").write_bytes(b"still being written")
    url = f"maildir://{maildir}"
    assert waiting(url) == waiting(url) == take(url) == [b"one", b"flagged by a person"]
    assert take(url) == []
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == [
        "1795510700.M3.mx:2,RS",
        "1795510800.M2.mx:2,FS",
        "1795510801.M1.mx:2,S",
    ]
    assert (maildir / "cur" / "1795510801.M1.mx:2,S").read_bytes() == b"one"


def test_what_another_reader_moves_meanwhile_disturbs_nobody(maildir: Path) -> None:
    for name in ("1.mx", "2.mx"):
        (maildir / "new" / name).write_bytes(name.encode())
    with incoming.opened(f"maildir://{maildir}") as mailbox:
        found = mailbox.waiting()
        name, _content = next(found)
        for path in (maildir / "new").iterdir():
            path.unlink()
        mailbox.mark(name)
        assert list(found) == []


def test_only_the_beginning_of_a_huge_message_is_read(maildir: Path) -> None:
    with (maildir / "new" / "1.mx").open("wb") as huge:
        huge.truncate(10**12)  # A hole: it takes no room on the disk.
    assert [len(content) for content in waiting(f"maildir://{maildir}")] == [MOST_BYTES]
    with ImapServer(b"x" * (3 * MOST_BYTES)) as server:
        assert [len(content) for content in waiting(server.url)] == [MOST_BYTES] == [server.longest]


def test_a_maildir_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=f"^{tmp_path} : No such file or directory$"):
        waiting(f"maildir://{tmp_path}")


def test_a_message_of_a_server_waits_until_it_is_marked_and_its_owner_sees_no_difference() -> None:
    with ImapServer(b"one\r\n", b"two\r\n") as server:
        server.flags[8].add(r"\Seen")
        assert waiting(server.url) == take(server.url) == [b"one\r\n", b"two\r\n"]
        assert take(server.url) == []
        assert server.flags == {7: {KEYWORD}, 8: {KEYWORD, r"\Seen"}}
        assert "LOGOUT" in server.commands


def test_a_server_without_keywords_is_told_what_was_seen() -> None:
    with ImapServer(b"one\r\n", keywords=False) as server:
        assert take(server.url) == [b"one\r\n"]
        assert take(server.url) == []
        assert server.flags == {7: {r"\Seen"}}


def test_a_folder_may_be_named_and_one_that_is_not_there_is_said() -> None:
    with ImapServer(b"one", folder='Retours "2026"') as server:
        assert waiting(server.url.replace(' "2026"', "%20%222026%22")) == [b"one"]
        with pytest.raises(Unreachable, match=r"^localhost : there is no such folder$"):
            waiting(server.url.partition("Retours")[0])


def test_what_the_server_cannot_read_does_not_keep_us_from_the_next() -> None:
    with ImapServer(b"one", b"two") as server:
        del server.messages[7]
        assert take(server.url) == [b"two"]


@pytest.mark.parametrize("url", ["imap://retours:secret-1@{}", "imap://retours:secr%C3%A9t-1@{}", "imap://{}"])
def test_a_wrong_password_is_said_and_never_repeated(url: str) -> None:
    with ImapServer() as server, pytest.raises(Unreachable) as refused:
        waiting(url.format(server.address))
    assert "BOUNCES_URL" in str(refused.value)
    assert "-1" not in str(refused.value)


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "SEARCH", "FETCH", "STORE"])
def test_a_conversation_that_breaks_off_is_said(command: str) -> None:
    with ImapServer(b"one") as server:
        server.drops = command
        with pytest.raises(Unreachable, match=r"^localhost : "):
            take(server.url)
        assert take(server.url) == [b"one"]


def test_a_server_that_says_nothing_is_not_waited_for_for_ever() -> None:
    with ImapServer(b"one") as server:
        server.silent = "SEARCH"
        with (
            pytest.raises(Unreachable, match="délai dépassé"),
            incoming.opened(server.url, timeout=0.2) as mailbox,
        ):
            list(mailbox.waiting())


def test_nobody_at_the_address_is_said() -> None:
    with pytest.raises(Unreachable, match=r"^127\.0\.0\.1 : Connection refused$"):
        waiting("imap://user:secret@127.0.0.1:9")


@pytest.mark.parametrize("scheme", ["imaps", "imap"])
def test_the_conversation_is_encrypted_by_a_certificate_that_somebody_vouches_for(
    scheme: str, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ImapServer(b"one") as server:
        server.tls, server.implicit = certificate, scheme == "imaps"
        url = server.url.replace("imap:", f"{scheme}:") + "?starttls=1"
        with pytest.raises(Unreachable, match=r"(?i)certificate verify failed"):
            waiting(url)
        assert "LOGIN" not in server.commands
        monkeypatch.setenv("SSL_CERT_FILE", certificate.path)
        assert waiting(url) == [b"one"]


def test_starttls_that_is_not_offered_says_no_password_in_clear() -> None:
    with ImapServer(b"one") as server, pytest.raises(Unreachable, match="TLS not supported"):
        waiting(f"{server.url}?starttls=1")
    assert "LOGIN" not in server.commands
