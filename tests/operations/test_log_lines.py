"""What callers send is bounded in log lines, and a refusal is one line: nobody fills the disk (`config.audit.log`)."""

from __future__ import annotations

import io
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog

from config.audit.log import MAX_CHARACTERS, MAX_TRACE_CHARACTERS, audit, json_formatter
from tests.support.servers.live import live_server, production_environment
from tests.support.waiting import MOST_SECONDS
from users.models.audit_event import AuditEvent

#: Characters that the server just takes in the head of a request, and many more than that.
LONG, LONGER = 50_000, 500_000
#: Most bytes of a line. Most characters of other alphabets are six bytes of JSON, of emoji twelve.
MAX_LINE_BYTES = 1_500
MAX_EMOJI_LINE_BYTES = 12 * MAX_CHARACTERS + MAX_LINE_BYTES


def request(line: str, *headers: str, host: str = "127.0.0.1", body: str = "") -> bytes:
    """Byte for byte, on a connection that is closed after it."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {host}", *headers, *length, "Connection: close", "", body]).encode()


def sign_in(**members: str) -> bytes:
    return request(
        "POST /token", body=json.dumps({"grant_type": "password", "username": "x", "password": "x"} | members)
    )


CODE_REQUEST = {"client_id": "frontend", "response_type": "code", "username": "x", "password": "x"}
REFUSED = {
    "a long path": (request(f"GET /{'a' * LONG}"), 404),
    "a long path of the Back Office": (request(f"GET /admin/{'a' * LONG}/"), 400),
    "a long path of emoji": (request(f"GET /{'%F0%9F%98%80' * (LONG // 12)}"), 404),
    "a path of many lines": (request(f"GET /{'%0A' * (LONG // 3)}"), 404),
    "a long host": (request("GET /", host=f"{'a' * LONG}.example.test"), 400),
    "a host that is none": (request("GET /users", host="@" * LONG), 400),
    "a short host that is not ours": (request("GET /users", host="evil.example.test"), 400),
    "a long path and a long host": (request(f"GET /{'a' * 25_000}", host="a" * 25_000), 400),
    "a long query": (request(f"GET /users?{'a' * LONG}"), 401),
    "a long user agent": (request("GET /users", f"User-Agent: {'a' * LONG}"), 401),
    "a long token": (request("GET /users", f"Authorization: Bearer {'a' * LONG}"), 401),
    "a long id of the request": (request("GET /users", f"X-Request-Id: {'a' * LONG}"), 401),
    "a long origin of a preflight": (request("OPTIONS /users", f"Origin: {'a' * LONG}"), 400),
    "a long origin of a form": (request("POST /admin/login/", f"Origin: http://{'a' * LONG}", body="x=y"), 403),
    "a long redirect address": (
        request("POST /authorize", body=json.dumps(CODE_REQUEST | {"redirect_uri": f"https://{'a' * LONGER}"})),
        400,
    ),
    "a redirect address of many lines": (
        request("POST /authorize", body=json.dumps(CODE_REQUEST | {"redirect_uri": f"https://{chr(10) * LONG}"})),
        400,
    ),
    "a long name of who signs in": (sign_in(username="a" * LONGER), 400),
    "a long name of a client": (sign_in(client_id="a" * LONGER, client_secret="x"), 400),
    "a long client in the header": (
        request("POST /token", f"Authorization: Basic {'YTph' * (LONG // 4)}", body="x=y"),
        400,
    ),
    "a long grant": (sign_in(grant_type="a" * LONGER), 400),
    "a form of another kind that breaks off": (
        request("POST /admin/login/", f"Content-Type: multipart/form-data; boundary={'a' * 10_000}", body="x"),
        400,
    ),
}


@pytest.fixture(scope="module")
def log(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines") / "serve.log"


@pytest.fixture(scope="module")
def logging_url(log: Path) -> Iterator[str]:
    with live_server(production_environment() | {"WORKERS": "1"}, log) as url:
        yield url


@pytest.mark.live
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_request_is_one_short_line_without_a_trace(
    logging_url: str, log: Path, sent: bytes, status: int
) -> None:
    before = log.stat().st_size
    assert status_of(logging_url, sent) == status

    with log.open("rb") as file:
        file.seek(before)
        (line,) = file.read().splitlines()
    assert "exception" not in json.loads(line)
    assert len(line) < (MAX_EMOJI_LINE_BYTES if b"%F0" in sent else MAX_LINE_BYTES)


def status_of(url: str, sent: bytes) -> int:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=MOST_SECONDS) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(answer.split(b" ")[1])


# --- Every line, whoever writes it --------------------------------------------------------------------------------
@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What standard error would get."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(json_formatter())
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def the_line(written: io.StringIO) -> dict[str, Any]:
    (line,) = written.getvalue().splitlines()
    return dict(json.loads(line))


CUT = f"{'a' * MAX_CHARACTERS}… ({LONG} characters)"


def test_a_message_is_cut_and_says_how_long_it_was(written: io.StringIO) -> None:
    logging.getLogger("anyone").warning("%s", "a" * LONG)
    assert the_line(written)["event"] == CUT


@pytest.mark.parametrize("kind", [list, set, dict.fromkeys, lambda texts: {"one": {"two": texts}}, Exception])
def test_a_value_of_any_kind_is_bounded(written: io.StringIO, kind: Any) -> None:
    structlog.stdlib.get_logger("anyone").warning("Something", text="a" * LONG, other=kind([f"a{'b' * LONG}"]), count=3)
    line = the_line(written)
    assert (line["event"], line["text"], line["count"]) == ("Something", CUT, 3)
    assert len(str(line["other"])) < 2 * MAX_CHARACTERS


def test_what_is_short_stays_as_it_is(written: io.StringIO) -> None:
    structlog.stdlib.get_logger("anyone").warning("Something", names=["a", "b"], counts={"people": 2}, at=None)
    line = the_line(written)
    assert (line["names"], line["counts"], line["at"]) == (["a", "b"], {"people": 2}, None)


@pytest.mark.parametrize("words", ["a" * LONG, "a\n" * LONG, ("a" * 1_000 + "\n") * 1_000])
def test_a_crash_has_its_trace_whatever_its_error_says(written: io.StringIO, words: str) -> None:
    try:
        raise ValueError(words)
    except ValueError:
        logging.getLogger("anyone").exception("Something broke")
    trace = the_line(written)["exception"]
    assert trace.startswith("Traceback (most recent call last):\n")
    assert f"\nValueError: {words[:MAX_CHARACTERS].splitlines()[0][:200]}" in trace
    assert len(trace) <= MAX_TRACE_CHARACTERS + 10


def test_the_end_of_a_long_trace_is_kept(written: io.StringIO) -> None:
    try:
        try:
            raise ValueError("a\n" * LONG)
        finally:
            raise KeyError("the last word")
    except KeyError:
        logging.getLogger("anyone").exception("Something broke")
    assert the_line(written)["exception"].endswith("KeyError: 'the last word'")


@pytest.mark.django_db
def test_the_row_of_a_security_event_is_bounded_too() -> None:
    audit.warning("Failed Login", tag="failed_login", username="a" * LONG, why="a" * LONG)
    row = AuditEvent.objects.get()
    assert (row.username, row.details) == ("a" * 254, {"why": CUT})
