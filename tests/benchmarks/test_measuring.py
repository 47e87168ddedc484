"""The tables of `bin/bench`: what they say, and when they say that a promise is broken."""

import pytest

from benchmarks import __main__ as command
from benchmarks.measuring import Report, Target, medians

TARGET = Target("ours / theirs", "ours", "theirs", 4.0)


def test_a_median_is_not_moved_by_one_slow_run() -> None:
    waits = iter([1, 1, 200_000, 1, 1, 1])  # The first is not measured, nor is the slow one in the middle.

    found = medians({"counting": lambda: sum(range(next(waits)))}, rounds=5)

    assert found["counting"] < 0.001


def test_tasks_take_turns_after_one_run_each_that_does_not_count() -> None:
    ran: list[str] = []

    found = medians({"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, rounds=2)

    assert ran == ["a", "b", "a", "b", "a", "b"]
    assert list(found) == ["a", "b"]


def test_the_table_gives_each_median_with_its_ratio_to_the_first() -> None:
    lines = Report("documents", {"theirs": 0.02, "ours": 0.07}, (TARGET,), ("  a note",)).lines()

    assert [" ".join(line.split()) for line in lines] == [
        "documents",
        "theirs 20.00 ms 1.00 ×",
        "ours 70.00 ms 3.50 ×",
        "ours / theirs 3.50 of 4: holds",
        "a note",
    ]


@pytest.mark.parametrize(("ours", "holds"), [(0.08, True), (0.081, False)])
def test_a_target_holds_up_to_its_ratio(ours: float, holds: bool) -> None:
    report = Report("documents", {"theirs": 0.02, "ours": ours}, (TARGET,))

    assert report.holds is holds
    assert report.lines()[-1].endswith(": holds" if holds else ": DOES NOT HOLD")


def test_what_was_not_measured_does_not_hold() -> None:
    report = Report("documents", {"ours": 0.02}, (TARGET,))

    assert not report.holds
    assert report.lines()[-1].endswith("NOT MEASURED")


@pytest.mark.parametrize(("ratio", "status"), [(3.0, 0), (5.0, 1)])
def test_the_command_fails_when_a_target_does(
    ratio: float, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import documents

    report = Report("documents", {"theirs": 1.0, "ours": ratio}, (TARGET,))
    monkeypatch.setattr(documents, "measure", lambda: report)

    assert command.main(["documents"]) == status
    assert report.lines()[-1] in capsys.readouterr().out


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["documents", "speed"])

    assert "there is no benchmark speed" in capsys.readouterr().err
