"""The laboratory: the real product as processes, on a real Redis, mail server and database, each with its plug.

Everything that is started here is ended here, by its own id; the test, or the nemesis, holds the plugs.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from select import select as wait_for
from types import TracebackType
from typing import IO, Self

from sqlalchemy import select

from dev import redis_server
from dev.processes import descendants, die_with_parent, kill
from extensions import db
from models import Delivery, InvoiceRequest, Order
from tests.faults import checker
from tests.faults.checker import Finding
from tests.support.mail_server import Folder, accepted
from tests.support.settings import ROOT

RESTING = ("sent", "cancelled", "needs_attention", "waiting")
"""The states in which a request needs nobody; a mail does not while it is neither pending nor sending."""


class Program:
    """One program of ours, which can be killed, stopped for a moment and started again."""

    def __init__(self, command: Sequence[str | Path], env: dict[str, str], log: IO[bytes] | None) -> None:
        self.command, self.env, self.log = [str(part) for part in command], env, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Afterwards it runs; what it answers is asked of it by whoever needs it."""
        if self.process is None:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=os.environ | self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls.
            )

    @property
    def pid(self) -> int:
        """Its process id; raises AssertionError when it does not run."""
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """Afterwards it is gone, as by a power cut, and everything below it."""
        if self.process is None:
            return
        kill([self.pid, *descendants(self.pid)], signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self.process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It answers nothing meanwhile, and its connections stay open."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            kill([pid], signal.SIGCONT)  # Unless it was killed meanwhile.


class Nursery:
    """The product, loaded once for any number of laboratories: those who work there are forked from it."""

    def __init__(self, *rehearsals: str) -> None:
        """Prepare it; `rehearsals` are the URLs of empty databases to rehearse on, one of each kind that is used."""
        self.program = Program([sys.executable, "-m", "tests.faults.nursery", *rehearsals], {}, None)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.program.kill)
            self.program.start()
            assert self.program.process is not None
            assert self.program.process.stdout is not None
            assert _line(self.program.process.stdout, 120) == "ready"  # By then nobody needs the rehearsals' databases.
            undo.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self.program.kill()

    def open(self, **house: object) -> int:
        """Open a house (`nursery.House`); return the id of the process that keeps it."""
        process = self.program.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(house).encode() + b"\n")
        process.stdin.flush()
        return int(_line(process.stdout, 60))


