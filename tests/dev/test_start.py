"""`bin/dev` from outside: it serves, keeps its data, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.settings import ROOT


class Copy:
    """One `bin/dev` with its own PORT and VAR_DIR; its processes are known by a mark in their environment."""

    def __init__(self, var_dir: Path, redis_binary: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.var_dir = var_dir
        self.url = f"http://127.0.0.1:{self.port}"
        self.mark = f"{os.getpid()}.{time.monotonic_ns()}"
        self.output = ""
        env = {"PORT": str(self.port), "VAR_DIR": str(var_dir), "REDIS_SERVER": str(redis_binary), "COPY": self.mark}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dev.start"],
            cwd=ROOT,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_started(self) -> None:
        assert self.process.stdout is not None
        while "started in" not in self.output:
            line = self.process.stdout.readline()
            assert line, f"bin/dev ended:\n{self.output}"
            self.output += line

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
            self.output += self.process.communicate(timeout=30)[0]
        return self.process.returncode

    def processes(self) -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                marked = f"COPY={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
                if marked and (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found


Start = Callable[[Path], Copy]


@pytest.fixture(scope="module")
def start(redis_binary: Path) -> Iterator[Start]:
    with ExitStack() as cleaning:

        def start(var_dir: Path) -> Copy:
            copy = Copy(var_dir, redis_binary)
            cleaning.callback(copy.stop)
            return copy

        yield start


@pytest.fixture(scope="module")
def copies() -> list[Copy]:
    """Give the copies that `copy` has started, the last one last: a start takes seconds of every core."""
    return []


@pytest.fixture
def copy(tmp_path_factory: pytest.TempPathFactory, start: Start, copies: list[Copy]) -> Copy:
    """Give a copy that runs: the one of the test before, unless that one has stopped it."""
    if not copies or copies[-1].process.returncode is not None:
        copies.append(start(tmp_path_factory.mktemp("copy")))
        copies[-1].wait_until_started()
    return copies[-1]


def test_it_serves_the_shop_and_the_caught_mail(copy: Copy) -> None:
    for path in ("/", "/connexion", "/suivi-commande", "/dev/mail"):
        with urlopen(copy.url + path, timeout=10) as answer:
            assert answer.status == 200, path


def test_it_prints_the_addresses_and_the_demo_log_ins(copy: Copy) -> None:
    from services import demo

    said = (copy.url, demo.CUSTOMER_EMAIL, demo.ADMIN_EMAIL, demo.GUEST_ORDER, demo.GUEST_EMAIL, "/dev/mail")
    assert [text for text in said if text not in copy.output] == []


def test_flask_talks_to_the_copy_that_runs(copy: Copy) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "APP_ENV"}
    answer = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "demo", "load"],
        cwd=ROOT,
        env={**environment, "VAR_DIR": str(copy.var_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def test_a_second_start_on_the_same_data_is_refused_in_one_line(copy: Copy, start: Start) -> None:
    second = start(copy.var_dir)
    second.output = second.process.communicate(timeout=20)[0]
    assert second.process.returncode == 1
    assert second.output.strip() == (
        f"Another bin/dev runs on {copy.var_dir}: stop it, or choose another: VAR_DIR=var2 bin/dev"
    )


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = subprocess.run(
            [sys.executable, "-m", "dev.start"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "VAR_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    assert f"Port {port}" in answer.stderr


def test_it_keeps_its_data_and_leaves_no_process(copy: Copy, start: Start) -> None:
    _leaves_no_process(copy, signal.SIGINT)
    again = start(copy.var_dir)
    again.wait_until_started()
    _leaves_no_process(again, signal.SIGTERM)
    assert "déjà là" in again.output


def _leaves_no_process(copy: Copy, number: signal.Signals) -> None:
    assert len(copy.processes()) >= 8, "guard, supervisor, redis, mail, gunicorn and its workers, worker, sweeper"
    assert copy.stop(number) == 0, copy.output
    assert copy.processes() == []
