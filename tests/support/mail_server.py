"""The SMTP server of the tests as a process of its own, steered and read by files, so that any process can be killed.

    python -m tests.support.mail_server FOLDER [--port N]

`FOLDER/port` says where it listens once it does, `FOLDER/modes/` holds one file a mode (`Folder`), `FOLDER/journal` one
line of JSON for each message, on the disk before the server says that it took it.
"""

import argparse
import hashlib
import json
import os
import signal
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from pathlib import Path

from tests.support.mailbox import Mailbox


class Folder(MutableMapping[str, str]):
    """The modes of a server in another process: a file each, named by its key."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path

    def __getitem__(self, key: str) -> str:
        try:
            return (self.path / key).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise KeyError(key) from None

    def __setitem__(self, key: str, mode: str) -> None:
        unfinished = self.path / f".{key}"
        unfinished.write_text(mode, encoding="utf-8")
        unfinished.rename(self.path / key)

    def __delitem__(self, key: str) -> None:
        (self.path / key).unlink(missing_ok=True)  # The server may have met it meanwhile.

    def __iter__(self) -> Iterator[str]:
        return (file.name for file in self.path.iterdir() if not file.name.startswith("."))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that the server took: who it was for, and the digests of its bytes and of what it carries."""

    message_id: str
    recipients: list[str]
    sha256: str
    attachments: list[str]


def accepted(folder: Path) -> list[Accepted]:
    """Return what the server of that folder has taken so far, the oldest first."""
    journal = folder / "journal"
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    return [Accepted(**json.loads(line)) for line in lines]


def serve(folder: Path, port: int) -> None:
    """Take mail until killed: what was taken is safe already."""
    mailbox = Mailbox(Folder(folder / "modes"), port=port, auth_require_tls=False)
    with (folder / "journal").open("a", encoding="utf-8") as journal:

        def note(raw: bytes, recipients: Sequence[str]) -> None:
            journal.write(json.dumps(asdict(described(raw, recipients))) + "\n")
            journal.flush()
            os.fsync(journal.fileno())

        mailbox.heard = note
        mailbox.controller.start()
        unfinished = folder / ".port"
        unfinished.write_text(str(mailbox.controller.port), encoding="utf-8")
        unfinished.rename(folder / "port")
        signal.pause()


def described(raw: bytes, recipients: Sequence[str]) -> Accepted:
    """Return what is noted of a message as it came over the wire."""
    message = message_from_bytes(raw, policy=policy.default)
    attachments = [part.get_content() for part in message.iter_attachments()]
    digests = [hashlib.sha256(one).hexdigest() for one in attachments]
    return Accepted(message["Message-ID"], list(recipients), hashlib.sha256(raw).hexdigest(), digests)


def main() -> None:
    """Serve in the folder that the command line names."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    chosen = options.parse_args()
    serve(chosen.folder, chosen.port)


if __name__ == "__main__":
    main()
