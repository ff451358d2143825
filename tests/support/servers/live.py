"""A real `manage.py serve` in a process of its own, for tests that must speak real HTTP to the real server."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from django.conf import settings
from django.db import connection

from config import installation
from tests.support.leaks import leaks
from tests.support.waiting import MOST_SECONDS, until

#: The last line of what `manage.py serve` prints when it starts.
READY = "Stop it with Ctrl-C."
#: Variables that a server does not inherit from the tests.
_OF_THIS_PROCESS = {"DEBUG", "HOST", "PORT", "PYTEST_CURRENT_TEST"}


#: Below those that the kernel gives to outgoing connections, one of which might else have a port by the time that a
#: server is started there, or started again.
_PORTS = range(20_000, 32_000)
_PORTS_OF_A_PROCESS = 1_500


def _ports() -> Iterator[int]:
    """Those of this process, again and again. Another run on this machine hardly begins at the same one."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = worker * _PORTS_OF_A_PROCESS % len(_PORTS)
    own = _PORTS[first : first + _PORTS_OF_A_PROCESS]
    begin = random.randrange(len(own))
    return cycle([*own[begin:], *own[:begin]])


_own_ports = _ports()


def free_port() -> int:
    """A TCP port that nothing listens on. No two servers of a run get the same."""
    for port in _own_ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port
    raise AssertionError("there are always more")


def database_url() -> str:
    """The URL of the database that this run of the tests uses."""
    return urlsplit(installation.database_url())._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def production_environment() -> dict[str, str]:
    """An environment with the test database and every required setting, so that tokens minted here hold there."""
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_THIS_PROCESS}
    return inherited | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "ISSUER": settings.ISSUER,
        "HTTPS": "false",
        "WORKERS": "8",  # so many transactions can meet at once
    }


def patient_environment() -> dict[str, str]:
    """The same for servers that give nobody up, however long a busy machine or a crowd of callers holds them up."""
    url, seconds = database_url(), str(MOST_SECONDS)
    return production_environment() | {
        "DATABASE_URL": f"{url}{'&' if '?' in url else '?'}connect_timeout={seconds}",
        "LOCK_TIMEOUT_SECONDS": seconds,
        "STATEMENT_TIMEOUT_SECONDS": seconds,
    }


def load_demo(url: str) -> None:
    """Accounts and warehouses in the migrated database of this URL, as `make run` has them."""
    command = [sys.executable, "manage.py", "demo", "--force", "-v", "0"]
    environment = production_environment() | {"DATABASE_URL": url}
    subprocess.run(command, cwd=installation.BASE_DIR, env=environment, check=True, stdout=subprocess.DEVNULL)


def start(environment: dict[str, str], log: Path, terminal: int | None = None) -> subprocess.Popen[str]:
    """Starts `manage.py serve`, with its log lines in a file and what it tells the operator in `stdout`.

    `terminal` is a file descriptor of one that is nobody else's, as if it had been opened for this.
    """
    with log.open("w") as errors:
        return subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=installation.BASE_DIR,
            env=environment,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=terminal is not None,
            preexec_fn=None if terminal is None else _take_terminal,
        )


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def operator_lines(log: Path) -> list[str]:
    """What is on standard error besides log lines, which are JSON."""
    return [line for line in log.read_text().splitlines() if not line.startswith("{")]


def wait_until_started(server: subprocess.Popen[str], log: Path) -> str:
    """What it printed, once it has started. Fails with its log if it ended instead."""
    assert server.stdout is not None
    banner = ""
    while READY not in banner:
        line = server.stdout.readline()
        assert line, f"serve ended with {server.wait()}: {log.read_text()}"
        banner += line
    return banner


def wait_until_ready(server: subprocess.Popen[str], url: str, log: Path) -> str:
    """What it printed, once it answers. Fails with its log if it ended instead."""
    banner = wait_until_started(server, log)
    wait_until_it_listens(url)
    assert httpx.get(f"{url}/health/ready", timeout=MOST_SECONDS).status_code == 200
    return banner


def wait_until_it_listens(url: str) -> None:
    """The workers take a moment to load, also after the main process has said that it has started."""
    address = urlsplit(url)
    until(lambda: _is_listened_to(address.hostname or "", address.port or 0))


def _is_listened_to(host: str, port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection((host, port), timeout=MOST_SECONDS):
        return True
    return False


@contextmanager
def live_server(environment: dict[str, str], log: Path) -> Iterator[str]:
    """The address of a server with this environment; asserts that it ends cleanly when told to."""
    with running(environment, log) as (_main, url):
        yield url


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The same, with its main process. The environment may name the port."""
    port = int(environment.get("PORT", 0)) or free_port()
    url = f"http://127.0.0.1:{port}"
    server = start(environment | {"PORT": str(port)}, log)
    try:
        wait_until_ready(server, url, log)
        yield psutil.Process(server.pid), url
        server.terminate()
        assert server.wait(timeout=MOST_SECONDS) == 0, log.read_text()
        assert list(leaks(log.read_text().splitlines())) == [], "a secret was written down"
    finally:
        server.kill()
        server.communicate()


def workers_of(main: psutil.Process) -> list[psutil.Process]:
    """Those that have not ended."""
    return [child for child in main.children() if (line := _command_line(child)) and "resource_tracker" not in line]


def wait_for_successor(main: psutil.Process, worker: psutil.Process) -> psutil.Process:
    """The process that takes over from this worker after a reload, which starts it anew."""

    def found() -> psutil.Process | None:
        others = (one for one in workers_of(main) if one != worker and "spawn_main" in _command_line(one))
        return next(others, None)

    successor = until(found)
    assert successor is not None
    return successor


def wait_until_told_to_end(worker: psutil.Process) -> None:
    """It takes no more connections then, and goes on with what it is doing."""
    until(lambda: not any(one.status == psutil.CONN_LISTEN for one in worker.net_connections("tcp")))


def _command_line(process: psutil.Process) -> str:
    """Empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.fixture(scope="session")
def live_url(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real server's address, on the test database. A test needs `transactional_db` besides."""
    with live_server(patient_environment(), tmp_path_factory.mktemp("live") / "serve.log") as url:
        yield url
