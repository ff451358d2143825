"""The four works: the product beside the floor and the stock site, and beside its targets."""

from __future__ import annotations

from tests.benchmarks import agreement, report
from tests.benchmarks.folder import Folder
from tests.benchmarks.report import figure, table
from tests.benchmarks.rounds import CONNECTIONS, Figures, Turn, taking_turns
from tests.benchmarks.sites import FLOOR, PRODUCT, STOCK, running
from tests.benchmarks.works import WORKS, sign_in

#: With one connection, the slowest of a hundred requests may take so many times the median.
_MOST_P99 = 5.0


def run(folder: Folder, title: str, *, rounds: int, seconds: float) -> None:
    """Writes the section `title`. Raises DisagreementError before measuring sites that answer differently."""
    folder.prepare()
    with running(folder, PRODUCT, FLOOR, STOCK) as sites:
        callers = sign_in(sites[0])
        agreement.check(sites, callers)
        print("All sites give the same answers.", flush=True)
        many = taking_turns(sites, WORKS, callers, rounds=rounds, seconds=seconds, connections=CONNECTIONS)
        fewer = max(1, rounds - 2)
        one = taking_turns(sites[:2], WORKS, callers, rounds=fewer, seconds=seconds, connections=1)
    parts = [
        "Processor time of the application:",
        _ratios(many),
        _figures(many),
        _tail(one),
        _words(folder, rounds, seconds),
    ]
    report.write(title, *parts)


def _ratios(found: dict[Turn, Figures]) -> str:
    rows = []
    for work in WORKS:
        product, floor, stock = (found[name, work.name].app for name in (PRODUCT, FLOOR, STOCK))
        of_floor = _judged(product / floor, work.most_of_floor)
        of_stock = _judged(product / stock, work.most_of_stock)
        rows.append((f"{work.name} {work.title}", *of_floor, *of_stock, figure(stock / floor)))
    columns = (
        "Application",
        "of the floor's",
        "at most",
        "of stock's",
        "at most",
        "stock / floor",
    )
    return table(columns, rows)


def _judged(ratio: float, most: float) -> tuple[str, str]:
    told = f"{ratio:.2f}"
    return (told if ratio <= most else f"**{told}**"), f"{most:.2f}"


def _figures(found: dict[Turn, Figures]) -> str:
    columns = ("Work", "Site", "requests/s", "p50 ms", "p99 ms", "app ms", "database ms")
    rows = [
        (work.name, site, *map(figure, found[site, work.name])) for work in WORKS for site in (PRODUCT, FLOOR, STOCK)
    ]
    return table(columns, rows)


def _tail(found: dict[Turn, Figures]) -> str:
    rows = []
    for work in WORKS:
        product, floor = found[PRODUCT, work.name], found[FLOOR, work.name]
        told = _judged(product.p99 / product.p50, _MOST_P99)
        rows.append((work.name, figure(product.p50), figure(product.p99), *told, figure(floor.p99 / floor.p50)))
    return table(("One connection", "p50 ms", "p99 ms", "p99 / p50", "at most", "the floor's"), rows)


def _words(folder: Folder, rounds: int, seconds: float) -> str:
    return (
        f"{folder.size}. Medians of {rounds} rounds of {seconds:.0f} s, sites taking turns, one worker each, "
        f"{CONNECTIONS} connections. *app* and *database* are milliseconds of processor time per request, of the site "
        f"and of its PostgreSQL backends. What misses its target is **bold**. {report.neighbours()}"
    )
