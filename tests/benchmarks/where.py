"""Where the time of w1 goes: py-spy looks at the worker 500 times a second, and what it is in if it holds the GIL.

So waiting for PostgreSQL or for requests counts for nothing, nor does what psycopg does in C beside the GIL, such as
sending. All else in C counts for the Python function that called it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.client import load
from tests.benchmarks.folder import ROOT, Folder
from tests.benchmarks.rounds import CONNECTIONS
from tests.benchmarks.sites import PRODUCT, Site, running
from tests.benchmarks.works import WORKS, sign_in

_SECONDS = 10
_PER_SECOND = 500
#: Rows of each table.
_MOST = 25

#: A stack, outermost function first, as tuples of (function, file).
Stack = tuple[tuple[str, str], ...]


def run(folder: Folder) -> None:
    folder.prepare()
    with running(folder, PRODUCT) as (site,):
        requests = WORKS[0].requests(sign_in(site))
        load(site, requests, 2, CONNECTIONS)
        busy = threading.Thread(target=load, args=(site, requests, _SECONDS + 3, CONNECTIONS))
        busy.start()
        stacks = _stacks(site, folder.path / "stacks.txt")
        busy.join()
    total = sum(stacks.values())
    report.write(
        report.PROFILE,
        f"{total:,} looks at the busy worker, waiting aside. By package:",
        report.table(("Package", "share"), _shares(_own(stacks, _package), total)),
        "By function, in it alone:",
        report.table(("Function", "share"), _shares(_own(stacks, _name), total)),
        "By function, with all that it calls:",
        report.table(("Function", "share"), _shares(_inclusive(stacks), total)),
    )


def _stacks(site: Site, path: Path) -> Counter[Stack]:
    program = str(Path(sys.executable).with_name("py-spy"))
    form = ["--format", "raw", "--function", "--full-filenames", "-o", str(path)]
    often = ["--gil", "--pid", str(site.worker.pid), "--duration", str(_SECONDS), "--rate", str(_PER_SECOND)]
    command = [program, "record", *form, *often]
    spying = subprocess.run(command, capture_output=True, text=True, check=False)
    if spying.returncode:
        sys.exit(f"py-spy may not look at the worker here: {spying.stderr}")
    counted: Counter[Stack] = Counter()
    for line in path.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        stack = tuple(_frame(text) for text in frames.split(";"))
        counted[stack] += int(count)
    return counted


def _frame(text: str) -> tuple[str, str]:
    """`execute (…/site-packages/django/db/models/query.py)` → (`execute`, `django/db/models/query.py`)."""
    match = re.fullmatch(r"(.+) \((.+?)(:\d+)?\)", text)
    function, path = (match[1], match[2]) if match else (text, "")
    path = path.removeprefix(f"{ROOT}/")
    return function, re.sub(r".*/(site-packages|python3\.\d+)/", "", path)


def _name(frame: tuple[str, str]) -> str:
    return f"`{frame[0]}` {frame[1]}"


def _package(frame: tuple[str, str]) -> str:
    """Django's by their second folder, all others by their first."""
    parts = frame[1].split("/")
    return "/".join(parts[:2]) if parts[0] == "django" else parts[0]


def _own(stacks: Counter[Stack], name: Callable[[tuple[str, str]], str]) -> Counter[str]:
    own: Counter[str] = Counter()
    for stack, count in stacks.items():
        own[name(stack[-1])] += count
    return own


def _inclusive(stacks: Counter[Stack]) -> Counter[str]:
    within: Counter[str] = Counter()
    for stack, count in stacks.items():
        for frame in set(stack):
            within[_name(frame)] += count
    return within


def _shares(counted: Counter[str], total: int) -> list[tuple[str, str]]:
    return [(name, f"{count / total:.1%}") for name, count in counted.most_common(_MOST)]
