"""Races whose order is certain: somebody outside holds a lock until others are seen to wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from config.database import timeouts
from tests.support.servers.live import database_url

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@contextmanager
def colleague() -> Iterator[psycopg.Connection[Any]]:
    """Somebody with SQL, in a transaction of their own."""
    with psycopg.connect(database_url()) as other:
        yield other


def wait_until(number: int, *tasks: Future[Any]) -> int:
    """Waits until so many wait for a lock, or these tasks are done. Returns how many wait."""
    with psycopg.connect(database_url(), autocommit=True) as look:
        while True:
            (waiting,) = look.execute(_WAITING).fetchone() or (0,)
            if waiting >= number or (tasks and all(task.done() for task in tasks)):
                return int(waiting)
            look.execute("SELECT pg_sleep(0.005)")


@contextmanager
def beside() -> Iterator[Callable[..., Future[Any]]]:
    """Starts functions in threads that have database connections of their own, and wait for locks as long as it takes:
    the process may have got the limits of requests from another test (`config.wsgi`).
    """

    def closing(act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        timeouts.use_job_limits()
        try:
            return act(*given, **named)
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        yield lambda act, *given, **named: threads.submit(closing, act, *given, **named)
