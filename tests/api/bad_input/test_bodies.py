"""Bad input in request bodies: each gets its documented answer, and nothing changes."""

from __future__ import annotations

import json
from typing import Any

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import NOT_A_DOCUMENT, TOO_LARGE, Watch, refused
from tests.support.api.client import ASSIGNMENTS, Api, error
from tests.support.cases import each
from warehouses.models import Warehouse

NOT_JSON = error(400, "The body is not valid JSON.", pointer="")
ATTRIBUTES = "/data/attributes"
UNKNOWN_USER = error(400, "User not found.", "5202", pointer=f"{ATTRIBUTES}/userUuid")
UNKNOWN_WAREHOUSE = error(400, "Warehouse not found.", "5203", pointer=f"{ATTRIBUTES}/warehouse/uuid")
WRONG_RESOURCE = error(400, "Must be `warehouse-user-assignments`.", pointer="/data/type")
NEITHER_TRUE_NOR_FALSE = error(
    400, 'Must be true or false, or the text "true" or "false".', pointer=f"{ATTRIBUTES}/isActive"
)


def _at(place: str, detail: str) -> dict[str, Any]:
    return error(400, detail, pointer=ATTRIBUTES + place)


REQUIRED = [_at(f"/{name}", "This field is required.") for name in ("userUuid", "warehouse")]
NO_OBJECT = _at("", "Must be an object.")


NO_DOCUMENTS = {
    "empty body": (b"", NOT_A_DOCUMENT),
    "blank body": (b" \r\n", NOT_JSON),
    "broken JSON": (b'{"data":', NOT_JSON),
    "two documents": (b'{"data":{}}{"data":{}}', NOT_JSON),
    "comment": (b'{"data":{}}//', NOT_JSON),
    "form": (b"data=1", NOT_JSON),
    "not UTF-8": (b'{"data":{"type":"\xff"}}', NOT_JSON),
    "UTF-16": ('{"data":{}}'.encode("utf-16"), NOT_JSON),
    "byte order mark": (b'\xef\xbb\xbf{"data":{}}', NOT_JSON),
    "raw NUL": (b'{"data":{}}\x00', NOT_JSON),
    "half a surrogate pair": (b'{"data":{"type":"\\ud800"}}', NOT_JSON),
    "NaN": (b'{"data":{"attributes":{"isActive":NaN}}}', NOT_JSON),
    "Infinity": (b'{"data":{"attributes":{"isActive":-Infinity}}}', NOT_JSON),
    "float out of range": (b'{"data":{"attributes":{"isActive":1e999}}}', NOT_JSON),
    "integer of 5,000 digits": (b'{"data":{"attributes":{"isActive":' + b"9" * 5_000 + b"}}}", NOT_JSON),
    "100,000 open brackets": (b"[" * 100_000, NOT_JSON),
    "100,000 nested lists": (b"[" * 100_000 + b"]" * 100_000, NOT_JSON),
    "100,000 nested objects": (b'{"data":' * 100_000 + b"{}" + b"}" * 100_000, NOT_JSON),
    "null": (b"null", NOT_A_DOCUMENT),
    "number": (b"1", NOT_A_DOCUMENT),
    "text": (b'"data"', NOT_A_DOCUMENT),
    "true": (b"true", NOT_A_DOCUMENT),
    "list where an object belongs": (b'[{"data":{}}]', NOT_A_DOCUMENT),
    "empty object": (b"{}", NOT_A_DOCUMENT),
    "other members only": (b'{"meta":{},"Data":{}}', NOT_A_DOCUMENT),
    "data null": (b'{"data":null}', NOT_A_DOCUMENT),
    "data a list": (b'{"data":[{"type":"warehouse-user-assignments"}]}', NOT_A_DOCUMENT),
    "data a text": (b'{"data":"x"}', NOT_A_DOCUMENT),
    "10 MB": (b'{"data":"' + b"x" * 10_000_000 + b'"}', TOO_LARGE),
    "10 MB of nothing": (b"\x00" * 10_000_000, TOO_LARGE),
}


@each(("body", "fault"), NO_DOCUMENTS.values(), ids=NO_DOCUMENTS.keys())
def test_a_body_that_is_no_document_changes_nothing(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, body: bytes, fault: dict[str, Any]
) -> None:
    with nothing_changes():
        refused(as_olive.call("POST", ASSIGNMENTS, body), fault)
        refused(as_olive.call("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}", body), fault)


