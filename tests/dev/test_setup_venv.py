"""`dev/setup_venv.py` takes nothing that is not pinned by its hash."""

from pathlib import Path

import pytest

from dev import setup_venv

PINS = """\
one==1.0 \\
    --hash=sha256:00 \\
    --hash=sha256:01
    # via two
two==2.0 ; python_full_version < '3.13' \\
    --hash=sha256:02
"""


def test_every_hash_is_checked_and_nothing_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps: list[tuple[str, list[str | Path], int]] = []
    monkeypatch.setattr(setup_venv, "_step", lambda *step: steps.append(step))
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(PINS)
    setup_venv._install(requirements)
    [(title, command, count)] = steps
    assert (title, count) == ("Installing 2 packages of requirements.txt", 2)
    assert {"--require-hashes", "--only-binary"} <= set(map(str, command))
