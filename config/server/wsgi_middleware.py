"""WSGI middleware (PEP 3333) between granian and Django."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from config.server.stuck_requests import StuckRequests

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

#: Optional keys of a request's environ. A process environment variable with such a name would count as the request's.
_OF_SOME_REQUESTS = ("HTTP_", "CONTENT_TYPE", "CONTENT_LENGTH")
#: Keys that the server sets for every request.
_OF_EVERY_REQUEST = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "SERVER_", "REMOTE_ADDR", "GATEWAY_")


class RequestIsolation:
    """Removes the process environment from requests, joins each response body, and announces closed connections.

    granian copies `os.environ`, `SECRET_KEY` included, into every request's environ. It sends a body of one piece
    without the worker; for a body of several pieces the worker would wait for a slow client. It closes a connection
    whose request body was not read to its end, in most cases without saying so.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._inherited = _environment_names()
        self._stuck_requests = StuckRequests()
        self._stuck_requests.watch()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for name in self._inherited:
            environ.pop(name, None)
        if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
            body = environ["wsgi.input"] = _Body(environ)
            start_response = partial(_start_response, start_response, body)
        self._stuck_requests.begin()
        try:
            return _whole(self._application(environ, start_response))
        finally:
            self._stuck_requests.end()


class _Body:
    """A request body that knows whether it was read to its end. Django reads it by its `Content-Length` only."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._stream = environ["wsgi.input"]
        self._left = int(environ.get("CONTENT_LENGTH") or 0)
        self._is_chunked = "HTTP_TRANSFER_ENCODING" in environ

    @property
    def was_read(self) -> bool:
        return self._left <= 0 and not self._is_chunked

    def read(self, size: int) -> bytes:
        return self._counted(self._stream.read(size))

    def readline(self, size: int) -> bytes:
        return self._counted(self._stream.readline(size))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data


def _start_response(send: Any, body: _Body, status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
    """With `Connection: close` (RFC 9112 section 9.6) if the body was not read, so that no client sends more there."""
    return send(status, headers if body.was_read else [*headers, ("Connection", "close")], *error)


def _environment_names() -> list[str]:
    """The names to remove. Optional keys of a request are removed from the process environment instead."""
    for name in [name for name in os.environ if name.startswith(_OF_SOME_REQUESTS)]:
        del os.environ[name]
    return [name for name in os.environ if not name.startswith(_OF_EVERY_REQUEST)]


def _whole(answer: Any) -> list[bytes]:
    try:
        return [b"".join(answer)]
    finally:
        answer.close()
