"""Passwords: hashed with argon2id, a bounded number at a time, with the same work for accounts that do not exist.

The ones that everybody tries first are refused (NIST SP 800-63B, 5.1.1.2).
"""

import functools
import secrets
import string
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import lazy_gettext as _l

from services.limits import TooMany

SHORTEST = 8
LONGEST = 128
OF_THE_PLACE = ("espaceclient", "facture", "factures", "facturation", "commande", "commandes", "boutique", "motdepasse")
TOO_COMMON = _l("Ce mot de passe est trop courant. Choisissez-en un autre, par exemple plusieurs mots à la suite.")
AT_ONCE = 2  # 64 MiB each (RFC 9106, 4): a flood of sign-ins waits instead of filling the memory.
LONGEST_WAIT_SECONDS = 10

_hasher = PasswordHasher()
_room = threading.BoundedSemaphore(AT_ONCE)


def hash(password: str) -> str:  # noqa: A001  passwords.hash reads as it should.
    """Return what is stored of a password. Raises limits.TooMany when too many others are being hashed."""
    with _in_turn():
        return _hasher.hash(_normal(password))


def matches(password: str, stored: str | None) -> bool:
    """Say whether this is the password; `None` (nobody has that address) costs as much time and never matches.

    Raises limits.TooMany when too many others are being hashed.
    """
    decoy = _decoy()
    with _in_turn():
        try:
            return _hasher.verify(stored or decoy, _normal(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def is_common(password: str, *context: str) -> bool:
    """Say whether guessers would try it among the first: a common one, a word of this place, or what `context` says.

    `context` is what is known without guessing, such as the address of the account and the name of the shop. Of an
    address the part before the @ counts as well; a year or a sign put after it makes nothing better. Capitals and
    blanks make no difference.
    """
    tried = _plain(password)
    known = {_plain(word) for text in context for word in (text, text.partition("@")[0])}.union(OF_THE_PLACE)
    return tried in _most_common() or bool({tried, tried.strip(string.digits + string.punctuation)} & known - {""})


def is_outdated(stored: str) -> bool:
    """Say whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@functools.cache
def _most_common() -> frozenset[str]:
    """Return the most common passwords of a length that we would accept, some 11,600, read once a process."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # Late: 1 MB that most processes never need.

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= SHORTEST)


@functools.cache
def _decoy() -> str:
    """Hash something that nobody knows, once a process, with the parameters of real hashes."""
    return _hasher.hash(secrets.token_urlsafe())


@contextmanager
def _in_turn() -> Iterator[None]:
    if not _room.acquire(timeout=LONGEST_WAIT_SECONDS):
        raise TooMany(LONGEST_WAIT_SECONDS)
    try:
        yield
    finally:
        _room.release()


def _normal(password: str) -> str:
    """Two keyboards may write « é » in two ways; it is one password (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _plain(text: str) -> str:
    return "".join(_normal(text).casefold().split())
