"""Ids that somebody bent: each is the row it spells in the one canonical way, or a missing one, and never tells which.

The time that answers take is compared by `tests.endurance.rights`.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.answers import told
from tests.support.api.client import ASSIGNMENTS, NOT_FOUND, Api, error, refusal, sign_in
from tests.support.cases import each
from tests.support.waiting import MOST_SECONDS
from users.models import User
from warehouses.models import Warehouse

Row = WarehouseUserAssignment
USERS, WAREHOUSES = "/users", "/warehouses"


def _everywhere(letters: str, text: str) -> str:
    return "".join(chr(ord(letters) + int(one)) if one.isdigit() else one for one in text)


#: How an id may be written. `True` for the two ways that every client's library may choose by itself.
SPELLINGS: dict[str, tuple[Callable[[str], str], bool]] = {
    "as it is": (str, True),
    "in capitals": (str.upper, True),
    "percent-encoded": (lambda text: "".join(f"%{ord(one):02x}" for one in text), True),
    "hyphens encoded": (lambda text: text.replace("-", "%2D"), True),
    "with a slash at its end": (lambda text: f"{text}/", True),
    "without hyphens": (lambda text: text.replace("-", ""), False),
    "in braces": (lambda text: "{" + text + "}", False),
    "as a URN": (lambda text: f"urn:uuid:{text}", False),
    "as a number": (lambda text: str(int(text.replace("-", ""), 16)), False),
    "encoded twice": (lambda text: quote(quote(text, safe="").replace("-", "%2D"), safe=""), False),
    "with NUL": (lambda text: f"{text}%00", False),
    "with NUL and a name": (lambda text: f"{text}%00.json", False),
    "with a line feed": (lambda text: f"{text}%0A", False),
    "with a carriage return": (lambda text: f"{text}%0D%0AX-Header:%201", False),
    "with a space": (lambda text: f"%20{text}", False),
    "wide digits": (lambda text: quote(_everywhere("\uff10", text)), False),
    "Arabic digits": (lambda text: quote(_everywhere("\u0660", text)), False),
    "a minus for a hyphen": (lambda text: quote(text.replace("-", "\u2212")), False),
    "an invisible letter": (lambda text: quote(f"\u200b{text}"), False),
    "bytes that are no UTF-8": (lambda text: f"{text}%FF", False),
    "with a suffix": (lambda text: f"{text}.json", False),
    "with a parameter": (lambda text: f"{text};v=1", False),
    "a quote": (lambda text: f"{text}%27%20OR%201=1--", False),
    "a pattern": (lambda text: f"{text[:8]}%25", False),
    "an encoded slash": (lambda text: f"{text}%2F", True),
    "up and down": (lambda text: f"..%2F{text}", False),
    "up and down, encoded": (lambda text: f"%2e%2e%2F{text}", False),
    "up and down, for some proxies": (lambda text: f"..;/{text}", False),
    "two slashes": (lambda text: f"/{text}", False),
    "here": (lambda text: f"./{text}", False),
    "a list": (lambda text: f"{text},{text}", False),
}


@pytest.fixture
def foreign(sam_north: Row, mill: Warehouse, pat_north: Row) -> dict[str, str]:
    """What there is of somebody else's, by its route."""
    return {ASSIGNMENTS: str(sam_north.uuid), USERS: str(sam_north.user.uuid), WAREHOUSES: str(mill.uuid)}


@pytest.fixture
def own(pat_river: Row, river: Warehouse) -> dict[str, Any]:
    return {ASSIGNMENTS: pat_river, USERS: pat_river.user, WAREHOUSES: river}


CALLS = [("GET", ASSIGNMENTS), ("PATCH", ASSIGNMENTS), ("DELETE", ASSIGNMENTS), ("GET", USERS), ("GET", WAREHOUSES)]
ACTIVATE = {"data": {"attributes": {"isActive": True}}}


# --- Foreign and missing ----------------------------------------------------------------------------------------
@each("spelling", SPELLINGS)
@each(("method", "route"), CALLS)
def test_nothing_distinguishes_a_foreign_row_from_a_missing_one(
    as_pat: Api, foreign: dict[str, str], nothing_changes: Any, method: str, route: str, spelling: str
) -> None:
    spell, _ = SPELLINGS[spelling]
    body = ACTIVATE if method == "PATCH" else None
    with nothing_changes():
        of_somebody, of_nobody = (
            told(as_pat, method, f"{route}/{spell(identifier)}", body) for identifier in (foreign[route], str(uuid4()))
        )
    assert of_somebody == of_nobody
    assert of_somebody.status == (403 if method == "DELETE" and b"007" not in of_somebody.body else 404)


@each("spelling", SPELLINGS)
@each("route", [ASSIGNMENTS, USERS, WAREHOUSES])
def test_an_own_row_is_found_in_the_canonical_spelling_only(
    as_pat: Api, own: dict[str, Any], route: str, spelling: str
) -> None:
    spell, is_canonical = SPELLINGS[spelling]
    answer = as_pat.get(f"{route}/{spell(str(own[route].uuid))}")
    assert answer.status_code == (200 if is_canonical else 404)
    if is_canonical:
        assert answer.json()["data"]["id"] == str(own[route].uuid)


