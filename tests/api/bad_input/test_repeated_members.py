"""No member of a JSON body may stand twice: one program would take the first, another the last (RFC 8259 section 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from config.api import strict_json
from tests.support.api.bad_bodies import Watch
from tests.support.api.client import ASSIGNMENTS, PASSWORD, Api, error, refusal
from tests.support.cases import each
from tests.support.oauth.bad_token_requests import GOOD, MALFORMED
from users.models import Session, User
from warehouses.models import Warehouse

NOT_UNIQUE = error(400, "An object of the body has two members of the same name.", pointer="")


def repeated(members: dict[str, Any], name: str, value: Any, *, first: bool = False) -> str:
    """A JSON object of these members and one more of the same name, before the others or behind them."""
    pairs = [f"{json.dumps(key)}:{json.dumps(one)}" for key, one in members.items()]
    pairs.insert(0 if first else len(pairs), f"{json.dumps(name)}:{json.dumps(value)}")
    return f"{{{','.join(pairs)}}}"


# --- OAuth (RFC 6749 section 3.2) ---------------------------------------------------------------------------------
SIGN_INS = {
    **{f"{name} twice alike": repeated(GOOD, name, GOOD[name]) for name in GOOD},
    "another name first": repeated(GOOD, "username", "pat.picker@example.test", first=True),
    "another name last": repeated(GOOD, "username", "pat.picker@example.test"),
    "nothing first": repeated(GOOD, "password", None, first=True),
    "an empty text first": repeated(GOOD, "password", "", first=True),
    "spelled with an escape": json.dumps(GOOD)[:-1] + ', "pass\\u0077ord": "x"}',
    "in two spellings": repeated(GOOD, "grantType", "password"),
    "one that nobody knows": repeated(GOOD | {"x": "1"}, "x", "1"),
    "in the form of the install guide": f'{{"data":{{"attributes":{repeated(GOOD, "username", "x", first=True)}}}}}',
    "the attributes of that form": f'{{"data":{{"attributes":{{}},"attributes":{json.dumps(GOOD)}}}}}',
    "the data of that form": f'{{"data":{{}},"data":{{"attributes":{json.dumps(GOOD)}}}}}',
    "beside that form": f'{{"data":{{"attributes":{json.dumps(GOOD)}}},"x":{{"y":[{{"z":1,"z":2}}]}}}}',
}


@each("body", SIGN_INS.values(), ids=SIGN_INS.keys())
@each("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_nobody_signs_in_with_a_parameter_twice(
    olive: User, nothing_changes: Watch, body: str, content_type: str
) -> None:
    with nothing_changes():
        answer = Client().post("/token", body, content_type=content_type)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request", "error_description": MALFORMED})
    assert answer["Cache-Control"] == "no-store"
    assert Session.objects.count() == 0


def test_the_same_body_without_it_signs_in(olive: User) -> None:
    assert Client().post("/token", json.dumps(GOOD), content_type="application/json").status_code == 200


@pytest.mark.parametrize("path", ["/authorize", "/revoke", "/introspect"])
def test_no_other_route_of_oauth_takes_a_parameter_twice(
    as_pat: Api, pat: User, nothing_changes: Watch, path: str
) -> None:
    sent = {"client_id": "frontend", "token": as_pat.token, "username": pat.email}
    for body in (
        repeated(sent, "token", "x"),
        repeated(sent, "token", "x", first=True),
        repeated(sent, "clientId", "x"),
    ):
        with nothing_changes():
            answer = Client().post(path, body, content_type="application/json")
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "invalid_request", "error_description": MALFORMED},
        )


# --- JSON:API -----------------------------------------------------------------------------------------------------
CHANGES = {
    "an attribute": '{"data":{"attributes":{"isActive":true,"isActive":false}}}',
    "an attribute alike": '{"data":{"attributes":{"isActive":false,"isActive":false}}}',
    "an attribute with an escape": '{"data":{"attributes":{"isActive":true,"is\\u0041ctive":false}}}',
    "the attributes": '{"data":{"attributes":{},"attributes":{"isActive":false}}}',
    "the data": '{"data":{},"data":{"attributes":{"isActive":false}}}',
    "the type": '{"data":{"type":"x","type":"warehouse-user-assignments","attributes":{"isActive":false}}}',
    "deep in what nobody reads": '{"data":{"attributes":{"isActive":false}},"meta":[[{"a":{"b":1,"b":1}}]]}',
}


@each("body", CHANGES.values(), ids=CHANGES.keys())
def test_no_change_is_made_by_a_body_that_says_two_things(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, body: str
) -> None:
    with nothing_changes():
        changed = as_olive.call("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}", body.encode())
        assert refusal(changed) == [NOT_UNIQUE]
        made = as_olive.call("POST", ASSIGNMENTS, body.encode())
        assert refusal(made) == [NOT_UNIQUE]
    assert (changed.status_code, made.status_code) == (400, 400)


def test_nobody_is_assigned_by_a_body_that_names_two_people(
    as_olive: Api, olive: User, pat: User, north: Warehouse, nothing_changes: Watch
) -> None:
    attributes = repeated(
        {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}}, "userUuid", str(olive.uuid)
    )
    with nothing_changes():
        answer = as_olive.call("POST", ASSIGNMENTS, f'{{"data":{{"attributes":{attributes}}}}}'.encode())
    assert refusal(answer) == [NOT_UNIQUE]


# --- The reader itself --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text", [b"{}", b"[]", b'{"a":1,"A":2}', b'{"a":{"a":{"a":1}}}', b'[{"a":1},{"a":1}]', b'"a"', b"1"]
)
def test_names_may_come_again_in_other_objects(text: bytes) -> None:
    assert strict_json.loads(text) == json.loads(text)


@pytest.mark.parametrize("depth", [900, 1_000, 1_020, 100_000])
def test_no_depth_is_more_than_a_refusal(depth: int) -> None:
    text = b'{"a":' * depth + b'{"b":1,"b":2}' + b"}" * depth
    with pytest.raises(ValueError):  # noqa: PT011 (either kind)
        strict_json.loads(text)


def test_a_password_is_in_no_error(olive: User) -> None:
    """The refusal quotes nothing."""
    answer = Client().post("/token", repeated(GOOD, "password", PASSWORD), content_type="application/json")
    assert PASSWORD not in answer.text
