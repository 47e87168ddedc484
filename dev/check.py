"""`bin/test`: brings what the tests need, then runs every check; arguments go to pytest.

`bin/test --nemesis` runs the nemesis instead (`tests/faults/nemesis.py`), on both databases one after the other unless
`--database` names one; its other arguments are the nemesis's own. `bin/test --scan` runs the scanners
(`tests/security/scan.py`), `bin/test --lighthouse` Lighthouse (`tests/lighthouse`), and
`bin/test --paced` walks both journeys at a person's pace (`tests/e2e/paced.py`).
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev import redis_server, settings
from dev.postgres_server import NoPostgres, PostgresServer
from dev.processes import Crash, Stopped, Supervisor, guarded, how_it_ended

PYTHON = Path(sys.executable)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = {  # program -> Debian package
    "chromium": "chromium",
    "pdftotext": "poppler-utils",
    "qpdf": "qpdf",
    "openssl": "openssl",
    "php": "php-cli",
    "node": "nodejs",
}
BY_REQUEST = {"--scan": "tests.security.scan", "--lighthouse": "tests.lighthouse", "--paced": "tests.e2e.paced"}
"""What is run alone and by request: it takes long, or is timed."""

NOT_THE_PRODUCT = ("./.venv/", "./benchmarks/", "./dev/", "./tests/")
"""What bandit leaves out: of these ruff asks the same questions, and to start programs is what they are for."""


def real_data() -> Path | None:
    """Return the real data set: the file that ONLINE_RETAIL_FILE names, else one in a folder beside the checkout."""
    named = os.environ.get("ONLINE_RETAIL_FILE")
    beside = settings.ROOT.parent.glob("*/data/online-retail-2010-12.csv")
    return Path(named) if named else next(beside, None)


@dataclass
class Report:
    """What ran, what did not and why."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def failed(self, *, strict: bool) -> bool:
        """Whether the run counts as failed; strict (CI=true) refuses a missing component."""
        return any(outcome != "ok" for _, outcome, _ in self.rows) or (strict and bool(self.missing))

    def lines(self, *, strict: bool) -> list[str]:
        """Return the summary, as a table."""
        table = [f"  {name:<18} {outcome:<22} {seconds:6.1f} s" for name, outcome, seconds in self.rows]
        mark = "MISSING (a failure with CI=true)" if strict else "SKIPPED"
        return [
            "", "Summary", *table,
            *(f"  {mark}: {what}" for what in self.missing),
            *(f"  left out: {what}" for what in self.left_out),
        ]  # fmt: skip


def find_browser() -> str | None:
    """Return the browser's program: CHROMIUM, else the first on PATH."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return chosen if os.access(chosen, os.X_OK) else None
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def absent_packages() -> list[str]:
    """Return the Debian packages whose program is not on this machine."""
    here = {"chromium": find_browser()} | {name: shutil.which(name) for name in ("pdftotext", "qpdf", "php", "node")}
    return [PACKAGES[program] for program, path in here.items() if not path]


def install(packages: Sequence[str], supervisor: Supervisor) -> str:
    """Install Debian packages as root; return why that did not work, or nothing."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "not root" if shutil.which("apt-get") else "no apt-get"
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["-qq", "-o", "Dpkg::Use-Pty=0"]
    try:
        supervisor.run("apt-get", ["apt-get", "update", *quiet], env=env)
        supervisor.run("apt-get", ["apt-get", "install", *quiet, "--no-install-recommends", *packages], env=env)
    except Crash as crash:
        return str(crash)
    return ""


def bring_components(supervisor: Supervisor, report: Report, postgres: PostgresServer) -> dict[str, str]:
    """Start or find what the tests talk to; return what they are told through the environment."""
    env = {}
    try:
        postgres.start()
        env["TEST_POSTGRESQL_URL"] = postgres.url
    except NoPostgres as problem:
        report.missing.append(f"every test on PostgreSQL: {problem}")
    try:
        env["TEST_REDIS_SERVER"] = str(redis_server.find_or_fetch(settings.var_dir(os.environ)))
    except redis_server.NoRedis as problem:
        report.missing.append(f"the tests of the queue and the worker: {problem}")
    if packages := absent_packages():
        why = install(packages, supervisor)
        report.missing.extend(
            f"what needs {package}: it is not here and cannot be installed ({why})" for package in absent_packages()
        )
    if browser := find_browser():
        env["CHROMIUM"] = browser
    if real_data() is None:
        report.left_out.append("the real data set (an extra): no file at ONLINE_RETAIL_FILE")
    return env


