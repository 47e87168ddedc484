"""Processes that the tests fork to work on the same rows at once."""

import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any


def start(act: Callable[..., None], *arguments: Any) -> int:
    """Start a process that acts and ends, and return its id; its status is 0 when nothing went wrong.

    No connection may be open before: it is never shared with a child.
    """
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        act(*arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def ended(child: int, seconds: float = 60) -> int:
    """Return how the process has ended, as `subprocess` says it: minus nine for one that was killed.

    Raises TimeoutError, and kills it, when it is still there after so many seconds.
    """
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError(child)
        time.sleep(0.01)
