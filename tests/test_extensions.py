"""What every connection to the database is told before anything else."""

import sqlite3
from contextlib import closing
from pathlib import Path

import extensions


def test_what_sqlite_has_committed_outlives_a_power_cut(tmp_path: Path) -> None:
    """In WAL mode only FULL waits for the disk: a number that was mailed and then forgotten would be given again."""
    with closing(sqlite3.connect(tmp_path / "product.db")) as connection:
        extensions._prepare(connection, None)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
