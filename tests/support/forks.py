"""Processes that the tests fork to work on the same rows at once."""

import os
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
