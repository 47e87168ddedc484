"""The nemesis: people and a shop at work, everything that can fail failing by chance, then the checker.

    python -m tests.faults.nemesis --seed N --minutes M [--database sqlite|postgresql] [--requests N] [--workers N]

The same seed makes the same orders and the same faults in the same order; what they hit is up to the machine. Ends by
mending everything, waits until all is quiet, and prints the figures; the exit status is 0 when nothing is broken.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, func, make_url, select, text

import failpoints
from app import create_app
from dev import redis_server
from dev import settings as dev_settings
from dev.postgres_server import PostgresServer
from dev.processes import descendants, inherit_orphans, kill
from extensions import db
from models import Delivery, Invoice, InvoiceRequest
from tests.faults import people
from tests.faults.checker import Finding
from tests.faults.laboratory import Laboratory, Nursery, filled, is_alive, small_disk
from tests.support.databases import migrate
from tests.support.mail_server import accepted
from tests.support.settings import settings_for_tests

PARTIES = 2
MOST_AT_ONCE = 3
DISK_MEGABYTES = 256
LONGEST_STILLNESS = 120.0  # Seconds in which nothing may come to its end, once everything is mended.

MAIL_MODES = (
    ("connect", "421 4.3.2 Service shutting down"), ("connect", "hang"), ("EHLO", "drop"), ("MAIL", "slow 0.3"),
    ("MAIL", "451 4.3.0 later"), ("RCPT", "451 4.7.1 greylisted"), ("RCPT", "550 5.1.1 no such user"),
    ("DATA", "451 4.3.0 later"), ("content", "drop"), ("message", "451 4.3.0 later"), ("message", "554 5.6.0 refused"),
    ("message", "drop"), ("message", "keep, drop"), ("message", "hang"), ("message", "keep, hang"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for; `minutes` is how long orders come in and faults happen."""

    seed: int
    minutes: float
    database: str
    requests: int
    workers: int
    lease: float
    pace: float
    keep: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One fault to come: when it begins and ends, in seconds since the start; `chance` decides about its details."""

    begins: float
    ends: float
    name: str
    chance: random.Random


class Nemesis:
    """One run: the laboratory, the database's own plug, and what was pulled so far."""

    def __init__(self, wanted: Wanted, laboratory: Laboratory, database: "Database", folder: Path) -> None:
        self.wanted, self.laboratory, self.database, self.folder = wanted, laboratory, database, folder
        self.plans = plans(wanted.seed, wanted.minutes * 60)
        self.pulled: Counter[str] = Counter()
        self.doubtful = 0
        self.active: list[tuple[Plan, AbstractContextManager[None]]] = []
        self.parties: dict[int, int] = {}

    def run(self) -> float:
        """Let everything happen, mend everything, and return how many seconds the product needed to recover."""
        self.laboratory.start(workers=self.wanted.workers, sweepers=2)
        begun, next_word, next_heal = time.monotonic(), 0.0, 1.0
        while self.plans or not self._are_done():
            now = time.monotonic() - begun
            self._pull(now)
            self._heal(now)
            if now > next_heal:
                next_heal = now + 1
                self._keep_going()
            if now > next_word:
                next_word = now + 30
                accepted_now = len(people.noted(self.folder, "accepted"))
                self._say(f"after {now:3.0f} s: {sum(self.pulled.values())} faults, {accepted_now} requests accepted")
            time.sleep(0.05)
        self._heal(float("inf"))
        self.laboratory.disarm()
        self._say("everything is mended")
        return self.laboratory.settle(LONGEST_STILLNESS, say=self._say)

    def findings(self) -> list[Finding]:
        """Return what the checker finds; a mail may be in doubt where its worker was killed or its answer lost."""
        lost_answers = sum('"outcome": "unknown"' in line for line in self.laboratory.said())
        late = [Finding("not_recovered", about) for about in self.laboratory.left()]
        asked = people.noted(self.folder, "accepted")
        return late + self.laboratory.findings(asked=asked, doubtful=self.doubtful + lost_answers)

    def _pull(self, now: float) -> None:
        """Begin the faults whose moment has come."""
        while self.plans and self.plans[0].begins <= now:
            plan = self.plans.pop(0)
            going_on = FAULTS[plan.name](self, plan.chance)
            going_on.__enter__()
            self.pulled[plan.name] += 1
            self.active.append((plan, going_on))

    def _heal(self, now: float) -> None:
        for plan, going_on in [one for one in self.active if one[0].ends <= now]:
            going_on.__exit__(None, None, None)
            self.active.remove((plan, going_on))

    def _keep_going(self) -> None:
        """Replace the dead; people too go on with their day."""
        self.laboratory.heal_processes()
        for who in range(PARTIES):
            if not is_alive(self.parties.get(who, 0)) and not self._is_done(who):
                arguments = (who, PARTIES, self.wanted.seed, self.wanted.requests, self.wanted.minutes * 60 * 0.9)
                self.parties[who] = self.laboratory.run("live", str(self.folder), *arguments)

    def _is_done(self, who: int) -> bool:
        return str(who) in people.noted(self.folder, "done")

    def _are_done(self) -> bool:
        return all(self._is_done(who) for who in range(PARTIES))

    def _say(self, line: str) -> None:
        print(f"nemesis {self.wanted.database} {self.wanted.seed}: {line}", flush=True)  # noqa: T201


