"""Processes that prepare the database (`serve`, `restore`) do so one after the other."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.db import connection

#: How often the lock is tried, and how often the operator is told of the wait.
_POLL_SECONDS = 0.2
_TELL_SECONDS = 5


def wait_for_preparation_lock(tell: Callable[[str], object]) -> None:
    """Takes an advisory lock, which is released when the connection ends, and lifts the connection's time limits.

    The lock is polled: a session that waits for it within PostgreSQL would block `CREATE INDEX CONCURRENTLY`. Every few
    seconds of waiting, `tell` is called with a line for the operator. Raises CommandError after
    `MIGRATION_WAIT_SECONDS`.
    """
    begun = told = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        while not _has_lock(cursor):
            waited = time.monotonic() - begun
            if waited > settings.MIGRATION_WAIT_SECONDS:
                raise CommandError(
                    f"Another process has been preparing the database for more than {settings.MIGRATION_WAIT_SECONDS} "
                    "seconds (manage.py serve or restore, on any server): see what it says, or end it. Nothing was "
                    "changed. MIGRATION_WAIT_SECONDS sets how long this one waits."
                )
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                tell(f"Waiting for another process that prepares the database, for {waited:.0f} seconds so far ...")
            time.sleep(_POLL_SECONDS)


def _has_lock(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(hashtext('manage.py serve'))")
    return bool(cursor.fetchone()[0])
