"""`bin/test --scan`: wapiti and sqlmap on the running product; whatever they find fails.

    bin/test --scan [--only wapiti|sqlmap] [--role visitor|guest|customer|admin]

The product runs as in production, over TLS, on PostgreSQL and Redis, with the demo's data and its first invoices
issued; only tries are not limited, and one page of `scanned_app` is there to be found, else the scan fails. The
scanners have an environment of their own, and their reports are kept: both in `$VAR_DIR/scan`.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import flask_migrate
from flask import Flask
from sqlalchemy import exists, select

from app import create_app
from dev import settings
from dev.postgres_server import PostgresServer
from dev.processes import Stopped, Supervisor, die_with_parent, guarded
from dev.start import start_mail_catcher, start_redis
from extensions import db
from models import Document, Order
from services import accounts, demo
from tests.security.scanned_app import CONTROL
from tests.security.visitor import LEFT_ALONE, Target, Visitor
from tests.support.second_factors import a_second_factor

LIST = settings.ROOT / "requirements-scan.txt"
HOMES = {"visitor": "/", "guest": "/suivi-commande/commande", "customer": "/espace-client", "admin": "/admin/"}
ROLES = tuple(HOMES)
MODULES = "xss,sql,redirect,file,csrf,http_headers,cookieflags,exec,crlf"
OF_WAPITI = "wapiti2021@mailinator.com"
WAPITI = """
import sys, types
for name in ("pyperclip", "yaswfp", "yaswfp.swfparser"):  # The clipboard, Flash: no wheel of them, no use for them.
    sys.modules[name] = types.ModuleType(name)
