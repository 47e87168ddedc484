"""The number of an order: how a shop may write it, and how a person may type it."""

import re

NUMBER_LENGTH = 64

# The first character keeps "." and ".." (which a browser folds away) and options ("-x") out of addresses.
NUMBER_PATTERN = rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{NUMBER_LENGTH - 1}}}"
_NUMBER = re.compile(NUMBER_PATTERN)


def is_order_number(number: str) -> bool:
    """Tell whether the number may name an order: ASCII letters, digits, dot, _ and -."""
    return _NUMBER.fullmatch(number) is not None


def order_key(number: str) -> str:
    """Return the form under which orders are looked up: any case, any blanks and a leading # lead to the same order."""
    return "".join(number.split()).lstrip("#").upper()