def run(
    supervisor: Supervisor, report: Report, env: dict[str, str], checks: Mapping[str, Sequence[str | Path]]
) -> None:
    """Run checks side by side and note how each went; the next ones run in any case."""
    supervisor.say(f"{', '.join(checks)}…")
    begun = time.monotonic()
    programs = [supervisor.start(name, command, env=env, ends=True) for name, command in checks.items()]
    for program in supervisor.as_they_end(*programs):
        outcome = "ok" if program.process.returncode == 0 else f"FAILED ({how_it_ended(program)})"
        report.rows.append((program.name, outcome, time.monotonic() - begun))


def check_everything(
    supervisor: Supervisor, report: Report, postgres: PostgresServer, arguments: Sequence[str]
) -> None:
    """Afterwards the report says how every check went."""
    # Where nobody may write bytecode, as in many containers, each of a hundred processes would compile all of ours.
    python = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""}
    env = dict(os.environ) | bring_components(supervisor, report, postgres) | python
    for what in report.missing:
        supervisor.say(f"SKIPPED {what}")
    tool = PYTHON.parent
    # More than there are cores on the smallest machine: a fifth of the time a test waits for a process or for a lease.
    workers = str(max(3, (os.cpu_count() or 1) * 3 // 2))
    ruff, mypy = tool / "ruff", tool / "mypy"
    tests: list[str | Path] = [PYTHON, "-m", "pytest", "-n", workers, "--dist", "worksteal", *arguments]
    bandit: list[str | Path] = [tool / "bandit", "--quiet", "--recursive", "--exclude", ",".join(NOT_THE_PRODUCT), "."]
    run(supervisor, report, env, {"ruff": [ruff, "check", "--output-format", "concise", "."], "bandit": bandit})
    run(supervisor, report, env, {"format": [ruff, "format", "--check", "--output-format", "concise", "."]})
    # Alone, it would leave all cores but one idle; it has the time of all tests, and steps aside for them.
    run(supervisor, report, env, {"mypy": ["nice", mypy, "--no-error-summary"], "pytest": tests})


def let_nemesis_loose(supervisor: Supervisor, report: Report, arguments: Sequence[str]) -> None:
    """Afterwards the report says how the nemesis ended on each database."""
    options = argparse.ArgumentParser(prog="bin/test --nemesis", add_help=False)
    options.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    chosen, others = options.parse_known_args(arguments)
    env = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
    for database in ("sqlite", "postgresql") if chosen.database == "both" else (chosen.database,):
        command = [PYTHON, "-m", "tests.faults.nemesis", "--database", database, *others]
        run(supervisor, report, env, {f"nemesis {database}": command})


def main() -> int:
    """Run everything; 0 only when all of it passed and, with CI=true, nothing was missing."""
    strict = os.environ.get("CI", "").lower() == "true"
    supervisor, report, postgres = Supervisor(), Report(), PostgresServer()
    try:
        if "--nemesis" in sys.argv[1:2]:
            let_nemesis_loose(supervisor, report, sys.argv[2:])
        elif named := BY_REQUEST.get("".join(sys.argv[1:2])):
            by_request: list[str | Path] = [PYTHON, "-m", named, *sys.argv[2:]]
            name = named.rpartition(".")[2]
            run(supervisor, report, dict(os.environ) | {"PYTHONUNBUFFERED": "1"}, {name: by_request})
        else:
            check_everything(supervisor, report, postgres, sys.argv[1:])
    except Stopped:
        supervisor.say("stopped before the end")
        return 130
    finally:
        supervisor.stop()
        postgres.stop()
    for line in report.lines(strict=strict):
        supervisor.say(line)
    failed = report.failed(strict=strict)
    supervisor.say("FAILED" if failed else "everything passed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(guarded(main))
