"""Reads from a replica (`DATABASE_REPLICA_URL`): lists, history, rosters and exports of the Back Office, and no others.

A replica shows the past. Whatever decides (sign-in, tokens, introspection, permissions, forms, the API) reads the
primary, so that a withdrawal is known at the next request, however far a replica is behind. A person reads the primary
for a while after each of their own changes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponseBase
from django.template.response import SimpleTemplateResponse

logger = logging.getLogger(__name__)

#: Alias of the replica's connection.
REPLICA = "replica"
#: Cookie of a browser that has sent a change.
_COOKIE = "reads_primary"
#: Seconds for which a worker relies on the last check of the replica, and leaves one alone that failed it.
_CHECKED_SECONDS, _REST_SECONDS = 1, 10
#: Models that pages show, besides the events of the history. Others, such as permissions, are read from the primary.
_SHOWN = {
    "assignments.warehouseuserassignment",
    "users.auditevent",
    "users.session",
    "users.user",
    "warehouses.warehouse",
}

_is_reading: ContextVar[bool] = ContextVar("is_reading_replica", default=False)


class Router:
    """Django's database router. Writes, and rows that are locked for one, are always the primary's."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        is_shown = model._meta.label_lower in _SHOWN or hasattr(model, "pgh_tracked_model")
        return REPLICA if is_shown and _is_reading.get() else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, *args: Any, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


class _State:
    """Whether the replica may be read, as this process has seen last."""

    def __init__(self) -> None:
        self.until, self.is_usable = 0.0, False

    def set(self, is_usable: bool) -> None:
        self.is_usable = is_usable
        self.until = time.monotonic() + (_CHECKED_SECONDS if is_usable else _REST_SECONDS)


_state = _State()


def is_usable() -> bool:
    """Whether there is a replica, and it is at most `REPLICA_MAX_LAG_SECONDS` behind the primary."""
    if REPLICA not in settings.DATABASES:
        return False
    if time.monotonic() > _state.until:
        try:
            _state.set(_is_near())
        except (OperationalError, InterfaceError) as problem:
            _give_up(problem)
    return _state.is_usable


def _is_near() -> bool:
    """By the primary's clock alone. A replica that has everything may have seen no commit for hours."""
    with connections[DEFAULT_DB_ALIAS].cursor() as primary:
        primary.execute("SELECT pg_current_wal_lsn(), clock_timestamp()")
        position, now = primary.fetchone()
    with connections[REPLICA].cursor() as replica:
        replica.execute(
            "SELECT pg_is_in_recovery() AND (pg_last_wal_replay_lsn() >= %s"
            " OR coalesce(%s - pg_last_xact_replay_timestamp() <= make_interval(secs => %s), false))",
            [position, now, settings.REPLICA_MAX_LAG_SECONDS],
        )
        return bool(replica.fetchone()[0])


def _give_up(problem: Exception) -> None:
    logger.warning("The replica is left alone for %s seconds: %s", _REST_SECONDS, str(problem).strip())
    _state.set(False)
    connections[REPLICA].close()


@contextmanager
def _reading() -> Iterator[None]:
    token = _is_reading.set(True)
    try:
        yield
    finally:
        _is_reading.reset(token)


def shown_from_replica(view: Callable[..., Any]) -> Callable[..., Any]:
    """For a view that changes nothing. It is answered by the primary if the replica fails, or is too far behind."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "GET" and _COOKIE not in request.COOKIES and is_usable():
            try:
                with _reading():
                    response = view(request, *args, **kwargs)
                    return response.render() if isinstance(response, SimpleTemplateResponse) else response
            except (OperationalError, InterfaceError) as problem:
                _give_up(problem)
        return view(request, *args, **kwargs)

    return shown


def remember_change(request: HttpRequest, response: HttpResponseBase) -> None:
    """Has the browser's next requests read the primary, until a replica must have the change that was sent."""
    if REPLICA in settings.DATABASES and request.method == "POST":
        response.set_cookie(
            _COOKIE,
            "1",
            max_age=settings.REPLICA_MAX_LAG_SECONDS + 2 * _CHECKED_SECONDS,
            path=settings.SESSION_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def exported(rows: Any) -> Any:
    """The same queryset, of the replica if it is usable."""
    return rows.using(REPLICA) if is_usable() else rows
