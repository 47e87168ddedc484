"""The fixtures that all tests share: a real database of each kind, a real Redis, a real SMTP server, a still clock."""

import gc
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import BytecodeCache, FileSystemBytecodeCache

import clock
from dev import check
from dev import redis_server as redis_program
from dev.processes import die_with_parent
from extensions import db
from models import Customer
from services import clocks, passwords
from tests.support import components, customers, once
from tests.support.client import LintingClient
from tests.support.databases import NAMES, POSTGRESQL_URL, Databases
from tests.support.factories import a_customer
from tests.support.mailbox import Mailbox
from tests.support.settings import NOBODY_LISTENS, settings_for_tests

ABSENT = components.absent()
once.keep_routes()
once.keep_texts()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run draw and issue more documents than the sample, and take pictures of pages."""
    parser.addoption("--documents", type=int, default=24, help="how many random documents to check (default: 24)")
    parser.addoption("--issued", type=int, default=60, help="how many documents to issue under kills (default: 60)")
    parser.addoption("--screens", action="store_true", help="write what each page and state looks like to var/screens")


def pytest_report_header() -> list[str]:
    """Say what this run does without."""
    lines = [] if POSTGRESQL_URL else ["databases: SQLite only (bin/test brings PostgreSQL)"]
    return lines + [f"not collected: tests that need {name}: {reason}" for name, reason in ABSENT.items()]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need what is not here, as the header said, and begin with those that take longest."""
    without = [item for item in items if set(getattr(item, "fixturenames", ())) & set(ABSENT) or _has_no_database(item)]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
    items.sort(key=lambda item: "faults" not in item.path.parts)  # Last, one of them would keep all others waiting.


def pytest_collection_finish() -> None:
    """Leave all that the tests import out of the collections to come: each of them would walk over it."""
    gc.collect()
    gc.freeze()


def _has_no_database(item: pytest.Item) -> bool:
    """Whether the databases that the test is marked for are not here: pytest would collect it, to report a skip."""
    mark = item.get_closest_marker("databases")
    return mark is not None and not set(mark.args) & set(NAMES)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that touches the database on each kind, unless it is marked otherwise."""
    if "database_kind" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("databases")
        wanted = mark.args if mark else NAMES
        metafunc.parametrize("database_kind", [name for name in NAMES if name in wanted], scope="session")


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Give the maker of databases of this worker."""
    maker = Databases(tmp_path_factory.mktemp("databases"))
    yield maker
    maker.close()


@pytest.fixture
def database(databases: Databases, database_kind: str) -> Iterator[str]:
    """Give the URL of a migrated, empty database of this test's own."""
    with databases.fresh(database_kind) as url:
        yield url


