"""What a test may need besides Python: `bin/test` brings it, and a test whose part is absent is not collected."""

import os
import shutil
from pathlib import Path

from dev import check, redis_server
from tests.support.settings import ROOT


def redis_program() -> Path | None:
    """Return the Redis server to start: the one `bin/test` names, else one that is already here."""
    named = os.environ.get("TEST_REDIS_SERVER")
    return Path(named) if named else redis_server.find(ROOT / "var")


def browser_program() -> Path | None:
    """Return the browser: CHROMIUM, which `bin/test` sets, else one from PATH."""
    found = check.find_browser()
    return Path(found) if found else None


def absent() -> dict[str, str]:
    """Return why each fixture cannot be given on this machine, by its name."""
    reasons = {
        "redis_binary": None if redis_program() else "no Redis server (TEST_REDIS_SERVER)",
        "chromium": None if browser_program() else "no browser (CHROMIUM)",
        "poppler": None if shutil.which("pdftotext") and shutil.which("pdftoppm") else "no pdftotext and pdftoppm",
        "php": None if shutil.which("php") else "no php",
        "node": None if shutil.which("node") else "no node",
        "qpdf": None if shutil.which("qpdf") else "no qpdf",
        "online_retail_file": None if check.real_data() else "no real data set (ONLINE_RETAIL_FILE)",
    }
    return {name: reason for name, reason in reasons.items() if reason}
