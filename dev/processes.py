"""Running programs side by side so that none outlives the command that started them (Linux, standard library only)."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
COLOURS = (36, 32, 35, 33, 34, 96)
_libc = ctypes.CDLL(None, use_errno=True)


class Crash(Exception):
    """A program ended that should not have; the text names it."""


class Stopped(Exception):
    """A person asked to stop."""


def die_with_parent() -> None:
    """Afterwards the kernel sends SIGTERM to this process when its parent dies (for `preexec_fn`)."""
    parent = os.getppid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # It died before the kernel knew.


def descendants(root: int) -> list[int]:
    """Return the ids of all living processes below `root`, whatever their process group or session."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    children.setdefault(int(parent), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def kill(pids: Sequence[int], number: signal.Signals) -> None:
    """Send the signal to each process that still exists."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def guarded(main: Callable[[], int]) -> int:
    """Run `main` in a child process and return its exit status once nothing it started is left.

    The parent is the guard: it passes signals on, and should the child be killed, it inherits what the child
    started and ends it. Should the guard be killed, the kernel tells the child.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        die_with_parent()
        os.setsid()  # Ctrl-C reaches the guard only, which passes it on once.
        status = 1
        try:
            status = main()
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        finally:
            with suppress(OSError):
                sys.stdout.flush()
            os._exit(status)
    inherit_orphans()

    def pass_on(number: int, _frame: FrameType | None) -> None:
        kill([child], signal.SIGHUP if number == signal.SIGHUP else signal.SIGTERM)

    on_stop_signals(pass_on)
    status = 1
    while True:
        pid, how = os.wait()
        if pid == child:
            status = os.waitstatus_to_exitcode(how)
            break
    end_orphans()
    return status if status >= 0 else 128 - status


def on_stop_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    """Afterwards Ctrl-C, SIGTERM and SIGHUP (unless started by `nohup`) call the handler."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def inherit_orphans() -> None:
    """Afterwards processes below this one whose parent dies become its own, whatever process group they are in."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(patience: float = 1.0) -> None:
    """Afterwards nothing below this process is left; only once the children it waits for itself have ended."""
    begun = time.monotonic()
    while left := descendants(os.getpid()):
        kill(left, signal.SIGTERM if time.monotonic() - begun < patience else signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.05)


@dataclass
class Program:
    """One program under supervision."""

    name: str
    process: "subprocess.Popen[bytes]"
    reader: threading.Thread
    foundation: bool
    ends: bool


class Supervisor:
    """Starts programs, prefixes what they say, and stops all of them when one ends or a person asks."""

    def __init__(self, patience: float = 10.0) -> None:
        self.programs: list[Program] = []
        self.patience = patience
        self._colours = sys.stdout.isatty()
        self._printing = threading.Lock()
        self._asked = 0
        inherit_orphans()
        on_stop_signals(self._ask_to_stop)

    def say(self, line: str) -> None:
        """Print a line of our own."""
        self._print("dev", line, 1)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        foundation: bool = False,
        ends: bool = False,
    ) -> Program:
        """Afterwards the program runs; a foundation is stopped after the others, and one that `ends` may end first."""
        process = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls, safe between fork and exec.
        )
        reader = threading.Thread(target=self._read, args=(name, process, len(self.programs)), daemon=True)
        reader.start()
        program = Program(name, process, reader, foundation, ends)
        self.programs.append(program)
        return program

    def run(self, name: str, command: Sequence[str | Path], *, env: dict[str, str] | None = None) -> None:
        """Afterwards the program has ended well; raises Crash when it did not, or when another one ended meanwhile."""
        for program in self.as_they_end(self.start(name, command, env=env, ends=True)):
            if program.process.returncode != 0:
                raise Crash(f"{program.name} {how_it_ended(program)}")

    def as_they_end(self, *programs: Program) -> Iterator[Program]:
        """Give each of these programs when it has ended; raises Crash when another one ended that should not have."""
        left = list(programs)
        while left:
            self.check()
            for program in [one for one in left if one.process.poll() is not None]:
                program.reader.join(2)
                left.remove(program)
                self.programs.remove(program)
                yield program
            time.sleep(0.02)

    def check(self) -> None:
        """Raise Stopped when a person asked to stop, Crash when a program has ended that should not have."""
        if self._asked:
            raise Stopped
        for program in self.programs:
            if not program.ends and program.process.poll() is not None:
                program.reader.join(1)
                raise Crash(f"{program.name} {how_it_ended(program)}")

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Afterwards `ready` was true once; raises Crash when it is not in time."""
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise Crash(f"{what} is not ready after {seconds:.0f} s")
            time.sleep(0.05)

    def watch(self) -> None:
        """Run until a person asks to stop (raises Stopped) or a program ends (raises Crash)."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self) -> None:
        """Afterwards no program runs, nor anything below one: asked first, killed after `patience` seconds."""
        asked_before = self._asked
        for wave in (False, True):
            programs = [one for one in self.programs if one.foundation == wave]
            kill([one.process.pid for one in programs if one.process.poll() is None], signal.SIGTERM)
            end = time.monotonic() + self.patience
            while any(one.process.poll() is None for one in programs):
                if time.monotonic() > end or self._asked > max(1, asked_before):
                    late = [one for one in programs if one.process.poll() is None]
                    kill(
                        [pid for one in late for pid in (*descendants(one.process.pid), one.process.pid)],
                        signal.SIGKILL,
                    )
                time.sleep(0.02)
        end_orphans()
        for program in self.programs:
            program.reader.join(1)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        # No event to be set: the main thread may hold its lock at this very moment, and would wait for itself.
        self._asked += 1

    def _read(self, name: str, process: "subprocess.Popen[bytes]", position: int) -> None:
        assert process.stdout is not None  # noqa: S101 - It was opened as a pipe.
        for line in process.stdout:
            self._print(name, line.decode("utf-8", "replace").rstrip("\r\n"), COLOURS[position % len(COLOURS)])

    def _print(self, name: str, line: str, colour: int) -> None:
        prefix = f"{name:<8}| "
        with self._printing:
            try:
                print(f"\x1b[{colour}m{prefix}\x1b[0m{line}" if self._colours else prefix + line, flush=True)
            except OSError:  # Nobody reads us any more, as in `bin/dev | head`.
                self._ask_to_stop(signal.SIGHUP, None)


def how_it_ended(program: Program) -> str:
    """Say how a program ended, after its name."""
    status = program.process.returncode
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
