"""Frees a worker whose request waits for a PostgreSQL that no longer answers.

A database whose disk hangs or whose machine is paused keeps its TCP connections open and ignores its own timeouts:
neither `statement_timeout` nor `tcp_user_timeout` ends the wait. The connection is then shut down from a thread beside
the request, which fails as if the database had gone (503). That of a replica is shut down earlier: the request then
reads the primary.
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
from psycopg.pq import TransactionStatus

from config.database.replica import REPLICA

logger = logging.getLogger(__name__)

#: Interval of the checks.
_INTERVAL_SECONDS = 0.5
#: Longest request, in statement timeouts; and after how many it may wait for the replica no longer.
_MAX_STATEMENTS, _MAX_STATEMENTS_OF_REPLICA = 3, 1


class StuckRequests:
    """Watches the thread of a worker that answers requests. A request costs two assignments and no lock."""

    def __init__(self) -> None:
        self._max_seconds = settings.STATEMENT_TIMEOUT_SECONDS * _MAX_STATEMENTS
        self._max_seconds_of_replica = settings.STATEMENT_TIMEOUT_SECONDS * _MAX_STATEMENTS_OF_REPLICA
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
            if (started_at := self._started_at) is not None:
                self._cut_off(time.monotonic() - started_at)

    def _cut_off(self, seconds: float) -> None:
        for database in self._databases:
            own = database.connection  # None during an attempt to connect, which has its own timeout
            if own is not None and self._waits_too_long(database.alias, own, seconds):
                told = "A request has taken %.0f seconds: its connection to the database (%s) is shut down"
                logger.error(told, seconds, database.alias)
                _shut_down(own)

    def _waits_too_long(self, alias: str, connection: Any, seconds: float) -> bool:
        if alias != REPLICA:
            return seconds > self._max_seconds
        is_waiting = connection.info.transaction_status == TransactionStatus.ACTIVE
        return is_waiting and seconds > self._max_seconds_of_replica


def _shut_down(connection: Any) -> None:
    with (
        suppress(OSError, psycopg.Error),  # it was closed concurrently
        socket.socket(fileno=os.dup(connection.fileno())) as its_socket,
    ):
        its_socket.shutdown(socket.SHUT_RDWR)
