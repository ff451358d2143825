"""The product, the floor and the stock site, each as a process of its own behind one granian worker."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

import psutil  # type: ignore[import-untyped]

from tests.benchmarks.folder import ROOT, Folder

PRODUCT, FLOOR, STOCK = "product", "floor", "stock"
_START_SECONDS = 120
_TICK_SECONDS = 0.02


@dataclass
class Site:
    """A running site. Its processor time and its database's are read from the kernel."""

    name: str
    folder: Folder
    port: int
    process: subprocess.Popen[Any]

    @cached_property
    def worker(self) -> Any:
        """The process that answers: the main process's child."""
        return psutil.Process(self.process.pid).children()[-1]

    def cpu_seconds(self) -> float:
        """Of the application so far."""
        main = psutil.Process(self.process.pid)
        return sum(_cpu_seconds(process) for process in (main, *main.children(recursive=True)))

    def database_cpu_seconds(self) -> float:
        """Of this site's own PostgreSQL backends so far, which are known by the name it gives itself."""
        pids = self.folder.ask("SELECT pid FROM pg_stat_activity WHERE application_name = %s", self.name)
        return sum(_cpu_seconds(psutil.Process(pid)) for (pid,) in pids)


def _cpu_seconds(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


_GRANIAN = """
import sys
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
options = {"interface": Interfaces.WSGI, "workers": 1, "blocking_threads": 1, "log_level": LogLevels.warning}
Granian(sys.argv[1], port=int(sys.argv[2]), **options).serve()
"""
#: What each neighbour's worker loads. The product starts itself.
_TARGETS = {FLOOR: "tests.benchmarks.floor.app:application", STOCK: "tests.benchmarks.stock.wsgi:application"}


@contextmanager
def running(folder: Folder, *names: str) -> Iterator[list[Site]]:
    """These sites, answering; the product first, since PostgreSQL starts and ends with it."""
    with ExitStack() as stack:
        yield [stack.enter_context(_site(folder, name)) for name in names]


@contextmanager
def _site(folder: Folder, name: str) -> Iterator[Site]:
    log = (folder.path / f"{name}.log").open("w")
    site, _ = start(folder, name, log)
    try:
        yield site
    finally:
        stop(site)
        log.close()


def start(folder: Folder, name: str, log: IO[str]) -> tuple[Site, float]:
    """The site once it has answered, and how many seconds that took from nothing."""
    port = _free_port()
    if name == PRODUCT:
        command, environment = ["manage.py", "serve"], folder.environment
    else:
        command, environment = ["-c", _GRANIAN, _TARGETS[name], str(port)], folder.neighbours_environment
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | {"PORT": str(port), "PGAPPNAME": name},
        stdout=log,
        stderr=log,
    )
    _wait_for_answer(process, port, log.name)
    return Site(name, folder, port, process), time.perf_counter() - began


def stop(site: Site) -> None:
    site.process.terminate()
    try:
        site.process.wait(timeout=60)
    finally:
        site.process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_answer(process: subprocess.Popen[Any], port: int, log: str) -> None:
    for _ in range(int(_START_SECONDS / _TICK_SECONDS)):
        if process.poll() is not None:
            break
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/.well-known/jwks.json")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(_TICK_SECONDS)
    process.kill()
    sys.exit(f"The site did not start: see {log}")
