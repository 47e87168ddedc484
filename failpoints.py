"""Places where a test makes the running product fail: off unless `FAILPOINTS_DIR` is set, which production refuses.

A test arms one by writing a file of its name there, whose text says what happens: `kill` (SIGKILL to this process),
`error` (an exception), `disk full` (OSError), `pause 2.5` (seconds). Whoever arrives first takes the file away, so that
each arming happens once, whatever the number of processes.
"""

import errno
import os
import signal
import time
from pathlib import Path

from flask import current_app

NAMES = (
    "ask.before_commit",
    "ask.before_ring",
    "produce.claimed",
    "issue.before_commit",
    "issue.committed",
    "render.drawn",
    "store.written",
    "store.linked",
    "render.before_commit",
    "render.committed",
    "deliver.claimed",
    "deliver.connected",
    "deliver.sending",
    "deliver.handed_over",
    "deliver.before_mark",
    "deliver.marked",
    "inbox.before_ring",
    "take_in.claimed",
    "take_in.applied",
    "load.claimed",
    "load.portion",
    "pull.page_read",
    "pull.page_kept",
    "sweep.before_ring",
    "sweep.ringing",
)
"""Every step at which something may be lost or doubled, in the order of an invoice's life."""


class Failed(Exception):
    """What a failpoint raises: an error that nobody expects."""


def reach(name: str) -> None:
    """Do what a test has armed this place with, if it has; nothing in production."""
    folder: Path | None = current_app.extensions["settings"].failpoints_dir
    if folder is None:
        return
    armed = folder / name
    taken = folder / f".{name}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        armed.rename(taken)
    except FileNotFoundError:
        return
    what = taken.read_text(encoding="utf-8").strip()
    taken.unlink()
    _do(name, what)


def _do(name: str, what: str) -> None:
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "disk full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    elif what.startswith("pause "):
        time.sleep(float(what.removeprefix("pause ")))
    else:
        raise Failed(name)
