"""Orders taken in from a file, beside the same rows written by plain INSERTs."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, insert, select

from benchmarks.measuring import Report
from benchmarks.shop import a_shop
from extensions import db
from services import intake
from shops import contract_json
from shops.demo import orders as demo_orders

TAKEN_IN, INSERTED = "an order taken in from a file", "an order by plain INSERTs"


def measure() -> Report:
    """Seconds an order: read, checked, added up and written as the import does, and its rows alone."""
    messages = demo_orders.messages(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    file = io.BytesIO("\n".join(json.dumps(message.model_dump(mode="json")) for message in messages).encode())
    with a_shop():
        begun = time.perf_counter()
        taken = [each.message for each in contract_json.read(file) if each.message]
        for _receipt in intake.receive_many(taken, source="bench", strict=False):
            pass
        seconds = time.perf_counter() - begun
        rows = {
            table: _rows(table)
            for table in map(db.metadata.tables.__getitem__, ("billing_details", "orders", "order_lines"))
        }
    with a_shop(), db.engine.connect() as connection:
        inserting = _insert(connection, rows)
    found = {INSERTED: inserting / len(taken), TAKEN_IN: seconds / len(taken)}
    rates = tuple(f"  {name}: {1 / each:,.0f} orders a second" for name, each in found.items())
    return Report(f"intake: {len(taken)} orders on SQLite", found, (), rates)


def _rows(table: Table) -> list[dict[str, object]]:
    return [dict(row._mapping) for row in db.session.execute(select(table))]


def _insert(connection: Connection, rows: dict[Table, list[dict[str, object]]]) -> float:
    """Seconds to write the rows, one order or line a statement, a hundred a transaction, as the import commits."""
    begun = time.perf_counter()
    for table, values in rows.items():
        statement = insert(table)
        for start in range(0, len(values), 100):
            with connection.begin():
                for row in values[start : start + 100]:
                    connection.execute(statement, row)
    return time.perf_counter() - begun