BAD_POSTS = {
    "no attributes": ({}, REQUIRED),
    "attributes empty": ({"attributes": {}}, REQUIRED),
    "attributes null": ({"attributes": None}, [*REQUIRED, NO_OBJECT]),
    "attributes a list": ({"attributes": []}, [*REQUIRED, NO_OBJECT]),
    "attributes a text": ({"attributes": "x"}, [*REQUIRED, NO_OBJECT]),
    "members null": (
        {"attributes": {"userUuid": None, "warehouse": None, "isActive": None}},
        [_at(f"/{name}", "This field may not be null.") for name in ("userUuid", "warehouse", "isActive")],
    ),
    "numbers for uuids": (
        {"attributes": {"userUuid": 1, "warehouse": {"uuid": 2}}},
        [_at("/userUuid", "Must be a text."), _at("/warehouse/uuid", "Must be a text.")],
    ),
    "lists and objects for uuids": (
        {"attributes": {"userUuid": [], "warehouse": {"uuid": {}}}},
        [_at("/userUuid", "Must be a text."), _at("/warehouse/uuid", "Must be a text.")],
    ),
    "warehouse without uuid": (
        {"attributes": {"userUuid": "x", "warehouse": {}}},
        [UNKNOWN_USER, _at("/warehouse/uuid", "This field is required.")],
    ),
    "warehouse uuid null": (
        {"attributes": {"userUuid": "x", "warehouse": {"uuid": None}}},
        [UNKNOWN_USER, _at("/warehouse/uuid", "This field may not be null.")],
    ),
    "warehouse a list": (
        {"attributes": {"userUuid": "x", "warehouse": []}},
        [UNKNOWN_USER, _at("/warehouse", "Invalid data. Expected a dictionary, but got list.")],
    ),
    "NUL in the uuids": (
        {"attributes": {"userUuid": "\0", "warehouse": {"uuid": "a\0b"}}},
        [UNKNOWN_USER, UNKNOWN_WAREHOUSE],
    ),
    "empty uuids": ({"attributes": {"userUuid": "", "warehouse": {"uuid": ""}}}, [UNKNOWN_USER, UNKNOWN_WAREHOUSE]),
    "very long uuids": (
        {"attributes": {"userUuid": "a" * 100_000, "warehouse": {"uuid": "é" * 100_000}}},
        [UNKNOWN_USER, UNKNOWN_WAREHOUSE],
    ),
    "uuids in other spellings": (
        {"attributes": {"userUuid": "urn:uuid:" + "1" * 32, "warehouse": {"uuid": "{" + "1" * 32 + "}"}}},
        [UNKNOWN_USER, UNKNOWN_WAREHOUSE],
    ),
    "type another": ({"type": "users", "attributes": {}}, [WRONG_RESOURCE, *REQUIRED]),
    "type null": ({"type": None, "attributes": {}}, [WRONG_RESOURCE, *REQUIRED]),
    "type a list": ({"type": ["warehouse-user-assignments"], "attributes": {}}, [WRONG_RESOURCE, *REQUIRED]),
    "every member at fault": (
        {"type": "users", "attributes": {"userUuid": "test", "warehouse": {"uuid": "test"}, "isActive": "maybe"}},
        [WRONG_RESOURCE, UNKNOWN_USER, UNKNOWN_WAREHOUSE, NEITHER_TRUE_NOR_FALSE],
    ),
}


@each(("data", "faults"), BAD_POSTS.values(), ids=BAD_POSTS.keys())
def test_post_names_every_fault_at_once_in_the_order_of_the_contract(
    as_olive: Api, north: Warehouse, nothing_changes: Watch, data: Any, faults: list[Any]
) -> None:
    with nothing_changes():
        refused(as_olive.call("POST", ASSIGNMENTS, {"data": data}), *faults)


def test_post_names_the_taken_pair_after_the_other_faults(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch
) -> None:
    attributes = {
        "userUuid": str(pat_north.user.uuid),
        "warehouse": {"uuid": str(pat_north.warehouse.uuid)},
        "isActive": 1,
    }
    taken = error(400, "Warehouse user assignment already exists.", "5206", pointer="/data")
    with nothing_changes():
        refused(
            as_olive.call("POST", ASSIGNMENTS, {"data": {"type": "users", "attributes": attributes}}),
            *[WRONG_RESOURCE, NEITHER_TRUE_NOR_FALSE, taken],
        )


