"""Frees a worker whose request waits for a PostgreSQL that no longer answers.

A database whose disk hangs or whose machine is paused keeps its TCP connections open and ignores its own timeouts:
neither `statement_timeout` nor `tcp_user_timeout` ends the wait. The connection is then shut down from a thread beside
the request, which fails as if the database had gone (503).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

logger = logging.getLogger(__name__)

#: Interval of the checks.
_INTERVAL_SECONDS = 0.5
#: Longest request, in statement timeouts.
_MAX_STATEMENTS = 3


class StuckRequests:
    """Watches the thread of a worker that answers requests. A request costs two assignments and no lock."""

    def __init__(self) -> None:
        self._max_seconds = settings.STATEMENT_TIMEOUT_SECONDS * _MAX_STATEMENTS
        self._started_at: float | None = None
        self._databases: Sequence[Any] = ()

    def watch(self) -> None:
        """Starts the watching thread, unless `STATEMENT_TIMEOUT_SECONDS` is 0."""
        if self._max_seconds:
            threading.Thread(target=self._run, name="stuck-requests", daemon=True).start()

    def begin(self) -> None:
        """Called by the answering thread: database connections belong to threads."""
        self._databases = connections.all()
        self._started_at = time.monotonic()

    def end(self) -> None:
        self._started_at = None

    def _run(self) -> None:
        while True:
            time.sleep(_INTERVAL_SECONDS)
            started_at = self._started_at
            if started_at is not None and time.monotonic() - started_at > self._max_seconds:
                self._cut_off(time.monotonic() - started_at)

    def _cut_off(self, seconds: float) -> None:
        logger.error("A request has taken %.0f seconds: its connection to the database is shut down", seconds)
        for database in self._databases:
            if (own := database.connection) is not None:  # a connection attempt has its own timeout
                _shut_down(own)


def _shut_down(connection: Any) -> None:
    with (
        suppress(OSError, psycopg.Error),  # it was closed concurrently
        socket.socket(fileno=os.dup(connection.fileno())) as its_socket,
    ):
        its_socket.shutdown(socket.SHUT_RDWR)
