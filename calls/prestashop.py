"""Reading the orders of a PrestaShop through its web service (JSON), joined from the resources they lie in."""

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from calls import patience
from calls.http import Caller, CallFailed
from shops import prestashop
from shops.arrivals import Arrival, Ignored, Page, Unread
from shops.readings import PARIS
from shops.schema import InvalidMessage

PAGE_SIZE = 50
MOMENT = "%Y-%m-%d %H:%M:%S"
FIRST, LAST = "1990-01-01 00:00:00", "2099-12-31 23:59:59"
SMALL = ("order_states", "taxes", "currencies", "languages", "countries")
"""Resources of a few rows, read once a reading."""


class Reader:
    """Reads one shop; the key of the web service is sent as the user of HTTP Basic, over TLS and nowhere else."""

    def __init__(self, base_url: str, key: str, caller: Caller, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Keep the connection; `sleep` is how a pause is made."""
        self._base = f"{base_url.rstrip('/')}/api"
        self._headers = {"Authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"}
        self._caller, self._sleep = caller, sleep
        self._small: dict[str, list[dict[str, Any]]] = {}

    def pages(self, cursor: Mapping[str, Any] | None, since: datetime | None) -> Iterator[Page]:
        """Yield the orders changed since then, the longest unchanged first; a cursor goes on where it was made.

        The next page begins in the second of the last change of this one, and by place only within a second: an order
        that changes meanwhile moves to the end, and none slips over the edge of a page. Raises CallFailed.
        """
        after = (cursor or {}).get("after") or (since.astimezone(PARIS).strftime(MOMENT) if since else FIRST)
        skip = int((cursor or {}).get("skip") or 0)
        while True:
            wanted = {
                "filter[date_upd]": f"[{after},{LAST}]",
                "date": "1",
                "sort": "[date_upd_ASC,id_ASC]",
                "limit": f"{skip},{PAGE_SIZE}",
            }
            found = self._rows("orders", wanted)
            last = str(found[-1]["date_upd"]) if found else after
            after, skip = (last, 0) if last > after else (after, skip + PAGE_SIZE)
            if found:
                yield Page(tuple(self._read(found)), {"after": after, "skip": skip})
            if len(found) < PAGE_SIZE:
                return

    def _read(self, found: list[dict[str, Any]]) -> Iterator[Arrival | Unread]:
        shared = {name: self._all(name) for name in SMALL}
        shared["customers"] = self._by_ids("customers", "id", (each["id_customer"] for each in found))
        places = (each[f"id_address_{kind}"] for each in found for kind in ("invoice", "delivery"))
        shared["addresses"] = self._by_ids("addresses", "id", places)
        of_orders = {
            name: self._by_ids(name, "id_order", (each["id"] for each in found))
            for name in ("order_details", "order_slip", "order_histories", "order_carriers")
        }
        same = self._of_references({str(each["reference"]) for each in found})
        for each in found:
            own = {
                name: [row for row in rows if str(row["id_order"]) == str(each["id"])]
                for name, rows in of_orders.items()
            }
            joined = {"order": each, "same_reference": same.get(str(each["reference"]), ()), **shared, **own}
            try:
                yield prestashop.order(joined)
            except Ignored:
                continue
            except InvalidMessage as error:
                yield Unread.of(str(each["id"]), {"order": each, **own}, error)

    def _all(self, name: str) -> list[dict[str, Any]]:
        if name not in self._small:
            self._small[name] = self._rows(name, {})
        return self._small[name]

    def _by_ids(self, name: str, column: str, ids: Iterable[Any]) -> list[dict[str, Any]]:
        wanted = sorted({int(each) for each in ids if int(each)})
        return self._rows(name, {f"filter[{column}]": f"[{'|'.join(map(str, wanted))}]"}) if wanted else []

    def _of_references(self, references: set[str]) -> dict[str, list[str]]:
        """Return the ids of all orders that bear these references: parts of one that was split share it."""
        wanted = sorted(each for each in references if each and not set(each) & set("[]|,"))
        found: dict[str, list[str]] = {}
        for row in self._rows("orders", {"filter[reference]": f"[{'|'.join(wanted)}]"}) if wanted else ():
            found.setdefault(str(row["reference"]), []).append(str(row["id"]))
        return found

    def _rows(self, name: str, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return rows of a resource with its named fields alone: whole ones would carry secrets."""
        fields = {"output_format": "JSON", "display": f"[{','.join(prestashop.FIELDS[name])}]"}
        url = f"{self._base}/{name}?{urlencode(fields | dict(wanted))}"
        found, _headers = patience.get_json(self._caller, url, self._headers, sleep=self._sleep)
        if isinstance(found, dict):  # The rows stand under the resource's name, `order_slip` under its plural.
            found = next(iter(found.values()), [])
        if not isinstance(found, list) or not all(isinstance(each, dict) and "id" in each for each in found):
            raise CallFailed(f"La boutique répond autre chose que « {name} ».")
        return [{field: each.get(field) for field in prestashop.FIELDS[name]} for each in found]
