"""`deploy/backup`: a copy made while somebody writes is whole, and finds its documents."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def back_up(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Back the folder's database and documents up into `copies`."""
    settings = {"DATABASE_URL": f"sqlite:///{folder}/app.db", "DOCUMENTS_URL": f"file://{folder}/documents"}
    command = [sys.executable, str(ROOT / "deploy" / "backup"), str(folder / "copies")]
    return subprocess.run(command, env=os.environ | settings | changes, capture_output=True, text=True, check=False)


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """Give a folder with a database in WAL mode and one document."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "1.pdf").write_text("one")
    with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
    return tmp_path


def test_a_copy_made_while_somebody_writes_holds_whole_transactions(installation: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(installation / "app.db", isolation_level=None, timeout=10)) as database:
            number = 0
            while not stop.is_set():
                number += 1
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO pairs VALUES (?, ?)", (number, 0))
                database.execute("UPDATE pairs SET b = a WHERE a = ?", (number,))
                database.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = back_up(installation)
    finally:
        stop.set()
        writer.join()
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(done.stdout.strip())) as copy:
        [[rows, torn]] = copy.execute("SELECT count(*), sum(a <> b) FROM pairs").fetchall()
    assert (rows > 0, torn) == (True, 0)


def test_documents_are_copied_once_and_never_replaced(installation: Path) -> None:
    (installation / "documents" / ".half-written").write_text("x")
    assert back_up(installation).returncode == 0
    (installation / "documents" / "1.pdf").write_text("another")
    (installation / "documents" / "2.pdf").write_text("two")
    assert back_up(installation).returncode == 0
    kept = {file.name: file.read_text() for file in (installation / "copies" / "documents").iterdir()}
    assert kept == {"1.pdf": "one", "2.pdf": "two"}


def test_a_dump_that_fails_keeps_nothing_and_shows_no_password(installation: Path) -> None:
    (installation / "pg_dump").write_text('#!/bin/sh\necho "pg_dump: $*" >&2\nexit 1\n')
    (installation / "pg_dump").chmod(0o755)
    url = "postgresql+psycopg://shop:s3cret@127.0.0.1:1/shop?connect_timeout=1"
    done = back_up(installation, DATABASE_URL=url, PATH=f"{installation}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "postgresql://shop@127.0.0.1:1/shop?connect_timeout=1" in done.stderr
    assert "s3cret" not in done.stderr
    assert [entry.name for entry in (installation / "copies").iterdir()] == ["documents"]
