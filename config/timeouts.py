"""How long PostgreSQL works for one statement, waits for a lock, and keeps a transaction in which nothing happens.

Those who wait for an answer get the short limits, so that one bad statement or lock cannot hold the rest; what runs
beside the requests (imports, answers in pieces) gets a long one. Management commands have none; only `migrate` waits no
longer than two seconds for a lock, and then tries again. The limits go along with the connection's opening and cost no
statement.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections


def bound_requests() -> None:
    """For every connection that this process opens from now on. `config.wsgi` calls it."""
    _limit(
        connections.settings[DEFAULT_DB_ALIAS],
        statement_timeout=settings.STATEMENT_TIMEOUT_SECONDS,
        lock_timeout=settings.LOCK_TIMEOUT_SECONDS,
        idle_in_transaction_session_timeout=settings.IDLE_TRANSACTION_TIMEOUT_SECONDS,
    )


def be_patient() -> None:
    """For this thread, which must not have used its connection yet."""
    own = connection.copy()
    _limit(
        own.settings_dict,
        statement_timeout=settings.JOB_TIMEOUT_SECONDS,
        lock_timeout=settings.JOB_TIMEOUT_SECONDS,
        idle_in_transaction_session_timeout=settings.JOB_TIMEOUT_SECONDS,
    )
    connections[DEFAULT_DB_ALIAS] = own


def _limit(database: dict[str, Any], **seconds: int) -> None:
    """Later options outdo earlier ones, such as those of `DATABASE_URL`."""
    given = database["OPTIONS"].get("options", "")
    limits = " ".join(f"-c {name}={value}s" for name, value in seconds.items())
    database["OPTIONS"]["options"] = f"{given} {limits}".strip()
