"""`manage.py serve`, which `make run` calls: prepares the database and serves the site until Ctrl-C.

SIGTERM and Ctrl-C stop it, SIGHUP reloads the code (`config.server.granian`).
"""

from __future__ import annotations

import socket
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import Error, connection

from config import installation
from config.database import timeouts
from config.database.preparation import wait_for_preparation_lock
from config.server import granian
from config.telemetry import exporter
from config.web import static_files

_BANNER = """
Warehouse user management is running.

  Back Office        {site}/admin/
  API documentation  {site}/docs
  Token endpoint     {site}/token
  Connect the app    docs/connect-the-app.md
{logins}
Stop it with Ctrl-C.
"""

_LOGINS = """
  Back Office login     {office.email:26} password {password}
  Warehouse user login  {picker.email:26} password {password}
"""


class Command(BaseCommand):
    help = "Migrates, loads demo data into an empty embedded database, collects static files, and serves."
    requires_system_checks = ()  # they are for development: `manage.py check`

    def handle(self, **options: Any) -> None:
        _refuse_unusable_settings()
        address = _free_address()
        _refuse_unreachable_database()
        if fault := timeouts.fault_of_pool():
            raise CommandError(fault)
        wait_for_preparation_lock(self.stderr.write)
        call_command("migrate", verbosity=0)
        logins = _demo_logins() if installation.is_embedded() else ""
        self._warn()
        static_files.collect()
        connection.close()  # also releases the preparation lock
        with _reserved(address):
            if settings.METRICS_PORT:
                _export_metrics()
            self._announce(logins)
            granian.serve(address, settings.PORT, settings.WORKERS)

    def _warn(self) -> None:
        """Says what the checks of the database find, such as of `BREAK_GLASS_EMAIL`. The site starts all the same."""
        for found in checks.run_checks(tags=[checks.Tags.database], databases=["default"]):
            self.stderr.write(str(found.msg))

    def _announce(self, logins: str) -> None:
        self.stdout.write(_BANNER.format(site=f"http://{_place(settings.HOST, settings.PORT)}", logins=logins))
        self.stdout.flush()  # for readers of a pipe


def _refuse_unusable_settings() -> None:
    """Raises CommandError with the faults that the apps' checks find (`users.oauth.clients.default_client`)."""
    if faults := [str(fault.msg) for fault in checks.run_checks(tags=["settings"])]:
        raise CommandError("\n".join(faults))
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT and find_spec("opentelemetry") is None:
        raise CommandError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: run "
            "`.venv/bin/pip install --require-hashes -r requirements-tracing.txt`, or unset it."
        )


def _free_address() -> str:
    """The IP address to listen on. Raises CommandError if the port is in use."""
    try:
        address = socket.getaddrinfo(settings.HOST, settings.PORT, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as problem:
        raise _taken(problem) from None
    with _reserved(str(address)):
        return str(address)


def _reserved(address: str) -> socket.socket:
    """A socket that is bound to the port and never listens. Raises CommandError if the port is in use.

    The workers share the port by SO_REUSEPORT, and would share it with the workers of another server. Binding without
    the option fails if any process has the port. Setting it afterwards admits the workers.
    """
    reserved = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignores connections in TIME_WAIT
        reserved.bind((address, settings.PORT))
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as problem:
        reserved.close()
        raise _taken(problem) from None
    return reserved


def _taken(problem: OSError) -> CommandError:
    other = 8_002 if settings.PORT == 8_001 else 8_001
    return CommandError(
        f"Cannot listen on {_place(settings.HOST, settings.PORT)} ({problem.strerror}): "
        f"stop the program that uses the port, or choose another one: PORT={other} make run"
    )


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _export_metrics() -> None:
    """Raises CommandError if the port cannot be used."""
    granian.block_signals()
    try:
        exporter.start()
    except OSError as problem:
        place = _place(settings.METRICS_HOST, settings.METRICS_PORT)
        raise CommandError(
            f"Cannot serve metrics on {place} ({problem.strerror}): choose another METRICS_PORT or METRICS_HOST."
        ) from None


def _refuse_unreachable_database() -> None:
    try:
        connection.ensure_connection()
    except Error as problem:
        raise CommandError(
            f"The database does not answer ({str(problem).strip().splitlines()[0]}): check that PostgreSQL is running "
            "and that DATABASE_URL is right, or unset DATABASE_URL to use the embedded one."
        ) from None


def _demo_logins() -> str:
    from assignments import demo

    if demo.is_needed():
        call_command("demo", verbosity=0)
    logins = demo.logins()
    return _LOGINS.format(password=demo.PASSWORD, **logins) if logins else ""
