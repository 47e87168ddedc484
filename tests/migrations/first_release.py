"""A database as the first release left it, full of documents: what every later migration has to carry along."""

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import sqlalchemy as sa

from documents import snapshot
from tests.documents import factories

# Series, first number and how many documents it has; their rows come in another order than their numbers.
ISSUED = (("FA-2025", 4711, 3), ("FA-2026", 1, 4), ("SPECIMEN-2026", 1, 2))
NOT_SAID_THEN = ("buyer_email", "refers_to", "reason", "settlement")
MOMENT = datetime(2026, 11, 3, 10, tzinfo=UTC)


class FirstRelease:
    """Writes rows into the tables of revision 0001, known by reflection: later code knows other tables."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.tables = sa.MetaData()
        self.tables.reflect(connection)

    def fill(self) -> None:
        """Afterwards there are orders, invoices of several series and years, specimens, files and mails."""
        ids = count(1)
        for series, first, many in reversed(ISSUED):
            year, last = int(series[-4:]), first + many - 1
            self.put("number_series", name=series, last_number=last, last_date=date(year, 3, many))
            for sequence in range(last, first - 1, -1):
                self.invoice(next(ids), series, sequence, date(year, 3, sequence - first + 1))
        self.put(
            "deliveries", id=99, kind="password_reset", occasion="token:1", recipient="claire@example.org",
            message_id="<99@example.org>", state="pending", attempts=0, doubts=0, created_at=MOMENT,
        )  # fmt: skip
        if self.connection.dialect.name == "postgresql":
            for table in ("orders", "invoice_requests", "invoices", "deliveries", "stored_files"):
                newest = f"(SELECT max(id) FROM {table})"  # noqa: S608 - Our own names.
                self.connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', {newest})")

    def invoice(self, row: int, series: str, sequence: int, day: date) -> None:
        """Write one invoice, with its order, its request, its mail and, of each second one, its file."""
        self.order(row)
        number, trial = f"{series}-{sequence:06d}", series.startswith("SPECIMEN")
        document = factories.a_snapshot(number=number, issue_date=day, trial=trial)
        said = json.loads(snapshot.to_json(document))
        content = json.dumps(
            {name: value for name, value in said.items() if name not in NOT_SAID_THEN},
            ensure_ascii=False, sort_keys=True, separators=(",", ":"),
        )  # fmt: skip
        self.put(
            "invoices", id=row, request_id=row, order_id=row, number=number, series=series, sequence=sequence,
            trial=trial, issue_date=day, issued_at=MOMENT, currency="EUR", net=self.exact(document.totals.net),
            vat=self.exact(document.totals.vat), gross=self.exact(document.totals.gross), snapshot=content,
            snapshot_sha256=digest(content),
        )  # fmt: skip
        self.put(
            "deliveries", id=row, kind="invoice_trial" if trial else "invoice", occasion=f"invoice:{row}",
            recipient="claire@example.org", message_id=f"<{row}@example.org>", order_id=row, invoice_id=row,
            state="sent", attempts=1, doubts=0, created_at=MOMENT, sent_at=MOMENT,
        )  # fmt: skip
        if sequence % 2:
            self.put(
                "stored_files", id=row, invoice_id=row, name=f"{number}.0123456789ab.pdf", sha256=digest(number),
                size=1000 + row, stored_at=MOMENT,
            )  # fmt: skip

    def order(self, row: int) -> None:
        """Write an order of one T-shirt, and the request for its invoice."""
        price = Decimal("31.72")
        self.put(
            "orders", id=row, number=f"T-{row}", number_key=f"T{row}", version=1, content_hash="0" * 64,
            source="tests", shop_email="claire@example.org", email="claire@example.org",
            email_key="claire@example.org", locale="fr", placed_at=MOMENT, payment_method="card", currency="EUR",
            prices_include_tax=True, invoice_requested=False, order_discount=0, total=self.exact(price),
            received_at=MOMENT,
        )  # fmt: skip
        self.put(
            "order_lines", order_id=row, position=0, sku="", description="T-shirt", kind="goods",
            quantity=self.exact(Decimal(1), 4), unit_price=self.exact(price, 6), discount=0,
            vat_rate=self.exact(Decimal(20)),
        )  # fmt: skip
        self.put(
            "invoice_requests", id=row, order_id=row, origin="checkout", state="sent", requested_at=MOMENT,
            sent_at=MOMENT, attempts=0,
        )  # fmt: skip

    def put(self, table: str, **values: Any) -> None:
        """Write one row."""
        self.connection.execute(self.tables.tables[table].insert().values(**values))

    def exact(self, value: Decimal, scale: int = 2) -> Any:
        """Return the value as `columns.Exact` keeps it: a scaled whole number on SQLite."""
        return int(value.scaleb(scale)) if self.connection.dialect.name == "sqlite" else value


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
