"""PostgreSQL's timeouts: for a statement, for a lock, and for a transaction that is idle.

Requests get short timeouts, so that one slow statement or lock cannot block the others. Background jobs (imports and
exports) get long ones. Management commands have none, except `migrate`, which retries after two seconds of waiting for
a lock. The timeouts are connection parameters and cost no statement.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections


def use_request_limits() -> None:
    """For every connection that this process opens from now on. `config.wsgi` calls it."""
    _set(
        connections.settings[DEFAULT_DB_ALIAS],
        statement_timeout=settings.STATEMENT_TIMEOUT_SECONDS,
        lock_timeout=settings.LOCK_TIMEOUT_SECONDS,
        idle_in_transaction_session_timeout=settings.IDLE_TRANSACTION_TIMEOUT_SECONDS,
    )


def use_job_limits() -> None:
    """For this thread, which runs jobs."""
    use_limits_of_thread(settings.JOB_TIMEOUT_SECONDS)


def use_limits_of_thread(seconds: int) -> None:
    """All three for this thread. Call it before the thread uses its connection."""
    own = connection.copy()
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    _set(own.settings_dict, **dict.fromkeys(names, seconds))
    connections[DEFAULT_DB_ALIAS] = own


def use_job_limits_in_transaction() -> None:
    """For the current transaction, but for locks: it writes more than a request may."""
    with connection.cursor() as cursor:
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET LOCAL {name} = '{int(settings.JOB_TIMEOUT_SECONDS)}s'")


def _set(database: dict[str, Any], **seconds: int) -> None:
    """Appends to the options of `DATABASE_URL`: PostgreSQL uses the last value of an option."""
    given = database["OPTIONS"].get("options", "")
    limits = " ".join(f"-c {name}={value}s" for name, value in seconds.items())
    database["OPTIONS"]["options"] = f"{given} {limits}".strip()
