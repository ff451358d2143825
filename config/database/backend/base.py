"""Django's backend for PostgreSQL, for an installation that may fail over to another server."""

from django.db import Error
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Gives up a connection to a server that has become read-only, such as a former primary after a failover.

    Django asks after each request in which the database reported an error. The next request connects anew, and libpq
    chooses the primary (`target_session_attrs`, `docs/operations.md`).
    """

    def rollback(self) -> None:
        """Django forgets an error at the end of its transaction, and would not ask."""
        errors_occurred = self.errors_occurred
        super().rollback()
        self.errors_occurred = errors_occurred

    def is_usable(self) -> bool:
        """Whether the server answers and takes changes."""
        try:
            with self.connection.cursor() as cursor:
                return bool(cursor.execute("SHOW transaction_read_only").fetchone() == ("off",))
        except (Error, self.Database.Error):
            return False