sys.modules["yaswfp"].swfparser = sys.modules["yaswfp.swfparser"]
from wapitiCore.main.wapiti import wapiti_asyncio_wrapper
wapiti_asyncio_wrapper()
"""
SQLMAP = (
    "--batch", "--dbms=PostgreSQL", "--risk=1", "--technique=BEUST", "--flush-session", "--force-ssl",
    "--ignore-code=*", "--drop-set-cookie", "--disable-coloring", "--timeout=60",
)  # fmt: skip
OF_THE_REST: tuple[str, ...] = ("--skip=csrf_token,cookie",)  # Both are signed; no other sign of them is looked at.
OF_THE_HEAD: tuple[str, ...] = ("--level=3", "-p", "cookie,user-agent,referer")
FALSE_ALARMS: tuple[tuple[str, str], ...] = ()
"""A pattern of what is said, and why it is none."""


@dataclass
class World:
    """The running product and what is known of it."""

    supervisor: Supervisor
    folder: Path
    app: Flask
    url: str
    recovery_codes: list[str]
    findings: list[str] = field(default_factory=list)

    @property
    def answers(self) -> Counter[tuple[str, str, str]]:
        """How often each route has answered so far, by method, route and status."""
        lines = (self.folder / "answers").read_text().splitlines()
        return Counter((method, route, status) for method, route, status in map(str.split, lines))

    def somebody(self, role: str) -> Visitor:
        """Return somebody of that role, signed in where the role has an account."""
        visitor = Visitor(self.url)
        if role == "guest":
            visitor.send_form("/suivi-commande", order_number=demo.GUEST_ORDER, email=demo.GUEST_EMAIL)
        elif role == "customer":
            visitor.send_form("/connexion", email=demo.CUSTOMER_EMAIL, password=demo.CUSTOMER_PASSWORD)
        elif role == "admin":
            visitor.send_form("/connexion", email=demo.ADMIN_EMAIL, password=demo.ADMIN_PASSWORD)
            visitor.send_form("/connexion/code", code=self.recovery_codes.pop())
        self.check(visitor, role)
        return visitor

    def walk(self, visitor: Visitor) -> list[Target]:
        """Return what the visitor may send; the page that is there to be found is the last of it."""
        return [*visitor.walk(self.app), Target("GET", f"{self.url}{CONTROL}?q=1")]

    def note(self, found: list[str], scanner: str) -> int:
        """Note what a scanner has found but false alarms, and that it did not find the control; return how many."""
        alarms = [one for one in found if not any(re.search(pattern, one) for pattern, _ in FALSE_ALARMS)]
        real = [one for one in alarms if CONTROL not in one]
        if len(real) == len(alarms):
            real.append(f"{scanner} has found nothing in {CONTROL}, so that it would find nothing anywhere")
        self.findings += real
        return len(real)

    def check(self, visitor: Visitor, role: str) -> None:
        """Note a finding when the visitor is no longer who they were: the scan has not seen what it should have."""
        if (status := visitor.open(HOMES[role]).status) != 200:
            self.findings.append(f"{role}: {HOMES[role]} answers {status}, so that the scan was none of this role")


def main() -> int:
    """Scan; 0 when nothing was found."""
    options = argparse.ArgumentParser(prog="bin/test --scan")
    options.add_argument("--only", choices=("wapiti", "sqlmap"))
    options.add_argument("--role", choices=ROLES)
    chosen = options.parse_args()
    folder = settings.var_dir(os.environ) / "scan"
    supervisor, postgres = Supervisor(), PostgresServer()
    try:
        scanners = bring_scanners(supervisor, folder)
        postgres.start()
        world = start(supervisor, folder, postgres.url)
        for role in ROLES if chosen.role is None else (chosen.role,):
            if (
                chosen.only != "sqlmap" and role != "guest"
            ):  # Wapiti would open the guest's account, and be none any more.
                run_wapiti(world, scanners, role)
            if chosen.only != "wapiti":
                run_sqlmap(world, scanners, role)
        broken = {entry: many for entry, many in world.answers.items() if entry[2] >= "500" and entry[1] != "control"}
        world.findings += [f"{' '.join(entry)}: {many} times" for entry, many in broken.items()]
        supervisor.say(f"{world.answers.total()} requests, {len({e[:2] for e in world.answers})} routes and methods")
        for finding in world.findings:
            supervisor.say(f"FOUND {finding}")
        return int(bool(world.findings))
    except Stopped:
        return 130
    except Exception:  # `guarded` leaves without a word.
        traceback.print_exc()
        return 1
    finally:
        supervisor.stop()
        postgres.stop()


def bring_scanners(supervisor: Supervisor, folder: Path) -> Path:
    """Return the programs' folder of an environment that holds what requirements-scan.txt pins, and nothing else."""
    venv = folder / "venv"
    stamp = venv / sha256(LIST.read_bytes()).hexdigest()
    if not stamp.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        supervisor.run("venv", [sys.executable, "-m", "venv", "--clear", "--without-pip", venv])
        supervisor.run(
            "pip",  # As in dev.setup_venv: wheels of known bytes alone.
            [sys.executable, "-m", "pip", "--python", venv, "install", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", LIST],
        )  # fmt: skip
        stamp.touch()
    return venv / "bin"


def start(supervisor: Supervisor, folder: Path, postgresql: str) -> World:
    """Return the running product, once the demo's first invoice is issued."""
    state = folder / "product"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {"VAR_DIR": str(state), "PORT": str(port), "DATABASE_URL": postgresql, "INVOICE_DELAY_HOURS": "0"}
    redis_url, smtp_url = start_redis(supervisor, state), start_mail_catcher(supervisor, state)
    made = settings.make(environment, {}, redis_url=redis_url, smtp_url=smtp_url)
    made |= {"PUBLIC_URL": f"https://127.0.0.1:{port}", "INVOICE_DELAY_HOURS": "0"}
    app = create_app(made)
    with app.app_context():
        flask_migrate.upgrade()
        demo.load()
        admin = accounts.find(demo.ADMIN_EMAIL)
        assert admin is not None
        codes = a_second_factor(admin).codes
        # Wapiti's own person has an account: once it had signed in, no token of the forms that it has read would fit.
        accounts.register(OF_WAPITI, demo.CUSTOMER_PASSWORD, visitor=None)
    env = os.environ | made | {"APP_ENV": "production", "ANSWERS": str(state / "answers"), "PYTHONUNBUFFERED": "1"}
    key, certificate = state / "key.pem", state / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    quietly: list[str | Path] = ["sh", "-c", 'exec "$@" 2>>"$0"', state / "log"]
    supervisor.start(
        "web",
        [*quietly, sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}",
         "--keyfile", key, "--certfile", certificate, "tests.security.scanned_app:create_app()"],
        env=env,
    )  # fmt: skip
    supervisor.start("worker", [*quietly, sys.executable, "worker.py"], env=env)
    supervisor.start("sweeper", [*quietly, sys.executable, "worker.py", "--sweep"], env=env)
    world = World(supervisor, state, app, made["PUBLIC_URL"], codes)
    supervisor.wait_until(lambda: _answers(world), "the web server")
    supervisor.wait_until(lambda: _has_issued(app), "the first invoice", seconds=180)
    return world


