"""A database with all migrations, which the processes of pytest-xdist copy: to apply them takes each ten times as long.

The first process has it made while the others start and read the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from psycopg import sql

from config.installation import database_url

_NAME = f"test_{settings.DATABASES['default']['NAME']}_migrated"
#: The number of the advisory lock that is held until the database is there.
_MAKING = 1
_DROP = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_NAME))
#: Those that make it: one in the first process.
_makers: list[Thread] = []


def begin() -> None:
    server = _operator()
    server.execute("SELECT pg_advisory_lock(%s)", [_MAKING])
    server.execute(_DROP)
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_NAME)))
    _makers.append(Thread(target=_migrate, args=[server]))
    _makers[0].start()


def _migrate(server: psycopg.Connection[Any]) -> None:
    """If it fails, those that copy the database apply the migrations, and say why they cannot."""
    url = urlsplit(database_url())._replace(path=f"/{_NAME}").geturl()
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL_FILE"}
    environment = inherited | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": url}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "-v0"]
    with server:
        subprocess.run(command, env=environment, check=False)


def wait() -> str:
    """The name of the database, once it is there."""
    with _operator() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [_MAKING])
    return _NAME


def end() -> None:
    """Drops what `begin` has made in this process."""
    for maker in _makers:
        maker.join()
        with _operator() as server:
            server.execute(_DROP)


def _operator() -> psycopg.Connection[Any]:
    return psycopg.connect(database_url(), autocommit=True)
