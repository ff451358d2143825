"""From the URL of a PostgreSQL database to Django's settings for connections to it."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import environ

#: Connection timeout of libpq in seconds, in `pg_dump` and `pg_restore` too.
os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
#: libpq gives up a host that does not answer after 15 seconds instead of 15 minutes. The URL can override these
#: parameters. They are in seconds, `tcp_user_timeout` in milliseconds.
LIBPQ_DEFAULTS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
#: How to write a URL, for messages of refusal.
HOW_TO_WRITE = (
    "write it as postgres://user:password@host:5432/name, special characters percent-encoded; several servers as "
    "host1:5432,host2:5432, each with its port or none of them."
)


def is_valid(url: str) -> bool:
    """Whether it is the URL of a PostgreSQL database, on one server or on several (comma list)."""
    try:
        parts = urlsplit(url)
        ports = [urlsplit(f"//{host}").port for host in parts.netloc.rpartition("@")[2].split(",")]
    except ValueError:  # an invalid port, or brackets that do not match
        return False
    is_clear = len({port is None for port in ports}) == 1
    return parts.scheme in {"postgres", "postgresql"} and len(parts.path) > 1 and is_clear and 0 not in ports


def connection_settings(url: str, *, is_prepared: bool, is_pooled: bool = False) -> dict[str, Any]:
    """An entry of Django's `DATABASES`.

    `is_prepared`: statements are prepared on the server. `is_pooled`: a pooler gives each transaction a connection.
    """
    found: dict[str, Any] = environ.Env.db_url_config(url, engine="config.database.backend")
    options = LIBPQ_DEFAULTS | found.get("OPTIONS", {}) | {"prepare_threshold": 2 if is_prepared else None}
    return found | {"CONN_MAX_AGE": 600, "DISABLE_SERVER_SIDE_CURSORS": is_pooled, "OPTIONS": options}
