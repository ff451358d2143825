"""Worker threads of a server process that run the jobs of a queue in the database."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connections

from config.database import timeouts


class Runner:
    """At most `max_threads` threads, each of which runs job after job and ends when the queue is empty.

    `run_next` runs one job and returns true, or returns false if no job may run now. A waiting job occupies neither a
    thread nor a database connection.
    """

    def __init__(self, run_next: Callable[[], bool], max_threads: int) -> None:
        self._run_next = run_next
        self._max_threads = max_threads
        self._lock = threading.Lock()
        self._running = 0
        self._is_woken = False

    def wake(self) -> None:
        """Starts a thread if a job may wait. The process exits only after the running jobs have ended."""
        with self._lock:
            self._is_woken = True
            if self._running == self._max_threads:
                return
            self._running += 1
        threading.Thread(target=self._work, name="job", daemon=False).start()

    def _work(self) -> None:
        timeouts.use_job_limits()
        try:
            while self._continues():
                while _is_process_alive() and self._run_next():
                    pass
        finally:
            connections.close_all()

    def _continues(self) -> bool:
        """False, and this thread no longer counts as running, if `wake` was not called since the queue was empty."""
        with self._lock:
            is_woken, self._is_woken = self._is_woken, False
            self._running -= not is_woken
            return is_woken


def _is_process_alive() -> bool:
    """False while the process exits and waits for its threads: another process takes the waiting jobs."""
    return threading.main_thread().is_alive()
