"""The laboratory of a test: a product of its own, on the database of the test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from tests.faults.cells import LEASE
from tests.faults.laboratory import Laboratory, Nursery
from tests.support.databases import NAMES, Databases


@pytest.fixture(scope="session")
def nursery(databases: Databases) -> Iterator[Nursery]:
    """Give the product, loaded and rehearsed once for all laboratories of this worker."""
    with ExitStack() as until_ready, ExitStack() as stack:
        nursery = Nursery(*(until_ready.enter_context(databases.fresh(kind)) for kind in NAMES))
        stack.enter_context(nursery)
        until_ready.close()
        yield nursery


@pytest.fixture
def laboratory(
    app: Flask, settings: dict[str, str], tmp_path: Path, redis_binary: Path, nursery: Nursery
) -> Iterator[Laboratory]:
    """Give a laboratory in which nobody works yet, and what the dead held is free after `LEASE`."""
    with Laboratory(tmp_path, settings, redis_binary, nursery, lease=LEASE) as laboratory:
        yield laboratory


@pytest.fixture
def patient(
    app: Flask, settings: dict[str, str], tmp_path: Path, redis_binary: Path, nursery: Nursery
) -> Iterator[Laboratory]:
    """Give a laboratory whose leases are long enough that nobody who lives loses one, however slow the machine."""
    with Laboratory(tmp_path, settings, redis_binary, nursery, lease=12) as laboratory:
        yield laboratory
