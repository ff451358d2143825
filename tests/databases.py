"""Databases beside the one of the tests, and `manage.py` at work on them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from psycopg import sql

from config import programs
from config.installation import database_url
from tests import later_release
from tests.live import production_environment


def url_of(name: str) -> str:
    return urlsplit(database_url())._replace(path=f"/{name}").geturl()


@contextmanager
def new_database(name: str, *, like: str = "template0") -> Iterator[str]:
    """The URL of a database on the server of the tests: an empty one, or a copy of one that nobody uses."""
    with psycopg.connect(database_url(), autocommit=True) as server:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        server.execute(drop)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like)))
        try:
            yield url_of(name)
        finally:
            server.execute(drop)


def installation(url: str) -> dict[str, str]:
    """The environment of a site on that database, with the secret of the tests."""
    return production_environment() | {"DATABASE_URL": url}


def later_installation(url: str) -> dict[str, str]:
    """The same of a site of the release that comes after this one (`tests.later_release`)."""
    return installation(url) | later_release.SETTINGS


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


def manage(environment: dict[str, str], *arguments: object) -> str:
    """What a command prints. Fails if it fails."""
    done = _run(environment, *map(str, arguments))
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(environment: dict[str, str], *arguments: object) -> str:
    """The one line in which a command refuses."""
    done = _run(environment, *map(str, arguments))
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    return line.removeprefix("CommandError: ")


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def rows(url: str, query: str, *values: Any) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query, values).fetchall()


def counts(url: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        counting = sql.SQL("SELECT count(*) FROM {}")
        return {name: _only(connection.execute(counting.format(sql.Identifier(name)))) for (name,) in found}


def _only(cursor: psycopg.Cursor[Any]) -> Any:
    """The one value of an answer."""
    ((value,),) = cursor.fetchall()
    return value


def restored(before: dict[str, int]) -> dict[str, int]:
    """So many rows there are after a restore, which adds one: that it was."""
    return before | {"users_auditevent": before["users_auditevent"] + 1}


def schema(url: str) -> str:
    """Every table, index, constraint, function and trigger, as `pg_dump` writes them.

    Lists of words but for their casts, which PostgreSQL writes in another place once it has read its own.
    """
    dumped = programs.of_server().run("pg_dump", "--schema-only", "--restrict-key=x", f"--dbname={url}")
    return re.sub(r".*= ANY \(.*", lambda line: re.sub(r"::[a-z ]+(\[\])?|[()]", "", line[0]), dumped)
