"""Floods: thousands of slow, idle, large and hurried clients at nginx and one server, and how honest ones fare.

What is promised, and asserted: every honest request is answered, none as an error; nginx and the workers together never
have more than each flood may cost above what they had before the first; where callers choose names, the same flood once
more costs nothing more; a refusal comes as fast as `MOST_REFUSAL_SECONDS`, counted from when patience ends. Times are
told, and only asserted where they are a promise: a machine may be slow.
"""

from __future__ import annotations

import json
import resource
import statistics
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil  # type: ignore[import-untyped]

from tests import slow
from tests.benchmarks import sites, works
from tests.benchmarks.client import Request, ask
from tests.benchmarks.folder import SMALL, Folder
from tests.benchmarks.report import figure, table
from tests.benchmarks.sites import Site
from tests.endurance.flooders import (
    FLOOD_SECONDS,
    MANY,
    MOST_REFUSAL_SECONDS,
    Fronted,
    Run,
    Told,
    asking,
    differing,
    reading,
    ten_times_what_it_can_do,
    trickling,
    waiting,
)
from tests.endurance.report import FLOODS, write
from tests.support import nginx
from tests.support.nginx import READER_SECONDS

PATIENCE_SECONDS = 5
_TIMEOUTS = {
    f"{name} {seconds}s": f"{name} {PATIENCE_SECONDS}s"
    for name, seconds in (("client_header_timeout", 10), ("client_body_timeout", 10), ("keepalive_timeout", 15))
}
WAIT_SECONDS = 1
OFFICE = "olive.office@example.test"
#: Of all workers together, above what they had at the start: 1,000 connections with 64 kB each, and half as much again.
MOST_MB = MANY * 64 / 1_024 * 1.5
#: Where they read 1,000 files at once, of each two pieces of 128 kB besides the 64 of the connection.
MOST_MB_WITH_FILES = MOST_MB + MANY * (64 + 2 * 128) / 1_024
#: The largest list there is, as those get it who may see all: 1,000 rows of one warehouse, each of another person.
LIST_MB = 1.1
#: Where 1,000 of those lie in the workers, whole, beside the room that was made for the files.
MOST_MB_WITH_LISTS = MOST_MB_WITH_FILES + MANY * LIST_MB
#: What a flood that comes again may add: it finds the memory that it needs already there.
MOST_MB_AGAIN = 8
#: An honest caller is somebody's finger on a screen.
MOST_P99_MS = 2_000


@dataclass
class Flood:
    """What is done to the server."""

    name: str
    run: Run
    #: Which answers are right for the flooders. 0 is a connection closed without a word.
    allowed: set[int] = field(default_factory=set)
    #: How long the server owes them: what they have sent buys some.
    patience_seconds: float = PATIENCE_SECONDS
    #: Above what the workers had at the start of it all.
    most_mb: float = MOST_MB
    #: Of a second run, above the first; None where it does not come again.
    most_mb_again: float | None = None


@dataclass
class Seen:
    """What a flood did to the others."""

    flood: Flood
    requests: int
    p50: float
    p99: float
    before_mb: float
    most_mb: float
    after_mb: float
    told: Told
    refusal_seconds: float | None
    again: Seen | None = None


# --- The floods -------------------------------------------------------------------------------------------------------
_JSON = {"Content-Type": "application/json"}
_DEEP = '{"data":' * 100_000 + "{}" + "}" * 100_000
_KEYS = "{" + ",".join(f'"{number}":{number}' for number in range(70_000)) + "}"
_TWICE = "{" + ",".join('"data":1' for _ in range(100_000)) + "}"
_CHUNKED = "Transfer-Encoding: chunked"
_LARGE_FILE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


def _announced(url: str, header: str) -> bytes:
    return slow.head("POST /token", url, "Content-Type: application/json", header)


def _large(url: str) -> bytes:
    return _announced(url, "Content-Length: 900000") + b" " * 899_000


def _unended(url: str) -> bytes:
    return slow.head("GET /users", url)[:-2] + b"X: y"


