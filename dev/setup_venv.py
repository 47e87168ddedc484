"""Make `.venv` and install pinned packages into it, with nothing but the system's python3.

    python3 -m dev.setup_venv requirements-dev.txt [-- arguments for .venv/bin/python]

Does nothing when the same list was installed before. A python3 without `ensurepip` (Debian and Ubuntu package it
apart, as python3-venv) gets pip from pip's own wheel. Only the standard library is used here, and no syntax that
Python 3.6 could not read, so that an old Python can still be told that it is too old.
"""

import hashlib
import html
import json
import os
import re
import subprocess
import sys
import time

if sys.version_info < (3, 11):  # noqa: UP036 - This is the sentence for whoever runs an older one.
    sys.exit("Python 3.11 or newer is needed; python3 here is {}.{}.".format(*sys.version_info[:2]))

import fcntl
import selectors
import ssl
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from dev.processes import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
PUBLIC_INDEX = "https://pypi.org/simple"
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
SAY_AFTER = 2.0  # seconds


class SetupError(Exception):
    """The set-up cannot go on; the text is for the person at the terminal."""


def ensure(requirements: Path) -> None:
    """Afterwards `.venv` holds what the file pins; raises SetupError with one clear line when it cannot."""
    directory = os.open(ROOT, os.O_RDONLY)
    try:
        if not _lock(directory, wait=False):
            print("Another set-up is running in this folder; waiting for it.", flush=True)
            _lock(directory, wait=True)
        version = _python_of_venv() or _make_venv()
        wanted = {"python": version, "sha256": hashlib.sha256(requirements.read_bytes()).hexdigest()}
        stamp = json.loads(STAMP.read_text()) if STAMP.is_file() else {}
        if stamp.get(requirements.name) != wanted:
            _install(requirements)
            STAMP.write_text(json.dumps({**stamp, requirements.name: wanted}, indent=1))
    finally:
        os.close(directory)


def _lock(directory: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _python_of_venv() -> str:
    """Return the version of a `.venv` that works, else an empty string."""
    if not PYTHON.exists():
        return ""
    probe = "import sys, pip; print('%d.%d.%d' % sys.version_info[:3])"
    answer = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    version = answer.stdout.strip()
    return version if answer.returncode == 0 and tuple(map(int, version.split("."))) >= (3, 11) else ""


def _make_venv() -> str:
    has_ensurepip = subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False)
    with_pip = has_ensurepip.returncode == 0
    _step(
        "Making .venv with Python {}.{}.{}".format(*sys.version_info[:3]),
        [sys.executable, "-m", "venv", "--clear", *([] if with_pip else ["--without-pip"]), VENV],
    )
    if not with_pip:
        with tempfile.TemporaryDirectory() as folder:
            wheel = Path(folder) / PIP_WHEEL
            print("Fetching pip (this python3 comes without ensurepip)", flush=True)
            wheel.write_bytes(_fetch_pip())
            _step("Installing pip", [PYTHON, f"{wheel}/pip", "install", "--quiet", "--no-index", wheel])
    version = _python_of_venv()
    if not version:
        raise SetupError(f"{VENV} was made but does not work: remove it and try again.")
    return version


def _fetch_pip() -> bytes:
    index = os.environ.get("PIP_INDEX_URL") or PUBLIC_INDEX
    page_url = f"{index.rstrip('/')}/pip/"
    page = _get(page_url).decode("utf-8", "replace")
    link = re.search(rf"""href\s*=\s*["']([^"']*/{re.escape(PIP_WHEEL)}[^"']*)["']""", page)
    if not link:
        raise SetupError(f"{page_url} does not offer {PIP_WHEEL}.")
    wheel = _get(urljoin(page_url, html.unescape(link.group(1))))
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        raise SetupError(f"{PIP_WHEEL} from {urlsplit(index).hostname} is not the file whose SHA-256 is known here.")
    return wheel


def _get(url: str) -> bytes:
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    if not context.cert_store_stats()["x509_ca"] and urlsplit(url).username is None:
        # A bare Debian has no ca-certificates. No secret is sent, and what comes back must have the SHA-256 above.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=60, context=context) as answer:  # noqa: S310 - The index's own scheme.
            content: bytes = answer.read()
            return content
    except (OSError, ValueError) as error:
        raise SetupError(f"Cannot fetch pip from {urlsplit(url).hostname}: {error}") from error


def _install(requirements: Path) -> None:
    lines = requirements.read_text(encoding="utf-8").splitlines()
    count = sum(bool(re.match(r"[A-Za-z0-9]", line)) for line in lines)
    _step(
        f"Installing {count} packages of {requirements.name}",
        [PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
         "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", requirements],
        count,
    )  # fmt: skip


def _step(title: str, command: "list[str | Path]", count: int = 0) -> None:
    """Run a program, with a line at its start and one every few seconds; its own words only when it fails."""
    begun = said = time.monotonic()
    print(title + "…", flush=True)
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls, safe between fork and exec.
    )
    assert process.stdout is not None  # noqa: S101 - It was opened as a pipe.
    os.set_blocking(process.stdout.fileno(), False)
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(timeout=0.5):
                chunk = process.stdout.read()
                if chunk == b"":
                    break
                output += chunk or b""
            if time.monotonic() - said > SAY_AFTER:
                said = time.monotonic()
                print(f"  {_where(output, count)}{said - begun:.0f} s", flush=True)
    if process.wait() != 0:
        tail = output.decode("utf-8", "replace").strip()[-3000:]
        raise SetupError(f"{tail}\n{title}: failed (exit code {process.returncode}).")
    print(f"  done in {time.monotonic() - begun:.1f} s", flush=True)


def _where(output: bytes, count: int) -> str:
    if not count:
        return ""
    if b"Installing collected packages" in output:
        return "unpacking, "
    met = len(re.findall(rb"^(?:Collecting|Requirement already satisfied)", output, re.MULTILINE))
    return f"{met} of {count} found, "


def main() -> None:
    """Ensure the list named first; become the `.venv`'s Python when arguments follow `--`."""
    try:
        ensure(ROOT / sys.argv[1])
    except SetupError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
    if "--" in sys.argv:
        os.execv(PYTHON, [str(PYTHON), *sys.argv[sys.argv.index("--") + 1 :]])  # noqa: S606 - Same process id.


if __name__ == "__main__":
    main()
