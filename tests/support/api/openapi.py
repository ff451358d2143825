"""The routes of the API, and the OpenAPI document as something that answers can be held against."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012


def api_routes() -> set[tuple[str, str]]:
    """Every method and path of the URLconf, but for the Back Office and the answer to unknown paths."""
    return {
        (method, unquote(reverse(pattern.name, kwargs=dict.fromkeys(pattern.pattern.regex.groupindex, "{uuid}"))))
        for pattern in _patterns(get_resolver().url_patterns)
        if pattern.name and hasattr(pattern.callback, "cls")
        for method in _methods(pattern.callback)
    }


def _patterns(patterns: list[Any]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from () if pattern.app_name == "admin" else _patterns(pattern.url_patterns)
        else:
            yield pattern


def _methods(callback: Any) -> set[str]:
    names = callback.actions if hasattr(callback, "actions") else callback.cls().allowed_methods
    return {name.upper() for name in names} - {"HEAD", "OPTIONS"}


def strict(node: Any) -> Any:
    """The same schemas, refusing members that they do not name."""
    if isinstance(node, dict):
        closed = {"additionalProperties": False} if "properties" in node and node.get("type") == "object" else {}
        return {key: strict(value) for key, value in node.items()} | closed
    return [strict(value) for value in node] if isinstance(node, list) else node


class Document:
    """The OpenAPI document, and what it says about one answer."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.json = document
        resource = DRAFT202012.create_resource(strict(copy.deepcopy(document)))
        self._registry: Registry[Any] = Registry().with_resource("urn:openapi", resource)

    @property
    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (method.upper(), path): operation
            for path, methods in self.json["paths"].items()
            for method, operation in methods.items()
        }

    def parameters(self, method: str, path: str) -> dict[str, Any]:
        """The schema of each parameter by its name."""
        return {parameter["name"]: parameter["schema"] for parameter in self.operations[method, path]["parameters"]}

    def problems(self, value: Any, *place: str) -> list[str]:
        """What is wrong with a value, by the content description at this place of the document."""
        pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in (*place, "schema"))
        schema = {"$ref": f"urn:openapi#/{pointer}"}
        validator = Draft202012Validator(schema, registry=self._registry, format_checker=FormatChecker())
        return [f"{problem.json_path}: {problem.message}" for problem in validator.iter_errors(value)]

    def contents(self) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        """Every request and response body: its place, and what is said there."""
        for (method, path), operation in self.operations.items():
            at = ("paths", path, method.lower())
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                yield (*at, "requestBody", "content", media_type), content
            for status, response in operation["responses"].items():
                for media_type, content in response.get("content", {}).items():
                    yield (*at, "responses", status, "content", media_type), content

    def check(self, method: str, path: str, answer: HttpResponse) -> None:
        """A real answer is one that the document promises; a refusal is, word for word, one of its examples."""
        status = str(answer.status_code)
        response = self.operations[method, path]["responses"][status]
        assert set(response.get("headers", {})) <= set(answer.headers)
        if not answer.content:
            assert "content" not in response
            return
        media_type, body = answer.headers["Content-Type"], json.loads(answer.content)
        place = ("paths", path, method.lower(), "responses", status, "content", media_type)
        assert self.problems(body, *place) == []
        if answer.status_code >= 400:
            assert body in [example["value"] for example in response["content"][media_type]["examples"].values()]
