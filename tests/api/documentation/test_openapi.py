"""The documentation for programmers: `/schema` says what the API does, `/docs` shows it without the internet."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import OpenAPIV31SpecValidator

from config.api import errors
from tests.support.api.client import ASSIGNMENTS, Api, refusal
from tests.support.api.openapi import Document, api_routes

#: Where the documentation itself is served: no part of the API that it describes.
DOCUMENTATION = {("GET", "/schema"), ("GET", "/docs")}
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


def test_only_the_routes_of_oauth_and_health_need_no_token(document: Document) -> None:
    public = {route for route, operation in document.operations.items() if operation["security"] == [{}]}
    assert public == {
        ("POST", "/authorize"),
        ("POST", "/token"),
        ("POST", "/revoke"),
        ("POST", "/introspect"),
        ("POST", "/access/v1/evaluation"),
        ("POST", "/access/v1/evaluations"),
        ("GET", "/.well-known/authzen-configuration"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
    }
    others = [document.operations[route]["security"] for route in set(document.operations) - public]
    assert others == [[{"signIn": []}, {"userToken": []}]] * len(others)


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
    described = document.parameters("GET", path)
    filters = [name for name in described if name.startswith("filter[")]
    assert filters
    moment = f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}"
    values = {name: moment if described[name].get("format") == "date-time" else "true" for name in filters}
    assert {
        name: as_olive.get(f"{path}?{name}={value}").status_code for name, value in values.items()
    } == dict.fromkeys(filters, 200)


def test_a_change_needs_no_attributes_and_may_repeat_the_id(document: Document) -> None:
    """Contract 0.3: `type` and `id` may be missing, and a body without `isActive` changes nothing."""
    data = document.json["components"]["schemas"]["ChangedAssignment"]["properties"]["data"]
    assert (data["required"], set(data["properties"])) == ([], {"type", "id", "attributes"})
    assert document.json["components"]["schemas"]["NewAssignment"]["properties"]["data"]["required"] == ["attributes"]


@pytest.mark.parametrize("path", COLLECTIONS)
def test_the_bounds_it_names_are_those_that_hold(document: Document, as_olive: Api, path: str) -> None:
    for name in ("page[offset]", "page[limit]"):
        schema = document.parameters("GET", path)[name]
        inside, outside = [schema["minimum"], schema["maximum"]], [schema["minimum"] - 1, schema["maximum"] + 1]
        assert [as_olive.get(f"{path}?{name}={number}").status_code for number in inside + outside] == [
            *([200] * 2),
            *([400] * 2),
        ], name


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
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert document.json["info"]["version"] == project["version"]


def test_it_describes_the_answers_to_unknown_paths_and_methods(document: Document, anonymous: Api) -> None:
    for answer in (anonymous.get("/nowhere"), anonymous.call("PUT", "/token")):
        fault = errors.NOT_FOUND if answer.status_code == 404 else errors.NO_SUCH_METHOD
        assert fault.detail in answer.content.decode()
        assert f"{fault.status} `{fault.code}` (`{fault.detail}`)" in document.json["info"]["description"]


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


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/vnd.oai.openapi+json"])
def test_the_document_is_built_once_and_sent_only_to_who_does_not_have_it(
    monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    first = Client().get("/schema", headers={"Accept": accept})
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)
    again = Client().get("/schema/?lang=de&version=2", headers={"Accept": accept})
    assert (again.status_code, again.content, again.headers) == (200, first.content, first.headers)
    assert (first["Cache-Control"], first["Vary"]) == ("public, no-cache", "Accept, origin")

    known = {"Accept": accept, "If-None-Match": first["ETag"]}
    unchanged = Client().get("/schema", headers=known)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert unchanged[name] == first[name]
    assert Client().get("/schema", headers=known | {"If-None-Match": '"another"'}).content == first.content


def test_each_form_of_the_document_has_an_etag_of_its_own() -> None:
    formats = ("application/json", "application/vnd.oai.openapi+json", "application/yaml", "*/*")
    answers = [Client().get("/schema", headers={"Accept": accept}) for accept in formats]
    assert len({(answer["ETag"], answer.content) for answer in answers}) == len({answer["ETag"] for answer in answers})


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
        "docs.js",
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
