"""Between the server's WSGI (PEP 3333) and Django's: what comes in, and how an answer goes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from config.web.stuck_requests import StuckRequests

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

#: Keys of the environ that a request may lack. An environment variable of such a name would pass for the request's.
_OF_SOME_REQUESTS = ("HTTP_", "CONTENT_TYPE", "CONTENT_LENGTH")
#: Keys of the environ that the server sets for every request, whatever the process's environment says.
_OF_EVERY_REQUEST = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "SERVER_", "REMOTE_ADDR", "GATEWAY_")


class Border:
    """Takes the process's environment out of the request, and hands each answer to the server as a whole.

    granian copies `os.environ`, `SECRET_KEY` included, into every request's environ. It sends an answer that it has as
    bytes by itself; for one that comes in pieces it would hold the worker until a slow client has taken them.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._inherited = _environment_names()
        self._stuck_requests = StuckRequests()
        self._stuck_requests.watch()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for name in self._inherited:
            environ.pop(name, None)
        self._stuck_requests.begin()
        try:
            return _whole(self._application(environ, start_response))
        finally:
            self._stuck_requests.end()


def _environment_names() -> list[str]:
    """The names to take out. Those that a request would bring are removed from the process's environment instead."""
    for name in [name for name in os.environ if name.startswith(_OF_SOME_REQUESTS)]:
        del os.environ[name]
    return [name for name in os.environ if not name.startswith(_OF_EVERY_REQUEST)]


def _whole(answer: Any) -> list[bytes]:
    try:
        return [b"".join(answer)]
    finally:
        answer.close()
