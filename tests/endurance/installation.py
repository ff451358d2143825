"""A whole installation to break: PostgreSQL and `manage.py serve` with two workers, each in processes of its own."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg

from config.installation import BASE_DIR
from tests.support.leaks import leaks
from tests.support.servers import live
from tests.support.servers.postgres import Cluster, cluster

#: How the server's connections call themselves.
NAME = "serve"
_OURS = ("DATABASE_URL", "EMBEDDED_DATABASE_URL", "VAR_DIR", "HOST", "DEBUG")


class Database(Protocol):
    """What an installation needs to know of its PostgreSQL."""

    @property
    def url(self) -> str: ...

    @property
    def superuser_url(self) -> str: ...


Postgres = TypeVar("Postgres", bound=Database)


class Installation(Generic[Postgres]):
    def __init__(self, postgres: Postgres, folder: Path, secret_key: str = "") -> None:
        self.postgres, self._folder, self._starts = postgres, folder, 0
        port = live.free_port()
        self.url = f"http://127.0.0.1:{port}"
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        self.environment = inherited | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": postgres.url,
            "SECRET_KEY": secret_key or secrets.token_urlsafe(48),
            "ALLOWED_HOSTS": "127.0.0.1",
            "ISSUER": "http://site.example.test",
            "HTTPS": "false",
            "PORT": str(port),
            "WORKERS": "2",
            "VAR_DIR": str(folder / "var"),
            "PGAPPNAME": NAME,
        }

    @property
    def server(self) -> str:
        """Where it listens, as a proxy is told."""
        return self.url.removeprefix("http://")

    @contextmanager
    def another_server(self) -> Iterator[Installation[Postgres]]:
        """A second server on the same database."""
        folder = self._folder / "another"
        folder.mkdir()
        another = Installation(self.postgres, folder, self.environment["SECRET_KEY"])
        own = {name: another.environment[name] for name in ("PORT", "VAR_DIR")}
        another.environment = self.environment | own
        another.start()
        try:
            yield another
        finally:
            another.put_away()

    # --- The server ---------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Starts the server, and waits until it says that it is ready."""
        self._starts += 1
        log = self._folder / f"serve-{self._starts}.log"
        self._server = live.start(self.environment, log)
        live.wait_until_ready(self._server, self.url, log)

    def kill(self) -> None:
        """The main process and its workers, at once."""
        _kill(self.processes())
        self._server.wait(timeout=30)

    def kill_a_worker(self) -> None:
        _kill(self.workers()[:1])

    def reload(self) -> None:
        """SIGHUP; waits until both workers are others."""
        before = self.workers()
        self._server.send_signal(signal.SIGHUP)
        _, alive = psutil.wait_procs(before, timeout=60)
        assert not alive, "a worker outlived the reload"

    def stop(self) -> None:
        """As an operator does. Asserts that it ends cleanly and has written no secret down."""
        self._server.terminate()
        assert self._server.wait(timeout=120) == 0
        lines = [line for log in self._folder.glob("*.log") for line in log.read_text().splitlines()]
        assert list(leaks(lines)) == [], "a secret was written down"

    def put_away(self) -> None:
        """However it stands: its workers end when they miss it."""
        self._server.kill()
        self._server.communicate()

    def probe(self, what: str) -> int:
        """The status of `/health/live` or `/health/ready`, as a load balancer asks: each time on a new connection."""
        return httpx.get(f"{self.url}/health/{what}", timeout=10).status_code

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while self.probe("ready") != 200:
            assert time.monotonic() < deadline, "it never gets ready again"
            time.sleep(0.02)

    def processes(self) -> list[Any]:
        """The main process and the workers."""
        return [psutil.Process(self._server.pid), *self.workers()]

    def workers(self) -> list[Any]:
        """The processes that listen, but for the main one, which only holds the sockets."""
        return [
            process
            for process in psutil.Process(self._server.pid).children()
            if "resource_tracker" not in " ".join(process.cmdline())
        ]

    # --- The data -----------------------------------------------------------------------------------------------
    def load(self, people: int, warehouses: int, assignments: int) -> None:
        sizes = (f"--users={people}", f"--warehouses={warehouses}", f"--assignments={assignments}")
        command = [sys.executable, "manage.py", "demo", "--force", "-v", "0", *sizes]
        subprocess.run(command, cwd=BASE_DIR, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    @contextmanager
    def outside(self) -> Iterator[psycopg.Connection[Any]]:
        """A look at the site's tables that asks nobody's leave, and has a place where nobody else does."""
        with psycopg.connect(self.postgres.superuser_url, autocommit=True, connect_timeout=5) as connection:
            yield connection


def _kill(processes: list[Any]) -> None:
    for process in processes:
        process.kill()
    deadline = time.monotonic() + 10
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def installation() -> Iterator[Installation[Cluster]]:
    """A running one; whatever happens, no process of it stays behind."""
    with tempfile.TemporaryDirectory(prefix="warehouse-endurance-") as folder, cluster() as postgres:
        made = Installation(postgres, Path(folder))
        made.start()
        try:
            yield made
        finally:
            made.put_away()
