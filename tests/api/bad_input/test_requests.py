"""Bad input around the body: ids, paths, content types, hosts. Each gets its documented answer, and nothing changes."""

from __future__ import annotations

import gzip

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import Watch, refused
from tests.support.api.client import ASSIGNMENTS, FORM, NOT_FOUND, Api, error
from tests.support.cases import each

WRONG_TYPE = error(
    415, "Unsupported `Content-Type` format used. Please use `application/vnd.api+json` or `application/json`.", "010"
)

BAD_IDS = [
    "1",
    "0",
    "-1",
    "1e9",
    "null",
    "invalid",
    "'%20OR%201=1",
    "%00",
    "%FF%FE",
    "a%0A",
    "%F0%9F%98%80",
    "a" * 60_000,
]


@each("bad_id", BAD_IDS)
@each("method", ["GET", "PATCH", "DELETE"])
def test_an_id_that_is_no_uuid_is_a_missing_row(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, method: str, bad_id: str
) -> None:
    with nothing_changes():
        body = {"data": {"attributes": {"isActive": True}}} if method == "PATCH" else None
        refused(as_olive.call(method, f"{ASSIGNMENTS}/{bad_id}", body), NOT_FOUND)


@pytest.mark.parametrize("tail", ["%00", "%0A", "%20", "x"])
def test_an_id_with_something_after_it_is_a_missing_row(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, tail: str
) -> None:
    row = str(pat_north.uuid)
    with nothing_changes():
        for spelling in (row + tail, row.replace("-", ""), f"{{{row}}}", f"urn:uuid:{row}", str(pat_north.pk)):
            refused(as_olive.delete(f"{ASSIGNMENTS}/{spelling}"), NOT_FOUND)


@each("path", ["/nope", "/%00", "/%FF%FE", "//evil.test/x", "/token%0A", "/" + "a" * 60_000, "/1/2"])
@each("method", ["GET", "POST", "DELETE", "BREW"])
def test_an_unknown_path_is_a_json_404(anonymous: Api, nothing_changes: Watch, method: str, path: str) -> None:
    with nothing_changes():
        refused(anonymous.call(method, path), error(404, "Not found", "007"))


WRONG_TYPES = ["", ";", "text/plain", "text/html", "application/xml", "application/json,application/json", "é", FORM]
#: JSON:API 1.1 section 5.4: no extension is supported, and no other parameter is defined.
WRONG_TYPES += [f"application/vnd.api+json; {more}" for more in ('ext="https://x.example/v1"', "version=1", "q=1")]


@each("content_type", [*WRONG_TYPES, "multipart/form-data; boundary=x"])
def test_a_body_of_another_content_type_is_415(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, content_type: str
) -> None:
    body = {"data": {"attributes": {"isActive": True}}}
    with nothing_changes():
        for method, path in (("POST", ASSIGNMENTS), ("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}")):
            refused(as_olive.call(method, path, body, content_type=content_type), WRONG_TYPE)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/vnd.api+json;charset=UTF-8",
        "Application/JSON ; charset=latin-1",
        "application/json; charset=" + "x" * 5_000,
        'application/vnd.api+json; profile="https://x.example/v1"; charset=utf-8',
        "application/json; version=1",
    ],
    ids=lambda text: text[:40],
)
def test_json_under_either_type_and_any_charset_is_read(
    as_olive: Api, pat_north: WarehouseUserAssignment, content_type: str
) -> None:
    body = {"data": {"attributes": {"isActive": True}}}
    answer = as_olive.call("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}", body, content_type=content_type)
    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"]["isActive"] is True


COMPRESSED = "A request body must not be compressed: send it without `Content-Encoding`."


@each(
    ("path", "document"),
    {
        ASSIGNMENTS: {"errors": [error(415, COMPRESSED, "010")]},
        "/token": {"error": "invalid_request", "error_description": COMPRESSED},
        "/warehouse-tokens": [{"message": COMPRESSED, "status": 415, "code": "010"}],
    }.items(),
)
@each("encoding", ["gzip", "BR", "identity, gzip", "x"])
def test_a_compressed_body_is_refused_and_told_what_is_taken(
    as_olive: Api, nothing_changes: Watch, path: str, document: object, encoding: str
) -> None:
    with nothing_changes():
        answer = as_olive.call("POST", path, gzip.compress(b"{}"), **{"Content-Encoding": encoding})
    assert (answer.status_code, answer["Accept-Encoding"], answer.json()) == (415, "identity", document)


def test_a_body_that_says_that_it_is_not_compressed_is_read(as_olive: Api, pat_north: WarehouseUserAssignment) -> None:
    path, body = f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True}
    assert as_olive.patch(path, body, **{"Content-Encoding": "Identity"}).status_code == 200


BAD_HOSTS = ["evil.example.test", "a b", "testserver@evil.test", "testserver:x", "é", "[::1", "", "a" * 5_000]


@each("host", BAD_HOSTS)
def test_a_host_that_is_not_ours_is_refused_in_the_shape_of_the_route(
    as_olive: Api, nothing_changes: Watch, host: str
) -> None:
    detail = "The request could not be read."
    with nothing_changes():
        refused(as_olive.get(ASSIGNMENTS, Host=host), error(400, detail))
        token = as_olive.call("POST", "/token", Host=host)
        warehouse_token = as_olive.call("POST", "/warehouse-tokens", Host=host)
    assert (token.status_code, token.json()) == (400, {"error": "invalid_request", "error_description": detail})
    assert token["Cache-Control"] == "no-store"
    assert warehouse_token.status_code == 400
    assert warehouse_token.json() == [{"message": detail, "status": 400, "code": None}]
