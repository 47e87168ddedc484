"""Asking a shop again that was not ready: too many calls (429), trouble of its own (5xx), a line that was cut."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from calls.http import Answer, Caller, CallFailed, ForbiddenAddress
from shops import strict_json

PAUSES = (1.0, 2.0, 5.0, 10.0)
LONGEST_PAUSE = 60.0


class Unauthorised(CallFailed):
    """The shop refuses the key: asking again would be refused again."""


def get(caller: Caller, url: str, headers: Mapping[str, str], *, sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Return the shop's good answer (2xx), at the fifth try at the latest.

    Raises Unauthorised when it refuses the key, CallFailed when it refuses otherwise or keeps failing.
    """
    for pause in PAUSES:
        wish = 0.0
        try:
            answer = caller.get(url, headers)
        except ForbiddenAddress:
            raise
        except CallFailed:
            pass
        else:
            if 200 <= answer.status < 300:
                return answer
            _raise_unless_passing(answer)
            wish = _wanted(answer)
        sleep(min(max(pause, wish), LONGEST_PAUSE))
    answer = caller.get(url, headers)
    if 200 <= answer.status < 300:
        return answer
    _raise_unless_passing(answer)
    raise CallFailed(_said(answer))


def get_json(
    caller: Caller, url: str, headers: Mapping[str, str], *, sleep: Callable[[float], None] = time.sleep
) -> tuple[Any, Mapping[str, str]]:
    """Return what the good answer says, numbers with a point exact, and its headers. Raises as `get` does."""
    answer = get(caller, url, headers, sleep=sleep)
    try:
        return strict_json.loads(answer.body, exact=True), answer.headers
    except strict_json.NotJson:
        raise CallFailed("La boutique ne répond pas en JSON.") from None


def _raise_unless_passing(answer: Answer) -> None:
    if answer.status in (401, 403):
        raise Unauthorised("La boutique refuse la clé.")
    if answer.status != 429 and answer.status < 500:
        raise CallFailed(_said(answer))


def _said(answer: Answer) -> str:
    return f"La boutique répond par une erreur ({answer.status})."


def _wanted(answer: Answer) -> float:
    """Return how long the shop asks us to wait, in seconds; a date (RFC 9110, 10.2.3) counts as no wish."""
    wish = answer.headers.get("retry-after", "")
    return float(wish) if wish.isascii() and wish.isdigit() else 0.0
