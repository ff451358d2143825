"""Waits for the body of a request: not for ever, not for more than the site takes, and not all of it in memory.

Runs in the event loop of a worker, so that any number of slow senders cost nobody else anything but their sockets.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import IO, Any

from django.conf import settings

from config import errors
from config.errors import Fault

#: What a sender gets for nothing, in seconds, and how many bytes buy one more.
PATIENCE_SECONDS = 10
BYTES_A_SECOND = 65_536
#: Of each body so much is kept in memory; the rest lies in a temporary file.
IN_MEMORY_BYTES = 65_536
#: What a worker keeps of all bodies that are larger than that, at once.
LARGE_BODIES_BYTES = 128 * 1024 * 1024

Receive = Callable[[], Awaitable[dict[str, Any]]]


class RefusedError(Exception):
    """The sender is to be told this fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class GoneError(Exception):
    """The sender has closed the connection: nobody is left to be told anything."""


class Body:
    """What has come so far."""

    #: How much the large ones of this worker hold together.
    held_bytes = 0

    def __init__(self) -> None:
        self.size = 0
        self.file: IO[bytes] = BytesIO()

    def add(self, piece: bytes) -> None:
        """Raises RefusedError where all large bodies together have become too large."""
        if self.size + len(piece) > IN_MEMORY_BYTES:
            self._hold(piece)
        self.size += len(piece)
        self.file.write(piece)

    def _hold(self, piece: bytes) -> None:
        if Body.held_bytes + len(piece) > LARGE_BODIES_BYTES:
            raise RefusedError(errors.BUSY)
        if isinstance(self.file, BytesIO):
            beginning, self.file = self.file.getvalue(), tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
            self.file.write(beginning)
            Body.held_bytes += self.size
        Body.held_bytes += len(piece)

    def close(self) -> None:
        if not isinstance(self.file, BytesIO) and not self.file.closed:
            Body.held_bytes -= self.size
        self.file.close()


def is_announced(environ: dict[str, Any]) -> bool:
    """Whether a body follows (RFC 9112 section 6.3)."""
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


async def receive(environ: dict[str, Any], receive: Receive) -> Body:
    """The body, at its beginning, with its length in the environment. The caller closes it.

    One that is too large comes cut off one byte behind the limit, or not at all if its length told already: Django
    refuses either. Raises RefusedError (408, 503) and GoneError.
    """
    body = Body()
    try:
        if _is_wanted(environ):
            await _fill(body, _most_bytes(environ), receive)
            if "HTTP_TRANSFER_ENCODING" in environ:
                environ["CONTENT_LENGTH"] = str(body.size)
        body.file.seek(0)
    except BaseException:
        body.close()
        raise
    return body


async def _fill(body: Body, most: int, receive: Receive) -> None:
    began, received, more = asyncio.get_running_loop().time(), 0, True
    try:
        async with asyncio.timeout(PATIENCE_SECONDS) as patience:
            while more and body.size <= most:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                received += len(message["body"])
                body.add(message["body"][: most + 1 - body.size])
                patience.reschedule(began + PATIENCE_SECONDS + received / BYTES_A_SECOND)
                more = message["more_body"]
    except TimeoutError:
        raise RefusedError(errors.TOO_SLOW) from None


def _is_wanted(environ: dict[str, Any]) -> bool:
    """False for one whose length tells that it is refused anyway. A file that is too large gets a page that says so."""
    return int(environ.get("CONTENT_LENGTH") or 0) <= settings.MAX_BODY_BYTES or _is_upload(environ)


def _most_bytes(environ: dict[str, Any]) -> int:
    """A form of the Back Office may bring a file along."""
    return settings.MAX_BODY_BYTES + (settings.MAX_UPLOAD_BYTES if _is_upload(environ) else 0)


def _is_upload(environ: dict[str, Any]) -> bool:
    content_type = environ.get("CONTENT_TYPE", "").lower()
    return environ["PATH_INFO"].startswith("/admin/") and content_type.startswith("multipart/form-data")
