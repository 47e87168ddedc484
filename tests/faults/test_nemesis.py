"""A short run of the nemesis: what `bin/test --nemesis` does for ten minutes, done for twenty seconds."""

import os
import subprocess
import sys

import pytest

from dev.processes import die_with_parent
from tests.faults.nemesis import FAULTS, plans
from tests.support.databases import NAMES
from tests.support.settings import ROOT


@pytest.mark.parametrize("database", NAMES)
def test_a_sample_of_the_nemesis_breaks_nothing(database: str) -> None:
    command = [sys.executable, "-m", "tests.faults.nemesis", "--database", database]
    command += ["--seed", "1", "--minutes", "0.3", "--requests", "30", "--pace", "200", "--lease", "4"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        preexec_fn=die_with_parent,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "requests accepted  30" in ended.stdout


def test_the_same_seed_pulls_the_same_plugs() -> None:
    first, again, other = plans(1, 600), plans(1, 600), plans(2, 600)
    told = [(plan.begins, plan.ends, plan.name, plan.chance.random()) for plan in first]
    assert told == [(plan.begins, plan.ends, plan.name, plan.chance.random()) for plan in again]
    assert {plan.name for plan in first} == set(FAULTS)
    assert [plan.name for plan in first] != [plan.name for plan in other]
