"""Two servers behind nginx are restarted one after the other while clients write: no request fails.

Each is stopped (SIGTERM) and started again, and then reloaded (SIGHUP). nginx is `deploy/nginx.conf`, whose limits by
address are raised: all clients share one.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack

from tests.benchmarks.report import figure, table
from tests.endurance.faults import ONE_ADDRESS, writing
from tests.endurance.installation import Installation, installation
from tests.endurance.report import RESTARTS, write
from tests.endurance.writers import ACKNOWLEDGED, Journal
from tests.support.servers import nginx

CLIENTS = 8
MIN_REQUESTS = 3_000


def run() -> None:
    journal, stop = Journal(), threading.Event()
    with ExitStack() as stack:
        first = stack.enter_context(installation())
        second = stack.enter_context(first.another_server())
        proxy = stack.enter_context(nginx.temporary_proxy(first.server, second.server, replaced=ONE_ADDRESS))
        first.load(people=CLIENTS, warehouses=8, assignments=CLIENTS * 4)
        with writing(proxy.url, journal, stop, CLIENTS):
            rounds = _restart_again_and_again(journal, first, second)
    _hold_and_report(journal, rounds)


def _restart_again_and_again(journal: Journal, *servers: Installation) -> int:
    """Until there were enough requests. How often each server was restarted."""
    rounds = 0
    while len(journal.outcomes) < MIN_REQUESTS or not rounds:
        for server in servers:
            server.stop()
            server.start()
        for server in servers:
            server.reload()
        rounds += 1
    return rounds


def _hold_and_report(journal: Journal, rounds: int) -> None:
    assert journal.broken == [], "\n".join(journal.broken)
    told = Counter(outcome.kind for outcome in journal.outcomes)
    assert set(told) == {ACKNOWLEDGED}, told
    worst = max(outcome.waited for outcome in journal.outcomes)
    write(
        RESTARTS,
        f"{CLIENTS} clients write all the while through nginx to two servers of two workers, each of which is stopped "
        "and started, and then reloaded.",
        table(("Rounds", "requests", "failed", "worst wait, s"), [(rounds, f"{told.total():,}", "0", figure(worst))]),
    )
