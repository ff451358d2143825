"""Requests, and the two ways of sending many: `wrk` where it is installed (Debian: wrk), else threads of Python."""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import cycle
from typing import NamedTuple

from tests.benchmarks.sites import Site

JSON_API = "application/vnd.api+json"
#: One name for all sites, so that their links are the same.
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def cookies(self) -> dict[str, str]:
        """Those that it sets, by name."""
        given = SimpleCookie("; ".join(self.headers.get_all("Set-Cookie", [])))
        return {name: morsel.value for name, morsel in given.items()}


class Load(NamedTuple):
    """What a turn of many requests told: times in milliseconds, as the client saw them."""

    requests: int
    seconds: float
    p50: float
    p99: float


OnAnswer = Callable[[Answer], None]


class RefusedError(Exception):
    """An answer that is no success: what was measured would not be the work."""


def ask(site: Site, request: Request) -> Answer:
    """One request on a connection of its own. Raises RefusedError for an error."""
    return _Client(site.port).send(request)


class _Client:
    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=120)

    def send(self, request: Request, *, may_be_refused: bool = False) -> Answer:
        headers = {"Host": HOST} | request.headers
        self.connection.request(request.method, request.path, request.body.encode() or None, headers)
        response = self.connection.getresponse()
        body = response.read()
        if response.status >= 400 and not may_be_refused:
            raise RefusedError(f"{request.method} {request.path}: {response.status} {body[:300]!r}")
        return Answer(response.status, response.headers, body)


# --- wrk --------------------------------------------------------------------------------------------------------
def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def load(site: Site, requests: list[Request], seconds: float, connections: int) -> Load:
    """Sends them in turn, again and again, for so long. Raises RefusedError if one is refused."""
    if has_wrk():
        return _wrk(site, requests, seconds, connections)
    return send_for(site, cycle(requests), seconds, connections)


_SCRIPT = """
local requests = {}
local turn = 0
function init()
%s
end
function request()
    turn = turn %% #requests + 1
    return requests[turn]
end
function done(summary, latency)
    local errors = summary.errors
    print(string.format('{"requests": %%d, "microseconds": %%d, "p50": %%f, "p99": %%f, "errors": %%d}',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def _wrk(site: Site, requests: list[Request], seconds: float, connections: int) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % "\n".join(f"    requests[{n}] = {_lua(one)}" for n, one in enumerate(requests, 1)))
        script.flush()
        address = f"http://{HOST}:{site.port}"
        times = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "60s"]
        command = ["wrk", *times, "-s", script.name, address]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told = json.loads(output.splitlines()[-1])
    if told["errors"]:
        raise RefusedError(f"{told['errors']} of {told['requests']} requests of {site.name} failed")
    return Load(told["requests"], told["microseconds"] / 1e6, told["p50"] / 1e3, told["p99"] / 1e3)


def _lua(request: Request) -> str:
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in _headers(request).items())
    body = json.dumps(request.body) if request.body else "nil"
    return f"wrk.format({json.dumps(request.method)}, {json.dumps(request.path)}, {{{headers}}}, {body})"


def _headers(request: Request) -> dict[str, str]:
    length = {} if request.method == "GET" else {"Content-Length": str(len(request.body))}
    return {"Host": HOST} | request.headers | length


# --- Python -----------------------------------------------------------------------------------------------------
class _Sender(threading.Thread):
    """Sends what is next until the time is up; remembers how long each took, and what went wrong."""

    def __init__(self, site: Site, requests: Iterator[Request], until: float, on_answer: OnAnswer) -> None:
        super().__init__()
        self.client = _Client(site.port)
        self.requests, self.until, self.on_answer = requests, until, on_answer
        self.times: list[float] = []
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            while (sent := time.perf_counter()) < self.until:
                answer = self.client.send(next(self.requests))
                self.times.append(time.perf_counter() - sent)
                self.on_answer(answer)
        except Exception as problem:
            self.problem = problem


def send_for(
    site: Site,
    requests: Iterable[Request],
    seconds: float,
    connections: int = 1,
    on_answer: OnAnswer = lambda answer: None,
) -> Load:
    """As `load` does, without `wrk`: also for requests that depend on the answer before, with one connection."""
    began, waiting = time.perf_counter(), iter(requests)
    senders = [_Sender(site, waiting, began + seconds, on_answer) for _ in range(connections)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
        if sender.problem:
            raise sender.problem
    return _told([taken for sender in senders for taken in sender.times], time.perf_counter() - began)


def send_all(site: Site, requests: Iterable[Request], *, may_be_refused: bool = True) -> list[float]:
    """Each once, one after the other on one connection: how many ms each took."""
    client, times = _Client(site.port), []
    for request in requests:
        sent = time.perf_counter()
        client.send(request, may_be_refused=may_be_refused)
        times.append((time.perf_counter() - sent) * 1e3)
    return times


def _told(times: list[float], seconds: float) -> Load:
    slowest = statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]
    return Load(len(times), seconds, statistics.median(times) * 1e3, slowest * 1e3)
