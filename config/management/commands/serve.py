"""`manage.py serve`, which `make run` calls: prepares the database and serves the site until Ctrl-C.

SIGHUP to its process replaces the workers by ones that load the code anew, and fails nobody (`config.server`).
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import socket
import threading
from functools import partial
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection

from config import gateway, installation
from config.database.preparation import wait_for_preparation_lock

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


#: Largest head of a request, and the most that is held of what a connection sends before somebody takes it.
_HEAD_BYTES = 65_536
#: What a request may take beyond its limits.
_SPARE_SECONDS = 5
#: What a worker opens besides connections: the database, temporary files, modules.
_OTHER_FILES = 256


class Command(BaseCommand):
    help = "Migrates, loads demo data into an empty embedded database, collects static files, and serves."
    requires_system_checks = ()  # they are for those who write the site: `manage.py check`

    def handle(self, **options: Any) -> None:
        _refuse_unusable_settings()
        address = _free_address()
        _refuse_silent_database()
        wait_for_preparation_lock(self.stderr.write)
        call_command("migrate", verbosity=0)
        logins = _demo_logins() if installation.is_embedded() else ""
        call_command("collectstatic", verbosity=0, interactive=False)
        connection.close()  # which also ends the turn
        holders = _listening(address)
        self.stdout.write(_BANNER.format(site=f"http://{_place()}", logins=logins))
        self.stdout.flush()  # also where it is a pipe: someone may be waiting for it
        _serve(address, holders)


def _refuse_unusable_settings() -> None:
    """What the apps' own checks find in the settings (`users.checks`)."""
    if faults := [str(fault.msg) for fault in checks.run_checks(tags=["settings"])]:
        raise CommandError("\n".join(faults))


def _free_address() -> str:
    """The IP address to listen on. Refuses a port that another program uses, before anything is prepared."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(settings.HOST, settings.PORT, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        raise _taken(problem) from None
    return str(address[0])


def _listening(address: str) -> list[Any]:
    """A socket for each worker. Refuses a port that another program, or another `serve`, has taken since."""
    from config.server import listen

    try:
        return listen(address, settings.PORT, settings.WORKERS)
    except OSError as problem:
        raise _taken(problem) from None


def _taken(problem: OSError) -> CommandError:
    return CommandError(
        f"Cannot listen on {_place()} ({problem.strerror}): "
        f"stop the program that uses the port, or choose another one: PORT={_other_port()} make run"
    )


def _place() -> str:
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    return f"{host}:{settings.PORT}"


def _other_port() -> int:
    return 8_002 if settings.PORT == 8_001 else 8_001


def _refuse_silent_database() -> None:
    try:
        connection.ensure_connection()
    except OperationalError as problem:
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


def _serve(address: str, holders: list[Any]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from config.server import Server

    Server(
        "config.wsgi:application",
        address=address,
        port=settings.PORT,
        interface=Interfaces.ASGINL,  # of which `config.gateway` makes WSGI
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=settings.PATIENCE_SECONDS * 1_000, max_buffer_size=_HEAD_BYTES
        ),
        loop=gateway.LOOP,
        websockets=False,
        workers=len(holders),
        holders=holders,
        backpressure=_most_connections(),
        blocking_threads=1,
        respawn_failed_workers=True,
        workers_kill_timeout=5,  # when all end: containers are killed after ten
        leave_seconds=_longest_request(),
        log_level=LogLevels.warning,
    ).serve(target_loader=_load_worker, wrap_loader=False)


def _longest_request() -> float:
    """How many seconds one may take that nothing is wrong with: its body comes late, it waits, and asks for long."""
    return (
        settings.PATIENCE_SECONDS + 5 * settings.MAX_WAIT_SECONDS + settings.STATEMENT_TIMEOUT_SECONDS + _SPARE_SECONDS
    )


def _most_connections() -> int:
    """As many as the setting says, if the system lets one process open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max(1, min(settings.MAX_CONNECTIONS, soft - _OTHER_FILES))


def _load_worker() -> Any:
    """What a worker runs first. It stops when the main process tells it, also while loading, or is gone."""
    # Ctrl-C, and the wish to reload, are for the main process alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until the server sets its own, which needs the application
    threading.Thread(target=_end_with_main_process, daemon=True).start()
    from granian.server import mp

    from config.server import Farewell
    from config.wsgi import application

    mp._new_cbscheduler = partial(gateway.scheduler, Farewell(application))
    return application


def _end_with_main_process() -> None:
    """Orphans would keep the port."""
    if main_process := multiprocessing.parent_process():
        main_process.join()
        os._exit(1)
