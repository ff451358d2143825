"""Races whose order is certain: somebody outside holds a lock until others are seen to wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from tests.support.servers.live import database_url
from tests.support.waiting import MOST_SECONDS, until

#: How many wait for a lock of this backend, or behind somebody who does; without a backend, for any lock.
_BLOCKED = """
    WITH RECURSIVE waiting AS (
        SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    ), blocked AS (
        SELECT pid FROM waiting WHERE %(by)s::int IS NULL OR %(by)s = ANY(blockers)
        UNION SELECT waiting.pid FROM waiting JOIN blocked ON blocked.pid = ANY(blockers)
    )
    SELECT count(*) FROM blocked
"""


@contextmanager
def colleague() -> Iterator[psycopg.Connection[Any]]:
    """Somebody with SQL, in a transaction of their own."""
    with psycopg.connect(database_url()) as other:
        yield other


def wait_until_blocked(by: psycopg.Connection[Any] | None, number: int = 1, *tasks: Future[Any]) -> int:
    """Waits until so many wait for this connection's locks, or these tasks are done. Returns how many wait.

    Without a connection, whoever waits for a lock counts. Beside a server that is not certain: its jobs wait for each
    other, too.
    """
    end = time.monotonic() + MOST_SECONDS
    with psycopg.connect(database_url(), autocommit=True) as look:
        while True:
            waiting = _blocked(look, by)
            if waiting >= number or (tasks and all(task.done() for task in tasks)):
                return int(waiting)
            assert time.monotonic() < end, f"{waiting} of {number} wait"
            look.execute("SELECT pg_sleep(0.02)")  # to look costs PostgreSQL more than most of what is waited for


def wait_until_done_or_blocked(*tasks: Future[Any]) -> None:
    """Waits until each of these tasks is done or waits for a lock, whoever holds it."""
    with psycopg.connect(database_url(), autocommit=True) as look:
        until(lambda: _blocked(look, None) >= sum(not task.done() for task in tasks))


def _blocked(look: psycopg.Connection[Any], by: psycopg.Connection[Any] | None) -> int:
    (number,) = look.execute(_BLOCKED, {"by": by.info.backend_pid if by else None}).fetchone() or (0,)
    return int(number)


@contextmanager
def beside() -> Iterator[Callable[..., Future[Any]]]:
    """Starts functions in threads that have database connections of their own."""

    def closing(act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            return act(*given, **named)
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        yield lambda act, *given, **named: threads.submit(closing, act, *given, **named)
