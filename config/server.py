"""The server: granian, with doors that stay open while workers come and go.

Each worker listens on a socket of its own, among which Linux shares out those who connect (SO_REUSEPORT). Left to
granian, a socket ends with its worker, and whoever waits at it is turned away. Here the main process opens them all,
and a worker that takes another's place goes on with its socket: nobody is lost, whether the other was asked to end
(SIGHUP) or was killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from granian.net import SocketHolder, SocketSpec
from granian.server.mp import MPServer

#: Of an answer so many bytes at most lie in the kernel, which makes twice as much room for them; left to itself it
#: makes room for 4 MB, of each connection.
SEND_BYTES = 131_072
#: A reader who takes nothing for so long is left.
READER_SECONDS = 30
#: How often it is looked whether the server is to end while a worker leaves.
_LOOK_SECONDS = 0.1
#: Tells a worker that another is about to take its place.
SUCCESSOR_COMES = signal.SIGUSR1


#: Most connections that wait at each socket until the worker takes them.
BACKLOG = 1_024


def listen(address: str, port: int, workers: int) -> list[SocketHolder]:
    """A listening socket for each worker. Raises OSError where any other socket listens on the port.

    Sockets that share a port (SO_REUSEPORT) admit every other one that asks to share it, of another server too. So one
    is opened first that does not ask, which the system allows to a single server; once it listens, it admits others.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # whatever connections the last server has left
        first.bind((address, port))
        first.listen()
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return [_listening(SocketSpec(address, port, BACKLOG).build()) for _ in range(workers)]


def _listening(holder: SocketHolder) -> SocketHolder:
    """Already here: left to its worker, which does so once it is loaded, the port would be free until then."""
    shared = socket.socket(fileno=os.dup(holder.get_fd()))
    with shared:
        shared.listen(BACKLOG)
    return holder


class Server(MPServer):
    """Heeds SIGHUP: replaces its workers one by one, each by one that loads the code as it lies there now."""

    _shd: Any

    def __init__(self, *args: Any, holders: list[SocketHolder], leave_seconds: float, **options: Any) -> None:
        """`holders` are of `listen`, one for each worker; `leave_seconds` are what one that is replaced has to end."""
        super().__init__(*args, **options)
        self._holders = holders
        self._leave_seconds = leave_seconds
        self._has_terminal = _is_at_a_terminal()
        signal.signal(SUCCESSOR_COMES, signal.SIG_IGN)  # in a worker, until it is able to heed it
        self.on_reload(_start_workers_from_nothing)

    def signal_handler_reload(self, *args: Any, **options: Any) -> None:
        """SIGHUP, which also says that the terminal was closed: then it ends, as for Ctrl-C."""
        is_told = _is_at_a_terminal() or not self._has_terminal
        heed = super().signal_handler_reload if is_told else super().signal_handler_interrupt
        heed(*args, **options)

    def _init_shared_socket(self) -> None:
        self._sockets = [socket.socket(fileno=holder.get_fd()) for holder in self._holders]
        for door in self._sockets:
            door.set_inheritable(True)
            _bound_answers(door)

    def _drop_shared_socket(self) -> None:
        for door in self._sockets:
            door.close()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:  # type: ignore[override] # granian's, too
        self._ssp, self._shd, self._sso = None, self._holders[idx], self._sockets[idx]
        return super()._spawn_worker(idx, target, callback_loader)

    def _respawn_workers(self, workers: Iterable[int], target: Any, loader: Any, delay: float = 0) -> None:
        """One by one. Granian's own gives a worker no more time than when the whole server ends."""
        for idx in workers:
            if not self.interrupt_signal:
                self._replace(idx, target, loader, delay)

    def _replace(self, idx: int, target: Any, loader: Any, delay: float) -> None:
        leaving, self.respawned_wrks[idx] = self.wrks[idx], time.monotonic()
        if leaving.is_alive():
            os.kill(leaving._id(), SUCCESSOR_COMES)
        self.wrks[idx] = self._spawn_worker(idx, target, loader)
        self.wrks[idx].start()
        time.sleep(delay)
        leaving.terminate()
        self._see_off(leaving)

    def _see_off(self, leaving: Any) -> None:
        """Waits until it has ended, or its time is over. When the server ends meanwhile, it ends with the others."""
        until = time.monotonic() + self._leave_seconds
        while leaving.is_alive() and time.monotonic() < until:
            if self.interrupt_signal:
                self.wrks.append(leaving)
                return
            leaving.join(_LOOK_SECONDS)
        leaving.kill()
        leaving.join()


def _is_at_a_terminal() -> bool:
    """No longer so once the terminal has been closed."""
    return os.isatty(sys.__stdin__.fileno()) if sys.__stdin__ else False


def _bound_answers(door: socket.socket) -> None:
    """Each connection takes after the socket that it came in by."""
    door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    if timeout := getattr(socket, "TCP_USER_TIMEOUT", None):  # Linux (RFC 5482)
        door.setsockopt(socket.IPPROTO_TCP, timeout, READER_SECONDS * 1_000)


def _start_workers_from_nothing() -> None:
    """A copy of the main process would bring along the code that this one has loaded."""
    multiprocessing.set_start_method("spawn", force=True)


class Farewell:
    """A worker's application. Once its successor comes, it asks those who keep their connection to make a new one.

    When the worker then ends, it has no connection open on which somebody might just be sending (RFC 9112 section 9.6).
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application, self.is_leaving = application, False
        signal.signal(SUCCESSOR_COMES, self._leave)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.application(environ, self._closing(start_response) if self.is_leaving else start_response)

    def _leave(self, *_: object) -> None:
        self.is_leaving = True

    def _closing(self, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("Connection", "close")], *more)

        return start
