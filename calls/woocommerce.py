"""Reading the orders of a WooCommerce shop through its REST API (v3), page by page."""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from calls import patience
from calls.http import Caller, CallFailed
from shops import woocommerce
from shops.arrivals import Arrival, Ignored, Page, Unread
from shops.schema import InvalidMessage

PAGE_SIZE = 50
MOMENT = "%Y-%m-%dT%H:%M:%S"
FIRST = datetime(1990, 1, 1, tzinfo=UTC)


class Reader:
    """Reads one shop; `key` is `ck_…:cs_…`, sent as HTTP Basic over TLS and nowhere else."""

    def __init__(self, base_url: str, key: str, caller: Caller, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Keep the connection; `sleep` is how a pause is made."""
        self._base = f"{base_url.rstrip('/')}/wp-json/wc/v3"
        self._headers = {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}"}
        self._caller, self._sleep = caller, sleep

    def refunds(self, order_id: str) -> list[dict[str, Any]]:
        """Return what was refunded of an order, line by line. Raises CallFailed."""
        found, _total = self._get(f"/orders/{order_id}/refunds", {"per_page": "100"})
        return found

    def pages(self, cursor: Mapping[str, Any] | None, since: datetime | None) -> Iterator[Page]:
        """Yield the orders changed since then, the longest unchanged first; a cursor goes on where it was made.

        The next page begins a second before the last change of this one, and by number only within a second: an order
        that changes meanwhile moves to the end, and none slips over the edge of a page. Raises CallFailed.
        """
        after = (cursor or {}).get("after") or (since or FIRST).strftime(MOMENT)
        page = int((cursor or {}).get("page") or 1)
        while True:
            found, total = self._get(
                "/orders",
                {
                    "orderby": "modified",
                    "order": "asc",
                    "modified_after": after,
                    "dates_are_gmt": "true",
                    "per_page": str(PAGE_SIZE),
                    "page": str(page),
                    "status": "any",
                },
            )
            last = _before(found[-1]) if found else after
            after, page = (last, 1) if last > after else (after, page + 1)
            if found:
                yield Page(tuple(self._read(found)), {"after": after, "page": page}, total)
            if len(found) < PAGE_SIZE:
                return

    def _read(self, found: list[dict[str, Any]]) -> Iterator[Arrival | Unread]:
        for each in found:
            try:
                yield woocommerce.order(each, self.refunds(woocommerce.ref_of(each)) if each.get("refunds") else [])
            except Ignored:
                continue
            except InvalidMessage as error:
                yield Unread.of(woocommerce.ref_of(each), each, error)

    def _get(self, path: str, wanted: Mapping[str, str]) -> tuple[list[dict[str, Any]], int | None]:
        url = f"{self._base}{path}?{urlencode(wanted)}"
        found, headers = patience.get_json(self._caller, url, self._headers, sleep=self._sleep)
        if not isinstance(found, list):
            raise CallFailed("La boutique répond autre chose que des commandes.")
        total = headers.get("x-wp-total", "")
        return found, int(total) if total.isdigit() else None


def _before(order: Mapping[str, Any]) -> str:
    """Return the second before the order's last change, so that others of that second are read again."""
    changed = str(order.get("date_modified_gmt") or order.get("date_created_gmt") or "")
    try:
        return (datetime.fromisoformat(changed) - timedelta(seconds=1)).strftime(MOMENT)
    except ValueError:
        raise CallFailed("La boutique envoie une commande sans date.") from None
