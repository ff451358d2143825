"""How much memory one worker holds after many requests of all kinds, and whether it grows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

from tests.benchmarks import report
from tests.benchmarks.client import Request, send_all
from tests.benchmarks.folder import Folder
from tests.benchmarks.kinds import kinds
from tests.benchmarks.others import others
from tests.benchmarks.sites import PRODUCT, Site, running
from tests.benchmarks.works import LIST, WORKS, Callers, bearing, form, sign_in

#: Memory is looked at after each of these.
_AFTER = (1_000, 20_000, 50_000, 100_000, 200_000)
_FIRST = _AFTER[1]
_MOST_MIB, _MOST_GROWTH = 150, 0.05
#: One request in so many is none of the four works.
_RARE = 10


def run(folder: Folder) -> None:
    folder.prepare()
    with running(folder, PRODUCT) as (site,):
        mixed = _mixed(site, sign_in(site))
        held: dict[int, float] = {}
        for already, count in zip((0, *_AFTER), _AFTER, strict=False):
            send_all(site, islice(mixed, count - already))
            held[count] = site.worker.memory_info().rss / 2**20
            print(f"{count:,} requests: {held[count]:.1f} MiB", flush=True)
    last = held[_AFTER[-1]]
    growth = last / held[_FIRST] - 1
    report.write(
        report.MEMORY,
        report.table(("Requests", "MiB resident"), [(f"{count:,}", f"{mib:.1f}") for count, mib in held.items()]),
        f"At the end {_judged(f'{last:.0f} MiB', last <= _MOST_MIB)} (at most {_MOST_MIB}), "
        f"{_judged(f'{growth:+.1%}', growth <= _MOST_GROWTH)} since {_FIRST:,} (at most {_MOST_GROWTH:.0%}): the four "
        f"works in turn, and every {_RARE}th request a filter, an order, a page of the Back Office, a sign-in, an "
        "introspection or a refusal.",
    )


def _judged(text: str, is_reached: bool) -> str:
    return text if is_reached else f"**{text}**"


def _mixed(site: Site, callers: Callers) -> Iterator[Request]:
    """Requests without end."""
    usual = cycle(_in_turn([work.requests(callers) for work in WORKS]))
    rare = cycle(_in_turn([*kinds(site, callers).values(), *others(site, callers).values(), _refused(callers)]))
    while True:
        yield from islice(usual, _RARE - 1)
        yield next(rare)


def _in_turn(lists: list[list[Request]]) -> list[Request]:
    """One of each list, then the next of each, until the longest has ended; shorter ones begin again."""
    longest = max(map(len, lists))
    return [request for turn in zip(*(islice(cycle(each), longest) for each in lists), strict=True) for request in turn]


def _refused(callers: Callers) -> list[Request]:
    return [
        bearing("no.such.token", "GET", LIST),
        bearing(callers.office, "GET", f"{LIST}?sort=nothing"),
        bearing(callers.office, "POST", LIST, "{"),
        bearing(callers.office, "GET", "/no/such/path"),
        form("/token", grant_type="refresh_token", refresh_token="no.such.token"),
    ]
