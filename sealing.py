"""Secrets at rest: sealed with `KEYS_SECRET`, so that a stolen copy of the database opens no door."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import config


class WrongKeysSecret(Exception):
    """What is sealed was sealed with another `KEYS_SECRET`, or was altered."""


def seal(secret: bytes) -> bytes:
    """Return the secret encrypted and authenticated (Fernet: AES-128-CBC with HMAC-SHA256)."""
    return _fernet().encrypt(secret)


def open_sealed(sealed: bytes) -> bytes:
    """Return what was sealed. Raises WrongKeysSecret when it cannot be opened."""
    try:
        return _fernet().decrypt(sealed)
    except InvalidToken:
        raise WrongKeysSecret from None


def seal_text(secret: str) -> str:
    """Return the text sealed, as text."""
    return seal(secret.encode()).decode()


def open_text(sealed: str) -> str:
    """Return the text that was sealed. Raises WrongKeysSecret when it cannot be opened."""
    return open_sealed(sealed.encode()).decode()


def _fernet() -> Fernet:
    """Derive the key (RFC 5869), so that the setting may be any text of enough chance."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"espace-client/sealing").derive(
        config.current().keys_secret.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
