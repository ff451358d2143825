"""What the one thread that answers requests is at, seen from the event loop beside it.

A database that answers nothing, and is not gone either (its disk hangs, its machine is paused), heeds no time limit of
its own: for whom it keeps waiting, the connection is cut off from here, and the request fails as if it had gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from contextlib import suppress

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

logger = logging.getLogger(__name__)

#: How often it is looked at, in seconds.
_LOOK_SECONDS = 0.5
#: A request may take so long before what comes in meanwhile is thought to wait behind it.
_LONG_SECONDS = 1.0
#: So long after such a request all that waited has been seen.
_CATCH_UP_SECONDS = 2.0
#: A request may take so many times as long as one statement.
_STATEMENTS = 3


class AtWork:
    """Told by the thread when a request begins and ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since: float | None = None
        self._behind_until = 0.0
        self._most = settings.STATEMENT_TIMEOUT_SECONDS * _STATEMENTS or float("inf")
        loop.call_later(_LOOK_SECONDS, self._look)

    def begin(self) -> None:
        self._database = connections[DEFAULT_DB_ALIAS]  # each thread has its own
        self._since = time.monotonic()

    def end(self) -> None:
        self._since = None

    @property
    def is_behind(self) -> bool:
        """Whether something may have come that the thread could not see yet, because one request took long."""
        return time.monotonic() < self._behind_until

    def _look(self) -> None:
        now, since = time.monotonic(), self._since
        if since is not None and now - since > _LONG_SECONDS:
            self._behind_until = now + _CATCH_UP_SECONDS
            if now - since > self._most:
                self._cut_off(now - since)
        self._loop.call_later(_LOOK_SECONDS, self._look)

    def _cut_off(self, seconds: float) -> None:
        logger.error("A request has been at work for %.0f seconds: its connection to the database is cut off", seconds)
        if (own := self._database.connection) is None:  # it is just being made, which has a limit of its own
            return
        with (
            suppress(OSError, psycopg.Error),  # it has been closed in this moment
            socket.socket(fileno=os.dup(own.fileno())) as wire,
        ):
            wire.shutdown(socket.SHUT_RDWR)
