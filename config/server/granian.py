"""The HTTP server: starts granian and bounds its shutdown time."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any

from django.conf import settings
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

#: Largest request head, in bytes. The proxy's `large_client_header_buffers` must not be larger.
MAX_HEAD_BYTES = 65_536
#: Grace period of requests and jobs at shutdown. Container runtimes kill after ten seconds.
MAX_STOP_SECONDS = 4
#: Grace period of jobs when a reload replaces their worker.
MAX_RELOAD_SECONDS = 30
#: Idle time after which a worker ends its thread and database connection: granian's maximum.
_IDLE_SECONDS = 600
#: Time for a new worker to load, before the one that it replaces is stopped.
_LOAD_SECONDS = 5
#: Signals that the main process handles.
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
#: Signal by which its signal thread ends the main thread.
_GIVE_UP = signal.SIGUSR1


def serve(address: str, port: int, workers: int) -> None:
    """Returns when the server was stopped (SIGTERM, SIGINT) and its workers have ended."""
    server = Granian(
        "config.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEAD_BYTES),
        websockets=False,
        workers=workers,
        blocking_threads=1,
        blocking_threads_idle_timeout=_IDLE_SECONDS,
        respawn_failed_workers=True,
        respawn_interval=_LOAD_SECONDS,
        log_level=LogLevels.warning,
    )
    block_signals()
    signal.signal(_GIVE_UP, _give_up)
    threading.Thread(target=_handle_signals, args=(server,), name="signals", daemon=True).start()
    os.register_at_fork(after_in_child=_handle_sigterm)
    server.on_reload(_spawn_workers)
    if multiprocessing.get_start_method() == "fork":
        _load_modules()
    server.serve(target_loader=_load_worker, wrap_loader=False)


# --- The main process -------------------------------------------------------------------------------------------
def block_signals() -> None:
    """For this thread and those that it starts: `serve` handles these signals in a thread of its own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _handle_signals(server: Any) -> None:
    """Runs in a thread. In granian's signal handler, `Event.set` can deadlock with the `Event.wait` that it interrupts.

    granian's `workers_kill_timeout` is not used: it also reports and kills workers that have just ended.
    """
    had_terminal = _has_terminal()
    while signal.sigwait(_SIGNALS) == signal.SIGHUP and had_terminal == _has_terminal():
        server.signal_handler_reload()
    server.signal_handler_interrupt()  # SIGTERM, SIGINT, or SIGHUP of a closed terminal
    signal.sigtimedwait(_SIGNALS, MAX_STOP_SECONDS)  # a second Ctrl-C ends the grace period
    signal.pthread_kill(threading.main_thread().ident or 0, _GIVE_UP)


def _give_up(*_: object) -> None:
    """Kills the workers and ends the main thread.

    It waits for their end: the embedded PostgreSQL is stopped by the last process that uses it.
    """
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join(timeout=1)
    sys.exit(0)


def _has_terminal() -> bool:
    """Whether standard input is an open terminal."""
    return os.isatty(sys.__stdin__.fileno()) if sys.__stdin__ else False


def _load_modules() -> None:
    """Modules only, which the workers share. Each makes its application by itself, with a thread and open files."""
    import_module(settings.ROOT_URLCONF)
    for name in settings.MIDDLEWARE:
        import_module(name.rpartition(".")[0])
    gc.freeze()


def _spawn_workers() -> None:
    """Reloads start new processes: a fork would run the code that the main process has loaded."""
    multiprocessing.set_start_method("spawn", force=True)
    resource_tracker.ensure_running()  # as spawning does, which unblocks signals
    block_signals()


# --- A worker ---------------------------------------------------------------------------------------------------
def _handle_sigterm() -> None:
    """SIGTERM ends a worker even before granian has set its handler.

    SIGINT, which a terminal sends to all its processes, and SIGHUP are for the main process only.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _load_worker() -> Any:
    _handle_sigterm()
    for watch in (_end_with_main_process, _end_in_time):
        threading.Thread(target=watch, daemon=True).start()
    from config.wsgi import application  # loads Django, unless the main process has loaded it

    return application


def _end_with_main_process() -> None:
    """Orphaned workers would keep the port."""
    if main_process := multiprocessing.parent_process():
        main_process.join()
        os._exit(1)


def _end_in_time() -> None:
    """A replaced worker waits for its jobs, which may take minutes, and the main process waits for the worker."""
    threading.main_thread().join()
    time.sleep(MAX_RELOAD_SECONDS)
    os._exit(1)
