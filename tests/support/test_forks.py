"""What goes wrong in a process that a test has forked is not lost with it."""

import os

from tests.support import forks


def test_the_status_of_a_process_says_whether_it_went_wrong() -> None:
    ended = [os.waitpid(forks.start(_succeed_if, good), 0)[1] for good in (True, False)]
    assert [os.waitstatus_to_exitcode(status) for status in ended] == [0, 1]


def _succeed_if(good: bool) -> None:
    assert good
