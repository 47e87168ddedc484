"""An order as a connector has read it from a shop's own words."""

from dataclasses import dataclass

from shops.schema import OrderMessage


@dataclass(frozen=True, slots=True)
class Arrival:
    """`message` bears the shop's own number; `ref` is the shop's internal id of the order, which never changes.

    `doubts` are French sentences on what the shop's words left open; an order with one is « à vérifier ».
    """

    message: OrderMessage
    ref: str | None = None
    doubts: tuple[str, ...] = ()
