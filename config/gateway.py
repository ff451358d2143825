"""Between granian and Django: one thread answers one request at a time, and waits for no body.

Through granian's door for WSGI an application meets its request as soon as the head is there, and to read the body
blocks the thread: as many sockets as there are threads would hold the whole site by announcing a body and never sending
it. Through its door for ASGI bodies come in pieces, whenever they come (`config.bodies`), and Django's WSGI application
runs when all is there. All of it happens in the one thread in which granian calls: no request passes through an event
loop, nor from one thread to another, which would cost a tenth of the whole request.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any

from granian._granian import CallbackScheduler
from granian._loops import loops

from config import bodies
from config.api import errors
from config.api.errors import Fault
from config.at_work import AtWork
from config.overload import Marker, Queue
from config.streams import File, Streams

logger = logging.getLogger(__name__)

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
        """One before the body is there closes the connection, on which nothing else can be understood."""
        headers = self.headers if self.body is None or self.body.is_whole else [*self.headers, ("Connection", "close")]
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
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
        self._application = application
        self._streams = Streams(loop)
        self._at_work = AtWork(loop)
        self._receptions = bodies.Receptions(loop, self._at_work)
        self._queue = Queue()

    def take(self, watcher: Any) -> None:
        """What granian calls when a head is there. Must not raise."""
        try:
            request = Request(watcher)
            if bodies.is_announced(request.environ):
                self._receptions.begin(request, self._answer)
            else:
                self._answer(request)
        except Exception:
            logger.exception("A request could not be taken")
            watcher.done()

    def _answer(self, request: Request) -> None:
        """A request of which all is there."""
        if self._queue.refuses(request.environ):
            request.refuse(errors.BUSY)
        elif self._runs_on(request):
            return
        self._queue.mark(request.watcher.proto)

    def _runs_on(self, request: Request) -> bool:
        """Has the application answer. True where it does so in pieces, of which more are to come."""
        context = contextvars.copy_context()
        self._at_work.begin()
        try:
            answer = context.run(self._application, request.environ, request.start_response)
            if getattr(answer, "streaming", False):
                return self._streams.start(request, answer, context)
            context.run(_send_whole, request, answer)
        except Exception:
            logger.exception("The application failed")
        finally:
            self._at_work.end()
        request.end()
        return False


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
        if b"_" in name:
            continue  # here it would pass for one with a hyphen, which a proxy may have vouched for (CVE-2015-0219)
        key, text = _key_of(name), value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


#: Names are kept that are no longer than this many bytes: of those that callers make up, they send few or short ones.
_LONGEST_KEPT = 64


def _key_of(header: bytes) -> str:
    return _kept_key_of(header) if len(header) <= _LONGEST_KEPT else _made_key_of(header)


def _made_key_of(header: bytes) -> str:
    key = header.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


_kept_key_of = lru_cache(maxsize=512)(_made_key_of)


# --- What granian needs to be told, in places that it does not promise to keep ----------------------------------------
LOOP = "gateway"
_DEALT_WITH_AT_ONCE = (bodies.Reception, Marker)


@loops.register(LOOP)
class Loop(asyncio.SelectorEventLoop):
    """The event loop of a worker, in which little happens. What granian has to say of a body is dealt with at once."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        if isinstance(callback, _DEALT_WITH_AT_ONCE):
            return callback(*args)
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        if isinstance(callback, _DEALT_WITH_AT_ONCE):
            return callback(*args)
        return super().call_soon_threadsafe(callback, *args, context=context)


def scheduler(application: Application, loop: Any, callback: Any, **options: Any) -> Any:
    """In the place of granian's own, which would make a task of the loop of every request."""
    made: Any = CallbackScheduler(loop, callback, None, None, None)  # type: ignore[call-arg]
    made._schedule_fn = Gateway(application, loop).take
    return made