class Laboratory:
    """The product, running; needs an application context on the same database for what it reads."""

    def __init__(
        self, folder: Path, settings: dict[str, str], redis: Path, nursery: Nursery, *, lease: float, pace: float = 100
    ):
        """Prepare it: `lease` in seconds, `pace` how many times faster than in production things are tried again."""
        self.folder = folder
        self.sockets = tempfile.TemporaryDirectory(prefix="ec-lab-", dir="/tmp")
        self.redis_socket = Path(self.sockets.name) / "redis.sock"
        self.failpoints, self.mail_folder = folder / "failpoints", folder / "mail-server"
        self.log = (folder / "log").open("ab")
        self.redis = Program(redis_server.command(redis, self.redis_socket, folder / "redis"), {}, self.log)
        for each in (self.failpoints, self.mail_folder):
            each.mkdir(parents=True, exist_ok=True)
        self.mode = Folder(self.mail_folder / "modes")
        self.mail = Program([sys.executable, "-m", "tests.support.mail_server", self.mail_folder], {}, self.log)
        self.settings = settings | {
            "REDIS_URL": f"unix://{self.redis_socket}",
            "FAILPOINTS_DIR": str(self.failpoints),
            "SWEEP_SECONDS": "1",
        }
        self.times = {"lease": lease, "pace": pace}
        self.nursery = nursery
        self.house = 0
        self.undo = ExitStack()
        self.wanted = {"work": 0, "sweep": 0}
        self.running: dict[str, list[int]] = {"work": [], "sweep": []}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.close)
            self.redis.start()
            self.start_mail()
            self.settings["SMTP_URL"] = f"smtp://127.0.0.1:{(self.mail_folder / 'port').read_text()}"
            self._move_in()
            eventually(lambda: redis_server.answers(self.redis_socket), 10)
            undo.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Afterwards nothing of it is left."""
        if self.house:
            kill([self.house, *descendants(self.house)], signal.SIGKILL)
            eventually(lambda: not is_alive(self.house), 30)
        self.undo.close()
        for program in (self.mail, self.redis):
            program.kill()
        self.log.close()
        self.sockets.cleanup()

    def start(self, *, workers: int = 0, sweepers: int = 0) -> None:
        """Afterwards so many workers and sweepers run, and are to run until somebody wants another number."""
        self.wanted = {"work": workers, "sweep": sweepers}
        self.heal_processes()

    def heal_processes(self) -> None:
        """Start anew what has ended, and end what is too much: the work of systemd."""
        for role, wanted in self.wanted.items():
            alive = [pid for pid in self.running[role] if is_alive(pid)]
            kill([one for pid in alive[wanted:] for one in (pid, *descendants(pid))], signal.SIGKILL)
            missing = range(wanted - len(alive))
            self.running[role] = alive[:wanted] + [self.run(role) for _ in missing]

    def run(self, role: str, *arguments: object) -> int:
        """Let somebody begin to do that; return the process id."""
        self.line.sendall(json.dumps([role, *arguments]).encode() + b"\n")
        return int(_line(self.answers, 10))

    def call(self, role: str, *arguments: object) -> None:
        """Let somebody do that, and wait for the end, whatever it was."""
        pid = self.run(role, *arguments)
        eventually(lambda: not is_alive(pid), 30)

    def ring(self, job: str, identifier: int) -> None:
        """Ring for that row once, as whoever has written it does."""
        self.call("ring", job, identifier)

    def horses(self) -> list[int]:
        """Return the processes of the jobs that are under way."""
        return [below for worker in self.running["work"] for below in descendants(worker)]

    def arm(self, name: str, what: str) -> Path:
        """Let the next one who reaches that place do this; return the file that is gone once somebody has."""
        armed, unfinished = self.failpoints / name, self.failpoints / f".{name}"
        unfinished.write_text(what, encoding="utf-8")
        unfinished.rename(armed)
        return armed

    def passed(self, *armed: Path, seconds: float = 90, each: Callable[[], object] = lambda: None) -> None:
        """Wait until somebody has come by each of these places, replacing who dies meanwhile, and doing `each`."""
        end = time.monotonic() + seconds
        while any(one.exists() for one in armed):
            assert time.monotonic() < end, f"nobody came by {[one.name for one in armed if one.exists()]}"
            self.heal_processes()
            each()
            time.sleep(0.05)

    def disarm(self) -> None:
        """Afterwards nothing is armed any more."""
        for file in self.failpoints.iterdir():
            with suppress(FileNotFoundError):
                file.unlink()

    def start_mail(self) -> None:
        """Afterwards the mail server listens, where it did before."""
        port = self.mail_folder / "port"
        same = ["--port", port.read_text()] if port.exists() else []
        port.unlink(missing_ok=True)
        self.mail.command = [*self.mail.command[:4], *same]
        self.mail.start()
        eventually(port.exists, 15)

    def flush_redis(self) -> None:
        """Let Redis forget everything."""
        redis_server.ask(self.redis_socket, b"FLUSHALL")

    def left(self) -> list[str]:
        """Return what is still to be done by itself: requests by their order, mails by their kind."""
        db.session.rollback()
        requests = select(Order.number, InvoiceRequest.state, InvoiceRequest.due_at, InvoiceRequest.last_error)
        requests = requests.join(InvoiceRequest.order).where(InvoiceRequest.state.not_in(RESTING))
        mails = select(Delivery.kind, Delivery.state, Delivery.due_at, Delivery.last_error)
        mails = mails.where(Delivery.state.in_(("pending", "sending")))
        rows = [*db.session.execute(requests), *db.session.execute(mails)]
        db.session.rollback()
        return [", ".join(map(str, row)) for row in rows]

    def settle(
        self,
        seconds: float = 90,
        say: Callable[[str], None] = lambda _line: None,
        each: Callable[[], None] = lambda: None,
    ) -> float:
        """Wait until all is quiet, replacing who dies meanwhile; return how long that took, in seconds.

        `seconds` is how long nothing may come to its end; that they run out is no error here: the checker names what is
        left. Every ten seconds `say` is told, and `each` is done at every look.
        """
        begun = last_end = time.monotonic()
        next_word, fewest = begun + 10, sys.maxsize
        while (left := self.left()) and (now := time.monotonic()) < last_end + seconds:
            if len(left) < fewest:
                fewest, last_end = len(left), now
            if now > next_word:
                next_word = now + 10
                say(f"{len(left)} are left, such as {left[0]}")
            self.heal_processes()
            each()
            time.sleep(0.1)
        return time.monotonic() - begun

    def findings(self, *, asked: Sequence[str] = (), doubtful: int = 0) -> list[Finding]:
        """Return what the checker finds in the database, in the folder, in the mails that arrived, and in the log."""
        found = checker.check(accepted(self.mail_folder), asked=asked, doubtful=doubtful)
        return found + checker.check_log(self.said())

    def said(self) -> list[str]:
        """Return the lines that the processes have logged."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()

    def _move_in(self) -> None:
        """Afterwards the nursery keeps a house for us, which answers."""
        door = str(Path(self.sockets.name) / "house.sock")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(door)
            listening.listen()
            listening.settimeout(30)
            log = str(self.folder / "log")
            self.house = self.nursery.open(settings=self.settings, door=door, log=log, **self.times)
            self.line = self.undo.enter_context(listening.accept()[0])
        self.answers = self.undo.enter_context(self.line.makefile("rb", buffering=0))
        assert _line(self.answers, 30) == "ready"


def _line(stream: IO[bytes] | socket.SocketIO, seconds: float) -> str:
    """Return the next line of what the nursery says."""
    ready, _, _ = wait_for([stream], [], [], seconds)
    assert ready, "the nursery does not answer"
    return stream.readline().decode().strip()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Give the folder a disk of its own where that is allowed (as root); return whether it is."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Fill the disk of that folder to the last byte meanwhile."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


def eventually(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds; raises AssertionError when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process does anything still: what waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False
