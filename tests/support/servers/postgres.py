"""A PostgreSQL of one's own, made from the embedded package's programs, that may be stopped, killed and started.

It listens on a port of 127.0.0.1, as an installation's does, and the site connects as a role without privileges.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg

from config.database import embedded
from tests.support.freezing import family, frozen
from tests.support.servers.live import free_port, live_server, load_demo, production_environment
from tests.support.waiting import MOST_SECONDS

#: Few, so that a test can take them all.
MOST_CONNECTIONS = 20
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": str(MOST_CONNECTIONS),
    "shared_buffers": "32MB",
}


class Cluster:
    """One server and its data folder."""

    def __init__(self, folder: Path, copied_from: Cluster | None, /, **options: str) -> None:
        library, _ = embedded._library()
        self.port = int(options.pop("port", free_port()))
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self._log = folder / "log"
        self._made = library.PostgresServer(self.data)
        if copied_from:
            self._copy(copied_from)
        else:
            self._made.ensure_pgdata_inited()
        self._options = [f"--{name}={value}" for name, value in (_OPTIONS | options).items()]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As the site connects."""
        return f"postgres://site@127.0.0.1:{self.port}/site"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def superuser_url(self) -> str:
        """The site's database, as a superuser."""
        return f"postgres://postgres@127.0.0.1:{self.port}/site"

    @contextmanager
    def operator(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection that may do everything, and finds a place where nobody else does."""
        url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(url, autocommit=True, connect_timeout=MOST_SECONDS) as connection:
            yield connection

    def start(self) -> float:
        """Starts it, and waits until it answers. Returns when it did, as `time.monotonic` counts."""
        command = [self._made.bin_path / "postgres", "-D", self.data, "-p", str(self.port), *self._options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, user=self._made.system_user, stdout=log, stderr=log)
        until = time.monotonic() + MOST_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.02)
        return time.monotonic()

    def _copy(self, other: Cluster) -> None:
        """All that it has: of one that runs, as a standby of it."""
        shutil.chown(self.data, self._made.system_user or self.data.owner())  # whom it runs as
        if other.is_running:
            command = [self._made.bin_path / "pg_basebackup", "-D", self.data, "--write-recovery-conf"]
            command += ["--checkpoint=fast", "-h", "127.0.0.1", "-p", str(other.port), "-U", "postgres"]
        else:
            command = ["cp", "-R", f"{other.data}/.", self.data]
        subprocess.run(command, user=self._made.system_user, check=True, capture_output=True)

    def prepare(self) -> None:
        """Makes the site's role and database."""
        with self.operator() as connection:
            connection.execute("CREATE ROLE site LOGIN")
            connection.execute("CREATE DATABASE site OWNER site")

    def stop(self) -> None:
        """Ends every connection, and then itself ("fast shutdown")."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=MOST_SECONDS)

    def kill(self) -> None:
        """With every process of its own, at once: as when the machine loses its power."""
        assert self._process is not None
        children = psutil.Process(self._process.pid).children(recursive=True)
        for process in [self._process, *children]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(timeout=MOST_SECONDS)
        psutil.wait_procs(children, timeout=MOST_SECONDS)  # they hold memory that the next one wants

    def frozen(self) -> AbstractContextManager[None]:
        """It takes what is said to it and does nothing, as when its disk hangs or its machine is paused."""
        assert self._process is not None
        return frozen(family(self._process.pid))

    def _answers(self) -> bool:
        try:
            with self.operator():
                return True
        except psycopg.OperationalError:
            return False


@contextmanager
def cluster(*, demo: bool = False, **options: str) -> Iterator[Cluster]:
    """A running one with a database for the site, in a folder that goes when it is over.

    The database is empty, or that of a site with the accounts and warehouses of `make run`.
    `fsync="off"` is faster, and safe from everything but the end of the machine.
    """
    with _folder() as folder, _started(Cluster(folder, _pattern(demo), **options)) as own:
        yield own


@cache
def _pattern(demo: bool) -> Cluster:
    """One that was stopped, for others to be copied from: to make one takes ten times as long."""
    folder = _closed_at_exit.enter_context(_folder())
    with _started(Cluster(folder, _pattern(False) if demo else None, fsync="off")) as made:
        if demo:
            with live_server(
                production_environment() | {"DATABASE_URL": made.url, "WORKERS": "1"}, folder / "serve.log"
            ):
                load_demo(made.url)
        else:
            made.prepare()
    return made


@contextmanager
def standby(primary: Cluster) -> Iterator[Cluster]:
    """A copy in the place of a primary that is gone: read-only until it is promoted."""
    with _copy(primary, primary.port) as copy:
        primary.stop()
        copy.start()
        yield copy


@contextmanager
def replica(primary: Cluster) -> Iterator[Cluster]:
    """A copy beside the primary, which follows it: read-only until it is promoted."""
    with _copy(primary, free_port()) as copy:
        copy.start()
        yield copy


@contextmanager
def _copy(primary: Cluster, port: int) -> Iterator[Cluster]:
    with _folder() as folder:
        copy = Cluster(folder, primary, port=str(port), fsync="off")
        try:
            yield copy
        finally:
            copy.stop()


@contextmanager
def _started(one: Cluster) -> Iterator[Cluster]:
    one.start()
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    """Of its own, where also the user may look as whom PostgreSQL runs."""
    with tempfile.TemporaryDirectory(prefix="warehouse-postgres-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


#: What is kept for the tests that this process runs later.
_closed_at_exit = ExitStack()
atexit.register(_closed_at_exit.close)
