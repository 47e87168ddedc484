"""`docs/faults.md` says which test proves what, and says it of every step."""

import re

import failpoints
from tests.faults.test_steps import FAULTS
from tests.support.settings import ROOT

TABLE = ROOT / "docs" / "faults.md"


def test_every_step_and_every_fault_at_a_step_is_in_the_table() -> None:
    text = TABLE.read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip().strip("`") for line in text.splitlines() if line.startswith("| `")]
    assert tuple(row for row in rows if row in failpoints.NAMES) == failpoints.NAMES
    assert [fault for fault in FAULTS if fault not in text] == []


def test_every_test_that_the_table_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TABLE.read_text(encoding="utf-8"))
    assert len(named) > 20
    missing = [(file, test) for file, test in named if f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8")]
    assert missing == []


def test_every_step_is_reached_by_exactly_one_line() -> None:
    sources = list(ROOT.glob("*.py")) + list((ROOT / "services").glob("*.py"))
    reached = re.findall(r'failpoints\.reach\("([\w.]+)"\)', "\n".join(path.read_text("utf-8") for path in sources))
    assert sorted(reached) == sorted(failpoints.NAMES)
