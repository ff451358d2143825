"""Answers that go out in pieces, as fast as their reader takes them, beside the thread that answers requests.

Each is made in a thread of its own, with a database connection of its own: a slow reader holds nobody else, and of what
it does not take only a few pieces are ever made.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Iterable
from typing import Any

from django.db import connections

from config import timeouts
from config.api import errors
from config.server import READER_SECONDS

logger = logging.getLogger(__name__)

#: So many at once for each worker. Who comes later is told to try again.
MOST_STREAMS = 2
#: How long, in seconds, a thread of these may keep the interpreter while the one that answers requests waits for it.
_TURN_SECONDS = 0.001
#: Of a file that has no path, so much is read at once.
_FILE_BYTES = 131_072


class File:
    """What PEP 3333's `wsgi.file_wrapper` makes of a file that has a path: granian sends that."""

    def __init__(self, file: Any) -> None:
        self.path: str = file.name
        self.close = file.close

    @staticmethod
    def of(file: Any, block_size: int) -> File | Pieces:
        return File(file) if isinstance(getattr(file, "name", None), str) else Pieces(file)


class Pieces:
    """What it makes of any other."""

    streaming = True

    def __init__(self, file: Any) -> None:
        self._file = file
        self.close = file.close

    def __iter__(self) -> Iterable[bytes]:
        return iter(lambda: self._file.read(_FILE_BYTES), b"")


class Streams:
    """The answers of a worker that are on their way in pieces."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        sys.setswitchinterval(_TURN_SECONDS)
        self._places = threading.BoundedSemaphore(MOST_STREAMS)

    def start(self, request: Any, answer: Any, context: contextvars.Context) -> bool:
        """False where there is no place for it: then it has been refused."""
        if self._places.acquire(blocking=False):
            target = threading.Thread(target=context.run, args=(self._run, request, answer), daemon=True)
            target.start()
            return True
        answer.close()
        request.refuse(errors.BUSY)
        return False

    def _run(self, request: Any, answer: Any) -> None:
        try:
            timeouts.be_patient()
            self._send(request, answer)
        except Exception:
            logger.exception("An answer was cut off")
        finally:
            answer.close()
            request.end()
            connections.close_all()
            self._places.release()

    def _send(self, request: Any, answer: Any) -> None:
        protocol = request.watcher.proto
        gone = asyncio.run_coroutine_threadsafe(_until_gone(protocol), self._loop)
        protocol.send(request.head())
        for piece in answer:
            self._wait_for(protocol, {"type": "http.response.body", "body": piece, "more_body": True})
            if gone.done():
                return
        self._wait_for(protocol, {"type": "http.response.body"})

    def _wait_for(self, protocol: Any, message: dict[str, Any]) -> None:
        """Until there is room for the next piece. Raises TimeoutError for a reader who takes nothing."""
        sent = asyncio.run_coroutine_threadsafe(_send(protocol, message), self._loop)
        try:
            sent.result(READER_SECONDS)
        finally:
            sent.cancel()


async def _send(protocol: Any, message: dict[str, Any]) -> None:
    await protocol.send(message)


async def _until_gone(protocol: Any) -> None:
    while (await protocol.receive())["type"] != "http.disconnect":
        pass
