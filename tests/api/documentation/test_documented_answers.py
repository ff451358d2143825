"""What `/schema` says is what happens: real answers, good and bad, are those that the document describes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, FORM, JSON_API, Api
from tests.support.api.openapi import Document
from tests.support.cases import each
from users.models import User
from users.oauth.tokens import AccessToken
from warehouses.models import Warehouse

ITEM = f"{ASSIGNMENTS}/{{uuid}}"


@pytest.fixture(scope="session")
def document() -> Document:
    return Document(Client().get("/schema", {"format": "json"}).json())


@pytest.fixture
def world(pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment) -> dict[str, str]:
    """Ids by the words that stand for them in paths and bodies below."""
    return {
        "/users/{uuid}": str(pat_north.user.uuid),
        "/warehouses/{uuid}": str(pat_north.warehouse.uuid),
        ITEM: str(pat_north.uuid),
    }


def _new(user: User, warehouse: Warehouse, **others: Any) -> dict[str, Any]:
    attributes = {"userUuid": str(user.uuid), "warehouse": {"uuid": str(warehouse.uuid)}, **others}
    return {"data": {"type": "warehouse-user-assignments", "attributes": attributes}}


@pytest.mark.parametrize(
    "query", ["", "?include=users,warehouses&page[total]=true", "?page[limit]=1", "?sort=-isActive"]
)
def test_a_list_of_assignments_is_answered_as_described(
    document: Document, world: dict[str, str], as_olive: Api, query: str
) -> None:
    answer = as_olive.get(ASSIGNMENTS + query)
    assert answer.status_code == 200
    document.check("GET", ASSIGNMENTS, answer)


@pytest.mark.parametrize("path", ["/users", "/warehouses", "/users/{uuid}", "/warehouses/{uuid}", ITEM])
def test_every_other_reading_is_answered_as_described(
    document: Document, world: dict[str, str], as_olive: Api, path: str
) -> None:
    answer = as_olive.get(path.format(uuid=world.get(path)))
    assert answer.status_code == 200
    document.check("GET", path, answer)


def test_writing_is_answered_as_described(
    document: Document, world: dict[str, str], as_olive: Api, pat: User, mill: Warehouse
) -> None:
    created = as_olive.call("POST", f"{ASSIGNMENTS}?include=users", _new(pat, mill, isActive="true"))
    changed = as_olive.patch(f"{ASSIGNMENTS}/{world[ITEM]}", {"isActive": True})
    deleted = as_olive.delete(f"{ASSIGNMENTS}/{world[ITEM]}")
    assert [created.status_code, changed.status_code, deleted.status_code] == [201, 200, 204]
    document.check("POST", ASSIGNMENTS, created)
    document.check("PATCH", ITEM, changed)
    document.check("DELETE", ITEM, deleted)


def test_tokens_and_keys_are_answered_as_described(
    document: Document, pat_north: WarehouseUserAssignment, as_pat: Api, anonymous: Api
) -> None:
    pat_north.activate()
    body = {"grantType": "password", "username": pat_north.user.email, "password": "correct-Horse-7!"}
    signed_in = anonymous.call("POST", "/token", body, content_type=FORM)
    refreshed = anonymous.call(
        "POST", "/token", {"grant_type": "refresh_token", "refresh_token": signed_in.json()["refresh_token"]}
    )
    warehouse_token = as_pat.call("POST", "/warehouse-tokens")
    keys = anonymous.get("/.well-known/jwks.json")
    assert [a.status_code for a in (signed_in, refreshed, warehouse_token, keys)] == [200, 200, 201, 200]
    document.check("POST", "/token", signed_in)
    document.check("POST", "/token", refreshed)
    document.check("POST", "/warehouse-tokens", warehouse_token)
    document.check("GET", "/.well-known/jwks.json", keys)


def test_every_operation_refuses_bad_tokens_as_described(
    document: Document, pat_north: WarehouseUserAssignment, as_pat: Api, world: dict[str, str]
) -> None:
    pat_north.activate()
    of_warehouse = as_pat.call("POST", "/warehouse-tokens").json()[0]["accessToken"]
    headers = [{}, *({"Authorization": text} for text in ("Bearer", "Bearer broken"))]
    headers += [{"Authorization": f"Bearer {token}"} for token in (AccessToken(), of_warehouse)]
    for (method, path), operation in document.operations.items():
        if operation["security"] == [{}]:
            continue
        answers = [Api().call(method, path.format(uuid=world.get(path)), **header) for header in headers]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 400, 403], (method, path)
        for answer in answers:
            document.check(method, path, answer)


@each(
    "query",
    ["include=cats", "fields[{0}]=colour", "filter[colour]=red", "sort=colour", "page[limit]=0"],
)
@each("resource", ["warehouse-user-assignments", "users", "warehouses"])
def test_bad_queries_of_a_list_are_refused_as_described(
    document: Document, as_olive: Api, resource: str, query: str
) -> None:
    answer = as_olive.get(f"/{resource}?{query.format(resource)}")
    assert answer.status_code == 400
    document.check("GET", f"/{resource}", answer)


@pytest.mark.parametrize("query", ["include=cats", "fields[warehouse-user-assignments]=colour"])
@pytest.mark.parametrize(("method", "path"), [("GET", ITEM), ("PATCH", ITEM), ("POST", ASSIGNMENTS)])
def test_bad_queries_of_one_assignment_are_refused_as_described(
    document: Document, world: dict[str, str], as_olive: Api, method: str, path: str, query: str
) -> None:
    answer = as_olive.call(method, f"{path.format(uuid=world[ITEM])}?{query}", {"data": {"attributes": {}}})
    assert answer.status_code == 400
    document.check(method, path, answer)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (400, JSON_API, b"{"),
        (400, JSON_API, b"[]"),
        (413, JSON_API, b" " * 1_048_577),
        (415, "text/plain", b"{}"),
        (
            400,
            JSON_API,
            b'{"data": {"type": "users", "attributes": {"userUuid": 7, "isActive": "maybe", "endsAt": "soon"}}}',
        ),
    ],
)
def test_bad_bodies_of_a_new_assignment_are_refused_as_described(
    document: Document, as_olive: Api, status: int, content_type: str, body: bytes
) -> None:
    answer = as_olive.call("POST", ASSIGNMENTS, body, content_type)
    assert answer.status_code == status
    document.check("POST", ASSIGNMENTS, answer)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (400, JSON_API, b"{"),
        (400, JSON_API, b"[]"),
        (413, JSON_API, b" " * 1_048_577),
        (415, "text/plain", b"{}"),
        (400, JSON_API, b'{"data": {"attributes": {"isActive": "maybe"}}}'),
        (400, JSON_API, b'{"data": {"id": "5754b432-8914-45e1-b94e-29453744f57d"}}'),
        (400, JSON_API, b'{"data": {"attributes": {"userUuid": "somebody else"}}}'),
    ],
)
def test_bad_bodies_of_a_change_are_refused_as_described(
    document: Document, world: dict[str, str], as_olive: Api, status: int, content_type: str, body: bytes
) -> None:
    answer = as_olive.call("PATCH", f"{ASSIGNMENTS}/{world[ITEM]}", body, content_type)
    assert answer.status_code == status
    document.check("PATCH", ITEM, answer)


def test_missing_rows_are_refused_as_described(document: Document, as_olive: Api) -> None:
    paths = {route for route in document.operations if "{uuid}" in route[1]}
    assert len(paths) == 5
    for method, path in paths:
        answer = as_olive.call(method, path.format(uuid="nobody"), {"data": {}})
        assert answer.status_code == 404
        document.check(method, path, answer)


def test_what_the_rules_forbid_is_refused_as_described(
    document: Document,
    as_olive: Api,
    olive: User,
    pat: User,
    north: Warehouse,
    river: Warehouse,
    pat_north: WarehouseUserAssignment,
) -> None:
    nowhere = Warehouse()
    refused = [
        as_olive.call("POST", ASSIGNMENTS, _new(user, warehouse))
        for user, warehouse in ((olive, river), (pat, nowhere), (pat, north))
    ]
    assert [answer.json()["errors"][0]["code"] for answer in refused] == ["5202", "5203", "5206"]
    for answer in refused:
        document.check("POST", ASSIGNMENTS, answer)
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=False)
    document.check("PATCH", ITEM, as_olive.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True}))


def test_acting_for_others_is_refused_as_described(
    document: Document, as_olive: Api, olive: User, pat: User, north: Warehouse
) -> None:
    User.objects.filter(pk=olive.pk).update(is_warehouse_user=True)
    answer = as_olive.call("POST", ASSIGNMENTS, _new(pat, north))
    assert answer.status_code == 404
    document.check("POST", ASSIGNMENTS, answer)


def test_standing_nowhere_is_refused_as_described(document: Document, as_pat: Api) -> None:
    answer = as_pat.call("POST", "/warehouse-tokens")
    assert answer.json()[0]["code"] == "5101"
    document.check("POST", "/warehouse-tokens", answer)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"grant_type=password&username=nobody%40example.test&password=wrong"),
        (400, b"grant_type=password"),
        (400, b"grant_type=refresh_token&refresh_token=invented"),
        (400, b"grant_type=abc"),
        (400, b"grant_type=password&client_id=stranger&username=a&password=b"),
        (413, b" " * 1_048_577),
    ],
)
def test_a_refused_sign_in_is_answered_as_described(
    document: Document, anonymous: Api, status: int, body: bytes
) -> None:
    answer = anonymous.call("POST", "/token", body, FORM)
    assert answer.status_code == status
    document.check("POST", "/token", answer)
