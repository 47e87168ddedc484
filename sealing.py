"""Secrets at rest: sealed with `KEYS_SECRET`, so that a stolen copy of the database opens no door.

Each is sealed for its place, such as `shops.pull_key/atelier`: copied into another row or column it does not open.
"""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask_babel import gettext as _

import config


class WrongKeysSecret(Exception):
    """What is sealed was sealed with another `KEYS_SECRET` or for another place, or was altered.

    The text is French and may be shown to the merchant; `place` holds no secret.
    """

    def __init__(self, place: str) -> None:
        """Carry the place."""
        super().__init__(
            _(
                "Un secret de la boutique ne s'ouvre plus\u00a0: KEYS_SECRET n'est plus celui d'alors. "
                "Remettez l'ancien, ou donnez un nouveau secret (flask shops set, flask shops rotate)."
            )
        )
        self.place = place


def seal(secret: bytes, place: str) -> bytes:
    """Return the secret encrypted and authenticated (Fernet: AES-128-CBC with HMAC-SHA256), for that place alone."""
    return _fernet(place).encrypt(secret)


def open_sealed(sealed: bytes, place: str) -> bytes:
    """Return what was sealed for that place. Raises WrongKeysSecret when it cannot be opened."""
    try:
        return _fernet(place).decrypt(sealed)
    except InvalidToken:
        raise WrongKeysSecret(place) from None


def seal_text(secret: str, place: str) -> str:
    """Return the text sealed for that place, as text."""
    return seal(secret.encode(), place).decode()


def open_text(sealed: str, place: str) -> str:
    """Return the text that was sealed for that place. Raises WrongKeysSecret when it cannot be opened."""
    return open_sealed(sealed.encode(), place).decode()


def fingerprint(text: str, place: str) -> str:
    """Return what names the text for that place to who holds `KEYS_SECRET`, and to nobody else (HMAC-SHA256).

    A hash without a key would not do: all addresses of a list can be tried on a stolen table.
    """
    return hmac.new(_key(place), text.encode(), hashlib.sha256).hexdigest()


def _fernet(place: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key(place)))


def _key(place: str) -> bytes:
    """Derive the key of the place (RFC 5869), so that the setting may be any text of enough chance."""
    context = f"espace-client/sealing/{place}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=context).derive(config.current().keys_secret.encode())
