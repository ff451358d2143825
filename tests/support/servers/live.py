"""A real `manage.py serve` in a process of its own, for tests that must speak real HTTP to the real server."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from django.conf import settings
from django.db import connection

from config import installation
from tests.support.leaks import leaks

#: The last line of what `manage.py serve` prints when it starts.
READY = "Stop it with Ctrl-C."
#: Variables that a server does not inherit from the tests.
_OF_THIS_PROCESS = {"DEBUG", "HOST", "PORT", "PYTEST_CURRENT_TEST"}


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    with httpx.Client(transport=httpx.HTTPTransport(retries=6), timeout=30) as client:
        assert client.get(f"{url}/health/ready").status_code == 200
    return banner


@contextmanager
def live_server(environment: dict[str, str], log: Path) -> Iterator[str]:
    """The address of a server with this environment; asserts that it ends cleanly when told to."""
    with running(environment, log) as (_main, url):
        yield url


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The same, with its main process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = start(environment | {"PORT": str(port)}, log)
    try:
        wait_until_ready(server, url, log)
        yield psutil.Process(server.pid), url
        server.terminate()
        assert server.wait(timeout=30) == 0, log.read_text()
        assert list(leaks(log.read_text().splitlines())) == [], "a secret was written down"
    finally:
        server.kill()
        server.communicate()


def workers_of(main: psutil.Process) -> list[psutil.Process]:
    return [child for child in main.children() if "resource_tracker" not in " ".join(child.cmdline())]


@pytest.fixture(scope="session")
def live_url(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real server's address, two workers on the test database. A test needs `transactional_db` besides."""
    with live_server(production_environment(), tmp_path_factory.mktemp("live") / "serve.log") as url:
        yield url
