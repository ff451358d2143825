"""Of the names of headers that callers make up, a worker remembers next to nothing."""

from __future__ import annotations

import secrets
import tracemalloc
from typing import Any

import pytest

from config.gateway import environ_of

#: In bytes, of all that is remembered.
MOST_REMEMBERED = 500_000


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """What granian tells of a request."""
    ends = {"client": ("127.0.0.1", 5), "server": ("127.0.0.1", "80"), "scheme": "http", "http_version": "1.1"}
    return ends | {"method": "GET", "path": "/users", "query_string": b"", "headers": headers}


@pytest.mark.parametrize(("length", "times"), [(60_000, 200), (64, 5_000)], ids=["long ones", "many"])
def test_names_that_are_made_up_are_forgotten(length: int, times: int) -> None:
    tracemalloc.start()
    try:
        for _ in range(times):
            environ_of(scope((secrets.token_hex(length // 2).encode(), b"x")))
        remembered, _most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert remembered < MOST_REMEMBERED


def test_a_header_has_one_name_whatever_its_length() -> None:
    long = b"x-" + b"a" * 100
    environ = environ_of(scope((b"x-short", b"1"), (long, b"2"), (b"content-type", b"3")))
    assert (environ["HTTP_X_SHORT"], environ[f"HTTP_X_{'A' * 100}"], environ["CONTENT_TYPE"]) == ("1", "2", "3")
