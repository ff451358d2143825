"""Between granian and Django: one thread answers, one request at a time; bodies are awaited beside it.

Through granian's door for WSGI an application meets its request as soon as the head is there, and to read the body
blocks the thread: as many sockets as there are threads would hold the whole site by announcing a body and never sending
it. Through its door for ASGI, bodies are awaited in an event loop, with a deadline (`config.bodies`), and Django's WSGI
application runs when all is there. A request without a body never meets the loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO
from queue import SimpleQueue
from typing import Any

from config import bodies, errors
from config.errors import Fault
from config.streams import File, Streams

logger = logging.getLogger(__name__)

#: A worker with so many requests waiting says no to the next one at once: it would wait too long, and others with it.
MOST_WAITING = 256

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Request:
    """A request at work. `watcher` is granian's: through it the answer goes out, from whichever thread."""

    def __init__(self, watcher: Any) -> None:
        self.watcher = watcher
        self.environ = environ_of(watcher.scope)
        self.body: bodies.Body | None = None
        self.status = 500
        self.headers: list[tuple[str, str]] = []

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        """PEP 3333's."""
        self.status, self.headers = int(status[:3]), headers

    def head(self) -> dict[str, Any]:
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        return {"type": "http.response.start", "status": self.status, "headers": encoded}

    def send(self, content: bytes) -> None:
        """The whole answer."""
        self.watcher.proto.send(self.head())
        self.watcher.proto.send({"type": "http.response.body", "body": content})

    def send_file(self, path: str) -> None:
        """A file, which granian reads as fast as its reader takes it."""
        self.watcher.proto.send(self.head())
        self.watcher.proto.send({"type": "http.response.pathsend", "path": path})

    def refuse(self, fault: Fault) -> None:
        """Without asking Django, which has not seen the request."""
        answer = errors.refuse(self.environ["PATH_INFO"], fault)
        self.status, self.headers = answer.status_code, list(answer.items())
        self.send(answer.content)
        self.end()

    def end(self) -> None:
        """An answer that is not whole by now ends as a failure; nothing happens to one that is."""
        self.watcher.done()
        if self.body is not None:
            self.body.close()


class Gateway:
    """Takes requests from granian, and sends back what the application answers."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop) -> None:
        self._application, self._loop = application, loop
        self._waiting: SimpleQueue[Request] = SimpleQueue()
        self._receiving: set[asyncio.Task[None]] = set()
        self._streams = Streams(loop)
        threading.Thread(target=self._answer_all, name="answers", daemon=True).start()

    # --- Taking --------------------------------------------------------------------------------------------------
    def take(self, watcher: Any) -> None:
        """What granian calls, in a thread of its own, when a head is there. Is quick, and never raises."""
        try:
            request = Request(watcher)
            if self._waiting.qsize() >= MOST_WAITING:
                request.refuse(errors.BUSY)
            elif bodies.is_announced(request.environ):
                self._loop.call_soon_threadsafe(self._await_body, request)
            else:
                self._waiting.put(request)
        except Exception:
            logger.exception("A request could not be taken")
            watcher.done()

    def _await_body(self, request: Request) -> None:
        task = self._loop.create_task(self._receive(request))
        self._receiving.add(task)  # the loop itself does not keep it
        task.add_done_callback(self._receiving.discard)

    async def _receive(self, request: Request) -> None:
        try:
            request.body = await bodies.receive(request.environ, request.watcher.proto.receive)
        except bodies.RefusedError as refusal:
            request.refuse(refusal.fault)
        except bodies.GoneError:
            request.end()
        else:
            request.environ["wsgi.input"] = request.body.file
            self._waiting.put(request)

    # --- Answering -----------------------------------------------------------------------------------------------
    def _answer_all(self) -> None:
        while True:
            self._answer(self._waiting.get())

    def _answer(self, request: Request) -> None:
        context = contextvars.copy_context()
        try:
            answer = context.run(self._application, request.environ, request.start_response)
            if getattr(answer, "streaming", False):
                self._streams.start(request, answer, context)
                return
            context.run(_send_whole, request, answer)
        except Exception:
            logger.exception("The application failed")
        request.end()


def _send_whole(request: Request, answer: Any) -> None:
    try:
        if isinstance(answer, File):
            request.send_file(answer.path)
        else:
            request.send(b"".join(answer))
    finally:
        answer.close()


# --- PEP 3333's environment, of ASGI's scope ------------------------------------------------------------------------
_SAME_FOR_ALL = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "granian",
    "wsgi.errors": sys.stderr,
    "wsgi.file_wrapper": File.of,
    "wsgi.multiprocess": True,
    "wsgi.multithread": False,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


def environ_of(scope: dict[str, Any]) -> dict[str, Any]:
    environ: dict[str, Any] = _SAME_FOR_ALL | {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "REMOTE_ADDR": scope["client"][0],
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": scope["server"][1],
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.input": BytesIO(),
        "wsgi.url_scheme": scope["scheme"],
    }
    for name, value in scope["headers"]:
        key, text = _key_of(name), value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


@cache
def _key_of(header: bytes) -> str:
    key = header.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
