"""JSON as it is taken from shops: no name twice in one object, no number that is none, numbers with a point exact."""

import json
from decimal import Decimal
from typing import Any


class NotJson(ValueError):
    """The text is no JSON that can be taken; `path` names a field that stands twice, and the reason is French."""

    def __init__(self, reason: str, path: str = "") -> None:
        """Carry reason and place."""
        super().__init__(reason)
        self.reason = reason
        self.path = path


def loads(text: str | bytes, *, exact: bool = False, first_line: int = 1) -> Any:
    """Return what the text says; with `exact` numbers with a point are decimals, else floats, which the schema refuses.

    `first_line` is where the text begins. Bytes that are no UTF-8 are left to who checks their field. Raises NotJson.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    number = Decimal if exact else float
    try:
        return json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_no_constant, parse_float=number)
    except json.JSONDecodeError as error:
        place = f"ligne {first_line + error.lineno - 1}, caractère {error.colno}"
        raise NotJson(f"Ce n'est pas du JSON valable ({place}).") from None
    except NotJson:
        raise
    except (ValueError, ArithmeticError, RecursionError):
        reason = "Ce JSON contient un nombre hors de toute mesure (NaN, Infinity…) ou trop d'imbrications."
        raise NotJson(reason) from None


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ on which one of two counts. A name is told in characters that an answer can be written in."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise NotJson("Ce champ figure deux fois.", doubled[:60].encode("utf-8", "replace").decode())
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)
