"""What still goes on when a test is over: requests to a server in this process, jobs that they began, other servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.support.waiting import MOST_SECONDS, until
from users.sign_in.passwords import POSTMAN

#: One for each request that is being answered in this process.
_requests: list[object] = []
#: Whether another connection is in a statement or a transaction, or runs a job (`config.spreadsheets.jobs.worker`).
_BUSY = """
    SELECT EXISTS (
        SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND (state <> 'idle' OR pid IN (
            SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
        ))
    )
"""


@contextmanager
def request() -> Iterator[None]:
    """Around the answering of a request."""
    one = object()
    _requests.append(one)
    try:
        yield
    finally:
        _requests.remove(one)


def wait_for_threads() -> None:
    """Those that requests have started in this process: for imports and exports, and to send e-mail."""
    for thread in threading.enumerate():
        if thread.name in ("job", POSTMAN):
            thread.join(MOST_SECONDS)


def wait_for_all() -> None:
    """Else what they write would be in the way of the next test."""
    until(lambda: not _requests)
    wait_for_threads()
    until(_are_others_idle)


def _are_others_idle() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_BUSY)
        return not cursor.fetchone()[0]
