"""An invoice's PDF, beside the same page drawn directly and the same HTML laid out by WeasyPrint."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from ctypes.util import find_library

from benchmarks import drawing, samples
from benchmarks.measuring import Report, Target, medians
from dev import check
from dev.processes import Supervisor
from documents import facturx, page, pdf
from documents.renderer import ASSETS
from documents.snapshot import Snapshot

ROUNDS = 25
OURS, LONG = "3 lines: page, XML, archive", "60 lines: page, XML, archive"
DRAWN, WEASYPRINT = "3 lines drawn with reportlab alone", "3 lines, same HTML by WeasyPrint"
XML, COLD = "3 lines: XML alone", "3 lines in a new process"
TARGETS = (
    Target("3 lines / drawn alone", OURS, DRAWN, 4.0),
    Target("3 lines / WeasyPrint", OURS, WEASYPRINT, 1.0),
    Target("60 lines / 3 lines", LONG, OURS, 8.0),
)
PANGO = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")
NEW_PROCESS = (
    "import sys; from documents import pdf, snapshot; pdf.warm_up(); pdf.render(snapshot.from_json(sys.stdin.read()))"
)


def measure() -> Report:
    """Medians of runs that take turns in one warm process, as a worker is, and of new processes."""
    short, long = samples.invoice(3), samples.invoice(60)
    pdf.warm_up()
    tasks: dict[str, Callable[[], object]] = {
        DRAWN: lambda: drawing.draw(short),
        OURS: lambda: pdf.render(short),
        LONG: lambda: pdf.render(long),
        XML: lambda: facturx.xml(short),
    }
    notes = [_size(OURS, pdf.render(short)), _size(LONG, pdf.render(long)), _size(DRAWN, drawing.draw(short))]
    if weasyprint := _weasyprint(short):
        tasks[WEASYPRINT] = weasyprint
    else:
        notes.append(f"  WeasyPrint needs {', '.join(PANGO)}, which are not here and could not be installed.")
    found = medians(tasks, ROUNDS)
    found[COLD] = statistics.median(_new_process(short) for _turn in range(3))
    return Report(f"documents: medians of {ROUNDS} rounds", found, TARGETS, tuple(notes))


def _size(name: str, file: bytes) -> str:
    return f"  {name}: {len(file) / 1000:.0f} kB"


def _weasyprint(document: Snapshot) -> Callable[[], bytes] | None:
    """What lays the document's HTML out by WeasyPrint, its fonts read once; None where its libraries are missing."""
    if not find_library("pango-1.0"):
        supervisor = Supervisor()
        check.install(PANGO, supervisor)
        supervisor.stop()
    if not find_library("pango-1.0"):
        return None
    from weasyprint import HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts, base = FontConfiguration(), str(ASSETS / "page.html")

    def lay_out() -> bytes:
        written: bytes = HTML(string=page.html(document), base_url=base).write_pdf(font_config=fonts)
        return written

    return lay_out


def _new_process(document: Snapshot) -> float:
    """Seconds from the start of Python to the first document."""
    from documents import snapshot

    begun = time.perf_counter()
    command = [sys.executable, "-c", NEW_PROCESS]
    subprocess.run(command, input=snapshot.to_json(document), text=True, encoding="utf-8", check=True)
    return time.perf_counter() - begun
