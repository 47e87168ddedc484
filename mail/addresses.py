"""E-mail addresses: which ones are well formed, how they are stored, and when two of them are the same mailbox."""

import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

LONGEST = 254
"""The longest address that SMTP carries (RFC 5321, 4.5.3.1.3, less the angle brackets)."""


def clean(address: str) -> str:
    """Return the address as it is stored, shown and written to: trimmed, NFKC, the domain in small letters.

    Mail always goes to this form and never to what was typed: a full-width or ligature twin of somebody's
    address cannot prove a mailbox other than the one that `email_key` stands for (Unicode UTS #39, 3.3).
    Raises ValueError when the address is malformed.
    """
    return _checked(address).normalized


def valid(address: str) -> bool:
    """Say whether the address is well formed. Whether it is delivered is for the mail server to say."""
    try:
        _checked(address)
    except ValueError:
        return False
    return True


def email_key(address: str) -> str:
    """Return the form under which an address is unique: cleaned, in small letters, its domain in ASCII (IDNA 2008).

    Letters are lowered, not folded: folding would make one mailbox of « strasse » and « straße » (RFC 8265, 3.3).
    Dots and « +tags » are kept: what they mean is the provider's affair, and guessing could join two people.
    Raises ValueError when the address is malformed.
    """
    checked = _checked(address)
    return f"{unicodedata.normalize('NFKC', checked.local_part.lower())}@{checked.ascii_domain}"


def envelope_form(address: str) -> str:
    """Return the address as SMTP takes it: the domain in ASCII; the local part may still need SMTPUTF8 (RFC 6531).

    Raises ValueError when the address is malformed.
    """
    checked = _checked(address)
    return f"{checked.local_part}@{checked.ascii_domain}"


@lru_cache(1024)  # An order that arrives is asked for its address three times.
def _checked(address: str) -> ValidatedEmail:
    """Check form only: shops know addresses of reserved domains (`.test`), and the mail server judges better."""
    try:
        text = unicodedata.normalize("NFKC", address.strip())
        checked = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as problem:
        raise ValueError(f"Not an e-mail address: {problem}") from None
    if len(checked.normalized) > LONGEST or len(f"{checked.local_part}@{checked.ascii_domain}") > LONGEST:
        raise ValueError("Not an e-mail address: too long.")
    return checked