Fault = Callable[[Nemesis, random.Random], AbstractContextManager[None]]
"""What begins when it is entered and is mended when it is left."""


@contextmanager
def _at_a_step(nemesis: Nemesis, chance: random.Random, what: str) -> Iterator[None]:
    """Arm one of the steps of the product; it goes off when somebody comes by, or never."""
    nemesis.laboratory.arm(chance.choice(failpoints.NAMES), what)
    nemesis.doubtful += what != "error"
    yield


def _steps(what: str) -> Fault:
    return lambda nemesis, chance: _at_a_step(nemesis, chance, what)


@contextmanager
def _killed(nemesis: Nemesis, *roles: str, horses: bool) -> Iterator[None]:
    """Kill -9: all of these roles' processes, the jobs under way included or not, or the jobs alone."""
    laboratory = nemesis.laboratory
    below = laboratory.horses() if horses else []
    victims = [pid for role in roles for pid in laboratory.running[role]]
    kill([*victims, *below], signal.SIGKILL)
    nemesis.doubtful += nemesis.wanted.workers
    yield


@contextmanager
def _frozen_worker(nemesis: Nemesis, _chance: random.Random) -> Iterator[None]:
    """Stop a worker and its job in the middle, until its lease is long over, then let them go on."""
    victims = nemesis.laboratory.running["work"][:1]
    victims += [below for pid in victims for below in descendants(pid)]
    nemesis.doubtful += 1
    kill(victims, signal.SIGSTOP)
    try:
        yield
    finally:
        kill(victims, signal.SIGCONT)


@contextmanager
def _mail_misbehaves(nemesis: Nemesis, chance: random.Random) -> Iterator[None]:
    step, mode = chance.choice(MAIL_MODES)
    nemesis.pulled[f"mail: {step} {mode}"] += 1
    nemesis.laboratory.mode[step] = mode
    try:
        yield
    finally:
        nemesis.laboratory.mode.pop(step, None)


@contextmanager
def _no_mail_server(nemesis: Nemesis, _chance: random.Random) -> Iterator[None]:
    nemesis.laboratory.mail.kill()
    nemesis.doubtful += nemesis.wanted.workers
    try:
        yield
    finally:
        nemesis.laboratory.start_mail()


@contextmanager
def _no_redis(nemesis: Nemesis, _chance: random.Random) -> Iterator[None]:
    nemesis.laboratory.redis.kill()
    try:
        yield
    finally:
        nemesis.laboratory.redis.start()


@contextmanager
def _redis_hangs(nemesis: Nemesis, _chance: random.Random) -> Iterator[None]:
    redis = nemesis.laboratory.redis
    if redis.process is None:
        yield
        return
    with redis.frozen():
        yield


@contextmanager
def _redis_forgets(nemesis: Nemesis, _chance: random.Random) -> Iterator[None]:
    with suppress(OSError):
        nemesis.laboratory.flush_redis()
    yield


@contextmanager
def _no_database(nemesis: Nemesis, chance: random.Random) -> Iterator[None]:
    nemesis.doubtful += nemesis.wanted.workers
    with nemesis.database.unplugged(chance):
        yield


@contextmanager
def _full_disk(nemesis: Nemesis, _chance: random.Random) -> Iterator[None]:
    """Fill the documents folder to the last byte, where it has a disk of its own; else let one file fail."""
    folder = nemesis.folder / "documents"
    if not folder.is_mount():
        nemesis.laboratory.arm("store.written", "disk full")
        yield
        return
    with filled(folder):
        yield


FAULTS: dict[str, Fault] = {
    "kill at a step": _steps("kill"),
    "error at a step": _steps("error"),
    "full disk at a step": _steps("disk full"),
    "pause at a step": _steps("pause 4"),
    "kill -9 of jobs": lambda nemesis, _chance: _killed(nemesis, horses=True),
    "kill -9 of workers, not of their jobs": lambda nemesis, _chance: _killed(nemesis, "work", horses=False),
    "kill -9 of workers and jobs": lambda nemesis, _chance: _killed(nemesis, "work", horses=True),
    "kill -9 of sweepers": lambda nemesis, _chance: _killed(nemesis, "sweep", horses=False),
    "kill -9 of everything": lambda nemesis, _chance: _killed(nemesis, "work", "sweep", horses=True),
    "a worker stands still": _frozen_worker,
    "mail server misbehaves": _mail_misbehaves,
    "mail server misbehaves otherwise": _mail_misbehaves,
    "no mail server": _no_mail_server,
    "no Redis": _no_redis,
    "Redis hangs": _redis_hangs,
    "Redis forgets": _redis_forgets,
    "no database": _no_database,
    "full disk": _full_disk,
}


