"""Floods: thousands of slow, idle, large and hurried clients at one server, and how honest ones fare meanwhile.

What is promised, and asserted: every honest request is answered, none as an error; the workers together keep to
`MOST_GROWTH_MB` above what they had before; a refusal comes as fast as `MOST_REFUSAL_SECONDS`, counted from when
patience ends. Times are told, and only asserted where they are a promise: a machine may be slow.
"""

from __future__ import annotations

import resource
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]

from config.bodies import BYTES_A_SECOND
from config.server import READER_SECONDS, SEND_BYTES
from tests import slow
from tests.benchmarks import sites, works
from tests.benchmarks.client import Request, ask
from tests.benchmarks.folder import SMALL, Folder
from tests.benchmarks.report import figure, table
from tests.benchmarks.sites import Site
from tests.burst import burst
from tests.endurance.report import FLOODS, write

PATIENCE_SECONDS = 5
WAIT_SECONDS = 1
OFFICE = "olive.office@example.test"
MANY = 1_000
FLOOD_SECONDS = 8
#: Of all workers together: 1,000 connections with 64 kB each, what is held of large bodies, and some for the rest.
MOST_GROWTH_MB = MANY * 64 / 1_024 + 128 + 64
#: Where they read 1,000 files at once, of each two pieces of 128 kB besides.
MOST_GROWTH_WITH_FILES_MB = MANY * (64 + 2 * 128) / 1_024 + 64
#: And of the kernel, for answers that nobody takes.
MOST_KERNEL_MB = MANY * 2 * SEND_BYTES / 2**20 + 16
#: Where a burst comes from: another address than that of the honest.
FLOODER = "127.0.0.2"
MOST_REFUSAL_SECONDS = 3
#: An honest caller is somebody's finger on a screen.
MOST_P99_MS = 2_000


class Told(NamedTuple):
    """What the flooders were told, by status, how long the slowest refusal took, and what else is worth telling."""

    statuses: Counter[int]
    slowest_seconds: float | None = None
    remark: str = ""


@dataclass
class Flood:
    """What is done to the server."""

    name: str
    run: Callable[[Site], Told]
    #: Which answers are right for the flooders. 0 is a connection closed without a word.
    allowed: set[int] = field(default_factory=set)
    #: How long the server owes them: what they have sent buys some.
    patience_seconds: float = PATIENCE_SECONDS
    most_growth_mb: float = MOST_GROWTH_MB


@dataclass
class Seen:
    """What a flood did to the others."""

    requests: int
    p50: float
    p99: float
    before_mb: float
    most_mb: float
    after_mb: float
    told: Told
    refusal_seconds: float | None


# --- The floods -------------------------------------------------------------------------------------------------------
def _waiting(beginning: Callable[[str], bytes], number: int = MANY) -> Callable[[Site], Told]:
    """So many sockets that send this and then nothing, until each has been told or closed."""

    def run(site: Site) -> Told:
        began = time.monotonic()
        with slow.sockets(_url(site), number, beginning(_url(site))) as senders:
            told = [slow.refusal(sender, began) for sender in senders]
        return Told(Counter(answer.status for answer in told), max(answer.seconds for answer in told))

    return run


def _reading(site: Site) -> Told:
    """Sockets that ask for a file of 1.5 MB and take nothing of it, until the server closes them."""
    asked = slow.head(f"GET {_LARGE_FILE}", _url(site))
    before, began = _kernel_mb(), time.monotonic()
    with slow.sockets(_url(site), MANY, asked, receive_bytes=4_096) as readers:
        time.sleep(FLOOD_SECONDS)
        held = _kernel_mb() - before
        assert held < MOST_KERNEL_MB, f"the kernel holds {held:.0f} MB"
        while _kernel_mb() - before > held / 10:
            assert time.monotonic() - began < READER_SECONDS + MOST_REFUSAL_SECONDS, "readers are waited for"
            time.sleep(0.1)
        left = time.monotonic() - began
        statuses = Counter(slow.told(reader.recv(4_096), 0).status for reader in readers)
    return Told(statuses, left, f"{held:.0f} MB in the kernel")