def _list(site: Site) -> Request:
    return works.bearing(_token(site), "GET", f"{works.LIST}?include=users&page[limit]=1000")


def _largest_list(site: Site) -> Request:
    """Of one warehouse, so that no two rows share a person."""
    (uuid,) = site.folder.ask("SELECT uuid FROM warehouses_warehouse WHERE name = 'Warehouse 00001'")[0]
    asked = f"filter[warehouse-user-assignments.warehouseUuid]={uuid}&include=users,warehouses&page[limit]=1000"
    return works.bearing(_token(site), "GET", f"{works.LIST}?{asked}")


def _token(site: Site) -> str:
    return str(works.token_of(site, OFFICE)["access_token"])


# Those who choose names: some 50 kB of them, new ones in each request, so that none can be remembered unseen.
def _names(letters: str) -> list[str]:
    return [f"{letters}-{number}-{'x' * 600}" for number in range(80)]


def _headers(site: Site) -> Callable[[str], Request]:
    return lambda letters: Request("GET", "/users", {f"X-{name}": "y" for name in _names(letters)})


def _path(site: Site) -> Callable[[str], Request]:
    return lambda letters: Request("GET", "/" + "/".join(_names(letters)))


_ONE_ROW = f"{works.LIST}?page[limit]=1"


def _parameters(site: Site) -> Callable[[str], Request]:
    token = _token(site)
    return lambda letters: works.bearing(token, "GET", f"{_ONE_ROW}&{'&'.join(_names(letters))}")


def _ids(site: Site) -> Callable[[str], Request]:
    token = _token(site)

    def request(letters: str) -> Request:
        uuids = ",".join(f"{letters}-0000-4000-8000-{number:012x}" for number in range(1_000))
        return works.bearing(token, "GET", f"{_ONE_ROW}&filter[warehouse-user-assignments.uuid]={uuids}")

    return request


def _keys_of_tokens(site: Site) -> Callable[[str], Request]:
    """Signed with keys that nobody has heard of."""

    def request(letters: str) -> Request:
        head = json.dumps({"alg": "RS256", "kid": "".join(_names(letters))[:30_000]})
        return works.bearing(f"{urlsafe_b64encode(head.encode()).decode().rstrip('=')}.e30.e30", "GET", "/users")

    return request


def _members(site: Site) -> Callable[[str], Request]:
    def request(letters: str) -> Request:
        return Request("POST", "/token", _JSON, _KEYS_TO_NAME.replace("?", letters))

    return request


_KEYS_TO_NAME = "{" + ",".join(f'"?{number}":0' for number in range(50_000)) + "}"