def plans(seed: int, seconds: float) -> list[Plan]:
    """Return the faults of a run, in their order: never two of a kind at once, nor more than MOST_AT_ONCE."""
    chance = random.Random(seed)  # noqa: S311 - Nothing secret.
    found: list[Plan] = []
    now = 1.0
    while now < seconds:
        going_on = [one for one in found if one.ends > now]
        name = chance.choice(list(FAULTS))
        details = random.Random(chance.getrandbits(32))  # noqa: S311
        ends = now + chance.uniform(0.5, 5)
        if len(going_on) < MOST_AT_ONCE and name not in {one.name for one in going_on}:
            found.append(Plan(now, min(ends, seconds), name, details))
        now += chance.uniform(0.5, 4)
    return found


class Database:
    """The database of one run, with its plug."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.path = folder / "shop.db"
        self.server = PostgresServer(durable=True) if kind == "postgresql" else None
        self.url = f"sqlite:///{self.path}"

    def __enter__(self) -> "Database":
        """Start it, migrated, and with an empty copy beside it to rehearse on."""
        if self.server:
            self.server.start()
            self.url = self._created("shop", "template1")
        migrate(self.url, self.path.parent)
        if self.server:
            self.rehearsal = self._created("rehearsal", "shop")
        else:
            self.rehearsal = f"sqlite:///{shutil.copyfile(self.path, self.path.with_name('rehearsal.db'))}"
        return self

    def __exit__(self, *_error: object) -> None:
        if self.server:
            self.server.stop()

    def _created(self, name: str, template: str) -> str:
        assert self.server is not None
        engine = create_engine(self.server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        engine.dispose()
        return make_url(self.server.url).set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def unplugged(self, chance: random.Random) -> Iterator[None]:
        """PostgreSQL is stopped, in order or as in a crash; SQLite is held by somebody who writes."""
        if self.server:
            self.server.halt(chance.choice((signal.SIGINT, signal.SIGQUIT)))
            try:
                yield
            finally:
                self.server.resume()
            return
        holder = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            with suppress(sqlite3.OperationalError):  # Half a minute of others who write is the same fault.
                holder.execute("BEGIN IMMEDIATE")
            yield
        finally:
            holder.close()


def main() -> int:
    """Run once; 0 when nothing is broken."""
    wanted = _wanted()
    inherit_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ec-nemesis-")))
        stack.enter_context(small_disk(folder / "documents", DISK_MEGABYTES))
        database = stack.enter_context(Database(wanted.database, folder))
        settings = settings_for_tests(folder, DATABASE_URL=database.url, INVOICE_DELAY_HOURS="0")
        redis = redis_server.find_or_fetch(dev_settings.var_dir(os.environ))
        nursery = stack.enter_context(Nursery(database.rehearsal))
        laboratory = Laboratory(folder, settings, redis, nursery, lease=wanted.lease, pace=wanted.pace)
        stack.enter_context(laboratory)
        with create_app(laboratory.settings).app_context():
            nemesis = Nemesis(wanted, laboratory, database, folder)
            recovered = nemesis.run()
            findings = nemesis.findings()
            report(nemesis, recovered, findings)
            if findings and wanted.keep:
                subprocess.run(["cp", "-a", str(folder), wanted.keep], check=False)
            db.session.remove()
            db.engine.dispose()
    return int(bool(findings))


def report(nemesis: Nemesis, recovered: float, findings: list[Finding]) -> None:
    """Print the figures, and what is broken."""
    wanted = nemesis.wanted
    states = dict(db.session.execute(select(InvoiceRequest.state, func.count()).group_by(InvoiceRequest.state)).all())
    mails = Counter(mail.message_id for mail in accepted(nemesis.laboratory.mail_folder))
    doubts = db.session.scalar(select(func.sum(Delivery.doubts)))
    lines = [
        "",
        f"{wanted.database}, seed {wanted.seed}, {wanted.minutes:g} min, {wanted.workers} workers",
        f"  requests accepted  {len(people.noted(nemesis.folder, 'accepted'))}",
        *(f"    {state:<17}{number}" for state, number in sorted(states.items())),
        f"  invoices           {db.session.scalar(select(func.count()).select_from(Invoice))}",
        f"  faults             {sum(nemesis.pulled[name] for name in FAULTS)}",
        *(f"    {number:>3} {name}" for name, number in sorted(nemesis.pulled.items())),
        f"  mails accepted     {sum(mails.values())}",
        f"  arrived twice      {sum(number > 1 for number in mails.values())} (in doubt: {doubts})",
        f"  recovered after    {recovered:.1f} s",
        f"  findings           {len(findings)}",
        *(f"    {number:>3} {name}" for name, number in sorted(Counter(each.name for each in findings).items())),
        *(f"    {finding}" for finding in findings[:40]),
    ]
    print("\n".join(lines), flush=True)  # noqa: T201 - The report.


def _wanted() -> Wanted:
    options = argparse.ArgumentParser(prog="bin/test --nemesis", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--lease", type=float, default=6, help="seconds; 90 in production")
    options.add_argument("--pace", type=float, default=60, help="how many times faster than in production tries follow")
    options.add_argument("--keep", default="", metavar="FOLDER", help="where to copy what a red run leaves behind")
    return Wanted(**vars(options.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
