"""`bin/bench [documents|intake|pages]`: measure, print tables, and say by the exit code whether the targets hold."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

NAMES = ("documents", "intake", "pages")


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, or all; 0 only when every target of theirs holds."""
    parser = argparse.ArgumentParser(prog="bin/bench", description="Measure ratios side by side in one run.")
    parser.add_argument("names", nargs="*", metavar="|".join(NAMES), help="which one; all of them without")
    parser.add_argument("--orders", type=int, default=100_000, help="how many orders intake takes in (100000)")
    chosen = parser.parse_args(arguments)
    names = chosen.names or list(NAMES)
    options = {"intake": {"orders": chosen.orders}}
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    held = True
    for name in names:
        print(f"{name}…", flush=True)
        report = importlib.import_module(f"benchmarks.{name}").measure(**options.get(name, {}))
        print("\n".join(["", *report.lines(), ""]), flush=True)
        held = held and report.holds
    return 0 if held else 1


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # No Redis is here, and every order would say so.
    sys.exit(main(sys.argv[1:]))
