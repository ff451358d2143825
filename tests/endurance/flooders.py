"""Those who flood a site behind nginx: each kind as a function of it, which returns what they were told."""

from __future__ import annotations

import resource
import secrets
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from tests import slow
from tests.benchmarks.client import Request, ask
from tests.benchmarks.report import figure
from tests.benchmarks.sites import Site
from tests.burst import burst
from tests.support.nginx import READER_SECONDS, SEND_BYTES, Proxy

MANY = 1_000
FLOOD_SECONDS = 8
#: Of the kernel, for answers that nobody takes.
MOST_KERNEL_MB = MANY * 2 * SEND_BYTES / 2**20 + 16
#: How late the server may be.
MOST_REFUSAL_SECONDS = 3
#: Where floods come from: another address than that of the honest.
FLOODER = "127.0.0.2"


class Told(NamedTuple):
    """What the flooders were told, by status, how long the slowest refusal took, and what else is worth telling."""

    statuses: Counter[int]
    slowest_seconds: float | None = None
    remark: str = ""


@dataclass
class Fronted(Site):
    """A site that is asked through nginx; `port` is nginx's."""

    proxy: Proxy


Run = Callable[[Fronted], Told]
RequestBy = Callable[[Site], Request]


# --- Those who are slow -----------------------------------------------------------------------------------------------
def waiting(beginning: Callable[[str], bytes], number: int = MANY) -> Run:
    """So many sockets that send this and then nothing, until each has been told or closed."""

    def run(site: Fronted) -> Told:
        began = time.monotonic()
        with slow.sockets(url_of(site), number, beginning(url_of(site)), source=FLOODER) as senders:
            return _told([slow.refusal(sender, began) for sender in senders])

    return run


def trickling(beginning: Callable[[str], bytes]) -> Run:
    """Sockets that send this and then one byte each second, until each has been told or closed."""

    def run(site: Fronted) -> Told:
        began = time.monotonic()
        with slow.sockets(url_of(site), MANY, beginning(url_of(site)), source=FLOODER) as senders:
            told = slow.trickle(senders, b"x", began, most_seconds=60)
        assert len(told) == MANY, f"{MANY - len(told)} that trickle are waited for"
        return _told(told)

    return run


def _told(refusals: list[slow.Refusal]) -> Told:
    return Told(Counter(answer.status for answer in refusals), max(answer.seconds for answer in refusals))


def reading(request_by: RequestBy, most_mb: float) -> Run:
    """Sockets that ask for something of at most so many MB and take nothing of it, until nginx closes them.

    Two at a time, each as soon as another is answered: faster, and they would be refused. A slow machine answers fewer
    before it closes the first.
    """

    def run(site: Fronted) -> Told:
        request = request_by(site)
        size = len(ask(site, request).body) / 2**20
        assert most_mb / 2 < size < most_mb, f"{request.path} has {size} MB"
        kernel, files = _kernel_mb(), _open_files(site)
        with ExitStack() as stack:
            readers = _readers(site, stack, raw(request, site))
            assert len(readers) > MANY / 10, f"{len(readers)} readers are no flood"
            asked, at_once, held = time.monotonic(), _open_files(site) - files, _kernel_mb() - kernel
            assert held < MOST_KERNEL_MB, f"the kernel holds {held:.0f} MB"
            while _open_files(site) - files > MANY / 20:  # the honest have some
                assert time.monotonic() - asked < READER_SECONDS + MOST_REFUSAL_SECONDS, "readers are waited for"
                time.sleep(0.1)
            left = time.monotonic() - asked
            statuses = Counter(slow.told(reader.recv(4_096), 0).status for reader in readers)
        return Told(statuses, left, f"{size:.2f} MB each; {at_once} more files open, {held:.0f} MB in the kernel")

    return run


def _readers(site: Fronted, stack: ExitStack, asked: bytes) -> list[socket.socket]:
    until = time.monotonic() + READER_SECONDS

    def read(number: int) -> Iterator[socket.socket]:
        if time.monotonic() < until:
            (reader,) = stack.enter_context(
                slow.sockets(url_of(site), 1, asked, receive_bytes=4_096, source=f"127.0.1.{number % 100 + 1}")
            )
            reader.recv(1, socket.MSG_PEEK)  # until it is answered
            yield reader

    with ThreadPoolExecutor(2) as threads:
        return list(chain.from_iterable(threads.map(lambda number: [*read(number)], range(MANY))))


def _open_files(site: Fronted) -> int:
    """Of nginx's workers, connections among them."""
    return sum(worker.num_fds() for worker in psutil.Process(site.proxy.process.pid).children())


def _kernel_mb() -> float:
    """What all TCP connections of this machine hold (proc_net(5), in pages)."""
    (tcp,) = [line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:")]
    return int(tcp.rpartition(" ")[2]) * resource.getpagesize() / 2**20


# --- Those who ask for much -------------------------------------------------------------------------------------------
def asking(request: Request, connections: int) -> Run:
    """So many connections, each of which asks again as soon as it is answered."""

    def run(site: Fronted) -> Told:
        told: Counter[int] = Counter()
        until = time.monotonic() + FLOOD_SECONDS

        def ask_on(_: int) -> None:
            while time.monotonic() < until:
                told[_status(site, request)] += 1

        with ThreadPoolExecutor(connections) as threads:
            list(threads.map(ask_on, range(connections)))
        return Told(told)

    return run


def differing(requests: Callable[[Site], Callable[[str], Request]], number: int) -> Run:
    """So many requests, no two alike: each is made of letters that were never sent before."""

    def run(site: Fronted) -> Told:
        request = requests(site)
        with ThreadPoolExecutor(4) as threads:
            return Told(Counter(threads.map(lambda _: _status(site, request(secrets.token_hex(4))), range(number))))

    return run


def _status(site: Site, request: Request) -> int:
    with slow.sockets(url_of(site), 1, raw(request, site, "Connection: close"), source=FLOODER) as (sender,):
        return slow.refusal(sender, 0).status


def ten_times_what_it_can_do(request_by: RequestBy) -> Run:
    """So many a second, whether they are answered or not, from one address."""

    def run(site: Fronted) -> Told:
        request = request_by(site)
        capacity = asking(request, 8)(site).statuses.total() / FLOOD_SECONDS
        rate = 10 * capacity
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as another:  # whose pace is its own
            sending = raw(request, site, "Connection: close")
            sent = another.submit(burst, url_of(site), sending, rate, FLOOD_SECONDS, FLOODER)
            answers = sent.result()
        refused = [answer.seconds for answer in answers if answer.status in (429, 503)]
        median = figure(statistics.median(refused) * 1e3)
        remark = f"{rate:.0f} a second, of {capacity:.0f} possible; half of the refusals within {median} ms"
        return Told(Counter(answer.status for answer in answers), max(refused), remark)

    return run


# --- What they send ---------------------------------------------------------------------------------------------------
def raw(request: Request, site: Site, *more: str) -> bytes:
    headers = [*more, *(f"{name}: {value}" for name, value in request.headers.items())]
    length = [f"Content-Length: {len(request.body)}"] if request.body else []
    return slow.head(f"{request.method} {request.path}", url_of(site), *headers, *length) + request.body.encode()


def url_of(site: Site) -> str:
    return f"http://127.0.0.1:{site.port}"