FLOODS_TO_SEND = [
    Flood("1,000 idle connections", waiting(lambda url: b""), {0}),
    Flood("1,000 heads that never end", waiting(_unended), {0}),
    Flood("1,000 heads that trickle", trickling(_unended), {0}),
    Flood("1,000 bodies that never come", waiting(lambda url: _announced(url, "Content-Length: 900")), {0, 429}),
    Flood("1,000 chunked bodies that stop", waiting(lambda url: _announced(url, _CHUNKED) + b"3\r\nabc\r\n"), {0, 429}),
    Flood("400 bodies of 900 kB that stop", waiting(_large, 400), {0, 429}),
    Flood("heads of 63 kB", asking(Request("GET", "/users", {"X-Large": "x" * 63_000}), 32), {401, 429}),
    Flood("heads of 300 kB", asking(Request("GET", "/users", {"X-Large": "x" * 300_000}), 32), {0, 431}),
    Flood(
        "1,000 headers", asking(Request("GET", "/users", {f"X-{n}": "y" for n in range(1_000)}), 32), {0, 401, 429, 431}
    ),
    Flood("1,000 parameters", asking(Request("GET", "/users?" + "&".join(["a=1"] * 1_000)), 32), {401, 429}),
    Flood("a million bytes of spaces", asking(Request("POST", "/token", _JSON, " " * 1_000_000), 32), {400, 429}),
    Flood("100,000 nested objects", asking(Request("POST", "/token", _JSON, _DEEP), 32), {400, 429}),
    Flood("70,000 keys", asking(Request("POST", "/token", _JSON, _KEYS), 32), {400, 429}),
    Flood("one key 100,000 times", asking(Request("POST", "/token", _JSON, _TWICE), 32), {400, 429}),
    Flood("a number of a million digits", asking(Request("POST", "/token", _JSON, "9" * 1_000_000), 32), {400, 429}),
    Flood("bodies of 50 MB, announced", asking(Request("POST", "/token", {"Content-Length": "50000000"}), 32), {413}),
    Flood("200 connections asking at once", asking(Request("GET", "/.well-known/jwks.json"), 200), {200, 429}),
    Flood("new names of headers", differing(_headers, 2_000), {401, 429}, most_mb_again=MOST_MB_AGAIN),
    Flood("new paths", differing(_path, 2_000), {404, 429}, most_mb_again=MOST_MB_AGAIN),
    Flood("new names of parameters", differing(_parameters, 2_000), {200, 429}, most_mb_again=MOST_MB_AGAIN),
    Flood("new ids", differing(_ids, 500), {200, 429}, most_mb_again=MOST_MB_AGAIN),
    Flood("new keys of tokens", differing(_keys_of_tokens, 2_000), {401, 429}, most_mb_again=MOST_MB_AGAIN),
    Flood("new members of bodies", differing(_members, 300), {400, 429}, most_mb_again=MOST_MB_AGAIN),
    Flood("ten times the lists it can do", ten_times_what_it_can_do(_list), {200, 429, 503}, WAIT_SECONDS),
    Flood(
        "ten times the sign-ins it can do",
        ten_times_what_it_can_do(lambda site: works.password_grant(OFFICE)),
        {200, 429, 503},
        WAIT_SECONDS,
    ),
    # Last, since what they made room for would hide what others leave.
    Flood(
        "1,000 readers who take nothing of a file",
        reading(lambda site: Request("GET", _LARGE_FILE), most_mb=2),
        {200},
        READER_SECONDS,
        MOST_MB_WITH_FILES,
    ),
    Flood(
        "1,000 readers who take nothing of the largest list",
        reading(_largest_list, LIST_MB),
        {200},
        READER_SECONDS,
        MOST_MB_WITH_LISTS,
    ),
]


# --- Those who are there besides --------------------------------------------------------------------------------------
@dataclass
class Honest:
    """Four people who list and switch, one request after the other, all the time."""

    site: Fronted
    callers: works.Callers

    @contextmanager
    def at_work(self, times: list[float]) -> Iterator[None]:
        """Adds how many ms each request took. Raises RefusedError if one was refused."""
        stop = threading.Event()
        with ThreadPoolExecutor(4) as threads:
            loops = [threads.submit(self._go_on, number, stop, times) for number in range(4)]
            try:
                yield
            finally:
                stop.set()
            for loop in loops:
                loop.result()

    def _go_on(self, number: int, stop: threading.Event, times: list[float]) -> None:
        person = self.callers.people[number]
        requests = cycle([works.bearing(person.token, "GET", works.LIST), *(works.switch(person, n) for n in (1, 0))])
        while not stop.is_set():
            began = time.perf_counter()
            ask(self.site, next(requests))
            times.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.05)  # all four share an address, which may ask 200 times a second


class Memory(threading.Thread):
    """Looks at what nginx and the workers have, all together, in MB."""

    def __init__(self, site: Fronted) -> None:
        super().__init__(daemon=True)
        self._workers, self._proxy = psutil.Process(site.process.pid).children(), site.proxy
        self._stop_looking = threading.Event()
        self.most = self.now()

    def now(self) -> float:
        return float(sum(worker.memory_info().rss for worker in self._workers) / 2**20) + self._proxy.memory_mb()

    def run(self) -> None:
        while not self._stop_looking.wait(0.1):
            self.most = max(self.most, self.now())

    def stop(self) -> None:
        self._stop_looking.set()
        self.join()


