from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.translation import gettext_noop

from config import encryption
from config.audit.log import audit
from config.database import backup
from config.database.preparation import wait_for_preparation_lock
from config.database.sql import row_of

_REASON = gettext_noop("restored from a backup")
#: SQL, because the backup may be of an earlier release. The first statement is `SessionQuerySet.end_all`, the second
#: signs out of the Back Office.
_END_SESSIONS = """
UPDATE users_session SET ended_at = '{moment}', end_reason = '{reason}'
WHERE ended_at IS NULL AND expires_at > '{moment}';
DELETE FROM django_session;
"""
_COUNT_ENDED = "SELECT count(*) FROM users_session WHERE (ended_at, end_reason) = (%s, %s)"

_REMINDER = """
All is as it was when the backup was made: who was blocked, deassigned or signed out since then is not any more, and
passwords, second factors and signing keys are those of then. If a key was replaced because it had leaked, replace it
again: manage.py rotate_signing_key --compromised.
"""
_NO_KEY_YET = """
No token is signed or verified with the new SECRET_KEY, and /health/ready says so, until there is a key for it:
manage.py rotate_signing_key.
"""


class Command(BaseCommand):
    help = (
        "Makes the database what it was when FILE was written by `manage.py backup`, in one transaction: whatever "
        "stops it leaves the database as it was. Then brings it up to this release by migrations: if those are "
        "stopped, all of FILE is there, and `manage.py migrate` goes on. Only restore files that you trust: they are "
        "SQL."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="delete all that the database holds now")
        parser.add_argument("--end-sessions", action="store_true", help="sign everybody out, of the Back Office too")
        parser.add_argument(
            "--new-secret-key",
            action="store_true",
            help="the SECRET_KEY of then is lost, with all tokens and second factors",
        )

    def handle(self, *, file: Path, replace: bool, end_sessions: bool, new_secret_key: bool, **options: Any) -> None:
        rows = _check(file, new_secret_key=new_secret_key)
        wait_for_preparation_lock(self.stderr.write)
        if not replace:
            _refuse_full_database()
        moment = timezone.now()
        then = _END_SESSIONS.format(moment=moment.isoformat(), reason=_REASON) if end_sessions else ""
        try:
            backup.load(file, replace=replace, then=then)
        except backup.BackupError as problem:
            raise CommandError(f"Nothing was restored, and nothing has changed: {problem}") from None
        self._upgrade(", and all sessions have ended" if end_sessions else "")
        if end_sessions:
            (ended,) = row_of(_COUNT_ENDED, moment, _REASON)
            self.stdout.write(f"{ended:,} sessions were ended.")
        audit.warning("Database Restored", tag="database_restored", rows=rows)
        self.stdout.write(f"{rows:,} rows were restored.\n{_REMINDER.strip()}")
        if new_secret_key:
            self.stdout.write(_NO_KEY_YET.strip())

    def _upgrade(self, done: str) -> None:
        """Migrates, in transactions of its own. Raises CommandError with what is done and what remains to do."""
        try:
            executor = MigrationExecutor(connection)
            if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
                self.stdout.write(f"The backup is of an earlier release: {len(missing)} migrations follow.")
                call_command("migrate", verbosity=0)
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")  # the new tables have no statistics yet
        except Exception as problem:  # a migration may raise anything
            raise CommandError(
                f"All of the backup is in the database{done}, but could not be brought up to this release: "
                f"{backup.first_error(str(problem))}. When the cause is gone, run manage.py migrate, or start "
                "the site, which does so too; there is no need to restore again."
            ) from problem


def _check(file: Path, *, new_secret_key: bool) -> int:
    """Reads the whole file, and returns its number of rows. Raises CommandError if it cannot be restored."""
    if not file.is_file():
        raise CommandError(f"There is no file {file}.")
    try:
        rows = backup.count_rows(file)
        migrations = {(row["app"], row["name"]) for row in backup.read_table(file, "django_migrations")}
        keys = backup.read_table(file, "users_signingkey")
    except (backup.BackupError, OSError) as problem:
        raise CommandError(f"{file} cannot be restored. It is damaged, or no backup: {problem}") from None
    _refuse_other_release(file, migrations)
    if not new_secret_key:
        _refuse_other_secret_key(keys)
    return rows


def _refuse_other_release(file: Path, migrations: set[tuple[str, str]]) -> None:
    if ("users", "0001_initial") not in migrations:
        raise CommandError(f"{file} cannot be restored. It is a dump of something else, not of this site.")
    loader = MigrationLoader(None)
    known = set(loader.disk_migrations) | {old for new in loader.disk_migrations.values() for old in new.replaces}
    if newer := sorted(migrations - known):
        raise CommandError(
            f"The backup is of a newer release: this one does not know {'.'.join(newer[-1])}. "
            "Install the release it was made with, or a later one, and restore again."
        )


def _refuse_other_secret_key(keys: list[dict[str, str]]) -> None:
    """`SECRET_KEY` must decrypt the newest key that signs tokens (`users.models.oauth.signing_key`)."""
    for key in keys:
        if key["verifies_until"] == r"\N":
            try:
                encryption.fernet("signing keys").decrypt(bytes.fromhex(key["encrypted"].removeprefix(r"\\x")))
            except InvalidToken:
                raise CommandError(
                    "SECRET_KEY is not the one that the backup was made with: nobody would stay signed in, no token "
                    "would hold, and no second factor would open the Back Office but recovery codes. Set the "
                    "SECRET_KEY of then (with the embedded database: copy the file secret_key), or say "
                    "--new-secret-key if it is lost. Nothing has changed."
                ) from None


def _refuse_full_database() -> None:
    if counts := backup.rows_in_database():
        raise CommandError(
            f"The database is not empty: it holds {sum(counts.values()):,} rows in {len(counts)} tables. Restore into "
            "an empty one, or say --replace to delete all of that. Nothing has changed."
        )
