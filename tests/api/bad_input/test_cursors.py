"""Cursors come from outside too: a tampered one is refused, whatever is in it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import Watch, refused
from tests.support.api.client import ASSIGNMENTS, Api, error
from tests.support.cases import each


def _cursor(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _by_id(*values: Any) -> str:
    return _cursor([[["id", False]], list(values)])


def _by(path: str, value: Any) -> str:
    return _cursor([[[path, False], ["id", False]], [value, 1]])


BAD_CURSORS = {
    "empty": "",
    "no base64": "!!!!",
    "one letter": "a",
    "NUL": "%00",
    "no UTF-8": "%FF%FE",
    "not ASCII": "%C3%A9",
    "no JSON": _cursor(b"garbage"),
    "bytes": _cursor(b"\xff\xfe\x00"),
    "NUL inside": _cursor(b'[[["id",false]],["\\u0000"]]'),
    "half a surrogate pair": _cursor(b'[[["id",false]],["\\ud800"]]'),
    "null": _cursor(None),
    "number": _cursor(5),
    "text of two letters": _cursor("ab"),
    "object": _cursor({"id": 1}),
    "empty list": _cursor([]),
    "three parts": _cursor([[["id", False]], [1], 1]),
    "no values": _by_id(),
    "too many values": _by_id(1, 2),
    "values no list": _cursor([[["id", False]], 1]),
    "values a text": _cursor([[["id", False]], "5"]),
    "values an object": _cursor([[["id", False]], {"a": 1}]),
    "id a text": _by_id("1"),
    "id null": _by_id(None),
    "id true": _by_id(True),
    "id a fraction": _by_id(1.5),
    "id a list": _by_id([1]),
    "id negative": _by_id(-1),
    "id past 64 bits": _by_id(2**63),
    "id of 400 digits": _by_id(10**400),
    "NaN": _cursor(b'[[["id",false]],[NaN]]'),
    "float out of range": _cursor(b'[[["id",false]],[1e400]]'),
    "1,000 open brackets": _cursor(b"[" * 1_000),
    "50,000 nested lists": _cursor(b"[" * 50_000 + b"]" * 50_000),
    "another column": _cursor([[["user__password", False]], [1]]),
    "another direction": _cursor([[["id", True]], [1]]),
    "of another order": _by("is_active", True),
}
WRONG_DATES: list[Any] = [
    "x",
    "",
    None,
    5,
    True,
    [],
    {},
    "2020-01-01",
    "2020-01-01T00:00:00",
    "2020-W01-1",
    "2020-13-01T00:00:00Z",
]
FAR_DATES = [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2020-01-01T00:00:00+24:00",
    "10000-01-01T00:00:00Z",
]
NO_NAMES: list[Any] = ["a\0", None, 5, 1.5, True, ["a"], {"a": 1}]
NO_BOOLEANS: list[Any] = ["true", None, 0, 1, [], "\0"]
BAD_SORTED_CURSORS: list[tuple[str, str, Any]] = [
    *[("createdAt", "created_at", value) for value in [*WRONG_DATES, *FAR_DATES]],
    *[("warehouse.name", "warehouse__name", value) for value in NO_NAMES],
    *[("isActive", "is_active", value) for value in NO_BOOLEANS],
]  # fmt: skip


@each("member", ["after", "before"])
@each("cursor", BAD_CURSORS.values(), ids=BAD_CURSORS.keys())
def test_a_cursor_that_is_not_ours_is_refused(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, member: str, cursor: str
) -> None:
    fault = error(400, "This cursor does not belong to this list and its order.", parameter=f"page[{member}]")
    with nothing_changes():
        refused(as_olive.get(f"{ASSIGNMENTS}?page[{member}]={cursor}"), fault)


@each("member", ["after", "before"])
@each("case", BAD_SORTED_CURSORS)
def test_a_cursor_with_a_value_its_column_cannot_have_is_refused(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, member: str, case: tuple[str, str, Any]
) -> None:
    sort, path, value = case
    fault = error(400, "This cursor does not belong to this list and its order.", parameter=f"page[{member}]")
    with nothing_changes():
        refused(as_olive.get(f"{ASSIGNMENTS}?sort={sort}&page[{member}]={_by(path, value)}"), fault)


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("", _by_id(2**63 - 1)),
        ("createdAt", _by("created_at", "9999-12-31T23:59:59Z")),
        ("createdAt", _by("created_at", "9999-12-31T00:00:00.000001+23:59")),
        ("warehouse.name", _by("warehouse__name", "\U0010ffff" * 1_000)),
    ],
    ids=["greatest id", "last second", "offset PostgreSQL does not know", "longest name"],
)
def test_a_cursor_past_every_row_is_an_empty_page(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, sort: str, cursor: str
) -> None:
    with nothing_changes():
        answer = as_olive.call("GET", f"{ASSIGNMENTS}?sort={sort}&page[after]={cursor}")
    assert answer.status_code == 200
    assert answer.json()["data"] == []
