"""PostgreSQL's timeouts: for a statement, for a lock, and for a transaction that is idle.

Requests get short timeouts, so that one slow statement or lock cannot block the others. Background jobs (imports and
exports) get long ones. Management commands have none, except `migrate`, which retries after two seconds of waiting for
a lock. The timeouts are connection parameters and cost no statement. A pooler (`POOL_URL`) does not pass them on: it
sets those of requests itself (`deploy/pgbouncer`), which `manage.py serve` checks.
"""

from __future__ import annotations

from contextlib import closing
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections

from config.database.sql import rows_of

#: PostgreSQL's parameter → setting with the limit for requests, in seconds.
REQUEST_LIMITS = {
    "statement_timeout": "STATEMENT_TIMEOUT_SECONDS",
    "lock_timeout": "LOCK_TIMEOUT_SECONDS",
    "idle_in_transaction_session_timeout": "IDLE_TRANSACTION_TIMEOUT_SECONDS",
}
#: Django's settings for a direct connection, in a process whose requests use the pooler.
_direct: dict[str, Any] = {}


def use_request_limits() -> None:
    """For every connection that this process opens from now on. `config.wsgi` calls it."""
    limits = {name: getattr(settings, setting) for name, setting in REQUEST_LIMITS.items()}
    for alias, database in connections.settings.items():
        if alias == DEFAULT_DB_ALIAS and settings.POOL:
            _direct.update(deepcopy(database))
            database.update(settings.POOL)
        else:
            _set(database, **limits)


def use_job_limits() -> None:
    """For this thread, which runs jobs."""
    use_limits_of_thread(settings.JOB_TIMEOUT_SECONDS)


def use_limits_of_thread(seconds: int) -> None:
    """For this thread, which connects directly. Call it before the thread uses its connections."""
    for alias in connections:
        own = connections[alias].copy()
        own.settings_dict |= deepcopy(_direct) if alias == DEFAULT_DB_ALIAS else {}
        _set(own.settings_dict, **dict.fromkeys(REQUEST_LIMITS, seconds))
        connections[alias] = own


def fault_of_pool() -> str | None:
    """Why the site cannot work through `POOL_URL`, if that is set and it cannot."""
    if not settings.POOL:
        return None
    pool = connection.copy()
    pool.settings_dict |= settings.POOL
    with closing(pool):
        try:
            settings_there = "SELECT name, setting::bigint FROM pg_settings WHERE name = ANY(%s)"
            found = dict(rows_of(settings_there, [*REQUEST_LIMITS], using=pool))
        except Error as problem:
            return f"POOL_URL: the pooler does not answer ({str(problem).strip().splitlines()[0]})."
    for name, setting in REQUEST_LIMITS.items():
        expected = getattr(settings, setting) * 1_000
        if found[name] != expected:
            return (
                f"POOL_URL: {name} is {found[name]} ms there, and {setting} says {expected} ms: set both "
                "alike. A pooler sets it when it connects, as deploy/pgbouncer/pgbouncer.ini does (connect_query)."
            )
    return None


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
