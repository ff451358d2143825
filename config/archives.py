"""The whole database in one file, in `pg_dump`'s own format: written, looked into, and loaded again.

Any PostgreSQL tool reads it. What a restore must know beforehand is read from the rows in it. Behind its end stands a
seal, since the format checks its rows and nothing else: a spoilt letter in a function would be restored with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.db import connection

from config.programs import ProgramError, Programs, address, first_complaint, server_version

#: Where the site's tables are. Whatever else a database has is none of ours.
SCHEMA = "public"

_COPY = re.compile(rb'COPY public\."?(\w+)"? \((.+)\) FROM stdin;\n')
#: The schema is there already, perhaps with rights of its own; and extensions are the business of the server's owner.
_LEFT_OUT = re.compile(r"\d+; \d+ \d+ (COMMENT - )?(SCHEMA|EXTENSION) ")
#: Written by programs from version 17 on, and unknown to servers before it.
_TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"

#: All tables, sequences and functions of the schema, but for those that belong to an extension.
_OURS = """
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


class ArchiveError(Exception):
    """The file is none of ours, or not what it was when it was written."""


@dataclass
class Contents:
    """What is in a file: how many rows of each table, and the rows of some tables."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: dict[str, list[dict[str, str]]] = field(default_factory=dict)


# --- Writing ----------------------------------------------------------------------------------------------------
def write(programs: Programs, path: Path) -> Contents:
    """Writes the database as it is at one moment, for its owner alone (mode 600), whole or not at all.

    The file has been read back once when it gets its name. Raises ProgramError, ArchiveError or OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".unfinished")
    os.close(descriptor)
    draft = Path(name)
    try:
        programs.run("pg_dump", "--format=custom", f"--schema={SCHEMA}", f"--file={draft}", *address())
        _seal(draft)
        contents = look_into(programs, draft)
        draft.replace(path)
        _keep_name(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return contents


def _keep_name(folder: Path) -> None:
    """Sees to it that a new name outlives a power cut, as the bytes do already."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _seal(path: Path) -> None:
    with path.open("ab") as file:
        file.write(_seal_of(path, file.tell()))
        file.flush()
        os.fsync(file.fileno())


def _seal_of(path: Path, length: int) -> bytes:
    """The line that vouches for the first so many bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(min(length, 1 << 20)):
            digest.update(part)
            length -= len(part)
    return b"\nmanage.py backup, SHA-256 " + digest.hexdigest().encode() + b"\n"


# --- Looking into it --------------------------------------------------------------------------------------------
def look_into(programs: Programs, path: Path, keep: Container[str] = ()) -> Contents:
    """Reads the file from beginning to end, as a restore would. Raises ArchiveError or ProgramError for a bad one."""
    _check_seal(path)
    contents = Contents()
    with _reading(programs, path, "--data-only") as script:
        for table, columns, line in _rows(script):
            contents.counts[table] += 1
            if table in keep:
                values = line.decode().removesuffix("\n").split("\t")
                contents.kept.setdefault(table, []).append(dict(zip(columns, values, strict=True)))
    return contents


def _check_seal(path: Path) -> None:
    length = max(path.stat().st_size - len(_seal_of(path, 0)), 0)
    with path.open("rb") as file:
        file.seek(length)
        if file.read() != _seal_of(path, length):
            raise ArchiveError("it is damaged, or was not written by `manage.py backup`")


@contextmanager
def _reading(programs: Programs, path: Path, *options: str) -> Iterator[IO[bytes]]:
    """The file as the script that would make it again. Raises ProgramError at its end if it did not come whole."""
    with tempfile.TemporaryFile() as complaints:
        reader = programs.start(
            "pg_restore", "--file=-", *options, str(path), stdout=subprocess.PIPE, stderr=complaints
        )
        try:
            assert reader.stdout is not None  # noqa: S101 (it is a pipe)
            yield reader.stdout
        except BaseException:
            reader.kill()
            raise
        finally:
            reader.communicate()
        if reader.returncode:
            raise ProgramError(_told(complaints))


def _rows(script: IO[bytes]) -> Iterator[tuple[str, list[str], bytes]]:
    """Table, columns and text of each row: `COPY` writes one a line, up to a line with `\\.`."""
    table, columns = "", [""]
    for line in script:
        if not table:
            if found := _COPY.fullmatch(line):
                table, columns = found[1].decode(), found[2].decode().replace('"', "").split(", ")
        elif line == b"\\.\n":
            table = ""
        else:
            yield table, columns, line


def _told(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return first_complaint(complaints.read().decode(errors="replace"))


# --- Loading it -------------------------------------------------------------------------------------------------
def load(programs: Programs, path: Path, *, replace: bool, then: str = "") -> None:
    """Makes everything in the file, in one transaction; with `replace`, in place of what is there.

    Triggers come after the rows, so that none fires but for what the SQL in `then` does, at the end of the same
    transaction. Raises ProgramError, and then nothing has changed.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted, _transaction(programs) as database:
        wanted.write(_without_what_is_there(programs.run("pg_restore", "--list", str(path))))
        wanted.flush()
        if replace:
            database.write(_emptying().encode())
        options = ("--no-owner", "--no-privileges", f"--use-list={wanted.name}")
        with _reading(programs, path, *options) as script:
            _pass_on(script, database)
        if then:  # the script finds nothing but by full names; triggers do not use them
            database.write(f"\nSET LOCAL search_path TO {SCHEMA};\n{then}".encode())


@contextmanager
def _transaction(programs: Programs) -> Iterator[IO[bytes]]:
    """SQL written here is done when all of it has come. Raises ProgramError if PostgreSQL refused any of it."""
    arguments = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", *address())
    with tempfile.TemporaryFile() as complaints:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        database = programs.start("psql", *arguments, stderr=complaints, **streams)
        with _fed(database) as script:
            script.write(b"BEGIN;\n")
            yield script
            # Said only now: without it, whatever happens to one of us, PostgreSQL takes all of it back.
            script.write(b"\nCOMMIT;\n")
        if database.returncode:
            raise ProgramError(_told(complaints))


@contextmanager
def _fed(process: subprocess.Popen[bytes]) -> Iterator[IO[bytes]]:
    """The input of a program, which has ended afterwards. One that stops listening is no error here: it says why."""
    try:
        assert process.stdin is not None  # noqa: S101 (it is a pipe)
        yield process.stdin
    except BrokenPipeError:
        pass
    except BaseException:
        process.kill()
        raise
    finally:
        process.communicate()


def _without_what_is_there(table_of_contents: str) -> str:
    lines = table_of_contents.splitlines(keepends=True)
    return "".join(line for line in lines if not _LEFT_OUT.match(line))


def _pass_on(script: IO[bytes], database: IO[bytes]) -> None:
    head = script.read(4_096)
    database.write(head if server_version() >= 17 else head.replace(_TRANSACTION_TIMEOUT, b"", 1))
    while part := script.read(1 << 20):
        database.write(part)


# --- What is there ----------------------------------------------------------------------------------------------
def counts_in_database() -> Counter[str]:
    """How many rows each table of the database has. Empty for a database that nobody has used yet."""
    with connection.cursor() as cursor:
        cursor.execute(_OURS)
        found = cursor.fetchall()
        counts = Counter({name: 0 for kind, name in found if kind == "TABLE"})
        for table in counts:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 (quoted by PostgreSQL)
            counts[table] = cursor.fetchone()[0]
    return counts


def _emptying() -> str:
    """SQL that drops what is there, in the transaction that makes it anew."""
    with connection.cursor() as cursor:
        cursor.execute(_OURS)
        found = sorted(cursor.fetchall(), key=lambda one: one[0] == "SEQUENCE")  # most go with their tables
    return "".join(f"DROP {kind} IF EXISTS {name} CASCADE;\n" for kind, name in found)
