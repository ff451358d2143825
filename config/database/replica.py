"""Reads from a replica (`DATABASE_REPLICA_URL`): lists, history, rosters and exports of the Back Office, and no others.

A replica shows the past. Whatever decides (sign-in, tokens, introspection, permissions, forms, the API) reads the
primary, so that a withdrawal is known at the next request, however far a replica is behind. A person reads the primary
for a while after each of their own changes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import SimpleTemplateResponse

from config.database.sql import row_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Alias of the replica's connection.
REPLICA = "replica"
#: Cookie of a browser that has sent a change.
_COOKIE = "reads_primary"
#: Seconds for which a worker relies on the last check of the replica, and leaves one alone that failed.
_CHECKED_SECONDS, _REST_SECONDS = 1, 10
#: The same if it fails again and again: each attempt to connect may take seconds, in which the worker serves nobody.
_LONGEST_REST_SECONDS = 320
#: Seconds for which an export waits for the replica.
_PATIENCE_SECONDS = 3
#: Models that pages show, besides the events of the history. Others, such as permissions, are read from the primary.
_SHOWN = {
    "assignments.pastassignment",
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
        self.until, self.is_usable, self._rest = 0.0, False, _REST_SECONDS

    def answered(self, *, is_near: bool) -> None:
        self.is_usable, self._rest = is_near, _REST_SECONDS
        self.until = time.monotonic() + (_CHECKED_SECONDS if is_near else _REST_SECONDS)

    def failed(self) -> int:
        """For how many seconds it is left alone: twice as long each time in a row."""
        rest = self._rest
        self.is_usable, self._rest = False, min(2 * rest, _LONGEST_REST_SECONDS)
        self.until = time.monotonic() + rest
        return rest


_state = _State()


def is_usable() -> bool:
    """Whether there is a replica, and it is at most `REPLICA_MAX_LAG_SECONDS` behind the primary."""
    if REPLICA not in settings.DATABASES:
        return False
    if time.monotonic() > _state.until:
        try:
            _state.answered(is_near=_is_near())
        except Error as problem:
            _give_up(problem)
        if not _state.is_usable:
            connections[REPLICA].close()  # libpq may find another one, if the URL names several
    return _state.is_usable


def _is_near() -> bool:
    """By the primary's clock alone. A replica that has everything may have seen no commit for hours."""
    position, now = row_of("SELECT pg_current_wal_lsn(), clock_timestamp()")
    is_near = (
        "SELECT pg_is_in_recovery() AND (pg_last_wal_replay_lsn() >= %s"
        " OR coalesce(%s - pg_last_xact_replay_timestamp() <= make_interval(secs => %s), false))"
    )
    return row_of(is_near, position, now, settings.REPLICA_MAX_LAG_SECONDS, using=connections[REPLICA])[0]


def _has_everything() -> bool:
    """Whether it has what is committed now, after a short wait if need be."""
    end = time.monotonic() + _PATIENCE_SECONDS
    (position,) = row_of("SELECT pg_current_wal_lsn()")
    has_replayed = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s"
    while not row_of(has_replayed, position, using=connections[REPLICA])[0]:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _give_up(problem: Exception) -> None:
    """The first line of an error has no SQL, which contains what was searched for."""
    reason = str(problem).strip().partition("\n")[0]
    logger.warning("The replica is left alone for %s seconds: %s", _state.failed(), reason)
    connections[REPLICA].close()


@contextmanager
def _reading(is_reading: bool) -> Iterator[None]:
    token = _is_reading.set(is_reading)
    try:
        yield
    finally:
        _is_reading.reset(token)


def primary() -> AbstractContextManager[None]:
    """Within a view that is shown from the replica: whether something is there is asked of the primary."""
    return _reading(False)


def shown_from_replica(view: Callable[..., Any]) -> Callable[..., Any]:
    """For a view that changes nothing. It is answered by the primary if the replica fails, or is too far behind.

    So is what the replica does not find, which may be new, and what it cannot read, since it lacks a migration.
    """

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "GET" and _COOKIE not in request.COOKIES and is_usable():
            try:
                with _reading(True):
                    response = view(request, *args, **kwargs)
                    return response.render() if isinstance(response, SimpleTemplateResponse) else response
            except Http404:
                pass
            except Error as problem:
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


def exported(rows: Any, make: Callable[[Any], T]) -> T:
    """What `make` makes of the queryset, of the replica's rows if it has all that is committed, and does not fail.

    A person thus finds their own changes in it, and a failure of the replica only makes it take longer.
    """
    try:
        if is_usable() and _has_everything():
            return make(rows.using(REPLICA))
    except Error as problem:
        _give_up(problem)
    return make(rows)