BAD_BOOLEANS = {
    **{json.dumps(value): (value, NEITHER_TRUE_NOR_FALSE) for value in ("maybe", "", " true", "1", "yes", "tru\0e")},
    **{json.dumps(value): (value, NEITHER_TRUE_NOR_FALSE) for value in (1, 0, 1.5, 10**18, [], [True], {}, {"a": 1})},
    "null": (None, _at("/isActive", "This field may not be null.")),
}


@each("case", BAD_BOOLEANS.values(), ids=BAD_BOOLEANS.keys())
def test_is_active_takes_only_true_and_false(
    as_olive: Api, pat_north: WarehouseUserAssignment, river: Warehouse, nothing_changes: Watch, case: tuple[Any, Any]
) -> None:
    value, fault = case
    new = {"userUuid": str(pat_north.user.uuid), "warehouse": {"uuid": str(river.uuid)}, "isActive": value}
    with nothing_changes():
        refused(as_olive.post(ASSIGNMENTS, new), fault)
        refused(as_olive.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": value}), fault)


def _cannot_change(name: str) -> dict[str, Any]:
    return _at(f"/{name}", "This cannot be changed.")


WRONG_ID = error(400, "Must be the id in the path.", pointer="/data/id")
BAD_PATCHES = {
    "type of another resource": ({"type": "users"}, [WRONG_RESOURCE]),
    "type and id null": ({"type": None, "id": None}, [WRONG_RESOURCE, WRONG_ID]),
    "type and id ill-typed": ({"type": {}, "id": [1]}, [WRONG_RESOURCE, WRONG_ID]),
    "id of another row": ({"id": "d88adc24-fddd-44ed-94d4-0bb94dededc3"}, [WRONG_ID]),
    "id a number": ({"id": 1}, [WRONG_ID]),
    "attributes null": ({"attributes": None}, [NO_OBJECT]),
    "attributes a list": ({"attributes": [{"isActive": True}]}, [NO_OBJECT]),
    "another user": (
        {"attributes": {"userUuid": "5754b432-8914-45e1-b94e-29453744f57d", "isActive": True}},
        [_cannot_change("userUuid")],
    ),
    "another warehouse": (
        {"attributes": {"warehouse": {"uuid": "65b0f6d2-9181-4703-8c83-c3821bc3d2c1"}, "isActive": True}},
        [_cannot_change("warehouse/uuid")],
    ),
    "no uuids at all": (
        {"attributes": {"userUuid": "a\0", "warehouse": {"uuid": ""}}},
        [_cannot_change("userUuid"), _cannot_change("warehouse/uuid")],
    ),
    "ill-typed members": (
        {"attributes": {"userUuid": 1, "warehouse": {"uuid": []}, "isActive": "maybe"}},
        [_at("/userUuid", "Must be a text."), _at("/warehouse/uuid", "Must be a text."), NEITHER_TRUE_NOR_FALSE],
    ),
}


@each(("data", "faults"), BAD_PATCHES.values(), ids=BAD_PATCHES.keys())
def test_patch_changes_nothing_but_is_active_of_the_row_it_names(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, data: Any, faults: list[Any]
) -> None:
    with nothing_changes():
        refused(as_olive.call("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}", {"data": data}), *faults)


HARMLESS_PATCHES = {
    "no attributes": {},
    "no members": {"attributes": {}},
    "unknown members": {"attributes": {"nope": [None], "\0": "\0", "is_active": True, "isactive": True}},
    "names without a letter": {"attributes": {name: True for name in ("", " ", "_", "__", "-", ".", "\0")}},
    "50,000 unknown members": {"attributes": {str(number): number for number in range(50_000)}},
}


@each("data", HARMLESS_PATCHES.values(), ids=HARMLESS_PATCHES.keys())
def test_a_patch_without_is_active_answers_200_and_changes_nothing(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, data: Any
) -> None:
    path = f"{ASSIGNMENTS}/{pat_north.uuid}"
    with nothing_changes():
        answer = as_olive.call("PATCH", path, {"data": data})
    assert answer.status_code == 200
    assert answer.json() == as_olive.call("GET", path).json()
