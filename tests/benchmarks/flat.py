"""The same questions to two products, one with fifty times the rows of the other: no answer may take much longer."""

from __future__ import annotations

import statistics
import time
from itertools import cycle, islice

from tests.benchmarks import plans, report
from tests.benchmarks.client import Request, send_all
from tests.benchmarks.folder import Folder
from tests.benchmarks.kinds import Kinds, kinds
from tests.benchmarks.report import figure, table
from tests.benchmarks.sites import PRODUCT, Site, running
from tests.benchmarks.works import sign_in

_MOST = 1.3
#: Pages are slow: fewer of them tell as much.
_BATCH, _BATCH_SECONDS = 10, 0.5


def run(small: Folder, large: Folder, *, rounds: int) -> None:
    """Writes the sections of times and of plans."""
    small.prepare()
    large.prepare()
    with running(small, PRODUCT) as (at_small,), running(large, PRODUCT) as (at_large,):
        sites = (at_small, at_large)
        asked = [kinds(site, sign_in(site)) for site in sites]
        rows = [_row(name, sites, asked, rounds) for name in asked[0]]
        words = f"Medians in ms, one connection, {small.size}, and {large.size}. More than {_MOST} times is **bold**."
        report.write(report.FLAT, table(("Question", "small", "large", "large / small"), rows), words)
        plans.report_on(large, asked[1])


def _row(name: str, sites: tuple[Site, Site], asked: list[Kinds], rounds: int) -> tuple[str, str, str, str]:
    small, large = (statistics.median(times) for times in _times(sites, [kind[name] for kind in asked], rounds))
    ratio = f"{large / small:.2f}"
    print(f"{name}: {small:.1f} ms, {large:.1f} ms, {ratio}", flush=True)
    return name, figure(small), figure(large), ratio if large <= _MOST * small else f"**{ratio}**"


def _times(sites: tuple[Site, Site], asked: list[list[Request]], rounds: int) -> list[list[float]]:
    """Sites take turns, batch by batch."""
    sources = [cycle(requests) for requests in asked]
    found: list[list[float]] = [[], []]
    for site, requests in zip(sites, asked, strict=True):
        _checked(site, requests)
    for _ in range(rounds):
        for times, site, source in zip(found, sites, sources, strict=True):
            until = time.perf_counter() + _BATCH_SECONDS
            while time.perf_counter() < until:
                times += send_all(site, islice(source, _BATCH))
    return found


def _checked(site: Site, requests: list[Request]) -> None:
    """Warms up; raises RefusedError for what is no answer."""
    send_all(site, requests, may_be_refused=False)
