"""What a connector has read from a shop's own words: an order, something to leave alone, or what cannot be read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shops.schema import InvalidMessage, OrderMessage


class Ignored(Exception):
    """What the shop sent is no order to mirror, such as a draft or a test; the text is French and says why."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """`message` bears the shop's own number; `ref` is the shop's internal id of the order, which never changes.

    `doubts` are French sentences on what the shop's words left open; an order with one is « à vérifier ».
    """

    message: OrderMessage
    ref: str | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """An order of a reading that breaks the schema: `payload` is what was read, without what must never be kept."""

    ref: str
    problem: str
    payload: bytes

    @classmethod
    def of(cls, ref: str, sent: Mapping[str, Any], error: InvalidMessage) -> "Unread":
        """Return what was read, with all that is wrong with it."""
        return cls(ref, " ".join(map(str, error.problems)), json.dumps(sent, default=str).encode())


@dataclass(frozen=True, slots=True)
class Page:
    """A run of orders as read from a shop; `cursor` is where the next one begins, in JSON's kinds of values.

    `total` is how many orders the whole reading has, where the shop says it, for the progress bar.
    """

    orders: tuple[Arrival | Unread, ...]
    cursor: Mapping[str, Any]
    total: int | None = None
