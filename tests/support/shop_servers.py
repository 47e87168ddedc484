"""Shops that are read, as stand-ins over real HTTP: pages, filters, too many calls, trouble of their own, cut lines."""

import base64
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

Row = dict[str, Any]


@dataclass
class StandIn(ABC):
    """A shop: `faults` are used up one a call (a status, or `cut`); `asked` are the calls that came, in order."""

    key: str
    url: str = ""
    faults: list[int | str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def authorised(self, header: str) -> bool:
        """Whether the call bears the key, as HTTP Basic."""
        return header == f"Basic {base64.b64encode(self.key.encode()).decode()}"

    @abstractmethod
    def answer(self, path: str, wanted: dict[str, str]) -> tuple[Any, dict[str, str]] | None:
        """Return what the shop says and with which headers; None for what it does not have."""


@dataclass
class WooCommerce(StandIn):
    """`/wp-json/wc/v3`: orders by their last change, and what was refunded of each."""

    orders: list[Row] = field(default_factory=list)
    refunds: dict[str, list[Row]] = field(default_factory=dict)

    def answer(self, path: str, wanted: dict[str, str]) -> tuple[Any, dict[str, str]] | None:
        """Give a page of orders, or the refunds of one."""
        if found := re.fullmatch(r"/wp-json/wc/v3/orders/(\d+)/refunds", path):
            return self.refunds.get(found[1], []), {}
        if path != "/wp-json/wc/v3/orders" or wanted["orderby"] != "modified" or wanted["dates_are_gmt"] != "true":
            return None
        later = [each for each in self.orders if each["date_modified_gmt"] > wanted["modified_after"]]
        later.sort(key=lambda each: (each["date_modified_gmt"], each["id"]))
        size, page = int(wanted["per_page"]), int(wanted["page"])
        return later[(page - 1) * size : page * size], {"X-WP-Total": str(len(later))}


@dataclass
class PrestaShop(StandIn):
    """`/api/<resource>`: rows with the fields asked for alone, as `display` says; whole rows hold secrets."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def answer(self, path: str, wanted: dict[str, str]) -> tuple[Any, dict[str, str]] | None:
        """Give the rows of a resource that the filters leave; an empty list where there are none."""
        name = path.removeprefix("/api/")
        if name not in self.tables or wanted.get("output_format") != "JSON":
            return None
        rows = [each for each in self.tables[name] if self._fits(each, wanted)]
        if name == "orders":
            rows.sort(key=lambda each: (each["date_upd"], each["id"]))
        if "limit" in wanted:
            start, count = map(int, wanted["limit"].split(","))
            rows = rows[start : start + count]
        fields = wanted["display"].strip("[]").split(",")
        shown = [
            each if wanted["display"] == "full" else {one: each[one] for one in fields if one in each} for each in rows
        ]
        return ({{"order_slip": "order_slips"}.get(name, name): shown} if shown else []), {}

    @staticmethod
    def _fits(row: Row, wanted: dict[str, str]) -> bool:
        for name, value in wanted.items():
            if not name.startswith("filter["):
                continue
            column, text = name[7:-1], value.strip("[]")
            if "," in text:
                first, last = text.split(",")
                if not first <= str(row[column]) <= last:
                    return False
            elif str(row[column]) not in text.split("|"):
                return False
        return True


@contextmanager
def serving(shop: StandIn) -> Iterator[StandIn]:
    """Let the shop answer on a port of this machine's own; `url` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            shop.asked.append(self.path)
            fault = shop.faults.pop(0) if shop.faults else None
            if fault == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"[{")
                self.close_connection = True
                return
            if fault is not None:
                self._say(int(fault), {"code": "trouble"}, {"Retry-After": "1"} if fault == 429 else {})
                return
            if not shop.authorised(self.headers.get("Authorization", "")):
                self._say(401, {"code": "woocommerce_rest_cannot_view"}, {})
                return
            wanted = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            found = shop.answer(parts.path, wanted)
            self._say(*((404, {"code": "no_route"}, {}) if found is None else (200, *found)))

        def _say(self, status: int, content: Any, headers: dict[str, str]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 The name is the library's.
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    shop.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