@pytest.fixture
def settings(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> dict[str, str]:
    """Give the settings of this test; the real Redis and SMTP server are in them when the test asks for those."""
    redis_url = request.getfixturevalue("redis_server") if "redis_server" in request.fixturenames else NOBODY_LISTENS
    changes = {"DATABASE_URL": database, "REDIS_URL": redis_url}
    if "smtp_server" in request.fixturenames:
        changes["SMTP_URL"] = request.getfixturevalue("smtp_server").url
    return settings_for_tests(tmp_path, **changes)


@pytest.fixture(scope="session", autouse=True)
def real_hasher() -> Iterator[PasswordHasher]:
    """Give the product's own hasher of passwords to those who test it; all others have one of less work."""
    real, passwords._hasher = passwords._hasher, once.LIGHT
    yield real
    passwords._hasher = real


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """Give what spares each application the work of compiling the same templates again."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def make_app(
    request: pytest.FixtureRequest, settings: dict[str, str], compiled_templates: BytecodeCache
) -> Iterator[Callable[..., Flask]]:
    """Give a maker of applications on this test's database; keywords replace single settings."""
    if "frozen_clock" in request.fixturenames:
        request.getfixturevalue("frozen_clock")  # First of all, or what other fixtures write is of another day.
    with ExitStack() as cleaning:

        def make(**changes: str) -> Flask:
            from app import create_app  # Late, so that the pure rooms are tested without the whole application.

            app = create_app(settings | changes)
            app.config["TESTING"] = True
            app.config["WTF_CSRF_ENABLED"] = False  # A test of the protection itself turns it on.
            app.test_client_class = LintingClient
            app.jinja_env.bytecode_cache = compiled_templates
            once.share_texts(app)

            def let_go() -> None:
                with app.app_context():
                    db.session.remove()
                    db.engine.dispose()

            cleaning.callback(let_go)
            return app

        yield make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """Give the application, with its context pushed for the test; requests run in contexts of their own."""
    app = make_app()
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> LintingClient:
    """Give a browser that lints what it gets."""
    browser = app.test_client()
    assert isinstance(browser, LintingClient)
    return browser


@pytest.fixture
def merchant(app: Flask) -> LintingClient:
    """Give the browser of a merchant who is signed in, beside the one of `client`."""
    browser = app.test_client()
    assert isinstance(browser, LintingClient)
    customers.sign_in(browser, a_customer(email="admin@example.org", admin=True))
    return browser


@pytest.fixture
def sign_in(client: LintingClient) -> Callable[[Customer], LintingClient]:
    """Give what makes the test's browser somebody's."""

    def sign_in(customer: Customer) -> LintingClient:
        customers.sign_in(client, customer)
        return client

    return sign_in


@pytest.fixture(scope="session")
def _redis_socket(redis_binary: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ec-redis-", dir="/tmp") as folder:
        socket = Path(folder) / "redis.sock"
        command = redis_program.command(redis_binary, socket, Path(folder) / "data", durable=False)
        server = subprocess.Popen(command, preexec_fn=die_with_parent)  # noqa: PLW1509 - Two system calls.
        try:
            end = time.monotonic() + 10
            while not redis_program.answers(socket):
                assert server.poll() is None, "Redis ended at its start"
                assert time.monotonic() < end, "Redis does not answer"
                time.sleep(0.02)
            yield socket
        finally:
            server.terminate()
            server.wait()


@pytest.fixture(scope="session")
def redis_binary() -> Path:
    """Give the program of a Redis server, for a test that starts its own."""
    program = components.redis_program()
    assert program is not None
    return program


@pytest.fixture
def redis_server(_redis_socket: Path) -> str:
    """Give the URL of a real, empty Redis; the application of this test is told about it."""
    redis_program.ask(_redis_socket, b"FLUSHALL")
    return f"unix://{_redis_socket}"


@pytest.fixture
def smtp_server() -> Iterator[Mailbox]:
    """Give a real SMTP server that keeps what it accepts; the application of this test is told about it."""
    mailbox = Mailbox()
    mailbox.controller.start()
    yield mailbox
    mailbox.controller.stop()


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    """Stop the clock on Monday, 23 November 2026, 10:00 in Paris, the database's too; `shift`, `move_to` turn it."""
    monkeypatch.setattr(clocks, "database_now", clock.now)
    with time_machine.travel(datetime(2026, 11, 23, 9, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Give the browser's program."""
    program = components.browser_program()
    assert program is not None
    return program


@pytest.fixture(scope="session")
def poppler() -> None:
    """Promise that pdftotext and pdftoppm are on PATH."""


@pytest.fixture(scope="session")
def qpdf() -> None:
    """Promise that qpdf is on PATH."""


@pytest.fixture(scope="session")
def php() -> Path:
    """Give the program of PHP."""
    return Path(shutil.which("php") or "")


@pytest.fixture(scope="session")
def node() -> Path:
    """Give the program of Node.js."""
    return Path(shutil.which("node") or "")


@pytest.fixture(scope="session")
def online_retail_file() -> Path:
    """Give the real data set; an extra, where it is present."""
    path = check.real_data()
    assert path is not None
    return path
