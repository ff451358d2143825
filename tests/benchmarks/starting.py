"""How long `make run` takes on an existing data folder: from nothing, PostgreSQL neither, to its first answer."""

from __future__ import annotations

import statistics

from tests.benchmarks import report
from tests.benchmarks.folder import Folder
from tests.benchmarks.sites import PRODUCT, start, stop

_TIMES = 3
_MOST_SECONDS = 5.0


def run(folder: Folder) -> None:
    folder.prepare()
    taken = [_once(folder) for _ in range(_TIMES)]
    told = f"{statistics.median(taken):.1f} s"
    report.write(
        report.START,
        f"From nothing to the first answer: {told if max(taken) <= _MOST_SECONDS else f'**{told}**'} "
        f"({', '.join(f'{seconds:.1f}' for seconds in taken)}; at most {_MOST_SECONDS:.0f} s), with {folder.wanted}.",
    )


def _once(folder: Folder) -> float:
    with (folder.path / "start.log").open("w") as log:
        site, seconds = start(folder, PRODUCT, log)
        stop(site)
    return seconds
