"""Bad input on the wire, to the server itself: bodies without a length, broken requests. No 5xx, no HTML."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import NOT_A_DOCUMENT, TOO_LARGE, Watch
from tests.support.api.client import ASSIGNMENTS, JSON_API, error, sign_in
from tests.support.servers import slow
from tests.support.waiting import MOST_SECONDS
from users.models import User

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

UNKNOWN = UUID(int=4)


@pytest.fixture
def wire(live_url: str, olive: User) -> Iterator[httpx.Client]:
    """A connection to the real server, signed in as a Back Office user."""
    headers = {"Authorization": f"Bearer {sign_in(olive.email)['access_token']}", "Content-Type": JSON_API}
    with httpx.Client(base_url=live_url, headers=headers, timeout=MOST_SECONDS) as client:
        yield client


@pytest.fixture
def send(live_url: str, wire: httpx.Client) -> Callable[..., tuple[bytes, bytes]]:
    """Sends a request line and headers byte for byte; gives the head and the body of the last answer."""
    address = urlsplit(live_url)
    common = f"\r\nHost: {address.netloc}\r\nAuthorization: {wire.headers['Authorization']}\r\nConnection: close\r\n"

    def exchange(line: bytes, *headers: bytes, body: bytes = b"") -> tuple[bytes, bytes]:
        with socket.create_connection((address.hostname, address.port), timeout=MOST_SECONDS) as connection:
            with suppress(ConnectionError):  # it is told already what it sends too much of
                connection.sendall(
                    line + common.encode() + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body
                )
            *_, head, content = slow.everything(connection).split(b"\r\n\r\n")
        return head, content

    return exchange


LENGTH_REQUIRED = "A request body must come with its length (`Content-Length`)."
FAMILIES = {
    ASSIGNMENTS: {"errors": [error(411, LENGTH_REQUIRED)]},
    "/token": {"error": "invalid_request", "error_description": LENGTH_REQUIRED},
    "/warehouse-tokens": [{"message": LENGTH_REQUIRED, "status": 411, "code": None}],
}


@pytest.mark.parametrize(("path", "document"), FAMILIES.items(), ids=FAMILIES.keys())
@pytest.mark.parametrize("body", [b"2\r\n{}\r\n0\r\n\r\n", b"0\r\n\r\n", b"zz"], ids=["whole", "empty", "broken"])
def test_a_body_in_chunks_is_refused_and_never_taken_for_an_empty_one(
    send: Callable[..., tuple[bytes, bytes]], nothing_changes: Watch, path: str, document: object, body: bytes
) -> None:
    """WSGI has no length for it. nginx reads the whole body first (`tests/operations/test_floods.py`)."""
    headers = b"Content-Type: application/json", b"Transfer-Encoding: chunked"
    with nothing_changes():
        head, content = send(f"POST {path} HTTP/1.1".encode(), *headers, body=body)
    assert head.startswith(b"HTTP/1.1 411 ")
    assert httpx.Response(411, content=content).json() == document


def test_a_page_refuses_a_form_in_chunks_too(live_url: str) -> None:
    answer = httpx.post(f"{live_url}/admin/login/", content=iter([b"username=x"]), timeout=MOST_SECONDS)
    assert (answer.status_code, answer.text) == (411, LENGTH_REQUIRED)


def test_10_mb_are_refused_before_they_are_read(
    send: Callable[..., tuple[bytes, bytes]], nothing_changes: Watch
) -> None:
    line = b"POST " + ASSIGNMENTS.encode() + b" HTTP/1.1"
    with nothing_changes():
        head, content = send(line, b"Content-Type: application/json", b"Content-Length: 10000000")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert httpx.Response(413, content=content).json() == {"errors": [TOO_LARGE]}


@pytest.mark.parametrize(("path", "status"), [(f"{ASSIGNMENTS}/{UNKNOWN}", 404), ("/users", 405)])
def test_a_connection_is_closed_with_notice_if_the_body_comes_after_the_answer(
    live_url: str, wire: httpx.Client, path: str, status: int
) -> None:
    """Without notice, a client would send its next request into a connection that is being closed."""
    headers = f"Authorization: {wire.headers['Authorization']}", f"Content-Type: {JSON_API}", "Content-Length: 2"
    with slow.sockets(live_url, 1, slow.head(f"PATCH {path}", live_url, *headers)) as (connection,):
        told = slow.everything(connection)
    assert told.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nconnection: close\r\n" in told.lower()


def test_a_connection_is_kept_if_the_body_was_read(wire: httpx.Client) -> None:
    first, second = wire.post(ASSIGNMENTS, json={}), wire.post("/token", data={"grant_type": "password"})
    assert [first.status_code, second.status_code] == [400, 400]
    assert "Connection" not in first.headers
    assert first.extensions["network_stream"] is second.extensions["network_stream"]


def test_a_client_that_waits_to_be_told_to_go_on_is_answered(
    send: Callable[..., tuple[bytes, bytes]], nothing_changes: Watch
) -> None:
    line, wait = b"POST " + ASSIGNMENTS.encode() + b" HTTP/1.1", b"Expect: 100-continue"
    with nothing_changes():
        head, content = send(line, wait, b"Content-Type: application/json", b"Content-Length: 2", body=b"{}")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert httpx.Response(400, content=content).json() == {"errors": [NOT_A_DOCUMENT]}


def test_head_is_get_without_a_body(wire: httpx.Client, pat_north: WarehouseUserAssignment) -> None:
    answer = wire.head(ASSIGNMENTS)
    assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, JSON_API, b"")


def test_a_path_of_bytes_that_are_no_utf8_is_a_json_404(wire: httpx.Client, nothing_changes: Watch) -> None:
    with nothing_changes():
        answer = wire.get("/%FF%FE%00")
    assert (answer.status_code, answer.json()) == (404, {"errors": [error(404, "Not found", "007")]})


#: What the HTTP server itself refuses, before the site is asked: an empty answer.
BROKEN = {
    "bytes that are no UTF-8 in the path": (b"GET /\xff\xfe HTTP/1.1", b"X: 1", 400),
    "bytes that are no UTF-8 in the query": (b"GET /users?x=\xff HTTP/1.1", b"X: 1", 400),
    "too many headers": (b"GET /users HTTP/1.1", b"\r\n".join([b"X: 1"] * 1_000), 431),
    "300 kB of query": (b"GET /users?x=" + b"a" * 300_000 + b" HTTP/1.1", b"X: 1", 431),
    "absurd Content-Length": (b"POST /users HTTP/1.1", b"Content-Length: " + b"9" * 30, 400),
    "negative Content-Length": (b"POST /users HTTP/1.1", b"Content-Length: -1", 400),
    "two Content-Lengths": (b"POST /users HTTP/1.1", b"Content-Length: 1\r\nContent-Length: 2", 400),
    "control characters in a header": (b"GET /users HTTP/1.1", b"X: \x00\x01", 400),
    "no HTTP": (b"hello", b"", 400),
}


@pytest.mark.parametrize(("line", "header", "status"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_request_is_refused_without_a_word(
    send: Callable[..., tuple[bytes, bytes]], nothing_changes: Watch, line: bytes, header: bytes, status: int
) -> None:
    with nothing_changes():
        head, content = send(line, header)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert content == b""
