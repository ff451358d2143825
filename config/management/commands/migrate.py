"""`manage.py migrate`, also within `serve` and `restore`, while the site serves requests.

A schema change waits for every transaction that uses its table, and all later transactions wait for the schema change:
during a backup or an export, requests would stop. So the lock timeout is short, and a migration that runs into it is
tried again after a pause, for `MIGRATION_WAIT_SECONDS` in all.
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import DatabaseError, OperationalError, connections
from django.db.migrations import Migration
from psycopg import errors

#: Lock timeout of a migration. PostgreSQL's deadlock check, after one second, also cancels a blocking autovacuum.
_LOCK_SECONDS = 2
#: Pause between attempts, during which requests run.
_PAUSE_SECONDS = 10

_LOCK_ERRORS = (errors.LockNotAvailable, errors.DeadlockDetected)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        self._database = connections[options["database"]]
        self._at: Migration | None = None
        #: First failed attempt of the current migration (`time.monotonic`).
        self._waiting_since: float | None = None
        before = self._run("SHOW lock_timeout")
        self._limit_waits(_LOCK_SECONDS)
        while not self._is_done(*args, **options):
            sleep(_pause_seconds())
        self._run("SELECT set_config('lock_timeout', %s, false)", before)

    def _is_done(self, *args: Any, **options: Any) -> bool:
        """False if a lock timed out. The migrations that were applied before are recorded as such."""
        try:
            super().handle(*args, **options)
        except OperationalError as problem:
            if not isinstance(problem.__cause__, _LOCK_ERRORS):
                raise
            self._report_or_give_up()
            return False
        except DatabaseError as problem:
            if isinstance(problem.__cause__, errors.RaiseException):  # a migration refuses the rows that there are
                raise CommandError(problem.__cause__.diag.message_primary) from None
            raise
        return True

    def _report_or_give_up(self) -> None:
        blocked = f"{self._at or 'What follows the migrations'} waits for another transaction"
        self._waiting_since = self._waiting_since or monotonic()
        if monotonic() - self._waiting_since > settings.MIGRATION_WAIT_SECONDS:
            raise CommandError(
                f"{blocked}, in vain for more than {settings.MIGRATION_WAIT_SECONDS} seconds. The migrations before it "
                "are applied. End that transaction (pg_stat_activity shows it) or wait until it is done, and start "
                "again; MIGRATION_WAIT_SECONDS sets how long to wait."
            )
        self.stderr.write(
            f"{blocked}, such as a backup, an export or an import. The site goes on; the next try is in "
            f"{_pause_seconds()} seconds."
        )

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action in ("apply_success", "unapply_success"):
            self._waiting_since = None
        self._at = migration if action in ("apply_start", "unapply_start") else None
        is_concurrent = self._at is not None and not self._at.atomic
        self._limit_waits(max(1, settings.MIGRATION_WAIT_SECONDS) if is_concurrent else _LOCK_SECONDS)
        if is_concurrent and action == "apply_start" and not fake:
            self._drop_leftover_indexes(migration)

    def _drop_leftover_indexes(self, migration: Migration) -> None:
        """Drops indexes, valid or invalid, that an interrupted migration without a transaction has left.

        CREATE INDEX CONCURRENTLY waits for writers without blocking them.
        """
        for operation in migration.operations:
            if isinstance(operation, AddIndexConcurrently):
                self._run(f"DROP INDEX CONCURRENTLY IF EXISTS {self._database.ops.quote_name(operation.index.name)}")

    def _limit_waits(self, seconds: int) -> None:
        self._run("SELECT set_config('lock_timeout', %s, false)", f"{seconds}s")

    def _run(self, statement: str, *values: str) -> Any:
        """Returns the first value, if there is one."""
        with self._database.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()[0] if cursor.description else None


def _pause_seconds() -> int:
    return min(_PAUSE_SECONDS, settings.MIGRATION_WAIT_SECONDS)
