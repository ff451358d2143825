"""Receives the body of a request: not for ever, not more than the site takes, and not all of it in memory.

Nobody waits meanwhile: granian calls when a piece is there. Slow senders cost their sockets and what they have sent.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import IO, Any

from django.conf import settings

from config.api import errors
from config.api.errors import Fault
from config.at_work import AtWork

logger = logging.getLogger(__name__)

#: How many bytes buy a sender one second more than `PATIENCE_SECONDS`.
BYTES_A_SECOND = 65_536
#: A file that is too large is received nevertheless, up to so many times the size that is taken.
_TOO_LARGE_TIMES = 4
#: Nobody gets longer than this for a body, in seconds.
_MOST_SECONDS = 120
#: How often it is looked who is too late.
_LOOK_SECONDS = 0.5
#: Of each body so much is kept in memory; a larger one lies in a temporary file.
IN_MEMORY_BYTES = 65_536
#: What a worker keeps of all of those, at once: so many bytes, in so many files.
LARGE_BODIES_BYTES = 128 * 1024 * 1024
LARGE_BODIES = 128


class RefusedError(Exception):
    """The sender is to be told this fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class Body:
    """What has come so far."""

    #: What the large ones of this worker hold together.
    held_bytes = held_files = 0
    _counting = threading.Lock()

    def __init__(self) -> None:
        self.size = 0
        self.is_whole = False
        self.file: IO[bytes] = BytesIO()
        self._held = 0

    def add(self, piece: bytes) -> None:
        """Raises RefusedError where all large bodies together have become too many, and OSError where the disk has."""
        if self.size + len(piece) > IN_MEMORY_BYTES:
            self._hold(self.size + len(piece) - self._held)
            self._be_a_file()
        self.size += len(piece)
        self.file.write(piece)

    def _hold(self, more: int) -> None:
        is_first = not self._held
        with self._counting:
            if Body.held_bytes + more > LARGE_BODIES_BYTES or Body.held_files + is_first > LARGE_BODIES:
                raise RefusedError(errors.BUSY)
            Body.held_bytes += more
            Body.held_files += is_first
            self._held += more

    def _be_a_file(self) -> None:
        if isinstance(self.file, BytesIO):
            beginning, self.file = self.file.getvalue(), tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
            self.file.write(beginning)

    def close(self) -> None:
        if self._held:
            with self._counting:
                Body.held_bytes -= self._held
                Body.held_files -= 1
                self._held = 0
        self.file.close()


def is_announced(environ: dict[str, Any]) -> bool:
    """Whether a body follows (RFC 9112 section 6.3)."""
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


class Receptions:
    """The bodies that a worker is receiving."""

    def __init__(self, loop: asyncio.AbstractEventLoop, at_work: AtWork) -> None:
        self._loop = loop
        self._at_work = at_work
        self._open: set[Reception] = set()
        loop.call_later(_LOOK_SECONDS, self._look)

    def begin(self, request: Any, answer: Callable[[Any], None]) -> None:
        """Receives the body, then calls `answer`; or refuses the request with 408 or 503.

        A body that is too large is cut off one byte behind the limit, or not received at all if its length told
        already: Django refuses either.
        """
        request.body = Body()
        if _is_wanted(request.environ):
            reception = Reception(request, answer, self._open)
            self._open.add(reception)
            reception.go_on()
        else:
            answer(request)

    def _look(self) -> None:
        if not self._at_work.is_behind:  # what has come may wait for the thread that answers: then nobody is late
            self._give_up_the_late()
        self._loop.call_later(_LOOK_SECONDS, self._look)

    def _give_up_the_late(self) -> None:
        now = time.monotonic()
        for reception in list(self._open):
            if reception.deadline < now:
                reception.give_up()


class Reception:
    """One of them. It is called with granian's future when a piece is there, or when that was given up."""

    def __init__(self, request: Any, answer: Callable[[Any], None], still_open: set[Reception]) -> None:
        self._request, self._answer, self._still_open = request, answer, still_open
        self._most, self._received = _most_bytes(request.environ), 0
        self._most_received = self._most * (_TOO_LARGE_TIMES if _is_upload(request.environ) else 1)
        self._piece: Any = None
        self._began = time.monotonic()
        self.deadline = self._began + settings.PATIENCE_SECONDS

    def go_on(self) -> None:
        self._piece = self._request.watcher.proto.receive()
        self._piece.add_done_callback(self)

    def give_up(self) -> None:
        """Too late. Does nothing if a piece has come in this moment."""
        if piece := self._piece:
            piece.cancel()

    def __call__(self, piece: Any) -> None:
        request, self._piece = self._request, None  # the piece knows us, too: neither would ever be freed
        try:
            if self._take(piece):
                self.go_on()
                return
            self._hand_over()
        except RefusedError as refusal:
            request.refuse(refusal.fault)
        except OSError:
            logger.exception("A body could not be kept")
            request.refuse(errors.BUSY)
        except Exception:
            logger.exception("A body could not be received")
            request.end()
        self._still_open.discard(self)

    def _take(self, piece: Any) -> bool:
        """Whether to go on. Of a file that is too large more is received, so that its sender sees the page about it."""
        if piece.cancelled():
            raise RefusedError(errors.TOO_SLOW)
        message, body = piece.result(), self._request.body
        if message["type"] == "http.disconnect":  # which also stands for chunks or trailers that are not HTTP
            raise RefusedError(errors.MALFORMED)
        self._received += len(message["body"])
        bought = settings.PATIENCE_SECONDS + self._received / BYTES_A_SECOND
        self.deadline = self._began + min(bought, max(settings.PATIENCE_SECONDS, _MOST_SECONDS))
        body.add(message["body"][: self._most + 1 - body.size])
        body.is_whole = not message["more_body"]
        return not body.is_whole and self._received <= self._most_received

    def _hand_over(self) -> None:
        request, file = self._request, self._request.body.file
        if "HTTP_TRANSFER_ENCODING" in request.environ:
            request.environ["CONTENT_LENGTH"] = str(request.body.size)
        file.seek(0)
        request.environ["wsgi.input"] = file
        self._answer(request)


def _is_wanted(environ: dict[str, Any]) -> bool:
    """False for one whose length tells that it is refused anyway. A file that is too large gets a page that says so."""
    return int(environ.get("CONTENT_LENGTH") or 0) <= settings.MAX_BODY_BYTES or _is_upload(environ)


def _most_bytes(environ: dict[str, Any]) -> int:
    """A form of the Back Office may bring a file along."""
    return settings.MAX_BODY_BYTES + (settings.MAX_UPLOAD_BYTES if _is_upload(environ) else 0)


def _is_upload(environ: dict[str, Any]) -> bool:
    content_type = environ.get("CONTENT_TYPE", "").lower()
    return environ["PATH_INFO"].startswith("/admin/") and content_type.startswith("multipart/form-data")
