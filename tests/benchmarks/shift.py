"""`python -m tests.benchmarks.shift`: a simulation of a shift that begins. How many cores until nobody waits?

The model: pickers arrive at random within the given minutes, more of them in the middle (a triangle). Each signs in
(most refresh a session of theirs, the others type a password), lists their assignments, makes one active and takes a
warehouse token, with a few seconds between; services then ask about that token now and then. Each request needs a
processor of an application server for so long, and then one of PostgreSQL's primary; both are queues, first come, first
served, and times vary as an exponential distribution does. Networks, locks and disks cost nothing: pickers write
different rows, and a group commit of synchronous replicas delays without occupying a processor. Times are those of
RESULTS.md.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from tests.benchmarks.report import table

#: Request → milliseconds of processor time of the application, and of PostgreSQL ("The four works", "Other requests").
COSTS = {
    "password": (25.3, 2.00),
    "refresh": (3.36, 0.73),
    "list": (1.49, 0.31),
    "activate": (2.89, 1.52),
    "warehouse token": (3.45, 1.04),
    "introspection": (3.35, 1.55),
}
#: Share of pickers who type their password, seconds between two requests of a picker, introspections of each token.
_PASSWORDS, _PAUSE_SECONDS, INTROSPECTIONS = 0.2, 3.0, 10
#: A configuration suffices if 99 of 100 requests wait no longer than this.
_MAX_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Outcome:
    """Seconds that requests waited for a processor, and the work as a share of what the processors can do in the given
    minutes; services ask on after these."""

    median: float
    p99: float
    app: float
    database: float


class Cores:
    """Processors that serve one request each, in the order of arrival."""

    def __init__(self, number: int) -> None:
        self._free_at = [0.0] * number
        self.busy = 0.0

    def serve(self, at: float, seconds: float) -> float:
        """The moment at which a request that arrives now is done."""
        began = max(at, self._free_at[0])
        heapq.heapreplace(self._free_at, began + seconds)
        self.busy += seconds
        return began + seconds


def simulate(pickers: int, minutes: float, asked: int, app_cores: int, database_cores: int) -> Outcome:
    """The waits of all requests of one beginning, after which services ask so often about each token."""
    chance, numbers = random.Random(1), count()
    app, database, waits = Cores(app_cores), Cores(database_cores), []
    requests = [
        (chance.triangular(0, minutes * 60), next(numbers), _of_a_picker(chance, asked)) for _ in range(pickers)
    ]
    heapq.heapify(requests)
    while requests:
        at, number, rest = heapq.heappop(requests)
        if (kind := next(rest, None)) is None:
            continue
        own, its = (chance.expovariate(1_000 / milliseconds) for milliseconds in COSTS[kind])
        done = database.serve(app.serve(at, own), its)
        waits.append(done - at - own - its)
        pause = minutes * 60 / asked if kind == "introspection" else _PAUSE_SECONDS
        heapq.heappush(requests, (done + chance.expovariate(1 / pause), number, rest))
    waits.sort()
    length = minutes * 60
    shares = (app.busy / app_cores / length, database.busy / database_cores / length)
    return Outcome(waits[len(waits) // 2], waits[len(waits) * 99 // 100], *shares)


def _of_a_picker(chance: random.Random, asked: int) -> Iterator[str]:
    yield "password" if chance.random() < _PASSWORDS else "refresh"
    yield from ("list", "activate", "warehouse token")
    yield from ["introspection"] * asked


def needed(pickers: int, minutes: float, asked: int) -> tuple[int, int, Outcome]:
    """Cores of the application and of the database, about as few as suffice."""
    mean = simulate(min(pickers, 10_000), minutes, asked, app_cores=10_000, database_cores=10_000)
    scale = 10_000 * max(1, pickers / 10_000)
    factor = 1.2
    while True:
        app, database = (max(1, round(share * scale * factor)) for share in (mean.app, mean.database))
        outcome = simulate(pickers, minutes, asked, app, database)
        if outcome.p99 <= _MAX_WAIT_SECONDS:
            return app, database, outcome
        factor *= 1.1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.shift", description=__doc__)
    parser.add_argument("--pickers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--introspections", type=int, default=INTROSPECTIONS, help="of each token")
    options = parser.parse_args()
    rows = []
    for pickers in options.pickers:
        app, database, outcome = needed(pickers, options.minutes, options.introspections)
        shares = (f"{outcome.app:.0%}", f"{outcome.database:.0%}")
        rows.append((f"{pickers:,}", app, database, *shares, f"{outcome.median:.3f}", f"{outcome.p99:.3f}"))
    columns = ("pickers", "cores, app", "cores, primary", "work, app", "work, primary", "median wait, s", "p99 wait, s")
    print(table(columns, rows))


if __name__ == "__main__":
    main()
