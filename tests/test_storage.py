"""Documents on disk: once written, never another."""

from pathlib import Path

import pytest
from flask import Flask

import storage

pytestmark = pytest.mark.databases("sqlite")  # No table is touched; the application gives the folder.


def test_what_is_written_is_read_back(app: Flask) -> None:
    stored = storage.write_once("FA-1.pdf", b"%PDF content")
    assert stored.size == 12
    assert storage.read("FA-1.pdf", stored.sha256) == b"%PDF content"


def test_the_same_bytes_may_be_written_again_but_no_others(app: Flask) -> None:
    first = storage.write_once("FA-1.pdf", b"one")
    assert storage.write_once("FA-1.pdf", b"one") == first
    with pytest.raises(FileExistsError):
        storage.write_once("FA-1.pdf", b"two")
    assert storage.read("FA-1.pdf", first.sha256) == b"one"


def test_changed_bytes_are_noticed(app: Flask) -> None:
    stored = storage.write_once("FA-1.pdf", b"one")
    (folder_of(app) / "FA-1.pdf").write_bytes(b"0ne")
    with pytest.raises(storage.Corrupt):
        storage.read("FA-1.pdf", stored.sha256)


def test_nothing_half_written_is_left_behind(app: Flask) -> None:
    storage.write_once("FA-1.pdf", b"one")
    with pytest.raises(FileExistsError):
        storage.write_once("FA-1.pdf", b"two")
    assert [path.name for path in folder_of(app).iterdir()] == ["FA-1.pdf"]


def test_no_other_account_of_the_machine_reads_a_document(app: Flask) -> None:
    storage.write_once("FA-1.pdf", b"one")
    modes = [path.stat().st_mode & 0o077 for path in (folder_of(app), folder_of(app) / "FA-1.pdf")]
    assert modes == [0, 0]


@pytest.mark.parametrize("name", ["../secret.pdf", "/etc/passwd", "a/../../b.pdf"])
def test_no_name_leads_out_of_the_folder(app: Flask, name: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        storage.write_once(name, b"x")


def folder_of(app: Flask) -> Path:
    folder: Path = app.extensions["settings"].documents_dir
    return folder
