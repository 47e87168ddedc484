"""Medians of runs that take turns, and the table that shows them beside what was promised."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """A promised ratio of two medians, `fast` being the one that is at most `at_most` times `slow`'s."""

    says: str
    measured: str
    against: str
    at_most: float


@dataclass(frozen=True, slots=True)
class Report:
    """Medians in seconds by name, in the order of the table; a target with a name that was not measured fails.

    `promises` are targets that are no ratios of medians: what is promised, and whether it holds.
    """

    title: str
    medians: Mapping[str, float]
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()
    promises: Mapping[str, bool] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return all(self._ratio(target) <= target.at_most for target in self.targets) and all(self.promises.values())

    def lines(self) -> list[str]:
        """The table: each median with its ratio to the first one, then each target and whether it holds."""
        width = max(len(text) for text in [*self.medians, *(target.says for target in self.targets)])
        first = next(iter(self.medians.values()))
        rows = [
            f"  {name:<{width}}  {seconds * 1000:10.2f} ms  {seconds / first:7.2f} ×"
            for name, seconds in self.medians.items()
        ]
        kept = [f"  {promise}: {'holds' if held else 'DOES NOT HOLD'}" for promise, held in self.promises.items()]
        return [self.title, *rows, *(self._verdict(target, width) for target in self.targets), *self.notes, *kept]

    def _verdict(self, target: Target, width: int) -> str:
        ratio = self._ratio(target)
        if ratio == float("inf"):
            return f"  {target.says:<{width}}  NOT MEASURED"
        held = "holds" if ratio <= target.at_most else "DOES NOT HOLD"
        return f"  {target.says:<{width}}  {ratio:10.2f} of {target.at_most:g}: {held}"

    def _ratio(self, target: Target) -> float:
        if target.measured not in self.medians or target.against not in self.medians:
            return float("inf")
        return self.medians[target.measured] / self.medians[target.against]


def medians(tasks: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each task; they take turns, so that whatever else the machine does meets them all.

    Each runs once before, unmeasured: what is compared is warm.
    """
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _round in range(rounds):
        for name, task in tasks.items():
            gc.collect()
            begun = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - begun)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
