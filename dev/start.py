"""`bin/dev`: the whole product on this machine, on demo data, until Ctrl-C."""

import fcntl
import os
import socket
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path

from dev import redis_server, settings
from dev.processes import Crash, Stopped, Supervisor, guarded

PYTHON = sys.executable


class CannotStart(Exception):
    """Something outside is in the way; the text is one line for the person at the terminal."""


def port_of(environment: Mapping[str, str]) -> int:
    """Return the port to serve on; raises CannotStart when PORT is none."""
    text = environment.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotStart(f"PORT is « {text} »: it must be a number from 1 to 65535.")
    return int(text)


def check_port(port: int) -> None:
    """Raise CannotStart when somebody listens on that port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}): choose another, as in PORT=8001 bin/dev"
            ) from error


def lock(var_dir: Path) -> int:
    """Return a lock on this VAR_DIR that ends with the process; raises CannotStart when another copy holds it."""
    var_dir.mkdir(parents=True, exist_ok=True)
    held = os.open(var_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart(
            f"Another bin/dev runs on {var_dir}: stop it, or choose another: VAR_DIR=var2 bin/dev"
        ) from error
    return held


def start(supervisor: Supervisor, var_dir: Path) -> None:
    """Afterwards everything runs, on data that is up to date."""
    environment = dict(os.environ)
    redis_url, smtp_url = environment.get("REDIS_URL", ""), environment.get("SMTP_URL", "")
    if not redis_url:
        redis_url = start_redis(supervisor, var_dir)
    if not smtp_url:
        smtp_url = start_mail_catcher(supervisor, var_dir)
    chosen = settings.make(environment, settings.read(var_dir / "env"), redis_url=redis_url, smtp_url=smtp_url)
    settings.write(var_dir / "env", chosen)
    env = environment | chosen | {"PYTHONUNBUFFERED": "1"}
    supervisor.run("data", [PYTHON, "-m", "dev.prepare"], env=env)
    port = int(chosen["PORT"])
    supervisor.start(
        "web",
        [PYTHON, "-m", "gunicorn", "--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}",
         "--graceful-timeout", "5", "--log-level", "warning", "app:create_app()"],
        env=env,
    )  # fmt: skip
    supervisor.wait_until(lambda: is_up(port), "the web server")  # First, so that pages are there soonest.
    supervisor.start("worker", [PYTHON, "worker.py"], env=env)
    supervisor.start("sweeper", [PYTHON, "worker.py", "--sweep"], env=env)


def start_redis(supervisor: Supervisor, var_dir: Path) -> str:
    """Afterwards a Redis of our own answers; returns its REDIS_URL."""
    server = redis_server.find(var_dir)
    if server is None:
        supervisor.say("fetching a Redis server (once)…")
        server = redis_server.find_or_fetch(var_dir)
    path = redis_server.socket_path(var_dir)
    supervisor.start("redis", redis_server.command(server, path, var_dir / "redis"), foundation=True)
    supervisor.wait_until(lambda: redis_server.answers(path), "Redis")
    return f"unix://{path}"


def start_mail_catcher(supervisor: Supervisor, var_dir: Path) -> str:
    """Afterwards mail is caught in `$VAR_DIR/mail/`; returns the SMTP_URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        command = [PYTHON, "-m", "dev.mail_catcher", "--fd", str(number), "--folder", str(var_dir / "mail")]
        supervisor.start("mail", command, pass_fds=[number], foundation=True)
    return f"smtp://127.0.0.1:{port}"


def is_up(port: int) -> bool:
    """Whether the web server answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def main() -> int:
    """Run until asked to stop (0), or until a program ends that should not (1)."""
    begun = time.monotonic()
    supervisor = Supervisor()
    try:
        var_dir = settings.var_dir(os.environ)
        held = lock(var_dir)
        check_port(port_of(os.environ))
        start(supervisor, var_dir)
        for line in (var_dir / "welcome").read_text(encoding="utf-8").splitlines():
            supervisor.say(line)
        supervisor.say(f"started in {time.monotonic() - begun:.1f} s")
        supervisor.watch()
        os.close(held)
    except Stopped:
        supervisor.say("stopping…")
        return 0
    except (CannotStart, redis_server.NoRedis) as problem:
        print(problem, file=sys.stderr, flush=True)
        return 1
    except Crash as crash:
        supervisor.say(f"{crash}; stopping everything")
        return 1
    finally:
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
