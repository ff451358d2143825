"""`RESULTS.md` and what stands in it: one section for each part of the measuring."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.folder import ROOT

_TITLE = """# Results

Written by `make bench`, `make bench-scale`, `make bench-memory` and `make bench-count`; each replaces its own sections.
Absolute figures belong to the machine and its mood; ratios repeat within 20 %.
"""
#: Every section there is, in the order in which they stand.
SECTIONS = (WORKS, OTHERS, START, PROFILE, MEMORY, INSTRUCTIONS, AT_SCALE, FLAT, PLANS) = (
    "The four works",
    "Other requests",
    "Start",
    "Where the time of w1 goes",
    "Memory",
    "Instructions",
    "The four works at scale",
    "Flat",
    "Plans",
)
_PACKAGES = ["Django", "djangorestframework", "psycopg", "PyJWT", "orjson", "granian"]
_OTHERS = ["djangorestframework-jsonapi", "djangorestframework-simplejwt", "django-filter", "psycopg-pool"]


class Report:
    """A file of sections, each written anew when its part has run. `sections` is the order in which they stand."""

    def __init__(self, path: Path, title: str, sections: Sequence[str]) -> None:
        self.path, self.title, self.sections = path, title, sections

    def write(self, section: str, *parts: str) -> None:
        """Puts a section in its place, and prints it."""
        text = "\n\n".join([f"## {section}", _circumstances(), *parts]).strip()
        print(f"\n{text}\n", flush=True)
        old = self.path.read_text() if self.path.exists() else ""
        found = {part.partition("\n")[0][3:]: part.rstrip() for part in re.split(r"^(?=## )", old, flags=re.M)[1:]}
        found[section] = text
        ordered = [found[name] for name in self.sections if name in found]
        self.path.write_text("\n\n".join([self.title.rstrip(), *ordered]) + "\n")


write = Report(Path(__file__).parent / "RESULTS.md", _TITLE, SECTIONS).write


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; columns of numbers stand at the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    are_numbers = [all(re.match(r"[*+-]*\d|—", cell) for cell in column) for column in zip(*cells, strict=True)]
    ruler = "|" + "".join("---:|" if is_number else "---|" for is_number in are_numbers)
    return "\n".join([_line(columns), ruler, *map(_line, cells)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def figure(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _circumstances() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    processor = _processor()
    load = os.getloadavg()[0]
    return (
        f"*{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_commit()}; {processor}, {os.cpu_count()} cores, "
        f"load average {load:.1f} at the end; Python {platform.python_version()}, {versions}.*"
    )


def neighbours() -> str:
    """What the other sites are made of."""
    return "The stock site and the floor besides: " + ", ".join(f"{name} {version(name)}" for name in _OTHERS) + "."


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return f"commit {told}" if told else "no commit"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return names[0] if names else platform.processor() or platform.machine()