# --- The drill --------------------------------------------------------------------------------------------------------
def run() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand sockets
    with TemporaryDirectory() as var, ExitStack() as stack:
        folder = _Folder(Path(var), SMALL)
        folder.prepare()
        (bare,) = stack.enter_context(sites.running(folder, sites.PRODUCT))
        Path(var).chmod(0o755)  # nginx may run as another user
        proxy = stack.enter_context(nginx.proxy(Path(var) / "nginx", f"127.0.0.1:{bare.port}", replaced=_TIMEOUTS))
        site = Fronted(bare.name, bare.folder, proxy.port, bare.process, proxy)
        honest = Honest(site, works.sign_in(site))
        for person in honest.callers.people:
            ask(site, works.switch(person, 0))
        quiet, start_mb = _quiet(site, honest), Memory(site).now()
        seen = [_flooded(site, honest, flood) for flood in FLOODS_TO_SEND]
    _write(quiet, start_mb, seen)
    for one in seen:
        _hold(one, start_mb)


class _Folder(Folder):
    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "WORKERS": "2",
            "TRUSTED_PROXIES": "127.0.0.1",
        }


def _quiet(site: Fronted, honest: Honest) -> list[float]:
    times: list[float] = []
    with honest.at_work(times):
        time.sleep(FLOOD_SECONDS)
    return times


def _flooded(site: Fronted, honest: Honest, flood: Flood) -> Seen:
    seen = _seen(site, honest, flood)
    if flood.most_mb_again is not None:
        seen.again = _seen(site, honest, flood)
    return seen


def _seen(site: Fronted, honest: Honest, flood: Flood) -> Seen:
    times: list[float] = []
    memory = Memory(site)
    before = memory.now()
    memory.start()
    with honest.at_work(times):
        told = flood.run(site)
    memory.stop()
    late = None if told.slowest_seconds is None else max(0.0, told.slowest_seconds - flood.patience_seconds)
    return Seen(flood, len(times), *_quantiles(times), before, memory.most, memory.now(), told, late)


def _quantiles(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _write(quiet: list[float], start_mb: float, seen: list[Seen]) -> None:
    columns = ["Flood", "told", "honest requests", "p50 ms", "p99 ms", "MB before", "most", "after", "refused after s"]
    rows: list[list[Any]] = [["none", "", len(quiet), *map(figure, _quantiles(quiet)), "", "", figure(start_mb), ""]]
    for one in seen:
        rows.append(_row(one.flood.name, one))
        if one.again is not None:
            rows.append(_row("the same again", one.again))
    write(FLOODS, _INTRODUCTION, table(columns, rows))


def _row(name: str, one: Seen) -> list[Any]:
    told = ", ".join(f"{count} x {status or 'closed'}" for status, count in sorted(one.told.statuses.items()))
    told += f" ({one.told.remark})" if one.told.remark else ""
    late = one.refusal_seconds
    waited = "" if late is None else f"{figure(one.flood.patience_seconds)} + {figure(late)}"
    megabytes = [figure(value) for value in (one.before_mb, one.most_mb, one.after_mb)]
    return [name, told, one.requests, figure(one.p50), figure(one.p99), *megabytes, waited]


_INTRODUCTION = (
    "nginx before two workers, 20,000 people, 100,000 assignments; four honest people list and switch all the time, "
    "each request on a new connection. None failed. Floods come from other addresses. Memory is that of nginx and the "
    "workers together."
)


def _hold(one: Seen, start_mb: float) -> None:
    flood = one.flood
    assert set(one.told.statuses) <= flood.allowed, f"{flood.name}: {one.told}"
    assert one.most_mb - start_mb < flood.most_mb, f"{flood.name}: {one.most_mb} MB of {start_mb} MB at the start"
    assert one.p99 < MOST_P99_MS, f"{flood.name}: p99 {one.p99} ms"
    assert (one.refusal_seconds or 0) < MOST_REFUSAL_SECONDS, f"{flood.name}: {one.refusal_seconds} s"
    if one.again is not None:
        _hold(one.again, start_mb)
        more_mb = one.again.most_mb - one.most_mb
        assert more_mb < (flood.most_mb_again or 0), f"{flood.name}: {more_mb} MB more when it came again"
