"""The documents on disk: written once, read back as they were, checked by their SHA-256."""

import hashlib
import os
import secrets
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import config
import failpoints

LARGE = 256 * 1024  # Bytes; few documents have more.
ABANDONED_SECONDS = 3600  # Whoever began to write a file so long ago was killed before its end.


class Corrupt(Exception):
    """The bytes on disk are not the bytes that were written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was written: its digest (hexadecimal SHA-256) and its size in bytes."""

    sha256: str
    size: int


def write_once(name: str, data: bytes) -> Stored:
    """Afterwards a file of that name holds exactly these bytes, also after a power cut.

    Writing the same bytes again changes nothing. Raises Corrupt when other bytes stand there already, and OSError
    when the folder cannot be written.
    """
    path = _path(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb", opener=for_us_alone) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        failpoints.reach("store.written")
        try:
            os.link(temporary, path)  # Unlike a rename, a link never replaces what is there.
        except FileExistsError:
            if path.read_bytes() != data:
                raise Corrupt(name) from None
    finally:
        temporary.unlink(missing_ok=True)
    _fsync_folder(path.parent)
    failpoints.reach("store.linked")
    return Stored(digest(data), len(data))


def digest(data: bytes) -> str:
    """Return the SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read(name: str, sha256: str) -> bytes:
    """Return the bytes of a file.

    Raises FileNotFoundError when it is gone, Corrupt when its digest is another one.
    """
    data = _path(name).read_bytes()
    if digest(data) != sha256:
        raise Corrupt(name)
    return data


def names() -> list[str]:
    """Return the names of all documents that are there, in no order; of what is half written, none."""
    folder = config.current().documents_dir
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [str(path.relative_to(folder)) for path in files]


def tidy() -> None:
    """Afterwards nothing is there any more that somebody began to write and was killed over, an hour ago or more."""
    for path in config.current().documents_dir.glob(".*.pdf.*"):
        with suppress(OSError):  # Gone by now; or nothing can be taken away, which `answers` is there to notice.
            if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                path.unlink()


def answers() -> bool:
    """Whether the folder takes a document: permissions alone say nothing about a full or a read-only disk."""
    folder = config.current().documents_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(LARGE))
    except OSError:
        return False
    return True


def is_outage(error: Exception) -> bool:
    """Whether the folder or its disk is out of order, which is waited for; one file that is gone will not come back."""
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)


def _path(name: str) -> Path:
    folder = config.current().documents_dir
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{name} leads out of the documents folder")
    return path


def for_us_alone(path: str, flags: int) -> int:
    """Open a file that no other account of the machine reads, whatever the umask is: invoices name people."""
    return os.open(path, flags, 0o600)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
