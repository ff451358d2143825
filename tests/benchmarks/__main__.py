"""`python -m tests.benchmarks PART ...`: measures, prints, and writes RESULTS.md. See the Makefile for the parts."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.benchmarks import comparison, counting, flat, memory, others, report, starting, where
from tests.benchmarks.folder import LARGE, ROOT, SMALL, Folder

VAR = ROOT / "var"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the comparison")
    parser.add_argument("--seconds", type=float, default=3, help="how long a turn lasts")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the sites are stopped
    for part in options.parts:
        PARTS[part](options)


@cache
def small() -> Folder:
    return Folder(Path(os.environ.get("BENCH_DIR", VAR / "bench")).resolve(), SMALL)


@cache
def large() -> Folder:
    return Folder(Path(os.environ.get("SCALE_DIR", VAR / "bench-scale")).resolve(), LARGE)


def compare(options: argparse.Namespace) -> None:
    comparison.run(small(), report.WORKS, rounds=options.rounds, seconds=options.seconds)


def measure_others(options: argparse.Namespace) -> None:
    others.run(small(), rounds=max(1, options.rounds // 2), seconds=options.seconds)


def scale(options: argparse.Namespace) -> None:
    comparison.run(large(), report.AT_SCALE, rounds=options.rounds, seconds=options.seconds)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "start": lambda options: starting.run(small()),
    "compare": compare,
    "others": measure_others,
    "count": lambda options: counting.run(small(), accept=False),
    "baseline": lambda options: counting.run(small(), accept=True),
    "scale": scale,
    "flat": lambda options: flat.run(small(), large(), rounds=options.rounds),
    "memory": lambda options: memory.run(small()),
    "profile": lambda options: where.run(small()),
}

if __name__ == "__main__":
    main()
