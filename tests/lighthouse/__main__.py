"""`bin/test --lighthouse`: Lighthouse on the pages of who is signed in, on its mobile profile; a low mark fails.

The product runs as in production, as for `bin/test --scan`. Performance is timed: this is no part of `bin/test`.
Lighthouse is installed beside the product, in `$VAR_DIR/lighthouse`, by package-lock.json and without scripts of its
packages; it leaves its reports there. With the names of paths as arguments, only these are looked at.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import traceback
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select

from dev import settings
from dev.check import find_browser
from dev.postgres_server import PostgresServer
from dev.processes import Stopped, Supervisor, guarded
from extensions import db
from models import Customer, Order
from services import demo
from tests.security.scan import World, start

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
AREA = "/espace-client"
PAGES = ("", "/commandes", "/commandes/{number}", "/donnees-de-facturation", "/factures", "/mon-compte")
AT_LEAST = {"accessibility": 100, "best-practices": 100, "performance": 98}
RUNS = 3
"""Of a page that is timed the middle one of three runs counts, as Lighthouse's own advice is."""


def main() -> int:
    """Look at each page; 0 when every mark is high enough."""
    folder = settings.var_dir(os.environ) / "lighthouse"
    supervisor, postgres = Supervisor(), PostgresServer()
    try:
        program = bring(supervisor, folder)
        postgres.start()
        world = start(supervisor, folder, postgres.url)
        with world.app.app_context():
            mine = select(Order.number).join(Customer, Customer.id == Order.customer_id)
            number = db.session.scalars(mine.where(Customer.email == demo.CUSTOMER_EMAIL)).first()
        marks = {}
        for page in sys.argv[1:] or [AREA + each.format(number=number) for each in PAGES]:
            marks[page] = middle([look(world, program, page, run) for run in range(RUNS)])
            supervisor.say(f"{page}: {marks[page]}")
        low = [page for page, found in marks.items() if any(found[of] < least for of, least in AT_LEAST.items())]
        for page in low:
            supervisor.say(f"TOO LOW {page}: {why(folder, page)}")
        return int(bool(low))
    except Stopped:
        return 130
    except Exception:  # `guarded` leaves without a word.
        traceback.print_exc()
        return 1
    finally:
        supervisor.stop()
        postgres.stop()


def bring(supervisor: Supervisor, folder: Path) -> Path:
    """Return Lighthouse's program, installed as package-lock.json pins it and its parts."""
    installed = folder / sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not (installed / "complete").is_file():
        shutil.rmtree(installed, ignore_errors=True)
        installed.mkdir(parents=True)
        for file in (LOCK, HERE / "package.json"):
            shutil.copy(file, installed)
        supervisor.run("npm", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", installed])
        (installed / "complete").touch()
    return installed / "node_modules" / ".bin" / "lighthouse"


def file_of(folder: Path, page: str, run: int) -> Path:
    return folder / f"{page.strip('/').replace('/', '-')}-{run}.json"


def look(world: World, program: Path, page: str, run: int) -> dict[str, int]:
    """Return the marks out of a hundred of one run, whose report stays."""
    visitor = world.somebody("customer")
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    report = file_of(world.folder.parent, page, run)
    report.unlink(missing_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    flags = f"--headless=new --no-sandbox --ignore-certificate-errors --remote-debugging-port={port}"
    subprocess.run(
        [program, world.url + page, "--output=json", f"--output-path={report}", "--quiet", f"--port={port}",
         f"--only-categories={','.join(AT_LEAST)}", f"--extra-headers={json.dumps({'Cookie': cookie})}",
         "--disable-full-page-screenshot", f"--chrome-flags={flags}"],
        env=os.environ | {"CHROME_PATH": find_browser() or "chromium"}, check=True, timeout=180,
    )  # fmt: skip
    said = json.loads(report.read_text(encoding="utf-8"))
    if not said["finalDisplayedUrl"].endswith(page):
        raise RuntimeError(f"{page} led to {said['finalDisplayedUrl']}, so that it was not looked at")
    return {name: round(100 * (part["score"] or 0)) for name, part in said["categories"].items()}


def middle(runs: list[dict[str, int]]) -> dict[str, int]:
    """Return the middle mark of each category."""
    return {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in AT_LEAST}


def why(folder: Path, page: str) -> str:
    """Return what took marks away in the last run."""
    said = json.loads(file_of(folder, page, RUNS - 1).read_text(encoding="utf-8"))
    weighed = {part["id"] for each in said["categories"].values() for part in each["auditRefs"] if part["weight"]}
    lost = [audit for name, audit in said["audits"].items() if name in weighed and (audit["score"] or 0) < 0.9]
    return "; ".join(f"{audit['id']} {audit.get('displayValue', '')}" for audit in lost if audit["score"] is not None)


if __name__ == "__main__":
    sys.exit(guarded(main))
