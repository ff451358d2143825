"""Starts granian, and bounds how long it takes to end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

#: Largest head of a request, in bytes. The proxy's `large_client_header_buffers` must not be larger.
MAX_HEAD_BYTES = 65_536
#: How long requests and jobs may go on once the server is told to end. Containers are killed after ten seconds.
MAX_STOP_SECONDS = 6
#: The same for jobs of a worker that is replaced.
MAX_LEAVE_SECONDS = 30
#: A worker without requests keeps its thread, and with it the database connection, for so long: granian's maximum.
_IDLE_SECONDS = 600
#: What the main process waits for.
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
#: By which it interrupts itself.
_GIVE_UP = signal.SIGUSR1


def serve(address: str, port: int, workers: int) -> None:
    """Returns once the server was told to end (SIGTERM, SIGINT) and its workers have."""
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
        log_level=LogLevels.warning,
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    signal.signal(_GIVE_UP, _give_up)
    threading.Thread(target=_handle_signals, args=(server,), name="signals", daemon=True).start()
    os.register_at_fork(after_in_child=_heed_sigterm)
    server.on_reload(_start_workers_from_nothing)
    server.serve(target_loader=_load_worker, wrap_loader=False)


# --- The main process -------------------------------------------------------------------------------------------
def _handle_signals(server: Any) -> None:
    """In a thread of its own. In a signal handler, as granian has it, `Event.set` deadlocks with the `Event.wait` that
    it interrupts: then the server never ends. granian's `workers_kill_timeout` is left out, since it also reports, and
    kills, workers that have just ended by themselves.
    """
    had_terminal = _has_terminal()
    while signal.sigwait(_SIGNALS) == signal.SIGHUP and had_terminal == _has_terminal():
        server.signal_handler_reload()
    server.signal_handler_interrupt()  # also where SIGHUP says that the terminal was closed
    signal.sigtimedwait(_SIGNALS, MAX_STOP_SECONDS)  # a second Ctrl-C waits no longer
    signal.pthread_kill(threading.main_thread().ident or 0, _GIVE_UP)


def _give_up(*_: object) -> None:
    """Ends the main thread, whatever it waits for."""
    for worker in multiprocessing.active_children():
        worker.kill()
    sys.exit(0)


def _has_terminal() -> bool:
    """No longer so once the terminal has been closed."""
    return os.isatty(sys.__stdin__.fileno()) if sys.__stdin__ else False


def _start_workers_from_nothing() -> None:
    """A fork of the main process would go on with the code that this one has loaded."""
    multiprocessing.set_start_method("spawn", force=True)


# --- A worker ---------------------------------------------------------------------------------------------------
def _heed_sigterm() -> None:
    """A worker ends when the main process tells it, also before granian's own handler is there.

    Ctrl-C, which reaches every process of a terminal, and the wish to reload are for the main process alone.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _load_worker() -> Any:
    _heed_sigterm()
    for watch in (_end_with_main_process, _end_in_time):
        threading.Thread(target=watch, daemon=True).start()
    from config.wsgi import application  # loads Django

    return application


def _end_with_main_process() -> None:
    """Workers without their main process would keep the port."""
    if main_process := multiprocessing.parent_process():
        main_process.join()
        os._exit(1)


def _end_in_time() -> None:
    """A worker that is replaced waits for its jobs, and the main process for it: not for as long as a job may take."""
    threading.main_thread().join()
    time.sleep(MAX_LEAVE_SECONDS)
    os._exit(1)
