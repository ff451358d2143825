"""`python -m tests.benchmarks.in_process SITE`: answers requests in this process, without a server, to be counted.

Reads from standard input one JSON object a line: `requests`, `times` and `warm_up`; then says `ready`, waits for a
line, and works. What is to be counted lies between a call of `getpgrp` and one of `getsid`, which callgrind notices.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from itertools import cycle
from typing import Any

from tests.benchmarks.sites import FLOOR, PRODUCT, STOCK

_APPLICATIONS = {
    PRODUCT: "config.wsgi",
    FLOOR: "tests.benchmarks.floor.app",
    STOCK: "tests.benchmarks.stock.wsgi",
}


def main() -> None:
    application = importlib.import_module(_APPLICATIONS[sys.argv[1]]).application
    works = [json.loads(sys.stdin.readline()) for _ in range(int(sys.argv[2]))]
    print("ready", flush=True)
    sys.stdin.readline()
    for work in works:
        calls = _calls(application, work["requests"])
        _call(calls, work["warm_up"])
        os.getpgrp()
        _call(calls, work["times"])
        os.getsid(0)


def _call(calls: Iterator[Callable[[], None]], times: int) -> None:
    for _ in range(times):
        next(calls)()


def _calls(application: Any, requests: list[dict[str, Any]]) -> Iterator[Callable[[], None]]:
    for environ, body in cycle([_environ(**request) for request in requests]):
        yield partial(_answer, application, environ, body)


def answer(application: Any, request: dict[str, Any]) -> None:
    """One request. Ends the process if it is refused."""
    _answer(application, *_environ(**request))


def _answer(application: Any, environ: dict[str, Any], sent: bytes) -> None:
    statuses: list[str] = []
    asked = environ | {"wsgi.input": BytesIO(sent)}
    chunks = application(asked, lambda status, headers, exc_info=None: statuses.append(status))
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    if not statuses[0].startswith("2"):
        sys.exit(f"{statuses[0]} {body[:300]!r}")


def _environ(method: str, path: str, headers: dict[str, str], body: str) -> tuple[dict[str, Any], bytes]:
    """As granian makes it (PEP 3333)."""
    sent = body.encode()
    route, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": route,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    if sent:
        environ["CONTENT_LENGTH"] = str(len(sent))
    return environ, sent


if __name__ == "__main__":
    main()