def _kernel_mb() -> float:
    """What all TCP connections of this machine hold (proc_net(5), in pages)."""
    (tcp,) = [line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:")]
    return int(tcp.rpartition(" ")[2]) * resource.getpagesize() / 2**20


_LARGE_FILE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


def _asking(request: Request, connections: int) -> Callable[[Site], Told]:
    """So many connections, each of which asks again as soon as it is answered."""

    def run(site: Site) -> Told:
        told: Counter[int] = Counter()
        until = time.monotonic() + FLOOD_SECONDS

        def ask_on(_: int) -> None:
            while time.monotonic() < until:
                with slow.sockets(_url(site), 1, _raw(request, site)) as (sender,):
                    told[slow.refusal(sender, 0).status] += 1

        with ThreadPoolExecutor(connections) as threads:
            list(threads.map(ask_on, range(connections)))
        return Told(told)

    return run


def _ten_times_what_it_can_do(request_by: Callable[[Site], Request]) -> Callable[[Site], Told]:
    """So many a second, whether they are answered or not, from one address."""

    def run(site: Site) -> Told:
        request = request_by(site)
        capacity = _asking(request, 8)(site).statuses.total() / FLOOD_SECONDS
        rate = 10 * capacity
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as another:  # whose pace is its own
            sent = another.submit(burst, _url(site), _raw(request, site), rate, FLOOD_SECONDS, FLOODER)
            answers = sent.result()
        refused = [answer.seconds for answer in answers if answer.status == 503]
        median = figure(statistics.median(refused) * 1e3)
        remark = f"{rate:.0f} a second, of {capacity:.0f} possible; half of the refusals within {median} ms"
        return Told(Counter(answer.status for answer in answers), max(refused), remark)

    return run


def _large_list(site: Site) -> Request:
    token = works.token_of(site, OFFICE)["access_token"]
    return works.bearing(token, "GET", f"{works.LIST}?include=users&page[limit]=1000")


def _raw(request: Request, site: Site) -> bytes:
    headers = [f"{name}: {value}" for name, value in request.headers.items()]
    length = [f"Content-Length: {len(request.body)}"] if request.body else []
    line = f"{request.method} {request.path}"
    return slow.head(line, _url(site), "Connection: close", *headers, *length) + request.body.encode()


def _url(site: Site) -> str:
    return f"http://127.0.0.1:{site.port}"


_JSON = {"Content-Type": "application/json"}
_DEEP = '{"data":' * 100_000 + "{}" + "}" * 100_000
_KEYS = "{" + ",".join(f'"{number}":{number}' for number in range(70_000)) + "}"
_TWICE = "{" + ",".join('"data":1' for _ in range(100_000)) + "}"
_CHUNKED = "Transfer-Encoding: chunked"


def _announced(url: str, header: str) -> bytes:
    return slow.head("POST /token", url, "Content-Type: application/json", header)


_PATIENCE_WITH_LARGE = PATIENCE_SECONDS + 899_000 / BYTES_A_SECOND


def _large(url: str) -> bytes:
    return _announced(url, "Content-Length: 900000") + b" " * 899_000


FLOODS_TO_SEND = [
    Flood("1,000 idle connections", _waiting(lambda url: b""), {0, 408}),
    Flood("1,000 heads that never end", _waiting(lambda url: slow.head("GET /users", url)[:-2] + b"X: y"), {0, 408}),
    Flood("1,000 bodies that never come", _waiting(lambda url: _announced(url, "Content-Length: 900")), {408}),
    Flood("1,000 chunked bodies that stop", _waiting(lambda url: _announced(url, _CHUNKED) + b"3\r\nabc\r\n"), {408}),
    Flood("400 bodies of 900 kB that stop", _waiting(_large, 400), {408, 503}, _PATIENCE_WITH_LARGE),
    Flood("1,000 readers who take nothing of 1.5 MB", _reading, {200}, READER_SECONDS, MOST_GROWTH_WITH_FILES_MB),
    Flood("heads of 63 kB", _asking(Request("GET", "/users", {"X-Large": "x" * 63_000}), 32), {401}),
    Flood("heads of 300 kB", _asking(Request("GET", "/users", {"X-Large": "x" * 300_000}), 32), {0, 431}),
    Flood("1,000 headers", _asking(Request("GET", "/users", {f"X-{n}": "y" for n in range(1_000)}), 32), {0, 431}),
    Flood("1,000 parameters", _asking(Request("GET", "/users?" + "&".join(["a=1"] * 1_000)), 32), {401}),
    Flood("a million bytes of spaces", _asking(Request("POST", "/token", _JSON, " " * 1_000_000), 32), {400}),
    Flood("100,000 nested objects", _asking(Request("POST", "/token", _JSON, _DEEP), 32), {400}),
    Flood("70,000 keys", _asking(Request("POST", "/token", _JSON, _KEYS), 32), {400}),
    Flood("one key 100,000 times", _asking(Request("POST", "/token", _JSON, _TWICE), 32), {400}),
    Flood("a number of a million digits", _asking(Request("POST", "/token", _JSON, "9" * 1_000_000), 32), {400}),
    Flood("bodies of 50 MB, announced", _asking(Request("POST", "/token", {"Content-Length": "50000000"}), 32), {413}),
    Flood("200 connections asking at once", _asking(Request("GET", "/.well-known/jwks.json"), 200), {200}),
    Flood("ten times the lists it can do", _ten_times_what_it_can_do(_large_list), {200, 503}, WAIT_SECONDS),
    Flood(
        "ten times the sign-ins it can do",
        _ten_times_what_it_can_do(lambda site: works.password_grant(OFFICE)),
        {200, 503},
        WAIT_SECONDS,
    ),
]


# --- Those who are there besides --------------------------------------------------------------------------------------
@dataclass
class Honest:
    """Four people who list and switch, one request after the other, all the time."""

    site: Site
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
            time.sleep(0.01)


class Memory(threading.Thread):
    """Looks at what the workers have, all together, in MB."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self._workers = psutil.Process(site.process.pid).children()
        self._stop_looking = threading.Event()
        self.most = self.now()

    def now(self) -> float:
        return float(sum(worker.memory_info().rss for worker in self._workers) / 2**20)

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
        (site,) = stack.enter_context(sites.running(folder, sites.PRODUCT))
        honest = Honest(site, works.sign_in(site))
        for person in honest.callers.people:
            ask(site, works.switch(person, 0))
        quiet = _quiet(site, honest)
        seen = {flood.name: _flooded(site, honest, flood) for flood in FLOODS_TO_SEND}
    _write(quiet, seen)
    _hold(seen)


class _Folder(Folder):
    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "WORKERS": "2",
            "PATIENCE_SECONDS": str(PATIENCE_SECONDS),
            "MAX_WAIT_SECONDS": str(WAIT_SECONDS),
        }


def _quiet(site: Site, honest: Honest) -> list[float]:
    times: list[float] = []
    with honest.at_work(times):
        time.sleep(FLOOD_SECONDS)
    return times


def _flooded(site: Site, honest: Honest, flood: Flood) -> Seen:
    times: list[float] = []
    memory = Memory(site)
    before = memory.now()
    memory.start()
    with honest.at_work(times):
        told = flood.run(site)
    memory.stop()
    late = None if told.slowest_seconds is None else max(0.0, told.slowest_seconds - flood.patience_seconds)
    return Seen(len(times), *_quantiles(times), before, memory.most, memory.now(), told, late)


def _quantiles(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _write(quiet: list[float], seen: dict[str, Seen]) -> None:
    columns = ["Flood", "told", "honest requests", "p50 ms", "p99 ms", "MB before", "most", "after", "refused after s"]
    rows: list[list[Any]] = [["none", "", len(quiet), *map(figure, _quantiles(quiet)), "", "", "", ""]]
    for flood in FLOODS_TO_SEND:
        one = seen[flood.name]
        told = ", ".join(f"{count} x {status or 'closed'}" for status, count in sorted(one.told.statuses.items()))
        told += f" ({one.told.remark})" if one.told.remark else ""
        late = (
            "" if one.refusal_seconds is None else f"{figure(flood.patience_seconds)} + {figure(one.refusal_seconds)}"
        )
        megabytes = [figure(value) for value in (one.before_mb, one.most_mb, one.after_mb)]
        rows.append([flood.name, told, one.requests, figure(one.p50), figure(one.p99), *megabytes, late])
    write(FLOODS, _INTRODUCTION, table(columns, rows))


_INTRODUCTION = (
    "Two workers, 20,000 people, 100,000 assignments; four honest people list and switch all the time, each on a new "
    "connection. None of their requests failed. Memory is the workers' together."
)


def _hold(seen: dict[str, Seen]) -> None:
    for flood in FLOODS_TO_SEND:
        one = seen[flood.name]
        assert set(one.told.statuses) <= flood.allowed, f"{flood.name}: {one.told}"
        assert one.most_mb - one.before_mb < flood.most_growth_mb, f"{flood.name}: {one.most_mb} MB"
        assert one.p99 < MOST_P99_MS, f"{flood.name}: p99 {one.p99} ms"
        assert (one.refusal_seconds or 0) < MOST_REFUSAL_SECONDS, f"{flood.name}: {one.refusal_seconds} s"