@pytest.mark.parametrize("who", ["as_olive", "as_pat"])
def test_an_id_of_another_kind_is_a_missing_row(request: Any, own: dict[str, Any], who: str) -> None:
    """An assignment's where a warehouse's is wanted; and the numbers of the database, which are no ids."""
    api = request.getfixturevalue(who)
    for method, route in CALLS:
        others = [row for kind, row in own.items() if kind != route]
        session = sign_in(own[USERS].email)["refresh_token"].split(".")[1]
        for identifier in (*(row.uuid for row in others), own[route].pk, f"{own[route].pk:032x}", session):
            answer = api.call(method, f"{route}/{identifier}", ACTIVATE if method == "PATCH" else None)
            is_forbidden = method == "DELETE" and who == "as_pat"
            assert answer.status_code == (403 if is_forbidden else 404), (method, route, identifier)
    assert Row.objects.filter(is_active=True).count() == 0


# --- In bodies --------------------------------------------------------------------------------------------------
@each("spelling", SPELLINGS)
def test_an_id_in_a_body_is_the_row_or_a_missing_one(as_olive: Api, pat: User, mill: Warehouse, spelling: str) -> None:
    spell, _ = SPELLINGS[spelling]
    wanted = {"userUuid": spell(str(pat.uuid)), "warehouse": {"uuid": spell(str(mill.uuid))}}
    answer = as_olive.post(ASSIGNMENTS, wanted)
    if spelling in ("as it is", "in capitals"):
        assert answer.status_code == 201
    else:
        assert [fault["code"] for fault in refusal(answer)] == ["5202", "5203"]
        assert Row.objects.count() == 0


def test_ids_of_another_kind_in_a_body_are_missing_rows(as_olive: Api, pat_north: Row, river: Warehouse) -> None:
    for person, place, codes in (
        (river.uuid, pat_north.user.uuid, ["5202", "5203"]),
        (pat_north.user.uuid, pat_north.uuid, ["5203"]),
        (pat_north.uuid, river.uuid, ["5202"]),
    ):
        answer = as_olive.post(ASSIGNMENTS, {"userUuid": str(person), "warehouse": {"uuid": str(place)}})
        assert [fault["code"] for fault in refusal(answer)] == codes


def test_who_may_act_for_nobody_else_does_not_learn_who_there_is(
    as_olive: Api, olive: User, pat: User, north: Warehouse
) -> None:
    """Who became a warehouse user with a Back Office token in hand."""
    User.objects.filter(pk=olive.pk).update(is_warehouse_user=True)
    answers = {
        told(
            as_olive, "POST", ASSIGNMENTS, {"data": {"attributes": {"userUuid": person, "warehouse": {"uuid": place}}}}
        )
        for person in (str(pat.uuid), str(uuid4()), "x")
        for place in (str(north.uuid), str(uuid4()))
    }
    (answer,) = answers
    assert (answer.status, json.loads(answer.body)["errors"]) == (404, [NOT_FOUND])


# --- On the wire ------------------------------------------------------------------------------------------------
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
def test_no_trick_with_the_path_leads_anywhere_else(live_url: str, pat: User, sam_north: Row, assign: Any) -> None:
    """Byte for byte, as no client library would send it. A proxy's reading of the path must not grant access."""
    token = sign_in(pat.email)["access_token"]
    row, person = sam_north.uuid, sam_north.user.uuid
    for path in (
        f"//users/{person}",
        f"/users//{person}",
        f"/users/../users/{person}",
        f"/users/%2e%2e/users/{person}",
        f"/users/..;/users/{person}",
        f"/users/.;/{person}",
        f"/users%2F{person}",
        f"/users%252F{person}",
        f"/users\\{person}",
        f"/USERS/{person}",
        f"/docs/..;/users/{person}",
        f"/schema/%2e%2e/users/{person}",
        f"/token/..%2Fusers/{person}",
        f"/static/../users/{person}",
        f"/static/%2e%2e/users/{person}",
        f"/warehouse-tokens/../warehouse-user-assignments/{row}",
        f"/warehouse-user-assignments/{row}/..",
        f"/warehouse-user-assignments/{row}#fragment",
        f"/warehouse-user-assignments/{row}%00",
        f"/admin/..;/users/{person}",
        f"/.well-known/../users/{person}",
        "/static/../config/settings.py",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fetc/passwd",
    ):
        head, body = _get(live_url, path, token)
        assert head.split()[1] in ("302", "400", "404"), (path, head)
        assert not re.search(rb"sam|stacker|North|SECRET|root:", body), (path, body)


def _get(url: str, target: str, token: str) -> tuple[str, bytes]:
    parts = urlsplit(url)
    request = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=MOST_SECONDS) as wire:
        wire.sendall(request.encode())
        head, _, body = b"".join(iter(lambda: wire.recv(65_536), b"")).partition(b"\r\n\r\n")
    return head.decode(), body


def test_the_words_for_a_missing_row_are_those_of_its_kind(as_pat: Api, foreign: dict[str, str]) -> None:
    words = {
        ASSIGNMENTS: NOT_FOUND,
        USERS: error(404, "User not found.", "5202"),
        WAREHOUSES: error(404, "Warehouse not found.", "5203"),
    }
    for route, identifier in foreign.items():
        assert refusal(as_pat.get(f"{route}/{identifier}")) == [words[route]]
