"""Turns of many requests, taken in rounds so that a mood of the machine falls on all alike; medians of the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.benchmarks.client import Load, Request, load
from tests.benchmarks.sites import Site
from tests.benchmarks.works import Callers, Work, stand_in_first

#: How many connections keep one worker busy.
CONNECTIONS = 4
_WARM_UP_SECONDS = 1


class Figures(NamedTuple):
    """Requests a second; what the client waited and what application and database worked, in ms per request."""

    rate: float
    p50: float
    p99: float
    app: float
    database: float


Turn = tuple[str, str]


def taking_turns(
    sites: Sequence[Site], works: Sequence[Work], callers: Callers, *, rounds: int, seconds: float, connections: int
) -> dict[Turn, Figures]:
    """The figures of each (site, work)."""
    found: dict[Turn, list[Figures]] = {(site.name, work.name): [] for site in sites for work in works}
    for number in range(rounds + 1):
        for work in works:
            for site in rotated(sites, number):
                requests = _prepared(site, work, callers)
                if number == 0:
                    load(site, requests, _WARM_UP_SECONDS, connections)
                else:
                    found[site.name, work.name].append(_turn(site, requests, seconds, connections))
    return {turn: medians(figures) for turn, figures in found.items()}


def _prepared(site: Site, work: Work, callers: Callers) -> list[Request]:
    site.folder.tidy()
    if work.changes:
        stand_in_first(site, callers)
    return work.requests(callers)


def _turn(site: Site, requests: list[Request], seconds: float, connections: int) -> Figures:
    return measured(site, lambda: load(site, requests, seconds, connections))


def measured(site: Site, send: Callable[[], Load]) -> Figures:
    """The figures of one turn."""
    app, database = site.cpu_seconds(), site.database_cpu_seconds()
    told = send()
    app, database = site.cpu_seconds() - app, site.database_cpu_seconds() - database
    each = 1e3 / told.requests
    return Figures(told.requests / told.seconds, told.p50, told.p99, app * each, database * each)


def medians(figures: Sequence[Figures]) -> Figures:
    return Figures(*map(statistics.median, zip(*figures, strict=True)))


def rotated(sites: Sequence[Site], number: int) -> list[Site]:
    """Another one begins each time."""
    start = number % len(sites)
    return [*sites[start:], *sites[:start]]
