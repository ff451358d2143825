"""Runs what waits in a queue of the database beside the requests, in a few threads of each process that serves."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connections

from config import timeouts


class Runner:
    """At most `most` threads at a time, each of which does one waiting job after the other and ends when none is left.

    `run_next` does one job and returns true, or returns false if none may run now. Nothing waits in this process: a job
    that has to wait holds neither a thread nor a connection to the database.
    """

    def __init__(self, run_next: Callable[[], bool], most: int) -> None:
        self._run_next = run_next
        self._most = most
        self._lock = threading.Lock()
        self._running = 0
        self._is_asked = False

    def wake(self) -> None:
        """Says that there may be something to do. A process that ends waits for the jobs that have begun."""
        with self._lock:
            self._is_asked = True
            if self._running == self._most:
                return
            self._running += 1
        threading.Thread(target=self._work, name="job", daemon=False).start()

    def _work(self) -> None:
        timeouts.use_job_limits()
        try:
            while self._goes_on():
                while _process_goes_on() and self._run_next():
                    pass
        finally:
            connections.close_all()

    def _goes_on(self) -> bool:
        """False, and this thread counts no more, if nobody has asked since the queue was last looked at."""
        with self._lock:
            is_asked, self._is_asked = self._is_asked, False
            self._running -= not is_asked
            return is_asked


def _process_goes_on() -> bool:
    """False once the process only waits for its threads: another one takes what waits."""
    return threading.main_thread().is_alive()
