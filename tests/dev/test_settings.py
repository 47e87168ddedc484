from pathlib import Path

from dev import settings


def start(var_dir: Path, **environment: str) -> dict[str, str]:
    """Do what one start of bin/dev does to the file, and return what it says then."""
    file = var_dir / "env"
    chosen = settings.make(
        {"VAR_DIR": str(var_dir), **environment},
        settings.read(file),
        redis_url="unix:///r",
        smtp_url="smtp://127.0.0.1:1",
    )
    settings.write(file, chosen)
    return settings.read(file)


def test_secrets_and_the_first_day_are_kept_from_start_to_start(tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path, PORT="8123")
    assert {name: first[name] for name in settings.KEPT} == {name: second[name] for name in settings.KEPT}
    assert second["PUBLIC_URL"] == "http://127.0.0.1:8123"


def test_two_copies_do_not_share_secrets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert start(tmp_path / "a")["SECRET_KEY"] != start(tmp_path / "b")["SECRET_KEY"]


def test_the_environment_wins_for_this_start_only(tmp_path: Path) -> None:
    assert start(tmp_path, INVOICE_DELAY_HOURS="0")["INVOICE_DELAY_HOURS"] == "0"
    assert "INVOICE_DELAY_HOURS" not in start(tmp_path)


def test_only_this_user_reads_the_secrets(tmp_path: Path) -> None:
    start(tmp_path)
    assert (tmp_path / "env").stat().st_mode & 0o077 == 0
