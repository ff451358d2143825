"""The lock for processes that prepare the database (`serve`, `restore`), so that they run one after the other."""

import time
from collections.abc import Callable

from django.conf import settings
from django.core.management import CommandError
from django.db import connection

from config.database.sql import row_of

#: Intervals of attempts, and of messages to the operator.
_POLL_SECONDS = 0.2
_MESSAGE_SECONDS = 5


def wait_for_preparation_lock(report: Callable[[str], object]) -> None:
    """Takes an advisory lock, which is released when the connection ends, and removes the connection's timeouts.

    The lock is polled, since a session that waits for it would block `CREATE INDEX CONCURRENTLY`. `report` is called
    with a message every few seconds of waiting. Raises CommandError after `MIGRATION_WAIT_SECONDS`.
    """
    started = reported = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    while not row_of("SELECT pg_try_advisory_lock(hashtext('manage.py serve'))")[0]:
        waited = time.monotonic() - started
        if waited > settings.MIGRATION_WAIT_SECONDS:
            raise CommandError(
                f"Another process has been preparing the database for more than {settings.MIGRATION_WAIT_SECONDS} "
                "seconds (manage.py serve or restore, on any server): see what it says, or end it. Nothing was "
                "changed. MIGRATION_WAIT_SECONDS sets how long this one waits."
            )
        if time.monotonic() - reported > _MESSAGE_SECONDS:
            reported = time.monotonic()
            report(f"Waiting for another process that prepares the database, for {waited:.0f} seconds so far ...")
        time.sleep(_POLL_SECONDS)
