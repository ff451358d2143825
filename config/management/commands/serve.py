"""`manage.py serve`, which `make run` calls: prepares the database and serves the site until Ctrl-C."""

from __future__ import annotations

import os
import socket
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection

from config import database

_BANNER = """
Warehouse user management is running.

  Back Office        {site}/admin/
  API documentation  {site}/docs
  Token endpoint     {site}/token
{logins}
Stop it with Ctrl-C.
"""

_LOGINS = """
  Back Office login     {office.email:26} password {password}
  Warehouse user login  {picker.email:26} password {password}
"""


class Command(BaseCommand):
    help = "Migrates, loads demo data into an empty embedded database, collects static files, and serves."

    def handle(self, **options: Any) -> None:
        _refuse_taken_port()
        _refuse_silent_database()
        _wait_for_turn()
        call_command("migrate", verbosity=0)
        logins = _demo_logins() if database.is_embedded() else ""
        call_command("collectstatic", verbosity=0, interactive=False)
        connection.close()  # which also ends the turn
        self.stdout.write(_BANNER.format(site=f"http://{settings.HOST}:{settings.PORT}", logins=logins))
        self.stdout.flush()  # also where it is a pipe: someone may be waiting for it
        _serve()


def _refuse_taken_port() -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except (OSError, OverflowError) as problem:
            raise CommandError(
                f"Cannot listen on {settings.HOST}:{settings.PORT} ({getattr(problem, 'strerror', problem)}): "
                "stop the program that uses the port, or choose another one: PORT=8001 make run"
            ) from None


def _refuse_silent_database() -> None:
    try:
        connection.ensure_connection()
    except OperationalError as problem:
        raise CommandError(
            f"The database does not answer ({str(problem).strip().splitlines()[0]}): check that PostgreSQL is running "
            "and that DATABASE_URL is right, or unset DATABASE_URL to use the embedded one."
        ) from None


def _wait_for_turn() -> None:
    """Servers that start at once prepare the database one after the other; the turn ends with the connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('manage.py serve'))")


def _demo_logins() -> str:
    from assignments import demo

    if demo.is_needed():
        call_command("demo", verbosity=0)
    logins = demo.logins()
    return _LOGINS.format(password=demo.PASSWORD, **logins) if logins else ""


def _serve() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "config.wsgi:application",
        address=settings.HOST,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        workers=settings.WORKERS,
        blocking_threads=1,
        respawn_failed_workers=True,
        workers_kill_timeout=5,  # a worker told to stop while it was still starting never hears it
        log_level=LogLevels.warning,
    ).serve()
