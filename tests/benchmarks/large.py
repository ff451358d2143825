"""What benchmarks of large databases share: filling by SQL, and times of questions to the site in this process."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

#: How often each question is asked for its median.
TRIES = 15


def fill(statements: Iterable[str], **numbers: int) -> None:
    """Runs the statements with these numbers in their places, tells how long each took, and collects statistics."""
    with connection.cursor() as cursor:
        for sql in statements:
            begun = time.perf_counter()
            cursor.execute(sql.format(**numbers))
            print(f"{time.perf_counter() - begun:6.0f} s  {sql[:60]}", file=sys.stderr, flush=True)
        cursor.execute("VACUUM ANALYZE")


def times(name: str, ask: Callable[[], Any], most: int) -> tuple[str, str, str]:
    """Median and slowest in milliseconds, and the number of queries; or the status of a refusal and empty texts.

    Tells the plans of the two slowest queries if the median is above `most`.
    """
    with CaptureQueriesContext(connection) as queries:
        answer = ask()
    captured = list(queries)
    if answer.status_code != 200:
        return str(answer.status_code), "", ""
    taken = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - begun))
    if statistics.median(taken) > most:
        for query in sorted(captured, key=lambda one: -float(one["time"]))[:2]:
            print(name, query["time"], query["sql"][:1500], file=sys.stderr, flush=True)
            _explain(query["sql"])
    return f"{statistics.median(taken):.0f}", f"{max(taken):.0f}", str(len(captured))


def _explain(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}")
        print("\n".join(line for (line,) in cursor.fetchall()), file=sys.stderr, flush=True)
