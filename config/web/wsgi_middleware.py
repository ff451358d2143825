"""WSGI middleware (PEP 3333) between granian and Django."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from config.web.stuck_requests import StuckRequests

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

#: Optional keys of a request's environ. A process environment variable with such a name would count as the request's.
_OF_SOME_REQUESTS = ("HTTP_", "CONTENT_TYPE", "CONTENT_LENGTH")
#: Keys that the server sets for every request.
_OF_EVERY_REQUEST = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "SERVER_", "REMOTE_ADDR", "GATEWAY_")


class RequestIsolation:
    """Removes the process environment from requests, and joins each response body.

    granian copies `os.environ`, `SECRET_KEY` included, into every request's environ. It sends a body of one piece
    without the worker; for a body of several pieces the worker would wait for a slow client.
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
    """The names to remove. Optional keys of a request are removed from the process environment instead."""
    for name in [name for name in os.environ if name.startswith(_OF_SOME_REQUESTS)]:
        del os.environ[name]
    return [name for name in os.environ if not name.startswith(_OF_EVERY_REQUEST)]


def _whole(answer: Any) -> list[bytes]:
    try:
        return [b"".join(answer)]
    finally:
        answer.close()
