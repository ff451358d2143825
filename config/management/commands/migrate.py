"""`manage.py migrate`, also within `serve` and `restore`, on a site that is at work.

A change to a table waits until all who read it are done, and all who come later wait behind it: during a backup or an
export the site would stand still. So each wait is short, and what it was in vain for is tried again after a pause, for
`MIGRATION_WAIT_SECONDS` in all.
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.migrations import Migration
from psycopg import errors

#: As long others wait behind a migration. By then PostgreSQL has stopped an automatic VACUUM that was in the way, and
#: seen whether two wait for each other: it looks after a second.
_LOCK_SECONDS = 2
#: Meanwhile everybody is served.
_PAUSE_SECONDS = 10

_HELD_UP = (errors.LockNotAvailable, errors.DeadlockDetected)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        self._database = connections[options["database"]]
        self._at: Migration | None = None
        #: When the migration that could not be applied was tried first (`time.monotonic`).
        self._waits_since: float | None = None
        before = self._run("SHOW lock_timeout")
        self._limit_waits(_LOCK_SECONDS)
        while not self._is_done(*args, **options):
            sleep(_pause_seconds())
        self._run("SELECT set_config('lock_timeout', %s, false)", before)

    def _is_done(self, *args: Any, **options: Any) -> bool:
        """False if others were in the way. What was applied until then is noted, and not applied again."""
        try:
            super().handle(*args, **options)
        except OperationalError as problem:
            if not isinstance(problem.__cause__, _HELD_UP):
                raise
            self._tell_or_give_up()
            return False
        return True

    def _tell_or_give_up(self) -> None:
        held_up = f"{self._at or 'What follows the migrations'} waits for another transaction"
        self._waits_since = self._waits_since or monotonic()
        if monotonic() - self._waits_since > settings.MIGRATION_WAIT_SECONDS:
            raise CommandError(
                f"{held_up}, in vain for more than {settings.MIGRATION_WAIT_SECONDS} seconds. The migrations before it "
                "are applied. End that transaction (pg_stat_activity shows it) or wait until it is done, and start "
                "again; MIGRATION_WAIT_SECONDS sets how long to wait."
            )
        self.stderr.write(
            f"{held_up}, such as a backup, an export or an import. The site goes on; the next try is in "
            f"{_pause_seconds()} seconds."
        )

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action in ("apply_success", "unapply_success"):
            self._waits_since = None
        self._at = migration if action in ("apply_start", "unapply_start") else None
        in_pieces = self._at is not None and not self._at.atomic
        self._limit_waits(max(1, settings.MIGRATION_WAIT_SECONDS) if in_pieces else _LOCK_SECONDS)
        if in_pieces and action == "apply_start" and not fake:
            self._clear_away(migration)

    def _clear_away(self, migration: Migration) -> None:
        """What is no transaction may have been stopped half-way: its indexes are there already, or invalid ones are.

        To make one while others write means to wait until they are done, and holds nobody up.
        """
        for operation in migration.operations:
            if isinstance(operation, AddIndexConcurrently):
                self._run(f"DROP INDEX CONCURRENTLY IF EXISTS {self._database.ops.quote_name(operation.index.name)}")

    def _limit_waits(self, seconds: int) -> None:
        self._run("SELECT set_config('lock_timeout', %s, false)", f"{seconds}s")

    def _run(self, statement: str, *values: str) -> Any:
        """The value that it returns, if any."""
        with self._database.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()[0] if cursor.description else None


def _pause_seconds() -> int:
    return min(_PAUSE_SECONDS, settings.MIGRATION_WAIT_SECONDS)
