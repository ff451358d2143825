"""Clients that do everything so slowly that somebody has to wait for them: as many sockets as one likes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit


class Refusal(NamedTuple):
    """What a socket was told at last, and how many seconds after it was asked."""

    status: int
    head: bytes
    content: bytes
    seconds: float


@contextmanager
def sockets(
    url: str, number: int, beginning: bytes, *, receive_bytes: int | None = None
) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent the beginning and nothing after it.

    `receive_bytes` is how much of an answer the kernel takes for them.
    """
    opened: list[socket.socket] = []
    try:
        for _ in range(number):
            opened.append(_connected(url, receive_bytes))
            with suppress(ConnectionError):  # it is told already what it sends too much of
                opened[-1].sendall(beginning)
        yield opened
    finally:
        for connection in opened:
            connection.close()


def _connected(url: str, receive_bytes: int | None) -> socket.socket:
    address = urlsplit(url)
    connection = socket.socket()
    if receive_bytes is not None:  # before it connects: the window is agreed on then
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(30)
    connection.connect((address.hostname, address.port))
    return connection


def head(line: str, url: str, *headers: str) -> bytes:
    """The head of a request, whole."""
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {urlsplit(url).netloc}", *headers, "", ""]).encode()


def refusal(connection: socket.socket, since: float) -> Refusal:
    """Everything that comes until the server closes the connection."""
    answer = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65_536):
            answer += piece
    return told(answer, time.monotonic() - since)


def told(answer: bytes, seconds: float) -> Refusal:
    """An answer that came after so many seconds; status 0 is none at all."""
    line, _, content = answer.partition(b"\r\n\r\n")
    return Refusal(int(line.split(b" ")[1]) if line else 0, line, content, seconds)
