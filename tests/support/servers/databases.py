"""Databases beside the one of the tests, and `manage.py` at work on them."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import ManagementUtility
from django.db import connection
from django.test import override_settings
from psycopg import sql

from config.database import backup
from config.database.addresses import connection_settings
from config.installation import database_url
from tests import later_release
from tests.support.servers.live import production_environment


@contextmanager
def new_database(name: str, *, like: str | None = None) -> Iterator[str]:
    """The URL of a database on the server of the tests: an empty one, or a copy of one that nobody uses."""
    source = "template0" if like is None else _of_this_process(like)
    own = _of_this_process(name)
    with psycopg.connect(database_url(), autocommit=True) as server:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(own))
        server.execute(drop)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(own), sql.Identifier(source)))
        try:
            yield urlsplit(database_url())._replace(path=f"/{own}").geturl()
        finally:
            server.execute(drop)


def _of_this_process(name: str) -> str:
    """Other processes of this run may use the same server."""
    return f"{name}_{connection.settings_dict['NAME']}"


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
    status, told, complaint = run(environment, *arguments)
    assert status == 0, complaint
    return told


def refused(environment: dict[str, str], *arguments: object) -> str:
    """The one line in which a command refuses."""
    status, told, complaint = run(environment, *arguments)
    assert (status, told) == (1, ""), (status, told, complaint)
    (line,) = complaint.splitlines()
    return line.removeprefix("CommandError: ")


def run(environment: dict[str, str], *arguments: object) -> tuple[int, str, str]:
    """The exit status of a command, and what is on its standard output and standard error.

    It runs in this process: to start Python and Django takes a hundred times the processor time of most commands.
    """
    told, complaint, status = io.StringIO(), io.StringIO(), 0
    name, *rest = map(str, arguments)
    with connected(environment), redirect_stdout(told), redirect_stderr(complaint):
        try:
            ManagementUtility().fetch_command(name).run_from_argv(["manage.py", name, *rest])
        except SystemExit as end:
            status = int(end.code or 0)
    return status, told.getvalue(), complaint.getvalue()


@contextmanager
def connected(environment: dict[str, str]) -> Iterator[None]:
    """This process uses the database and the settings of that environment, for the duration of the block."""
    inherited = production_environment()
    own = {name: value for name, value in environment.items() if inherited.get(name) != value}
    address = connection_settings(own.pop("DATABASE_URL", inherited["DATABASE_URL"]), is_prepared=True)
    connection.close()
    with mock.patch.dict(connection.settings_dict, address), override_settings(**_settings(own)):
        try:
            yield
        finally:
            connection.close()
            ContentType.objects.clear_cache()


#: The variables of an environment that `connected` knows: what the setting of that name is.
_KNOWN: dict[str, Callable[[str], Any]] = {
    "SECRET_KEY": str,
    "SECRET_KEY_FALLBACKS": lambda value: value.split(","),
    "MIGRATION_WAIT_SECONDS": int,
    "HOST": str,
    "PORT": int,
}


def _settings(own: dict[str, str]) -> dict[str, Any]:
    """What these variables set. Raises KeyError if there are others among them."""
    others = {name: value for name, value in own.items() if name not in later_release.SETTINGS}
    found = {name: _KNOWN[name](value) for name, value in others.items()}
    return found | (later_release.OVERRIDES if others != own else {})


@cache
def later_schema() -> str:
    """The schema of a new site of the later release."""
    with new_database("later_release") as url:
        manage(later_installation(url), "migrate", "-v0")
        return schema(url)


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
    dumped = backup.run("pg_dump", "--schema-only", "--restrict-key=x", f"--dbname={url}")
    return re.sub(r".*= ANY \(.*", lambda line: re.sub(r"::[a-z ]+(\[\])?|[()]", "", line[0]), dumped)
