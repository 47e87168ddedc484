"""Documents on disk: once written, never another."""

import os
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
    with pytest.raises(storage.Corrupt):
        storage.write_once("FA-1.pdf", b"two")
    assert storage.read("FA-1.pdf", first.sha256) == b"one"


def test_changed_bytes_are_noticed(app: Flask) -> None:
    stored = storage.write_once("FA-1.pdf", b"one")
    (folder_of(app) / "FA-1.pdf").write_bytes(b"0ne")
    with pytest.raises(storage.Corrupt):
        storage.read("FA-1.pdf", stored.sha256)


def test_nothing_half_written_is_left_behind(app: Flask) -> None:
    storage.write_once("FA-1.pdf", b"one")
    with pytest.raises(storage.Corrupt):
        storage.write_once("FA-1.pdf", b"two")
    assert [path.name for path in folder_of(app).iterdir()] == ["FA-1.pdf"]


def test_what_a_kill_left_behind_is_tidied_away_an_hour_later(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write_once("FA-1.pdf", b"one")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_arguments, **_said: None)
        storage.write_once("FA-2.pdf", b"two")  # As if it had been killed before it took its own file away.
    for path in folder_of(app).iterdir():
        os.utime(path, (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_arguments, **_said: None)
        storage.write_once("FA-3.pdf", b"three")  # Somebody is at it.
    storage.tidy()
    left = sorted(path.name for path in folder_of(app).iterdir())
    assert left[1:] == ["FA-1.pdf", "FA-2.pdf", "FA-3.pdf"]
    assert left[0].startswith(".FA-3.pdf.")


def test_no_other_account_of_the_machine_reads_a_document(app: Flask) -> None:
    storage.write_once("FA-1.pdf", b"one")
    modes = [path.stat().st_mode & 0o077 for path in (folder_of(app), folder_of(app) / "FA-1.pdf")]
    assert modes == [0, 0]


@pytest.mark.parametrize("name", ["../secret.pdf", "/etc/passwd", "a/../../b.pdf"])
def test_no_name_leads_out_of_the_folder(app: Flask, name: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        storage.write_once(name, b"x")


def test_a_folder_that_takes_nothing_does_not_answer_and_is_an_outage(app: Flask) -> None:
    assert storage.answers()
    folder_of(app).rmdir()
    folder_of(app).write_bytes(b"a file where the folder should be")
    assert not storage.answers()
    with pytest.raises(OSError, match="documents") as refused:
        storage.write_once("FA-1.pdf", b"x")
    assert storage.is_outage(refused.value)


def test_one_file_that_is_gone_or_another_is_no_outage(app: Flask) -> None:
    storage.write_once("FA-1.pdf", b"one")
    with pytest.raises(FileNotFoundError) as gone:
        storage.read("FA-2.pdf", "0" * 64)
    with pytest.raises(storage.Corrupt) as another:
        storage.write_once("FA-1.pdf", b"two")
    assert [storage.is_outage(error.value) for error in (gone, another)] == [False, False]


def folder_of(app: Flask) -> Path:
    folder: Path = app.extensions["settings"].documents_dir
    return folder
