"""Instructions per request, counted by valgrind: the same to 0.2 % whatever else the machine does.

Held against `instructions.json` within 10 %, so that nobody makes a work dearer without noticing.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.folder import ROOT, Folder
from tests.benchmarks.sites import FLOOR, PRODUCT, STOCK, running
from tests.benchmarks.works import WORKS, Callers, Work, sign_in, stand_in_first

BASELINE = Path(__file__).parent / "instructions.json"
_TOLERANCE = 0.10
#: Even, so that switches go there and back. Statements are prepared, and caches filled, before counting begins.
_TIMES, _WARM_UP = 60, 40

Counts = dict[str, int]


def run(folder: Folder, *, accept: bool) -> None:
    """Writes the section. Exits with words if a work takes more, or much less, than what is recorded allows.

    With `accept`, records it, and counts the other sites too, for orientation.
    """
    if not shutil.which("valgrind"):
        sys.exit("Instructions are counted by valgrind, which is not installed: see your system's packages.")
    folder.prepare()
    with running(folder, PRODUCT) as (site,):
        callers = sign_in(site)
        counts = {}
        for name in (PRODUCT, FLOOR, STOCK) if accept else (PRODUCT,):
            stand_in_first(site, callers)
            counts[name] = _counts(folder, name, callers)
    if accept:
        BASELINE.write_text(json.dumps(_circumstances() | counts, indent=2) + "\n")
    recorded = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    report.write(report.INSTRUCTIONS, _table(counts[PRODUCT], recorded), _words())
    _judge(counts[PRODUCT], recorded)


def _counts(folder: Folder, name: str, callers: Callers) -> Counts:
    """Instructions of one request of each work, in the application's process."""
    with tempfile.TemporaryDirectory() as dumps:
        _run_counted(folder, name, callers, dumps)
        (prefix,) = {path.name.split(".")[1] for path in Path(dumps).iterdir()}
        found = [(Path(dumps) / f"out.{prefix}.{number}").read_text() for number in range(1, len(WORKS) + 1)]
    totals = [int(re.search(r"^(?:summary|totals): (\d+)", text, re.M)[1]) for text in found]  # type: ignore[index]
    return {work.name: round(total / _TIMES) for work, total in zip(WORKS, totals, strict=True)}


def _run_counted(folder: Folder, name: str, callers: Callers, dumps: str) -> None:
    environment = folder.neighbours_environment if name != PRODUCT else folder.environment
    environment |= {"PYTHONHASHSEED": "0", "EMBEDDED_DATABASE_URL": folder.url, "PYTHONDONTWRITEBYTECODE": "1"}
    watch = ["--tool=callgrind", "--instr-atstart=no", "--zero-before=getpgrp", "--dump-before=getsid", "-q"]
    command = ["valgrind", *watch, f"--callgrind-out-file={dumps}/out.%p", sys.executable]
    command += ["-m", "tests.benchmarks.in_process", name, str(len(WORKS))]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        (folder.path / f"{name}-counted.log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, **pipes) as process,
    ):
        _steer(process, [_line(work, callers) for work in WORKS])
    if process.returncode:
        sys.exit(f"{name} failed under valgrind: see {log.name}.")


def _steer(process: subprocess.Popen[str], lines: list[str]) -> None:
    """Lets it load uncounted, which is quicker, and then work."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("".join(f"{line}\n" for line in lines))
    process.stdin.flush()
    if process.stdout.readline() == "ready\n":
        subprocess.run(["callgrind_control", "-i", "on", str(process.pid)], check=True, capture_output=True)
        process.communicate("go\n")


def _line(work: Work, callers: Callers) -> str:
    """One person's requests of a work, for `in_process`."""
    one = Callers(callers.office, callers.cookies, callers.people[:1])
    requests = [asdict(request) for request in work.requests(one)]
    return json.dumps({"requests": requests, "times": _TIMES, "warm_up": _WARM_UP})


def _table(counts: Counts, recorded: dict[str, Any]) -> str:
    columns = ("Millions of instructions", "now", "recorded", "change", "floor", "stock", "now / floor")
    rows = []
    for work in WORKS:
        now = counts[work.name]
        product, floor, stock = (recorded.get(site, {}).get(work.name, 0) for site in (PRODUCT, FLOOR, STOCK))
        change, ratio = (now / product - 1, now / floor) if recorded else (0, 0)
        millions = [f"{count / 1e6:.2f}" for count in (now, product, floor, stock)]
        rows.append((work.name, *millions[:2], f"{change:+.1%}", *millions[2:], f"{ratio:.2f}"))
    return report.table(columns, rows)


def _words() -> str:
    version = subprocess.check_output(["valgrind", "--version"], text=True).strip()
    return f"Per request, in process, the application alone: {_TIMES} requests after {_WARM_UP} to warm up; {version}."


def _circumstances() -> dict[str, str]:
    return {"python": platform.python_version(), "machine": platform.machine()}


def _judge(counts: Counts, recorded: dict[str, Any]) -> None:
    """Exits with the works that are out of bounds and with what to do."""
    if not recorded:
        sys.exit("Nothing is recorded yet: `make bench-baseline` records what was counted.")
    far = [name for name, count in counts.items() if abs(count / recorded[PRODUCT][name] - 1) > _TOLERANCE]
    where = {name: recorded[name] for name in _circumstances()}
    if far:
        sys.exit(
            f"{', '.join(far)} moved by more than {_TOLERANCE:.0%} from what was recorded on {where}.\n"
            "`make bench PARTS=profile` shows where the time goes. If it is worth it, or is a gain to keep, record it\n"
            f"with `make bench-baseline`, and commit {BASELINE.relative_to(ROOT)} along with the change."
        )
