"""What `bin/dev` starts never outlives it, and no crash passes unnoticed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

SUPERVISED = """
import sys
from dev.processes import Crash, Stopped, Supervisor, guarded

def main():
    supervisor = Supervisor(patience=1.0)
    try:
        for number, code in enumerate(sys.argv[1:]):
            supervisor.start(f"part{number}", [sys.executable, "-u", "-c", code])
        supervisor.watch()
    except Stopped:
        return 0
    except Crash as crash:
        supervisor.say(str(crash))
        return 1
    finally:
        supervisor.stop()

sys.exit(guarded(main))
"""
SLEEPER = "import time; print('up'); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
# A child in its own process group that ignores SIGTERM, as a forked worker may be.
WITH_GRANDCHILD = """
import os, signal, time
if os.fork() == 0:
    os.setpgrp()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print('up')
    time.sleep(600)
time.sleep(600)
"""

# A SIGTERM at each line in turn that is executed while the supervisor waits, the standard library's lines included.
ASKED_AT_EACH_LINE = """
import os, signal, sys
from dev.processes import Crash, Stopped, Supervisor

def ask_at(wanted):
    lines = 0
    def trace(frame, event, _):
        nonlocal lines
        lines += event == 'line'
        if event == 'line' and lines == wanted:
            os.kill(os.getpid(), signal.SIGTERM)
        return trace
    return trace

place = 0
while True:
    place += 1
    supervisor, never = Supervisor(), lambda: False
    sys.settrace(ask_at(place))
    try:
        supervisor.wait_until(never, 'nothing', seconds=0.01)
    except Stopped:
        continue
    except Crash:
        break
    finally:
        sys.settrace(None)
print(place)
"""


def _hears_hangups() -> None:
    """Take back what `nohup` asked for the tests themselves."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Run:
    """A supervised run whose processes are known by a mark in their environment."""

    def __init__(self, *parts: str) -> None:
        self.mark = f"SUPERVISED_RUN={time.monotonic_ns()}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, *parts],
            env={**os.environ, "SUPERVISED_RUN": self.mark.partition("=")[2]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_hears_hangups,  # noqa: PLW1509 - One system call.
        )
        self.output = ""

    def wait_until_up(self, count: int) -> None:
        assert self.process.stdout is not None
        while self.output.count("| up") < count:
            line = self.process.stdout.readline()
            assert line, f"ended early: {self.output}"
            self.output += line

    def finish(self) -> int:
        self.output += self.process.communicate(timeout=15)[0]
        return self.process.returncode

    def alive(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                marked = self.mark.encode() in (entry / "environ").read_bytes().split(b"\0")
                if marked and (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                    found.append(int(entry.name))
        return found

    def is_gone_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.alive() and time.monotonic() < end:
            time.sleep(0.05)
        return not self.alive()

    def supervisor(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        for pid in run.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.process.wait()
        assert run.process.stdout is not None
        run.process.stdout.close()


@pytest.fixture
def run(runs: list[Run]) -> Run:
    started = Run(SLEEPER, STUBBORN, WITH_GRANDCHILD)
    runs.append(started)
    started.wait_until_up(3)
    return started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_process_even_in_another_process_group(run: Run, number: signal.Signals) -> None:
    run.process.send_signal(number)
    assert run.finish() == 0
    assert run.alive() == []


def test_the_guard_ends_what_a_killed_supervisor_left(run: Run) -> None:
    os.kill(run.supervisor(), signal.SIGKILL)
    assert run.finish() == 128 + signal.SIGKILL
    assert run.alive() == []


def test_the_supervisor_ends_everything_when_the_guard_is_killed(run: Run) -> None:
    run.process.kill()
    assert run.is_gone_within(10)


def test_a_crash_is_named_ends_the_others_and_fails(runs: list[Run]) -> None:
    run = Run(SLEEPER, "import sys, time; print('last words'); time.sleep(0.5); sys.exit(7)")
    runs.append(run)
    assert run.finish() == 1
    assert "part1 ended with exit code 7" in run.output
    assert "part1   | last words" in run.output
    assert run.alive() == []


def test_a_killed_program_is_named_with_its_signal(runs: list[Run]) -> None:
    run = Run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    runs.append(run)
    assert run.finish() == 1
    assert "part0 was killed by SIGKILL" in run.output


def test_a_program_that_ends_well_but_should_not_end_is_a_crash(runs: list[Run]) -> None:
    run = Run(SLEEPER, "pass")
    runs.append(run)
    assert run.finish() == 1
    assert "part1 ended with exit code 0" in run.output


def test_a_signal_is_heard_wherever_the_supervisor_is_while_it_waits() -> None:
    places = subprocess.run(
        [sys.executable, "-c", ASKED_AT_EACH_LINE], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(places.stdout) > 10
