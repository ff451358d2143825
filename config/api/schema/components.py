"""Shared parts of the OpenAPI document at `/schema`: components, error responses, hooks of drf-spectacular.

Operations are described with `@extend_schema` in each app's `schema.py`. Examples of error responses are made by
`config.api.errors`, so that they equal the real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema_serializer,
)

from config.api import errors
from config.api.errors import ApiError, Fault, respond
from config.rule_errors import RuleViolation

#: One reason to refuse an operation, or a whole response with several faults.
Refused = Fault | RuleViolation | HttpResponse
#: A text without NUL, which PostgreSQL cannot store.
TEXT = {"type": "string", "pattern": "^[^\\u0000]*$"}

#: Refusals of every operation that requires a token.
TOKEN_FAULTS = (
    errors.UNAUTHORIZED,
    errors.INVALID_TOKEN,
    errors.MISSING_TOKEN,
    errors.NOBODY_IN_TOKEN,
    errors.FORBIDDEN,
    errors.UNAVAILABLE,
    errors.NO_SIGNING_KEY,
    errors.CRASHED,
)


# --- Parts of a description -------------------------------------------------------------------------------------
@extend_schema_serializer(many=False)
class Component:
    """A named JSON Schema, for use wherever drf-spectacular takes a serializer. May contain other components."""

    def __init__(self, name: str, schema: Mapping[str, Any]) -> None:
        self.name, self.schema = name, schema


class ComponentExtension(OpenApiSerializerExtension):
    """Writes a `Component` under `components`, with references to the components in it."""

    target_class = Component

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return self.target.name

    def get_identity(self, auto_schema: Any, direction: Any) -> str:
        return self.target.name

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        def referring(node: Any) -> Any:
            if isinstance(node, Component):
                return auto_schema.resolve_serializer(node, direction).ref
            if isinstance(node, Mapping):
                return {key: referring(value) for key, value in node.items()}
            return [referring(value) for value in node] if isinstance(node, list) else node

        return referring(self.target.schema)


def examples(values: Mapping[str, Any]) -> list[OpenApiExample]:
    """Examples by caption."""
    return [OpenApiExample(caption, value) for caption, value in values.items()]


def request(media_type: str, schema: Component, values: Mapping[str, Any]) -> dict[str, OpenApiRequest]:
    """A body; `values` are examples by caption.

    Other media types that are accepted are named in the description only: of an operation with two,
    openapi-python-client generates a module that cannot be imported.
    """
    return {media_type: OpenApiRequest(schema, examples=examples(values))}


def response(schema: Any, description: str, values: Mapping[str, Any]) -> OpenApiResponse:
    """A successful response; `values` are examples by caption."""
    return OpenApiResponse(schema, description, examples=examples(values))


def header(name: str, status: int, description: str) -> OpenApiParameter:
    """A header of the responses with this status."""
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description, response=[status])


def refusals(shape: str, *refused: Refused) -> dict[int, OpenApiResponse]:
    """Status → response, with an example for each refusal. `shape` is that of the route family."""
    found: dict[int, dict[str, Any]] = {}
    for one in refused:
        answer = one if isinstance(one, HttpResponse) else respond(shape, ApiError(one).faults)
        document = orjson.loads(answer.content)
        found.setdefault(answer.status_code, {})[_caption(document)] = document
    schema = ERROR_SCHEMAS[shape]
    return {
        status: OpenApiResponse(schema, HTTPStatus(status).phrase, examples=examples(found[status]))
        for status in sorted(found)
    }


def _caption(document: Any) -> str:
    """The caption of an error in any shape: `5201 · Warehouse user assignment not found.`"""
    if "error" in document:
        return f"{document['error']} · {document['error_description']}"
    first, *others = document if isinstance(document, list) else document["errors"]
    more = f"(and {len(others)} more)" if others else None
    return " · ".join(filter(None, [first.get("code"), first["message"], more]))


# --- Shapes of errors (contract 0.1) ----------------------------------------------------------------------------
def members(required: Iterable[str] | None = None, **properties: Any) -> dict[str, Any]:
    """An object. By default, all its members are required."""
    names = properties if required is None else required
    return {"type": "object", "required": list(names), "properties": properties}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


_ERROR = Component(
    "Error",
    members(
        ["status", "title", "detail", "message"],
        status=_text("The HTTP status."),
        code=_text("What programs should look at. Absent for a few refusals."),
        title=_text("The name of the HTTP status."),
        detail=_text("What is wrong, in words. Always English."),
        message=_text("The same text as `detail`."),
        source={
            "description": "The input at fault, if it is one: a place in the body, or a query parameter.",
            **members([], pointer={"type": "string"}, parameter={"type": "string"}),
        },
    ),
)
_PLAIN_ERROR = Component(
    "PlainError",
    members(message={"type": "string"}, status={"type": "integer"}, code={"type": ["string", "null"]}),
)
ERROR_SCHEMAS = {
    "jsonapi": Component(
        "ErrorDocument",
        {
            "description": "Every fault of the request; the first one's status is the status of the answer.",
            **members(errors={"type": "array", "minItems": 1, "items": _ERROR}),
        },
    ),
    "plain": Component("PlainErrors", {"type": "array", "minItems": 1, "items": _PLAIN_ERROR}),
    "oauth": Component(
        "OAuthError",
        {
            "description": "RFC 6749, section 5.2.",
            **members(error={"type": "string"}, error_description={"type": "string"}),
        },
    ),
}


# --- drf-spectacular --------------------------------------------------------------------------------------------
class Schema(AutoSchema):
    """Adds the headers of error responses. Filters, pages and bodies are described with `extend_schema`."""

    def get_filter_backends(self) -> list[Any]:
        return []

    def get_override_parameters(self) -> list[Any]:
        return [
            header("WWW-Authenticate", 401, "`Bearer` (RFC 6750)."),
            header("Retry-After", 503, "Seconds to wait before the next try."),
        ]


def plain_paths(endpoints: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Paths without the optional trailing slash and without the escapes of regular expressions."""
    return [(path.replace("\\", "").rstrip("/"), *others) for path, *others in endpoints]


def require_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """No operation that takes a body works without one. drf-spectacular knows this of serializers only."""
    for path in result["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
    return result


def describe_common_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds the responses for unknown paths and methods to the introduction."""
    result["info"]["description"] += (
        f"\n\nA path that is not in this document is answered with 404 `{errors.NOT_FOUND.code}` "
        f"(`{errors.NOT_FOUND.detail}`), a method that a path does not have with 405 `{errors.NO_SUCH_METHOD.code}` "
        f"(`{errors.NO_SUCH_METHOD.detail}`) and an `Allow` header."
    )
    return result