def _answers(world: World) -> bool:
    try:
        return Visitor(world.url).open("/healthz").status == 200
    except OSError:
        return False


def _has_issued(app: Flask) -> bool:
    with app.app_context():
        return bool(db.session.scalar(select(exists().where(Document.kind == "invoice"))))


def run_wapiti(world: World, scanners: Path, role: str) -> None:
    """Afterwards wapiti's findings of that role are noted; it begins with every page that a walk finds."""
    begun, before = time.monotonic(), world.answers.total()
    visitor = world.somebody(role)
    targets = world.walk(visitor)
    report = world.folder.parent / f"wapiti-{role}.json"
    with world.app.app_context():
        excluded = [rule.rule for rule in world.app.url_map.iter_rules() if rule.endpoint in LEFT_ALONE]
        numbers = [*db.session.scalars(select(Order.number)), *db.session.scalars(select(Document.number))]
    excluded = [re.sub(r"<[^>]+>", "*", rule) for rule in excluded]
    walked = " ".join(place for target in targets for place in (target.address, target.referer))
    excluded += [f"*/{number}{end}" for number in numbers if f"/{number}" not in walked for end in ("", "/*", ".*")]
    command: list[str | Path] = [
        scanners / "python", "-c", WAPITI, "--url", f"{world.url}/", "--module", MODULES, "--scope", "folder",
        "--store-session", world.folder / f"wapiti-{role}", "--flush-session", "--no-bugreport", "--verify-ssl", "0",
        "--max-links-per-page", "100", "--max-files-per-dir", "12", "--scan-force", "normal", "--verbose", "1",
        "--timeout", "60", "--format", "json", "--output", report, "--skip", "csrf_token", "--level", "1",
        "--tasks", "1",  # Several first pages at once would begin several sessions, and one form's token fits one.
    ]  # fmt: skip
    for target in targets:
        command += ["--start", target.referer or target.address]
    for rule in excluded:
        command += ["--exclude", f"{world.url}{rule}"]
    if role != "visitor":
        kept = {name: {"value": value, "secure": True, "port": None, "expires": None, "version": 0}
                for name, value in visitor.cookies.items()}  # fmt: skip
        cookies = world.folder / f"cookies-{role}.json"
        cookies.write_text(json.dumps({"127.0.0.1": {"/": kept}}))
        command += ["--cookie", cookies]
    report.unlink(missing_ok=True)
    _run(world.supervisor, command, report.with_suffix(".log"))
    said = json.loads(report.read_text(encoding="utf-8"))
    found = [
        f"wapiti, {role}: {kind}: {one['method']} {one['path']} {one['parameter']}: {one['info']}"
        for group in ("vulnerabilities", "anomalies")
        for kind, each in said[group].items()
        for one in each
    ]
    real = world.note(found, f"wapiti, {role},")
    world.check(visitor, role)
    world.supervisor.say(
        f"wapiti, {role}: {said['infos']['crawled_pages_nbr']} pages, {world.answers.total() - before} requests,"
        f" {real} findings, {time.monotonic() - begun:.0f} s"
    )


