"""The laboratory of a test: a product of its own, on the database of the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.faults.laboratory import Laboratory


@pytest.fixture
def laboratory(app: Flask, settings: dict[str, str], tmp_path: Path, redis_binary: Path) -> Iterator[Laboratory]:
    """Give a laboratory in which nobody works yet."""
    with Laboratory(tmp_path, settings, redis_binary) as laboratory:
        yield laboratory
