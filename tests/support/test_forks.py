"""What goes wrong in a process that a test has forked is not lost with it."""

import os
import signal
import time

import pytest

from tests.support import forks


def test_the_status_of_a_process_says_whether_it_went_wrong() -> None:
    ended = [os.waitpid(forks.start(_succeed_if, good), 0)[1] for good in (True, False)]
    assert [os.waitstatus_to_exitcode(status) for status in ended] == [0, 1]


def test_a_process_that_is_killed_or_does_not_end_is_known_as_such() -> None:
    assert forks.ended(forks.start(os.kill, 0, 0)) == 0
    sleeper = forks.start(time.sleep, 60)
    os.kill(sleeper, signal.SIGKILL)
    assert forks.ended(sleeper) == -signal.SIGKILL
    sleeper = forks.start(time.sleep, 60)
    with pytest.raises(TimeoutError):
        forks.ended(sleeper, 0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(sleeper, 0)


def _succeed_if(good: bool) -> None:
    assert good
