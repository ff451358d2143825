"""The documentation for programmers: `/schema` says what the API does, `/docs` shows it without the internet."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import OpenAPIV31SpecValidator

from assignments.models import WarehouseUserAssignment
from config import errors
from tests.client import ASSIGNMENTS, FORM, JSON_API, Api, refusal
from tests.openapi import Document, api_routes
from users.models import User
from users.tokens import AccessToken
from warehouses.models import Warehouse

#: Where the documentation itself is served: no part of the API that it describes.
DOCUMENTATION = {("GET", "/schema"), ("GET", "/docs")}
ITEM = f"{ASSIGNMENTS}/{{uuid}}"
COLLECTIONS = (ASSIGNMENTS, "/users", "/warehouses")


@pytest.fixture(scope="session")
def document() -> Document:
    return Document(Client().get("/schema", {"format": "json"}).json())


# --- The document -----------------------------------------------------------------------------------------------
def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document.json["openapi"] == "3.1.1"
    assert list(OpenAPIV31SpecValidator(document.json).iter_errors()) == []


def test_the_library_has_no_warning_about_it(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yaml"))


def test_every_route_and_method_is_in_it_and_nothing_else(document: Document) -> None:
    assert set(document.operations) == api_routes() - DOCUMENTATION


def test_every_operation_says_what_a_reader_needs(document: Document) -> None:
    tags = [tag["name"] for tag in document.json["tags"]]
    for route, operation in document.operations.items():
        assert operation["summary"], route
        assert operation["description"], route
        assert len(operation["tags"]) == 1, route
        assert operation["tags"][0] in tags, route
        assert "security" in operation, route
    ids = [operation["operationId"] for operation in document.operations.values()]
    assert len(ids) == len(set(ids))


def test_only_signing_in_and_the_keys_need_no_token(document: Document) -> None:
    public = {route for route, operation in document.operations.items() if operation["security"] == [{}]}
    assert public == {("POST", "/token"), ("GET", "/.well-known/jwks.json")}
    others = [document.operations[route]["security"] for route in set(document.operations) - public]
    assert others == [[{"userToken": []}]] * len(others)


def test_every_body_has_an_example_and_every_example_is_what_its_schema_says(document: Document) -> None:
    for place, content in document.contents():
        assert content["examples"], place
        for example in content["examples"].values():
            assert document.problems(example["value"], *place) == [], place


@pytest.mark.parametrize("path", COLLECTIONS)
def test_it_names_every_page_member(document: Document, as_olive: Api, path: str) -> None:
    told = refusal(as_olive.get(f"{path}?page[size]=1"))[0]["detail"]
    named = [name for name in document.parameters("GET", path) if name.startswith("page[")]
    assert {f"page[{name}]" for name in told.rpartition("Use: ")[2].rstrip(".").split(", ")} == set(named)


@pytest.mark.parametrize("path", COLLECTIONS)
def test_every_filter_it_names_works(document: Document, as_olive: Api, path: str) -> None:
    filters = [name for name in document.parameters("GET", path) if name.startswith("filter[")]
    assert filters
    assert [as_olive.get(f"{path}?{name}=true").status_code for name in filters] == [200] * len(filters)


@pytest.mark.parametrize("path", COLLECTIONS)
def test_every_value_it_offers_works(document: Document, as_olive: Api, path: str) -> None:
    """For `sort`, `include`, `fields` and true-or-false filters."""
    offered = [
        f"{path}?{name}={value}"
        for name, schema in document.parameters("GET", path).items()
        for value in schema.get("items", {}).get("enum", [])
    ]
    assert [as_olive.get(url).status_code for url in offered] == [200] * len(offered)


def test_its_version_is_the_project_s(document: Document) -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert document.json["info"]["version"] == project["version"]


def test_it_tells_what_unknown_paths_and_methods_are_answered_with(document: Document, anonymous: Api) -> None:
    for answer in (anonymous.get("/nowhere"), anonymous.call("PUT", "/token")):
        fault = errors.NOT_FOUND if answer.status_code == 404 else errors.NO_SUCH_METHOD
        assert fault.detail in answer.content.decode()
        assert f"{fault.status} `{fault.code}` (`{fault.detail}`)" in document.json["info"]["description"]


# --- What it says is what happens -------------------------------------------------------------------------------
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


@pytest.mark.parametrize(
    "query",
    ["include=cats", "fields[{0}]=colour", "filter[colour]=red", "sort=colour", "page[limit]=0"],
)
@pytest.mark.parametrize("resource", ["warehouse-user-assignments", "users", "warehouses"])
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
        (400, JSON_API, b'{"data": {"type": "users", "attributes": {"userUuid": 7, "isActive": "maybe"}}}'),
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


# --- How it is served -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/schema", "/schema/"])
def test_the_document_is_yaml_unless_json_is_asked_for(document: Document, path: str) -> None:
    answer = Client().get(path)
    assert answer.headers["Content-Type"] == "application/vnd.oai.openapi; charset=utf-8"
    assert yaml.safe_load(answer.content) == document.json


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.oai.openapi+json"])
def test_the_document_is_json_for_clients_that_accept_it(document: Document, accept: str) -> None:
    answer = Client().get("/schema", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == accept
    assert json.loads(answer.content) == document.json


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_documentation_page_takes_everything_from_this_host(path: str) -> None:
    answer = Client().get(path)
    page = answer.content.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert re.findall(r"(?:https?:)?//[^\s\"']+", page) == []
    references = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    static = [reference.removeprefix("/static/") for reference in references if reference.startswith("/static/")]
    assert [name for name in static if not finders.find(name)] == []
    assert {name.rpartition("/")[2] for name in static} == {
        "favicon-32x32.png",
        "swagger-ui.css",
        "docs.css",
        "swagger-ui-bundle.js",
        "swagger-ui-standalone-preset.js",
    }
    assert [r for r in references if not r.startswith("/static/")] == [f"{path}?script="]


def test_the_documentation_page_needs_no_inline_script_or_style() -> None:
    page = Client().get("/docs").content.decode()
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page) == []


def test_the_page_s_script_opens_our_document_and_asks_no_validator() -> None:
    answer = Client().get("/docs?script=")
    script = answer.content.decode()
    assert answer.headers["Content-Type"] == "application/javascript"
    assert 'url: "/schema"' in script
    assert '"validatorUrl": null' in script
    assert re.findall(r"https?://[^\s\"']+", script) == []