def run_sqlmap(world: World, scanners: Path, role: str) -> None:
    """Afterwards sqlmap's findings of that role are noted: each parameter of every page, form and path."""
    begun, before = time.monotonic(), world.answers.total()
    visitor = world.somebody(role)
    targets = world.walk(visitor)
    if role == "visitor":
        targets += visitor.elsewhere(world.app, targets)
    requests = [(in_the_head(world, visitor, role), OF_THE_HEAD)]
    requests += [(one, OF_THE_REST) for target in targets for one in raw_requests(world.app, visitor, target)]
    folder = world.folder.parent / f"sqlmap-{role}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def scan(number: int, request: str, options: tuple[str, ...]) -> tuple[int, list[str]]:
        file = folder / f"{number:03}.txt"
        file.write_text(request, encoding="utf-8")
        command: list[str | Path] = [scanners / "sqlmap", "-r", file, *SQLMAP, *options]
        command += ["--output-dir", folder / f"{number:03}"]
        log = folder / f"{number:03}.log"
        _run(world.supervisor, command, log)
        return judged(request.partition(" HTTP")[0], log.read_text(encoding="utf-8"))

    with ThreadPoolExecutor(3) as side_by_side:
        results = list(side_by_side.map(scan, range(len(requests)), *zip(*requests, strict=True)))
    found = [f"sqlmap, {role}: {finding}" for _, findings in results for finding in findings]
    real = world.note(found, f"sqlmap, {role},")
    world.check(visitor, role)
    parameters = sum(many for many, _ in results)
    world.supervisor.say(
        f"sqlmap, {role}: {visitor.pages} pages, {len(requests)} targets, {parameters} parameters,"
        f" {world.answers.total() - before} requests, {real} findings, {time.monotonic() - begun:.0f} s"
    )


def _run(supervisor: Supervisor, command: list[str | Path], log: Path) -> None:
    """Afterwards the scanner has ended, well or not: what it says is judged. Raises Stopped when a person asked."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - Two system calls, safe between fork and exec.
        )
    try:
        while process.poll() is None:
            supervisor.check()
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()


def judged(what: str, said: str) -> tuple[int, list[str]]:
    """Return how many parameters sqlmap tried, and what it found; a run that tried none is a finding too."""
    tried = set(re.findall(r"testing for SQL injection on (.+)", said))
    found = re.findall(r"^Parameter: .+", said, re.MULTILINE)
    if not tried or ("do not appear to be injectable" not in said and not found):
        found.append("it did not come to an end")
    return len(tried), [f"{what}: {one}" for one in found]


def in_the_head(world: World, visitor: Visitor, role: str) -> str:
    """Return a request for the role's first page; sqlmap tries what its head says."""
    [request] = raw_requests(world.app, visitor, Target("GET", f"{world.url}{HOMES[role]}?de=1"))
    return request


def raw_requests(app: Flask, visitor: Visitor, target: Target) -> list[str]:
    """Return what sqlmap is to send: with the parameters as they are, and with each part of the path marked."""
    parts = urlsplit(target.address)
    query = f"?{parts.query}" if parts.query else ""
    head = {"Host": parts.netloc, "User-Agent": "scan", "Referer": target.referer or target.address}
    head |= {"Cookie": visitor.cookie} if visitor.cookies else {}
    body = urlencode(target.fields)
    if target.kind.startswith("multipart"):
        body = "".join(f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                       for name, value in target.fields) + "--edge--\r\n"  # fmt: skip
        head["Content-Type"] = "multipart/form-data; boundary=edge"
    elif target.method == "POST":
        head["Content-Type"] = target.kind
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    whole = f"{lines}\r\n{body}"
    requests = []
    if query or [name for name, _ in target.fields if name != "csrf_token"]:
        requests.append(f"{target.method} {parts.path}{query} HTTP/1.1\r\n{whole}")
    if parts.path == CONTROL:
        return requests
    for value in app.url_map.bind(parts.netloc, url_scheme="https").match(parts.path, target.method)[1].values():
        marked = parts.path.replace(f"/{value}", f"/{value}*", 1)
        requests.append(f"{target.method} {marked}{query} HTTP/1.1\r\n{whole}")
    return requests


if __name__ == "__main__":
    sys.exit(guarded(main))
