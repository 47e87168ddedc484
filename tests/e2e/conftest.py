"""A browser and the whole running product, each started once a worker, and stopped when no test needs them any more."""

import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    StorageState,
    ViewportSize,
    sync_playwright,
)
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import MapAdapter

from tests.e2e import walks
from tests.e2e.shop import Shop, running
from tests.e2e.visitors import Visitors

NO_BACKGROUND = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known by which a test says at which pages it looks (`test_every_page.py`)."""
    walks.screens = Path(config.rootpath, "var", "screens") if config.getoption("--screens") else None
    config.addinivalue_line("markers", "visits(*endpoints): the test looks at these pages for faults")


@pytest.fixture(scope="package")
def shop() -> Iterator[Shop]:
    """Give the product as `bin/dev` runs it, with invoices due as soon as an order is shipped."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (
        tempfile.TemporaryDirectory(prefix="ec-", dir="/tmp") as folder,
        running(Path(folder) / "var", port, INVOICE_DELAY_HOURS="0", SWEEP_SECONDS="2") as product,
    ):
        yield product


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    """Give chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(chromium), args=NO_BACKGROUND)
        yield started
        started.close()


@pytest.fixture(scope="module")
def visitors(browser: Browser, shop: Shop) -> Visitors:
    """Give who signs in once for all tests of a module."""
    return Visitors(browser, shop)


@pytest.fixture(autouse=True)
def visits_what_it_says(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that says it looks at a page for faults, and does not."""
    walks.VISITED.clear()
    said = {name for mark in request.node.iter_markers("visits") for name in mark.args}
    routes = request.getfixturevalue("shop").app.url_map.bind("") if said else None
    yield
    if routes:
        assert said - {endpoint(routes, address) for address in walks.VISITED} == set()


def endpoint(routes: MapAdapter, address: str) -> str:
    """Return what answers at the address; some pages answer a press alone."""
    path = urlsplit(address).path
    try:
        found: str = routes.match(path, method="GET")[0]
    except MethodNotAllowed:
        found = routes.match(path, method="POST")[0]
    return found


@pytest.fixture
def open_page(browser: Browser, shop: Shop) -> Iterator[Callable[..., Page]]:
    """Give a maker of pages, each a visitor of its own; an error on the console or a strange address fails the test."""
    contexts, complaints, strangers = [], [], []

    def asked(request: Request) -> None:
        if request.url.startswith("http") and not request.url.startswith(shop.url):
            strangers.append(request.url)

    def opened(
        *,
        javascript: bool = True,
        width: int = 1280,
        motion: bool = False,
        state: StorageState | None = None,
        trouble: str = r"status of 4\d\d",
    ) -> Page:
        def heard(message: ConsoleMessage) -> None:
            # The browser notes each answer from 400 on: `trouble` is what the test itself provokes.
            missing = "/static/" in message.location["url"] and "Failed to load" in message.text
            if message.type == "error" and (missing or not re.search(trouble, message.text)):
                complaints.append(message.text)

        def failed(error: Error) -> None:
            # On a busy machine the browser gives up a fade between two pages: it says so even where no script runs.
            if not str(error).startswith("Transition was aborted because of invalid state"):
                complaints.append(str(error))

        context = browser.new_context(
            base_url=shop.url,
            java_script_enabled=javascript,
            viewport=ViewportSize(width=width, height=900),
            color_scheme="light",
            reduced_motion="no-preference" if motion else "reduce",  # Each fade is drawn by the processor here.
            locale="fr-FR",
            accept_downloads=True,
            storage_state=state,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("request", asked)
        page.on("pageerror", failed)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert (complaints, strangers) == ([], [])
