"""The programs of `docs/shops/api.md`, each taken from the page and run against a server that listens."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import make_server

from extensions import db
from models import AuditEntry, Order
from tests.support.settings import ROOT
from tests.support.shops import a_key, a_shop

pytestmark = pytest.mark.databases("sqlite")
PAGE = (ROOT / "docs" / "shops" / "api.md").read_text(encoding="utf-8")

Program = Callable[..., list[dict[str, object]]]


def from_page(language: str) -> str:
    """Return the one block of that language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(block)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Give the address of the application, which listens."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def program(address: str, tmp_path: Path) -> Program:
    """Give what runs a program of the page beside the order of the page, and returns the answers it printed."""
    (tmp_path / "order.json").write_text(from_page("json"), encoding="utf-8")
    key = a_key(a_shop(number_prefix="B-"))

    def run(language: str, *command: str | Path, secret: str = key.secret) -> list[dict[str, object]]:
        (tmp_path / f"shop.{language}").write_text(from_page(language), encoding="utf-8")
        env = os.environ | {"AREA_URL": address, "AREA_KEY": key.key_id, "AREA_SECRET": secret}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=60, check=True)
        return [json.loads(line) for line in done.stdout.decode().splitlines() if line]

    return run


def check_program(program: Program, language: str, *command: str | Path) -> None:
    put, got = program(language, *command)
    assert put == {"number": "B-100234", "version": 1, "applied": True, "review": []}
    assert (got["number"], got["total"], got["status"]) == ("B-100234", "31.72", "preparing")
    order = db.session.scalars(select(Order)).unique().one()
    assert order.billing is not None
    assert order.billing.line1 == "12 rue Mercière"
    program(language, *command)  # Within the same second it is the equal call; later, what is known already.
    kept = select(func.count()).where(AuditEntry.order_id == order.id, AuditEntry.action.startswith("order."))
    assert db.session.scalar(kept) == 1
    assert [each["status"] for each in program(language, *command, secret="not the secret")] == [401, 401]


def test_the_program_in_python_sends_an_order(program: Program) -> None:
    check_program(program, "python", sys.executable, "shop.python")


def test_the_program_in_php_sends_an_order(program: Program, php: Path) -> None:
    check_program(program, "php", php, "shop.php")


def test_the_program_in_javascript_sends_an_order(program: Program, node: Path) -> None:
    check_program(program, "js", node, "--input-type=module", "--eval", from_page("js"))
