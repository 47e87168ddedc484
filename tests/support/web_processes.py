"""The pages served by gunicorn, as in production, for tests of several processes and of what comes over the wire."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from dev.processes import die_with_parent
from tests.support.settings import ROOT


@contextmanager
def web_processes(settings: dict[str, str], many: int, *options: str) -> Iterator[list[int]]:
    """Serve the pages as in production by that many servers on ports of their own; give the ports.

    `options` are more of gunicorn's.
    """
    ports = [_free_port() for _ in range(many)]
    serve = [sys.executable, "-m", "gunicorn", "--workers", "1", *options, "app:create_app()", "--bind"]
    servers = [
        subprocess.Popen(
            [*serve, f"127.0.0.1:{port}"],
            cwd=ROOT,
            env=os.environ | settings,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls.
        )
        for port in ports
    ]
    try:
        for port in ports:
            _wait_for(port)
        yield ports
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if ask(port, "GET", "/healthz")[0] == 200:
                return
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.1)


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
    """Send a request to a server; return status, cookie and text of the answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body or None, {"Host": "localhost", **headers})
        answer = connection.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return answer.status, cookie, answer.read().decode()
