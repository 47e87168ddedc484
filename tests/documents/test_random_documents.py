"""Documents of orders by chance meet every rule, and say what was charged.

A run takes a sample that has each situation and each kind of document; `--documents=2000` takes so many instead. A
seed that failed comes back with `-k "[1234]" --documents=2000`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from .checking import problems_of
from .random_orders import DOCUMENTS, SITUATIONS, random_document


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("documents")))


@pytest.mark.usefixtures("poppler", "qpdf")
def test_a_document_meets_every_rule_and_says_what_was_charged(seed: int) -> None:
    document = random_document(seed)
    problems = problems_of(document.snapshot, document.total, french=document.is_french)
    assert not problems, "\n".join([f"seed {seed}: {document.name}", *problems])


def test_the_sample_has_each_situation_and_each_kind_of_document() -> None:
    names = [random_document(seed).name.split(", ") for seed in range(24)]
    assert {situation for situation, _kind in names} == {situation.name for situation in SITUATIONS}
    assert {kind for _situation, kind in names} == set(DOCUMENTS)


def test_two_thousand_have_each_kind_of_document_in_each_situation() -> None:
    met = Counter((SITUATIONS[seed % len(SITUATIONS)].name, DOCUMENTS[seed % len(DOCUMENTS)]) for seed in range(2000))
    assert len(met) == len(SITUATIONS) * len(set(DOCUMENTS))
    assert min(met.values()) >= 10
