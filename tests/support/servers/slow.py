"""Clients that do everything so slowly that somebody has to wait for them: as many sockets as one likes."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from tests.support.waiting import MOST_SECONDS


class Refusal(NamedTuple):
    """What a socket was told at last, and how many seconds after it was asked."""

    status: int
    head: bytes
    content: bytes
    seconds: float


@contextmanager
def sockets(
    url: str, number: int, beginning: bytes, *, receive_bytes: int | None = None, source: str = ""
) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent the beginning and nothing after it.

    `receive_bytes` is how much of an answer the kernel takes for them, `source` the address that they come from.
    """
    opened: list[socket.socket] = []
    try:
        for _ in range(number):
            opened.append(_connected(url, receive_bytes, source))
            with suppress(ConnectionError):  # it is told already what it sends too much of
                opened[-1].sendall(beginning)
        yield opened
    finally:
        for connection in opened:
            connection.close()


def _connected(url: str, receive_bytes: int | None, source: str) -> socket.socket:
    address = urlsplit(url)
    connection = socket.socket()
    if source:
        connection.bind((source, 0))
    if receive_bytes is not None:  # before it connects: the window is agreed on then
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(MOST_SECONDS)
    connection.connect((address.hostname, address.port))
    return connection


def head(line: str, url: str, *headers: str) -> bytes:
    """The head of a request, whole."""
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {urlsplit(url).netloc}", *headers, "", ""]).encode()


def refusal(connection: socket.socket, since: float) -> Refusal:
    """Everything that comes until the server closes the connection."""
    return told(everything(connection), time.monotonic() - since)


def everything(connection: socket.socket) -> bytes:
    """The same as bytes. A server that closes before it has read all resets the connection after its answer."""
    answer = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def told(answer: bytes, seconds: float) -> Refusal:
    """An answer that came after so many seconds; status 0 is none at all."""
    line, _, content = answer.partition(b"\r\n\r\n")
    return Refusal(int(line.split(b" ")[1]) if line else 0, line, content, seconds)


def trickle(senders: list[socket.socket], piece: bytes, since: float, most_seconds: float) -> list[Refusal]:
    """Sends a piece each second to every server that still listens; what each was told at last, of those that were.

    Gives up after so many seconds.
    """
    told = []
    with selectors.DefaultSelector() as listening:
        for sender in senders:
            listening.register(sender, selectors.EVENT_READ)
        while listening.get_map() and time.monotonic() - since < most_seconds:
            told += [refusal(sender, since) for sender in _answered_within_a_second(listening)]
            for key in listening.get_map().values():
                with suppress(ConnectionError):
                    cast(socket.socket, key.fileobj).sendall(piece)
    return told


def _answered_within_a_second(listening: selectors.BaseSelector) -> Iterator[socket.socket]:
    """Those that were told something, or closed. They are not listened to any more."""
    until = time.monotonic() + 1
    while listening.get_map() and (left := until - time.monotonic()) > 0:
        for key, _ in listening.select(left):
            listening.unregister(key.fileobj)
            yield cast(socket.socket, key.fileobj)
